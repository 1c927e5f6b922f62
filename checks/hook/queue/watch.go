package queue

import (
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// Event is a step of a work on this server, or its new state when Step is empty.
type Event struct {
	Work      int64
	Key, Lane string
	State     ledger.State
	Step      string
	At        time.Time
}

// backlog is how far somebody who watches may be behind.
const backlog = 64

// watchers are told of events. The zero value is ready.
type watchers struct {
	mu     sync.Mutex
	closed bool
	all    map[chan Event]bool
}

// Watch gives events from now on, until the function is called. The channel is closed
// then, when the queue stops, or when too many events were not read: the ledger has
// them all, so whoever was too slow reads there and watches again.
func (q *Queue) Watch() (<-chan Event, func()) { return q.watch.add() }

func (w *watchers) add() (<-chan Event, func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := make(chan Event, backlog)
	if w.closed {
		close(c)
		return c, func() {}
	}
	if w.all == nil {
		w.all = map[chan Event]bool{}
	}
	w.all[c] = true
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.drop(c)
	}
}

// drop is called under the lock.
func (w *watchers) drop(c chan Event) {
	if w.all[c] {
		delete(w.all, c)
		close(c)
	}
}

func (w *watchers) publish(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.all {
		select {
		case c <- e:
		default:
			w.drop(c)
		}
	}
}

func (w *watchers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for c := range w.all {
		w.drop(c)
	}
}

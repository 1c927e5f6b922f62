package lane

import (
	"context"
	"errors"
	"sync"
)

// Send makes the calls that bring a thing to a state.
type Send func(ctx context.Context) error

// Lane is one thing's way to its newest state. The zero Lane is ready. Calls are
// made with the context of [Lane.Set], which should not end with the work.
type Lane struct {
	mu   sync.Mutex
	next Send
	idle chan struct{} // closed when nothing is under way; nil before the first Set
	busy bool
	err  error
}

// Set has a state sent, after what is being sent now. A state that was set and not
// begun yet is dropped.
func (l *Lane) Set(ctx context.Context, send Send) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = send
	if !l.busy {
		l.busy = true
		l.idle = make(chan struct{})
		go l.run(ctx)
	}
}

func (l *Lane) run(ctx context.Context) {
	for {
		l.mu.Lock()
		send := l.next
		l.next = nil
		if send == nil {
			l.busy = false
			close(l.idle)
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		err := send(ctx)
		l.mu.Lock()
		l.err = err
		l.mu.Unlock()
	}
}

// ErrUnsent says that the last state was not sent in time.
var ErrUnsent = errors.New("no answer in time")

// Wait waits until the newest state was sent and gives what came of it. The error
// of a state that was followed by another is forgotten: the newest counts.
func (l *Lane) Wait(ctx context.Context) error {
	l.mu.Lock()
	idle := l.idle
	l.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
	case <-ctx.Done():
		return ErrUnsent
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

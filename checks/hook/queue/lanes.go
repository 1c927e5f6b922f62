package queue

import (
	"context"
	"sync"
)

// lanes are those on which somebody works here, or will as soon as there is a hand.
type lanes struct {
	tend func(lane string)

	mu     sync.Mutex
	free   int // hands
	waits  []string
	known  map[string]stand
	closed bool
	hands  sync.WaitGroup
}

// stand is how far a lane is.
type stand int

const (
	waiting stand = iota + 1
	tended
	tendedAgain // as soon as it was: something came that may have been too late
)

// offer says that there may be something to do in a lane.
func (l *lanes) offer(lane string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return
	case l.known[lane] >= tended:
		l.known[lane] = tendedAgain
		return
	case l.known[lane] == waiting:
		return
	}
	l.known[lane] = waiting
	l.waits = append(l.waits, lane)
	if l.free > 0 {
		l.free--
		l.hands.Go(l.hand)
	}
}

// hand tends lanes as long as any waits.
func (l *lanes) hand() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waits) > 0 && !l.closed {
		lane := l.waits[0]
		l.waits, l.known[lane] = l.waits[1:], tended
		l.mu.Unlock()
		l.tend(lane)
		l.mu.Lock()
		again := l.known[lane] == tendedAgain
		delete(l.known, lane)
		if again {
			l.known[lane] = waiting
			l.waits = append(l.waits, lane)
		}
	}
	l.free++
}

// close lets no lane begin, and waits for those that are tended as long as the context
// does.
func (l *lanes) close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	done := make(chan struct{})
	go func() {
		l.hands.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

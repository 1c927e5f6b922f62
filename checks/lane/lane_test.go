package lane

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestOvertakenStatesAreNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var sent []string
		state := func(name string) Send {
			return func(context.Context) error {
				time.Sleep(time.Second)
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, name)
				return nil
			}
		}
		var l Lane
		l.Set(t.Context(), state("queued"))
		synctest.Wait()
		l.Set(t.Context(), state("in progress"))
		l.Set(t.Context(), state("completed"))
		if err := l.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"queued", "completed"}; !slices.Equal(sent, want) {
			t.Errorf("sent %v, want %v", sent, want)
		}
		l.Set(t.Context(), state("again"))
		if err := l.Wait(t.Context()); err != nil || len(sent) != 3 {
			t.Errorf("sent %v, %v", sent, err)
		}
	})
}

func TestTheNewestStatesErrorCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l Lane
		if err := l.Wait(t.Context()); err != nil {
			t.Errorf("nothing was set, yet %v", err)
		}
		no := errors.New("no")
		fail := func(context.Context) error { time.Sleep(time.Second); return no }
		l.Set(t.Context(), fail)
		if err := l.Wait(t.Context()); err != no {
			t.Errorf("got %v", err)
		}
		l.Set(t.Context(), func(context.Context) error { return nil })
		if err := l.Wait(t.Context()); err != nil {
			t.Errorf("got %v", err)
		}
		l.Set(t.Context(), fail)
		late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := l.Wait(late); err != ErrUnsent {
			t.Errorf("got %v", err)
		}
		if err := l.Wait(t.Context()); err != no {
			t.Errorf("got %v", err)
		}
	})
}

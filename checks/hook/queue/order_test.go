package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

func nothing(context.Context, ledger.Work, func(string)) error { return nil }

func TestAWorkIsAddedWithoutADelivery(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		var fails sync.Mutex
		q := open(t, Options{Database: database, Waits: []time.Duration{}, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
			if w.Key == "fails" && fails.TryLock() {
				return errors.New("no")
			}
			return nil
		}})
		add := func(key string) hook.Receipt {
			d, c := message("guid", key, "lane")
			r, err := q.Add(t.Context(), d, c)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		first := add("key")
		if first.Outcome != hook.Queued || first.Work == 0 {
			t.Errorf("%+v", first)
		}
		until(t, 10*time.Second, "it is done", inState(t, q, ledger.Done, 1))
		if r := add("key"); r.Outcome != hook.Joined || r.Work != first.Work {
			t.Errorf("told again: %+v", r)
		}
		if r := add("fails"); r.Outcome != hook.Queued {
			t.Errorf("%+v", r)
		}
		until(t, 10*time.Second, "a dead letter", inState(t, q, ledger.Dead, 1))
		if r := add("fails"); r.Outcome != hook.Again {
			t.Errorf("a dead letter: %+v", r)
		}
		until(t, 10*time.Second, "both are done", inState(t, q, ledger.Done, 2))
		if all, err := q.Ledger.Deliveries(t.Context(), 10, ledger.Place{}); err != nil || len(all) != 0 {
			t.Errorf("deliveries were recorded: %+v, %v", all, err)
		}
		if w, ok, err := q.Ledger.Known(t.Context(), "key"); err != nil || !ok || w.ID != first.Work || w.Runs != 1 || w.Delivery != "guid" {
			t.Errorf("%+v, %v, %v", w, ok, err)
		}
		if w, ok, err := q.Ledger.Known(t.Context(), "unknown"); err != nil || ok {
			t.Errorf("%+v, %v", w, err)
		}
		for _, c := range []hook.Decision{{}, {Order: &hook.Order{}}, {Order: &hook.Order{Key: "key", Args: []byte("{")}}} {
			if r, err := q.Add(t.Context(), hook.Delivery{GUID: "guid"}, c); err == nil {
				t.Errorf("%+v: %+v", c, r)
			}
		}
	})
}

func TestSomebodyIsToldOfEveryTry(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		told := make(chan string, 10)
		q := open(t, Options{Database: database, Waits: []time.Duration{10 * time.Millisecond}, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
			time.Sleep(2 * time.Millisecond)
			if w.Key == "good" && w.Tries > 0 {
				return nil
			}
			return errors.New("no")
		}, After: func(w ledger.Work, next ledger.State, took time.Duration, err error) {
			if took < 2*time.Millisecond || took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
			told <- fmt.Sprintf("%s try %d: %s, %v", w.Key, w.Tries+1, next, err)
		}})
		for _, test := range []struct {
			key  string
			want []string
		}{
			{"good", []string{"good try 1: queued, no", "good try 2: done, <nil>"}},
			{"bad", []string{"bad try 1: queued, no", "bad try 2: dead, no"}},
		} {
			send(t, q, test.key, test.key, "")
			for _, want := range test.want {
				select {
				case got := <-told:
					if got != want {
						t.Errorf("told %q, want %q", got, want)
					}
				case <-time.After(10 * time.Second):
					t.Fatalf("nobody was told %q", want)
				}
			}
		}
	})
}

func TestADeadLetterIsDismissed(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		ctx := t.Context()
		q := open(t, Options{Database: database, Waits: []time.Duration{}, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
			if w.Runs == 1 && w.Key != "good" {
				return errors.New("no")
			}
			return nil
		}})
		bad, old, good := send(t, q, "bad", "bad", ""), send(t, q, "old", "old", ""), send(t, q, "good", "good", "")
		until(t, 10*time.Second, "dead letters", inState(t, q, ledger.Dead, 2))
		until(t, 10*time.Second, "a work that is done", inState(t, q, ledger.Done, 1))
		events, end := q.Watch()
		defer end()
		for _, r := range []hook.Receipt{bad, old} {
			if err := q.Dismiss(ctx, r.Work); err != nil {
				t.Fatal(err)
			}
			if e := <-events; e.Work != r.Work || e.State != ledger.Dismissed {
				t.Errorf("%+v", e)
			}
		}
		for _, work := range []int64{bad.Work, good.Work, 99} {
			if err := q.Dismiss(ctx, work); err == nil {
				t.Errorf("work %d was dismissed, and is no dead letter", work)
			}
		}
		if w, err := q.Ledger.Works(ctx, ledger.Filter{State: ledger.Dismissed}); err != nil || len(w) != 2 || w[0].Error != "no" || w[0].Ended.IsZero() {
			t.Errorf("%+v, %v", w, err)
		}
		if s, err := q.Ledger.Stats(ctx); err != nil || s.Depth != 0 {
			t.Errorf("%+v, %v", s, err)
		}
		if r := send(t, q, "another", "bad", ""); r.Outcome != hook.Again || r.Work != bad.Work {
			t.Errorf("%+v", r)
		}
		until(t, 10*time.Second, "it is done", inState(t, q, ledger.Done, 2))
		if n, err := q.Ledger.Prune(ctx, time.Now().Add(time.Hour)); err != nil || n != 4 {
			t.Errorf("%d deliveries were forgotten, %v", n, err)
		}
		if w, err := q.Ledger.Works(ctx, ledger.Filter{}); err != nil || len(w) != 0 {
			t.Errorf("%+v, %v", w, err)
		}
		if p, err := q.Ledger.Payload(ctx, "old"); err != nil || p != nil {
			t.Errorf("%s, %v", p, err)
		}
	})
}

func TestWorksAreFoundByWhatTheyAreAbout(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		q := open(t, Options{Database: database, Do: nothing})
		for _, about := range [][2]string{{"acme/shop", "production"}, {"acme/shop", "staging"}, {"acme/till", "production"}} {
			d, c := message(about[0]+about[1], about[0]+" "+about[1], "")
			d.Repository, c.Environment = about[0], about[1]
			if _, err := q.Record(t.Context(), d, c); err != nil {
				t.Fatal(err)
			}
		}
		until(t, 10*time.Second, "all are done", inState(t, q, ledger.Done, 3))
		for want, f := range map[string]ledger.Filter{
			"acme/till production acme/shop production": {Environment: "production"},
			"acme/shop staging acme/shop production":    {Repository: "acme/shop"},
			"acme/shop staging":                         {Repository: "acme/shop", Environment: "staging", State: ledger.Done, Lane: "acme/shop staging", Key: "acme/shop staging", ID: 2},
			"":                                          {Repository: "acme/till", Environment: "staging"},
		} {
			found, err := q.Ledger.Works(t.Context(), f)
			got := ""
			for i, w := range found {
				if i > 0 {
					got += " "
				}
				got += w.Key
			}
			if err != nil || got != want {
				t.Errorf("%+v: %q, %v", f, got, err)
			}
		}
	})
}

// A try that is due is begun by whoever is there, whoever wrote it down.
func TestATryIsNotLateAfterItsServer(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		first, err := Open(t.Context(), Options{Database: database, Log: quietly, Waits: []time.Duration{6 * time.Second}, Do: func(context.Context, ledger.Work, func(string)) error { return errors.New("no") }})
		if err != nil {
			t.Fatal(err)
		}
		r := send(t, first, "guid", "key", "")
		var due time.Time
		until(t, 10*time.Second, "a try has failed", func() bool {
			w, err := first.Ledger.Works(t.Context(), ledger.Filter{ID: r.Work})
			if err != nil || len(w) != 1 {
				t.Fatalf("%+v, %v", w, err)
			}
			due = w[0].Due
			return w[0].Tries == 1
		})
		stop(t, first)
		began := make(chan time.Time, 1)
		open(t, Options{Database: database, Do: func(context.Context, ledger.Work, func(string)) error { began <- time.Now(); return nil }})
		select {
		case at := <-began:
			if late := at.Sub(due); late < -50*time.Millisecond || late > 2*time.Second {
				t.Errorf("the try began %s after it was due", late)
			}
		case <-time.After(20 * time.Second):
			t.Error("the try was never begun")
		}
	})
}

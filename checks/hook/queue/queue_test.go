package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// short are waits between tries that a test can wait for.
var short = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond}

func TestABurstIsRecordedWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		var done counted
		q := open(t, Options{Database: database, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
			done.add(w.Key)
			return nil
		}})
		var sending sync.WaitGroup
		for i := range 200 {
			sending.Go(func() {
				if r := send(t, q, fmt.Sprintf("guid-%d", i), fmt.Sprintf("key-%d", i), fmt.Sprintf("lane-%d", i%7)); r.Outcome != hook.Queued || r.Work == 0 {
					t.Errorf("delivery %d: %+v", i, r)
				}
			})
		}
		sending.Wait()
		until(t, 20*time.Second, "200 works are done", inState(t, q, ledger.Done, 200))
		for i := range 200 {
			if n := done.of(fmt.Sprintf("key-%d", i)); n != 1 {
				t.Errorf("work %d was done %d times", i, n)
			}
		}
		all, err := q.Ledger.Deliveries(t.Context(), 1000, ledger.Place{})
		if err != nil || len(all) != 200 {
			t.Errorf("%d deliveries are recorded, %v", len(all), err)
		}
	})
}

func TestOneDeliveryIsWorkedOnOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		var done counted
		q := open(t, Options{Database: database, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
			done.add(w.Key)
			return nil
		}})
		var outcomes counted
		var sending sync.WaitGroup
		for range 50 {
			sending.Go(func() { outcomes.add(string(send(t, q, "guid", "key", "").Outcome)) })
		}
		sending.Wait()
		until(t, 10*time.Second, "the work is done", inState(t, q, ledger.Done, 1))
		outcomes.add(string(send(t, q, "guid", "key", "").Outcome))
		outcomes.add(string(send(t, q, "another guid", "key", "").Outcome))
		if outcomes.of("queued") != 1 || outcomes.of("seen") != 50 || outcomes.of("joined") != 1 || done.of("key") != 1 {
			t.Errorf("outcomes %v, done %v", outcomes.n, done.n)
		}
		all, err := q.Ledger.Deliveries(t.Context(), 10, ledger.Place{})
		if err != nil || len(all) != 2 {
			t.Fatalf("%+v, %v", all, err)
		}
		for _, e := range all {
			want := map[string]int{"guid": 51, "another guid": 1}[e.GUID]
			if e.Attempts != want || e.State != ledger.Done || e.Work == 0 || e.Environment != "production" {
				t.Errorf("%+v", e)
			}
		}
	})
}

func TestWhatWasIgnoredMayBecomeWork(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		q := open(t, Options{Database: database, Do: nothing})
		d, _ := message("guid", "key", "")
		for i, want := range []hook.Outcome{hook.Ignored, hook.Seen} {
			if r, err := q.Record(t.Context(), d, hook.Ignore("not allowed: \x00 %s", "acme/shop")); err != nil || r.Outcome != want || r.Work != 0 || !strings.Contains(r.Reason, "not allowed") {
				t.Errorf("%d: %+v, %v", i, r, err)
			}
		}
		if r := send(t, q, "guid", "key", ""); r.Outcome != hook.Queued {
			t.Errorf("%+v", r)
		}
		until(t, 10*time.Second, "the work is done", inState(t, q, ledger.Done, 1))
	})
}

func TestFailingWorkBecomesADeadLetterAndIsRedriven(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		var tries counted
		var well atomic.Bool
		q := open(t, Options{Database: database, Waits: short, Do: func(_ context.Context, w ledger.Work, say func(string)) error {
			tries.add(w.Key)
			say("begun")
			if well.Load() {
				return nil
			}
			if tries.of(w.Key)%2 == 0 {
				panic("no \x00")
			}
			return errors.New("no")
		}})
		r := send(t, q, "guid", "key", "")
		until(t, 10*time.Second, "a dead letter", inState(t, q, ledger.Dead, 1))
		dead, err := q.Ledger.Works(t.Context(), ledger.Filter{State: ledger.Dead})
		if err != nil || len(dead) != 1 || dead[0].Tries != 3 || dead[0].Runs != 3 || dead[0].Error != "no" || tries.of("key") != 3 {
			t.Fatalf("%+v, %v", dead, err)
		}
		if err := q.Redrive(t.Context(), r.Work); err != nil {
			t.Fatal(err)
		}
		until(t, 10*time.Second, "six tries", func() bool { return tries.of("key") == 6 })
		until(t, 10*time.Second, "a dead letter", inState(t, q, ledger.Dead, 1))
		well.Store(true)
		if r := send(t, q, "guid", "key", ""); r.Outcome != hook.Again {
			t.Errorf("%+v", r)
		}
		until(t, 10*time.Second, "done", inState(t, q, ledger.Done, 1))
		if err := q.Redrive(t.Context(), r.Work); err == nil {
			t.Error("a work that is done was driven again")
		}
		steps, err := q.Ledger.Steps(t.Context(), r.Work)
		if err != nil || len(steps) != 7 || steps[6].Run != 7 || steps[6].Text != "begun" {
			t.Errorf("%+v, %v", steps, err)
		}
	})
}

func TestALaneIsWorkedOnByOneServer(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		var inside [3]atomic.Int32
		var twice atomic.Int32
		var order [3][]int64
		do := func(_ context.Context, w ledger.Work, _ func(string)) error {
			lane := w.Lane[0] - '0'
			if inside[lane].Add(1) != 1 {
				twice.Add(1)
			}
			order[lane] = append(order[lane], w.ID) // the race detector looks on
			time.Sleep(3 * time.Millisecond)
			inside[lane].Add(-1)
			return nil
		}
		servers := []*Queue{open(t, Options{Database: database, Do: do}), open(t, Options{Database: database, Do: do})}
		var sending sync.WaitGroup
		for i := range 90 {
			sending.Go(func() {
				send(t, servers[i%2], fmt.Sprintf("guid-%d", i), fmt.Sprintf("key-%d", i/2), fmt.Sprint(i/2%3))
			})
		}
		sending.Wait()
		until(t, 20*time.Second, "45 works are done", inState(t, servers[0], ledger.Done, 45))
		if twice.Load() != 0 {
			t.Errorf("a lane was worked on by two at a time, %d times", twice.Load())
		}
		if n := len(order[0]) + len(order[1]) + len(order[2]); n != 45 {
			t.Errorf("45 works were done in %d runs", n)
		}
	})
}

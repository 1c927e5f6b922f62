package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// jobs counts the jobs of lanes in the queue's own table that fit a condition.
func jobs(t *testing.T, q *Queue, where string) int64 {
	t.Helper()
	var n int64
	err := q.Ledger.Write(t.Context(), func(tx ledger.Tx) (err error) {
		// What is not changed is counted by changing it to what it is.
		n, err = tx.Do(t.Context(), "UPDATE river_job SET kind = kind WHERE kind = 'lane' AND "+where)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// leaderless has the queue think that a server leads which is gone.
func leaderless(t *testing.T, database string) {
	t.Helper()
	q := open(t, Options{Database: database, Do: nothing})
	later := "datetime('now', 'subsec', '+10 minutes')"
	if q.Ledger.Pool != nil {
		later = "now() + interval '10 minutes'"
	}
	stop(t, q) // which makes room
	l, err := ledger.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = l.Write(t.Context(), func(tx ledger.Tx) error {
		_, err := tx.Do(t.Context(), "INSERT INTO river_leader (elected_at, expires_at, leader_id, name) VALUES (CURRENT_TIMESTAMP, "+later+", 'gone', 'default')")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestATryDoesNotWaitForALeader(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		leaderless(t, database)
		began := make(chan time.Time, 2)
		q := open(t, Options{Database: database, Waits: []time.Duration{time.Second}, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
			began <- time.Now()
			if w.Tries == 0 {
				return errors.New("no")
			}
			return nil
		}})
		send(t, q, "guid", "key", "")
		first := <-began
		select {
		case second := <-began:
			if took := second.Sub(first); took < 800*time.Millisecond || took > 15*time.Second {
				t.Errorf("the second try came %s after the first, want one second and a little", took)
			}
		case <-time.After(20 * time.Second):
			t.Error("the second try never came")
		}
		if n := jobs(t, q, "state = 'scheduled'"); n != 1 {
			t.Errorf("%d jobs wait for a leader, want the one of the try", n)
		}
	})
}

func TestALaneThatNobodyBeginsIsBegun(t *testing.T) {
	for name, left := range map[string]func(t *testing.T, q *Queue, tx ledger.Tx) error{
		"no job": func(*testing.T, *Queue, ledger.Tx) error { return nil },
		"a job that a server died with": func(t *testing.T, q *Queue, tx ledger.Tx) error {
			if err := q.want(t.Context(), tx, []ledger.Lane{{Name: "lane"}}); err != nil {
				return err
			}
			_, err := tx.Do(t.Context(), "UPDATE river_job SET state = 'running' WHERE kind = 'lane'")
			return err
		},
		"a job that is gone": func(t *testing.T, q *Queue, tx ledger.Tx) error {
			if err := q.want(t.Context(), tx, []ledger.Lane{{Name: "lane"}}); err != nil {
				return err
			}
			_, err := tx.Do(t.Context(), "DELETE FROM river_job WHERE kind = 'lane'")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, database string) {
				begun := make(chan string, 1)
				q := open(t, Options{Database: database, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
					begun <- w.Key
					return nil
				}})
				err := q.Ledger.Write(t.Context(), func(tx ledger.Tx) error {
					d, c := message("guid", "key", "lane")
					if _, _, err := q.Ledger.Record(t.Context(), tx, d, c); err != nil {
						return err
					}
					return left(t, q, tx)
				})
				if err != nil {
					t.Fatal(err)
				}
				select {
				case <-begun:
				case <-time.After(5 * time.Second):
					t.Error("nobody began it")
				}
			})
		})
	}
}

func TestALaneHasOneJobForAllItsWorks(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		begun, hold := make(chan bool, 1), make(chan bool)
		q := open(t, Options{Database: database, Workers: 1, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
			if w.Lane == "held" {
				begun <- true
				<-hold
			}
			return nil
		}})
		send(t, q, "held", "held", "held")
		<-begun
		for i := range 50 {
			send(t, q, fmt.Sprintf("guid-%d", i), fmt.Sprintf("key-%d", i), fmt.Sprintf("lane-%d", i%2))
		}
		time.Sleep(3 * time.Second) // while the lookout sees them wait
		if n := jobs(t, q, "state = 'available'"); n != 2 {
			t.Errorf("%d jobs wait for two lanes", n)
		}
		close(hold)
		until(t, 10*time.Second, "all is done", inState(t, q, ledger.Done, 51))
	})
}

// A job is in the database with its work, or neither is.
func TestAJobIsRecordedWithItsWork(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		var done atomic.Int32
		q := open(t, Options{Database: database, Do: func(context.Context, ledger.Work, func(string)) error { done.Add(1); return nil }})
		no := errors.New("no")
		err := q.Ledger.Write(t.Context(), func(tx ledger.Tx) error {
			d, c := message("guid", "key", "lane")
			if _, _, err := q.Ledger.Record(t.Context(), tx, d, c); err != nil {
				return err
			}
			return errors.Join(q.want(t.Context(), tx, []ledger.Lane{{Name: "lane"}}), no)
		})
		if !errors.Is(err, no) {
			t.Fatal(err)
		}
		if n := jobs(t, q, "state = state"); n != 0 {
			t.Errorf("%d jobs are left of a transaction that was taken back", n)
		}
		if r := send(t, q, "guid", "key", "lane"); r.Outcome != hook.Queued {
			t.Errorf("%+v", r)
		}
		until(t, 10*time.Second, "it is done once", func() bool { return done.Load() == 1 })
		if n := jobs(t, q, "state = state"); n != 1 {
			t.Errorf("%d jobs were recorded for one work", n)
		}
	})
}

// The next server does not wait for the lease of one that was stopped.
func TestALaneThatWasLeftIsBegunByAnother(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		begun := make(chan string, 10)
		o := Options{Database: database, Workers: 1, Grace: 10 * time.Millisecond, Do: func(ctx context.Context, w ledger.Work, _ func(string)) error {
			begun <- w.Key
			<-ctx.Done()
			return ctx.Err()
		}}
		first := open(t, o)
		for i := range 3 {
			send(t, first, fmt.Sprintf("guid-%d", i), fmt.Sprintf("key-%d", i), "lane")
		}
		<-begun
		stop(t, first)
		second := open(t, Options{Database: database, Do: func(_ context.Context, w ledger.Work, _ func(string)) error { begun <- w.Key; return nil }})
		var order []string
		for range 3 {
			select {
			case key := <-begun:
				order = append(order, key)
			case <-time.After(10 * time.Second):
				t.Fatalf("after %q, nobody began the rest", order)
			}
		}
		if s := strings.Join(order, " "); s != "key-0 key-1 key-2" {
			t.Errorf("they were done as %s", s)
		}
		until(t, 5*time.Second, "all is done", inState(t, second, ledger.Done, 3))
	})
}

package queue

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

func TestStoppingHandsBackWhatDoesNotEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		begun := make(chan bool, 1)
		q := open(t, Options{Database: database, Grace: 50 * time.Millisecond, Waits: []time.Duration{}, Do: func(ctx context.Context, _ ledger.Work, _ func(string)) error {
			begun <- true
			<-ctx.Done()
			return context.Cause(ctx)
		}})
		for i := range 3 {
			send(t, q, fmt.Sprintf("guid-%d", i), fmt.Sprintf("key-%d", i), "lane")
		}
		<-begun
		stop(t, q)
		d, c := message("late", "late", "")
		if _, err := q.Record(t.Context(), d, c); !errors.Is(err, hook.ErrStopping) {
			t.Errorf("a server that is stopped says %v", err)
		}
		var runs atomic.Int32
		next := open(t, Options{Database: database, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
			if runs.Add(1) == 1 && (w.Key != "key-0" || w.Tries != 0 || w.Cuts != 0 || w.Runs != 2) {
				t.Errorf("%+v", w)
			}
			return nil
		}})
		until(t, 8*time.Second, "all is done by the next server", inState(t, next, ledger.Done, 3))
	})
}

func TestStoppingLetsWorkEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		begun, ended := make(chan bool, 1), atomic.Bool{}
		q := open(t, Options{Database: database, Do: func(ctx context.Context, _ ledger.Work, _ func(string)) error {
			begun <- true
			select {
			case <-time.After(300 * time.Millisecond):
				ended.Store(true)
			case <-ctx.Done():
			}
			return ctx.Err()
		}})
		send(t, q, "guid", "key", "")
		<-begun
		stop(t, q)
		if !ended.Load() {
			t.Error("the work was cut off within the grace")
		}
		l, err := ledger.Open(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if all, err := l.Works(t.Context(), ledger.Filter{}); err != nil || len(all) != 1 || all[0].State != ledger.Done || all[0].Runs != 1 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

func TestWorkThatDoesNotEndIsReported(t *testing.T) {
	t.Parallel()
	begun, end := make(chan bool, 1), make(chan bool)
	q, err := Open(t.Context(), Options{Database: filepath.Join(t.TempDir(), "hook.db"), Log: quietly, Grace: time.Millisecond, Do: func(context.Context, ledger.Work, func(string)) error {
		begun <- true
		<-end
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	send(t, q, "guid", "key", "")
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := q.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(end)
	if err := q.rail.stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := q.Ledger.Close(); err != nil {
		t.Error(err)
	}
}

func TestATryIsBounded(t *testing.T) {
	t.Parallel()
	q := open(t, Options{Database: filepath.Join(t.TempDir(), "hook.db"), Limit: 20 * time.Millisecond, Waits: []time.Duration{}, Do: func(ctx context.Context, _ ledger.Work, _ func(string)) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	r := send(t, q, "guid", "key", "")
	until(t, 5*time.Second, "a dead letter", inState(t, q, ledger.Dead, 1))
	w, err := q.Ledger.Works(t.Context(), ledger.Filter{ID: r.Work})
	if err != nil || len(w) != 1 || !strings.HasPrefix(w[0].Error, "it took longer than 20ms") {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestWorkThatEndsServersIsGivenUp(t *testing.T) {
	t.Parallel()
	q := open(t, Options{Database: filepath.Join(t.TempDir(), "hook.db"), Lease: 200 * time.Millisecond, Do: func(context.Context, ledger.Work, func(string)) error {
		t.Error("it was begun again")
		return nil
	}})
	// As if 20 servers had ended with it, and now one more.
	err := q.Ledger.Write(t.Context(), func(tx ledger.Tx) error {
		d, c := message("guid", "key", "")
		_, _, err := q.Ledger.Record(t.Context(), tx, d, c)
		if err == nil {
			_, err = tx.Do(t.Context(), "UPDATE hook_works SET state = 'running', cuts = 20")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, 5*time.Second, "a dead letter", inState(t, q, ledger.Dead, 1))
	if w, _ := q.Ledger.Works(t.Context(), ledger.Filter{}); w[0].Error != "the server ended 21 times while it ran" {
		t.Errorf("%+v", w)
	}
}

// refusing has an SQLite file take no delivery.
const refusing = "CREATE TRIGGER refusing BEFORE INSERT ON hook_deliveries BEGIN SELECT RAISE(ABORT, 'no'); END"

// set does a statement of this test.
func set(t *testing.T, q *Queue, statement string) {
	t.Helper()
	err := q.Ledger.Write(t.Context(), func(tx ledger.Tx) error {
		_, err := tx.Do(t.Context(), statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestADatabaseThatCannotWriteIsAnError(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][2]string{
		"full disk": {"PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000"},
		"refusal":   {refusing, "DROP TRIGGER refusing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := open(t, Options{Database: filepath.Join(t.TempDir(), "hook.db"), Do: nothing})
			set(t, q, statements[0])
			d, c := message("guid", "key", "")
			d.Payload = append(d.Payload, make([]byte, 1<<20)...) // more than the file's free pages
			r, err := q.Record(t.Context(), d, c)
			if err == nil || r != (hook.Receipt{}) {
				t.Errorf("recorded: %+v", r)
			}
			if all, err := q.Ledger.Deliveries(t.Context(), 10, ledger.Place{}); err != nil || len(all) != 0 {
				t.Errorf("%+v, %v", all, err)
			}
			set(t, q, statements[1])
			if r, err := q.Record(t.Context(), d, c); err != nil || r.Outcome != hook.Queued {
				t.Errorf("%+v, %v", r, err)
			}
			until(t, 5*time.Second, "it is done", inState(t, q, ledger.Done, 1))
		})
	}
}

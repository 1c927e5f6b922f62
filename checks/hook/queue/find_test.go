package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

func TestADeliveryIsFoundByItsGUID(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		q := open(t, Options{Database: database, Waits: []time.Duration{}, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
			if w.Key == "bad" {
				return errors.New("no")
			}
			return nil
		}})
		ignored, _ := message("ignored", "", "")
		if _, err := q.Record(t.Context(), ignored, hook.Ignore("no")); err != nil {
			t.Fatal(err)
		}
		send(t, q, "good", "good", "a")
		send(t, q, "bad", "bad", "b")
		until(t, 10*time.Second, "they end", inState(t, q, ledger.Done, 1))
		until(t, 10*time.Second, "they end", inState(t, q, ledger.Dead, 1))
		for guid, want := range map[string]ledger.State{"ignored": "", "good": ledger.Done, "bad": ledger.Dead} {
			if state, known, err := q.Ledger.Received(t.Context(), guid); err != nil || !known || state != want {
				t.Errorf("%s: %q, %v, %v", guid, state, known, err)
			}
		}
		if _, known, err := q.Ledger.Received(t.Context(), "unknown"); err != nil || known {
			t.Errorf("unknown: %v, %v", known, err)
		}
	})
}

func TestNotesAreFoundByWhoAndWhat(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		q := open(t, Options{Database: database, Do: func(context.Context, ledger.Work, func(string)) error { return nil }})
		for _, n := range [][3]string{{"ann", "first", "here"}, {"ann", "else", "there"}, {"bob", "else", "here"}, {"ann", "second", "here"}} {
			if err := q.Ledger.Note(t.Context(), n[0], n[1], n[2]); err != nil {
				t.Fatal(err)
			}
		}
		all, err := q.Ledger.Notes(t.Context(), "ann", "here")
		if err != nil || len(all) != 2 || all[0].What != "first" || all[1].What != "second" || time.Since(all[0].At).Abs() > time.Minute || all[0].Who != "ann" || all[0].About != "here" {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

package queue

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

func TestReading(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		hold := make(chan bool)
		q := open(t, Options{Database: database, Do: func(_ context.Context, w ledger.Work, say func(string)) error {
			if w.Key == "held" {
				say("waiting \x00")
				<-hold
			}
			return nil
		}})
		ctx := t.Context()
		same := time.Now().Truncate(time.Second)
		for i := range 5 { // of which three came at the same moment
			d, _ := message(fmt.Sprintf("guid-%d", i), "", "")
			d.Received = same.Add(time.Duration(max(i-2, 0)) * time.Second)
			if _, err := q.Record(ctx, d, hook.Ignore("no")); err != nil {
				t.Fatal(err)
			}
		}
		var read []string
		for place := (ledger.Place{}); ; {
			page, err := q.Ledger.Deliveries(ctx, 2, place)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				read = append(read, e.GUID)
				place = ledger.Place{Received: e.Received, GUID: e.GUID}
			}
			if len(page) < 2 {
				break
			}
		}
		if got := strings.Join(read, " "); got != "guid-4 guid-3 guid-2 guid-1 guid-0" {
			t.Errorf("read %s", got)
		}
		send(t, q, "held", "held", "lane")
		until(t, 10*time.Second, "it runs", inState(t, q, ledger.Running, 1))
		send(t, q, "behind", "behind", "lane")
		s, err := q.Ledger.Stats(ctx)
		if err != nil || s.Depth != 2 || s.Works[ledger.Waiting] != 1 || s.Decisions[hook.Ignored] != 5 || s.Decisions[hook.Queued] != 2 || s.Oldest < 0 || s.Oldest > time.Minute {
			t.Errorf("%+v, %v", s, err)
		}
		for _, f := range []ledger.Filter{{State: ledger.Waiting}, {Key: "behind"}, {ID: 2, State: ledger.Waiting, Lane: "lane", Key: "behind"}, {Lane: "lane", Limit: 1}} {
			if w, err := q.Ledger.Works(ctx, f); err != nil || len(w) != 1 || w[0].Key != "behind" || string(w[0].Args) != `{"n":1}` || w[0].Delivery != "behind" || !w[0].Ended.IsZero() {
				t.Errorf("%+v: %+v, %v", f, w, err)
			}
		}
		if p, err := q.Ledger.Payload(ctx, "held"); err != nil || string(p) != `{"for":"held"}` {
			t.Errorf("%s, %v", p, err)
		}
		if p, err := q.Ledger.Payload(ctx, "unknown"); err != nil || p != nil {
			t.Errorf("%s, %v", p, err)
		}
		if err := q.Ledger.Ready(ctx); err != nil {
			t.Error(err)
		}
		close(hold)
	})
}

func TestTheAuditLog(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		q := open(t, Options{Database: database, Do: nothing})
		for i := range 3 {
			if err := q.Ledger.Note(t.Context(), "ann", "hold", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		page, err := q.Ledger.Audit(t.Context(), 2, 0)
		if err != nil || len(page) != 2 || page[0].About != "2" || page[0].Who != "ann" || page[0].What != "hold" || time.Since(page[0].At).Abs() > time.Minute {
			t.Fatalf("%+v, %v", page, err)
		}
		if page, err = q.Ledger.Audit(t.Context(), 2, page[1].ID); err != nil || len(page) != 1 || page[0].About != "0" {
			t.Errorf("%+v, %v", page, err)
		}
	})
}

func TestWhatEndedIsForgottenInTheEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		q := open(t, Options{Database: database, Waits: []time.Duration{}, Do: func(_ context.Context, w ledger.Work, say func(string)) error {
			say("begun")
			if w.Key == "dead" {
				return io.ErrUnexpectedEOF
			}
			return nil
		}})
		ctx := t.Context()
		d, _ := message("ignored", "", "")
		if _, err := q.Record(ctx, d, hook.Ignore("no")); err != nil {
			t.Fatal(err)
		}
		done := send(t, q, "done", "done", "")
		send(t, q, "dead", "dead", "")
		until(t, 10*time.Second, "one is done", inState(t, q, ledger.Done, 1))
		until(t, 10*time.Second, "one is dead", inState(t, q, ledger.Dead, 1))
		count := func() int {
			all, err := q.Ledger.Deliveries(ctx, 10, ledger.Place{})
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		if _, err := q.Ledger.Prune(ctx, time.Now().Add(-time.Hour)); err != nil || count() != 3 {
			t.Errorf("%d are left, %v", count(), err)
		}
		if n, err := q.Ledger.Prune(ctx, time.Now().Add(time.Hour)); err != nil || n != 2 || count() != 1 {
			t.Errorf("%d were forgotten, %d are left, %v", n, count(), err)
		}
		if steps, err := q.Ledger.Steps(ctx, done.Work); err != nil || len(steps) != 0 {
			t.Errorf("%+v, %v", steps, err)
		}
		if w, err := q.Ledger.Works(ctx, ledger.Filter{}); err != nil || len(w) != 1 || w[0].Key != "dead" {
			t.Errorf("%+v, %v", w, err)
		}
	})
}

func TestThePeriodicJobForgets(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "hook.db")
	l, err := ledger.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	err = l.Write(t.Context(), func(tx ledger.Tx) error {
		for guid, age := range map[string]time.Duration{"old": 15 * 24 * time.Hour, "new": 13 * 24 * time.Hour} {
			d, _ := message(guid, "", "")
			d.Received = time.Now().Add(-age)
			if _, _, err := l.Record(t.Context(), tx, d, hook.Ignore("no")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	q := open(t, Options{Database: database, Do: nothing})
	until(t, 20*time.Second, "the old one is forgotten", func() bool {
		all, err := q.Ledger.Deliveries(t.Context(), 10, ledger.Place{})
		return err == nil && len(all) == 1 && all[0].GUID == "new"
	})
}

func TestWatching(t *testing.T) {
	t.Parallel()
	q := open(t, Options{Database: filepath.Join(t.TempDir(), "hook.db"), Do: func(_ context.Context, w ledger.Work, say func(string)) error {
		for i := range 10 {
			say(fmt.Sprint(i))
		}
		return nil
	}})
	reader, end := q.Watch()
	slow, endSlow := q.Watch()
	defer endSlow()
	for i := range 7 { // 84 events
		send(t, q, fmt.Sprint(i), fmt.Sprint(i), "lane")
		var got []string
		for len(got) < 12 {
			select {
			case e := <-reader:
				got = append(got, string(e.State)+" "+e.Step)
			case <-time.After(10 * time.Second):
				t.Fatalf("no more events after %q", got)
			}
		}
		if s := strings.Join(got, ","); s != "running ,running 0,running 1,running 2,running 3,running 4,running 5,running 6,running 7,running 8,running 9,done " {
			t.Errorf("%s", s)
		}
	}
	end()
	end()
	if _, more := <-reader; more {
		t.Error("there are events after the end")
	}
	n := 0
	for range slow {
		n++
	}
	if n != backlog {
		t.Errorf("the slow reader got %d events", n)
	}
	last, endLast := q.Watch()
	defer endLast()
	stop(t, q)
	if _, more := <-last; more {
		t.Error("there are events after the stop")
	}
	if none, _ := q.Watch(); none != nil {
		if _, more := <-none; more {
			t.Error("there are events of a queue that is stopped")
		}
	}
}

func TestGitHubHearsOfADatabaseThatCannotWrite(t *testing.T) {
	t.Parallel()
	q := open(t, Options{Database: filepath.Join(t.TempDir(), "hook.db"), Do: nothing})
	r, err := hook.New(hook.Options{Secrets: []string{childSecret}, Record: q.Record, Log: quietly, Judge: func(d hook.Delivery) hook.Decision {
		return hook.Decision{Order: &hook.Order{Key: d.GUID}, Reason: "it failed"}
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r)
	defer s.Close()
	post := func(guid string) int {
		mac := hmac.New(sha256.New, []byte(childSecret))
		mac.Write([]byte("{}"))
		m, _ := http.NewRequest(http.MethodPost, s.URL, strings.NewReader("{}"))
		m.Header = http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"deployment_status"}, "X-Github-Delivery": {guid}, "X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
		res, err := http.DefaultClient.Do(m)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if code := post("1"); code != 202 {
		t.Errorf("answered %d", code)
	}
	set(t, q, refusing)
	if code := post("2"); code != 503 {
		t.Errorf("answered %d", code)
	}
	set(t, q, "DROP TRIGGER refusing")
	until(t, 10*time.Second, "the first is done", inState(t, q, ledger.Done, 1))
	stop(t, q)
	if code := post("3"); code != 503 {
		t.Errorf("answered %d", code)
	}
}

func TestWhatCannotBeDoneIsAnError(t *testing.T) {
	t.Parallel()
	do := nothing
	for name, o := range map[string]Options{
		"no database": {Do: do, Log: quietly},
		"no folder":   {Do: do, Log: quietly, Database: filepath.Join(t.TempDir(), "none", "hook.db")},
		"no server":   {Do: do, Log: quietly, Database: "postgres://127.0.0.1:1/none?connect_timeout=1"},
		"nobody":      {Log: quietly, Database: filepath.Join(t.TempDir(), "hook.db")},
	} {
		if _, err := Open(t.Context(), o); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	q := open(t, Options{Do: do, Database: filepath.Join(t.TempDir(), "hook.db")})
	for _, order := range []hook.Order{{}, {Key: "key", Args: []byte("{")}} {
		if r, err := q.Record(t.Context(), hook.Delivery{GUID: "guid"}, hook.Decision{Order: &order}); err == nil {
			t.Errorf("%+v: %+v", order, r)
		}
	}
	if err := q.Redrive(t.Context(), 99); err == nil {
		t.Error("a work that is not there was driven again")
	}
}

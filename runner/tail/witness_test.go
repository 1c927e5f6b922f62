package tail_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/tail"
)

func (a *account) witness() *tail.Witness {
	return &tail.Witness{
		Client: a.client, UserAgent: "me", Filters: tail.Filter{Header: "User-Agent", Value: "me"}.Wire(),
		Explain: func(_ context.Context, one tail.Thrown) finding.Finding {
			return finding.Warnf("exception", finding.Position{}, "%s", one.Text)
		},
	}
}

// throws has the script throw on a request of somebody.
func (a *account) throws(message, path, agent string) {
	a.t.Helper()
	if err := a.Tails.Send("w", "v", map[string]any{
		"outcome": "exception", "exceptions": []any{map[string]any{"name": "Error", "message": message, "stack": "    at f (index.js:1:2)"}},
		"event": map[string]any{"request": map[string]any{"url": "https://w.example" + path, "method": "GET", "headers": map[string]any{"user-agent": agent}}},
	}); err != nil {
		a.t.Fatal(err)
	}
}

func TestAWitnessTellsWhatTheFailedQuestionThrew(t *testing.T) {
	t.Parallel()
	a := newAccount(t, fakecloudflare.Options{})
	w := a.witness()
	w.Listen(t.Context(), "w", true)
	w.Listen(t.Context(), "w", true) // once is enough
	a.throws("of somebody else", "/login", "curl")
	a.throws("on another path", "/health", "me")
	a.throws("twice", "/login", "me")
	a.throws("twice", "/login", "me")
	found := w.Thrown(t.Context(), "w", "/login")
	if len(found) != 1 || found[0].Message != "Error: twice" || found[0].Severity == finding.Error {
		t.Errorf("found %v", found)
	}
	w.Close()
	if made, deleted := a.tails(); made != 1 || deleted != 1 {
		t.Errorf("made %d, deleted %d", made, deleted)
	}
	w.Listen(t.Context(), "w", true) // after the end nobody listens
	if made, _ := a.tails(); made != 1 {
		t.Errorf("made %d after the end", made)
	}
}

func TestAWitnessWaitsForLittle(t *testing.T) {
	t.Parallel()
	a := newAccount(t, fakecloudflare.Options{})
	w := a.witness()
	defer w.Close()
	w.Listen(t.Context(), "w", true)
	begin := time.Now()
	go func() {
		time.Sleep(200 * time.Millisecond)
		a.throws("late", "/", "me")
	}()
	if found := w.Thrown(t.Context(), "w", "/"); len(found) != 1 {
		t.Errorf("found %v after %s", found, time.Since(begin))
	}
	begin = time.Now()
	if found := w.Thrown(t.Context(), "w", "/quiet"); len(found) != 0 || time.Since(begin) > 20*time.Second {
		t.Errorf("found %v after %s", found, time.Since(begin))
	}
}

func TestASlowAccountHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	a := newAccount(t, fakecloudflare.Options{})
	a.SetLatency(30 * time.Second)
	w := a.witness()
	begin := time.Now()
	for range 5 { // the questions of a smoke test
		w.Listen(t.Context(), "w", true)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("listening took %s", took)
	}
	a.SetLatency(0)
	w.Close()
}

func TestAWitnessThatMayNotListenSaysSo(t *testing.T) {
	t.Parallel()
	a := newAccount(t, fakecloudflare.Options{Tokens: []identity.Token{{Secret: "blind", Permissions: []string{envelope.ScriptsRead}}}})
	server := httptest.NewServer(a.Server)
	defer server.Close()
	w := a.witness()
	w.Client = a.as(server.URL, "blind")
	w.Listen(t.Context(), "w", true)
	if found := w.Thrown(t.Context(), "w", "/"); len(found) != 1 || found[0].Rule != "no-tail" || found[0].Severity != finding.Notice || found[0].Hint == "" {
		t.Errorf("found %v", found)
	}
	w.Close()
	var nobody *tail.Witness
	nobody.Listen(t.Context(), "w", true)
	if found := nobody.Thrown(t.Context(), "w", "/"); found != nil {
		t.Errorf("nobody found %v", found)
	}
	nobody.Close()
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/hook"
)

// A flood that is not taken for what GitHub sends would measure something else.
func TestAFloodIsBelieved(t *testing.T) {
	t.Parallel()
	rules := alarm.Rules{Repositories: []string{"acme/app-0", "acme/app-1"}, Environments: []string{"production"}, Scripts: []string{"tminus-*-production"}, Creators: []string{"github-actions[bot]"}}
	var mu sync.Mutex
	keys, lanes, guids := map[string]bool{}, map[string]bool{}, map[string]bool{}
	r, err := hook.New(hook.Options{Secrets: []string{floodSecret}, Log: slog.New(slog.DiscardHandler), Judge: func(d hook.Delivery) hook.Decision {
		al, why, failed := rules.Judge(d.Event, d.Payload)
		if !failed {
			return hook.Ignore("%s", why)
		}
		return hook.Decision{Order: &hook.Order{Key: al.Key(), Lane: al.Lane()}, Reason: why}
	}, Record: func(_ context.Context, d hook.Delivery, c hook.Decision) (hook.Receipt, error) {
		mu.Lock()
		defer mu.Unlock()
		guids[d.GUID] = true
		if len(d.Payload) < 8000 || len(d.Payload) > 20_000 {
			t.Errorf("a payload of %d bytes", len(d.Payload))
		}
		if c.Order == nil {
			return hook.Receipt{Outcome: hook.Ignored, Reason: c.Reason}, nil
		}
		keys[c.Order.Key], lanes[c.Order.Lane] = true, true
		return hook.Receipt{Outcome: hook.Queued}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r)
	defer s.Close()
	address := strings.TrimPrefix(s.URL, "http://")
	c := &contender{address: address, path: "/webhook"}
	failures, successes := deliveries(c, "failure", "x", 2*repositories), deliveries(c, "success", "x", 5)
	flood(t.Context(), address, 3, 0, failures)
	flood(t.Context(), address, 2, 100, successes)
	for _, d := range append(failures, successes...) {
		if !d.accepted() || d.took <= 0 {
			t.Errorf("%+v", d.status)
		}
	}
	// Two of the nine repositories are allowed here.
	if len(keys) != 4 || len(lanes) != 2 || len(guids) != 2*repositories+5 {
		t.Errorf("%d keys, %d lanes, %d deliveries", len(keys), len(lanes), len(guids))
	}
}

func TestAFloodCountsWhatIsNotAccepted(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch n.Add(1) % 4 {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			w.Header().Set("Connection", "close")
		}
	}))
	defer s.Close()
	address := strings.TrimPrefix(s.URL, "http://")
	all := share{sent: deliveries(&contender{address: address, path: "/"}, "success", "x", 40)}
	all.took = flood(t.Context(), address, 4, 0, all.sent)
	if all.accepted() != 20 || all.slowest(990) < all.slowest(500) || all.rate() <= 0 {
		t.Errorf("%d were accepted, at %.0f a second", all.accepted(), all.rate())
	}
	s.Close()
	none := deliveries(&contender{address: address, path: "/"}, "success", "x", 3)
	flood(t.Context(), address, 2, 0, none)
	for _, d := range none {
		if d.status != 0 {
			t.Errorf("nobody answered %d", d.status)
		}
	}
}

func TestARequestOfAFloodIsOne(t *testing.T) {
	t.Parallel()
	d := deliveries(&contender{address: "127.0.0.1:1", path: "/hooks/x"}, "failure", "x", 1)[0]
	q, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(d.request)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(q.Body)
	if err != nil || q.URL.Path != "/hooks/x" || q.Header.Get("X-GitHub-Delivery") != d.guid || !bytes.Contains(body, []byte(`"release":"x-0"`)) {
		t.Errorf("%s %s, %d bytes, %v", q.Method, q.URL, len(body), err)
	}
	if host, _, err := net.SplitHostPort(q.Host); err != nil || host != "127.0.0.1" {
		t.Errorf("%s, %v", q.Host, err)
	}
}

func TestTheServerKeepsWhatItAcceptedBeforeItWasKilled(t *testing.T) {
	t.Parallel()
	all, f, err := contestants[0].measure(t.Context(), filepath.Join(t.TempDir(), "ours"), amounts{100, 200, 200, 400})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.accepted() != len(s.sent) || s.lost != 0 {
			t.Errorf("%s: %d of %d were accepted, %d lost", s.what, s.accepted(), len(s.sent), s.lost)
		}
	}
	if f.rest <= 0 || f.peak < f.rest || f.peak > 100_000_000 || f.work <= 0 {
		t.Errorf("%+v", f)
	}
}

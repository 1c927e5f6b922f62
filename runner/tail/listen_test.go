package tail_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
	"github.com/tminus/deploy-action/runner/tail"
)

// account is an account with one script, whose connections a test can cut.
type account struct {
	*fakecloudflare.Server
	t      *testing.T
	client *cloudflare.Client

	mu    sync.Mutex
	conns []net.Conn
	heard []string
	told  []string
}

// Accept implements net.Listener.
type watched struct {
	net.Listener
	a *account
}

func (w watched) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	w.a.mu.Lock()
	defer w.a.mu.Unlock()
	w.a.conns = append(w.a.conns, c)
	return c, err
}

// cut cuts all connections as they are.
func (a *account) cut() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.conns {
		_ = c.Close()
	}
	a.conns = nil
}

func newAccount(t *testing.T, o fakecloudflare.Options) *account {
	t.Helper()
	o.Token, o.Subdomain = "all", "me"
	a := &account{Server: fakecloudflare.New(o), t: t}
	server := httptest.NewUnstartedServer(a.Server)
	server.Listener = watched{server.Listener, a}
	server.Start()
	t.Cleanup(func() { _ = a.Server.Close(); server.Close() })
	a.client = a.as(server.URL, "all")
	if _, err := a.client.Put(t.Context(), "w", cloudflare.Upload{
		Metadata: map[string]any{"main_module": "w.js", "compatibility_date": "2026-01-01"},
		Parts:    []cloudflare.Part{{Name: "w.js", MIME: "application/javascript+module", Content: []byte("export default {}")}},
	}); err != nil {
		t.Fatal(err)
	}
	a.Forget()
	return a
}

func (a *account) as(url, token string) *cloudflare.Client {
	return cloudflare.New(cloudflare.Options{BaseURL: url + fakecloudflare.Base, Account: a.ID(), Token: token, UserAgent: "test"})
}

// listener listens to a script and keeps what it hears.
func (a *account) listener(script string) tail.Listener {
	return tail.Listener{
		Client: a.client, Script: script, UserAgent: "test", Pause: func(int) time.Duration { return 10 * time.Millisecond },
		Hear: func(raw []byte) {
			var e struct{ Outcome string }
			_ = json.Unmarshal(raw, &e)
			a.mu.Lock()
			defer a.mu.Unlock()
			a.heard = append(a.heard, e.Outcome)
		},
		Tell: func(text string) { a.mu.Lock(); defer a.mu.Unlock(); a.told = append(a.told, text) },
	}
}

// run runs a listener and gives what ends it.
func (a *account) run(l tail.Listener) func() error {
	ctx, cancel := context.WithCancel(a.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	return func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(10 * time.Second):
			return errors.New("it does not end")
		}
	}
}

// until waits for something, for some seconds.
func (a *account) until(what string, holds func() bool) {
	a.t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			a.t.Fatalf("%s: it never came; heard %v, told %v", what, a.heard, a.told)
		}
	}
}

func (a *account) has(n int) func() bool {
	return func() bool { a.mu.Lock(); defer a.mu.Unlock(); return len(a.heard) >= n }
}

func (a *account) send(outcome string) {
	a.t.Helper()
	if err := a.Tails.Send("w", "v", map[string]any{"outcome": outcome}); err != nil {
		a.t.Fatal(err)
	}
}

// tails counts the tails that were made and deleted.
func (a *account) tails() (made, deleted int) {
	return len(a.Calls().Matching("POST", "/accounts/*/workers/scripts/*/tails")), len(a.Calls().Matching("DELETE", "/accounts/*/workers/scripts/*/tails/*"))
}

func TestEventsAreHeardAndTheTailIsDeleted(t *testing.T) {
	t.Parallel()
	a := newAccount(t, fakecloudflare.Options{})
	stop := a.run(a.listener("w"))
	a.until("the socket", func() bool { return a.Tails.Watched("w") })
	a.send("ok")
	a.send("exception")
	a.until("two events", a.has(2))
	if err := stop(); err != nil {
		t.Error(err)
	}
	if made, deleted := a.tails(); made != 1 || deleted != 1 || strings.Join(a.heard, " ") != "ok exception" || len(a.told) != 0 {
		t.Errorf("made %d, deleted %d, heard %v, told %v", made, deleted, a.heard, a.told)
	}
}

func TestASocketThatFallsIsOpenedAgain(t *testing.T) {
	t.Parallel()
	a := newAccount(t, fakecloudflare.Options{})
	stop := a.run(a.listener("w"))
	a.until("the socket", func() bool { return a.Tails.Watched("w") })
	a.send("first")
	a.until("an event", a.has(1))
	a.cut()
	a.until("another socket", func() bool { made, _ := a.tails(); return made == 2 && a.Tails.Watched("w") })
	a.until("the word", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return len(a.told) == 2 })
	a.send("second")
	a.until("an event after that", a.has(2))
	if err := stop(); err != nil {
		t.Error(err)
	}
	if made, deleted := a.tails(); made != deleted || !strings.Contains(a.told[0], "events may be missing") || !strings.Contains(a.told[1], "missing") {
		t.Errorf("made %d, deleted %d, told %v", made, deleted, a.told)
	}
}

// Tails of this account expire one and a half seconds after they are made.
func TestATailIsRenewedBeforeItExpires(t *testing.T) {
	t.Parallel()
	a := newAccount(t, fakecloudflare.Options{Clock: func() time.Time { return time.Now().Add(-6*time.Hour + 1500*time.Millisecond) }})
	stop := a.run(a.listener("w"))
	a.until("the socket", func() bool { return a.Tails.Watched("w") })
	sent := 0
	for made := 0; made < 3; made, _ = a.tails() {
		a.send(strings.Repeat("x", sent+1))
		sent++
		time.Sleep(20 * time.Millisecond)
		if sent > 500 {
			t.Fatal("it is never renewed")
		}
	}
	a.until("all events", a.has(sent))
	if err := stop(); err != nil {
		t.Error(err)
	}
	for i, text := range a.heard {
		if len(text) != i+1 {
			t.Fatalf("event %d is that of %d: one is missing or told twice", i+1, len(text))
		}
	}
	if made, deleted := a.tails(); made != deleted || len(a.told) != 0 {
		t.Errorf("made %d, deleted %d, told %v", made, deleted, a.told)
	}
}

func TestWhenCloudflareEndsTheTailNobodyComesBack(t *testing.T) {
	t.Parallel()
	a := newAccount(t, fakecloudflare.Options{})
	stop := a.run(a.listener("w"))
	a.until("the socket", func() bool { return a.Tails.Watched("w") })
	a.Tails.Close()
	a.until("the word", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return len(a.told) == 1 })
	if err := stop(); err != nil || a.told[0] != "Cloudflare ended the tail" {
		t.Errorf("%v, told %v", err, a.told)
	}
	if made, _ := a.tails(); made != 1 {
		t.Errorf("made %d tails", made)
	}
}

func TestWhoMayNotListenIsToldSo(t *testing.T) {
	t.Parallel()
	a := newAccount(t, fakecloudflare.Options{Tokens: []identity.Token{{Secret: "blind", Permissions: []string{envelope.ScriptsRead}}}})
	if err := a.listener("nope").Run(t.Context()); !cloudflare.IsMissing(err) {
		t.Errorf("a missing script: %v", err)
	}
	server := httptest.NewServer(a.Server)
	defer server.Close()
	l := a.listener("w")
	l.Client = a.as(server.URL, "blind")
	if err := l.Run(t.Context()); !cloudflare.IsDenied(err) {
		t.Errorf("without the permission: %v", err)
	}
}

// sockets answers the making of tails with an address, and the address as a handler says.
func sockets(t *testing.T, address func(host string) string, socket http.HandlerFunc) (*cloudflare.Client, func() int) {
	t.Helper()
	var mu sync.Mutex
	made := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" {
			w.Header().Set("Content-Type", "application/json")
		}
		switch {
		case r.Method == "POST":
			mu.Lock()
			made++
			mu.Unlock()
			_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "result": map[string]string{"id": "t", "url": address(r.Host), "expires_at": "2099-01-01T00:00:00Z"}})
		case r.Method == "DELETE":
			_, _ = w.Write([]byte(`{"success":true,"result":null}`))
		default:
			socket(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return cloudflare.New(cloudflare.Options{BaseURL: server.URL, Account: "a", Token: "t"}), func() int { mu.Lock(); defer mu.Unlock(); return made }
}

func TestTheAddressOfATailIsNeverShown(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ name, address string }{
		{"nobody is there", "ws://127.0.0.1:1/key-to-the-events"},
		{"not encrypted", "ws://example.com/key-to-the-events"},
		{"no address", "::key-to-the-events"},
		{"refused", ""},
	} {
		client, _ := sockets(t, func(host string) string {
			if one.address == "" {
				return "ws://" + host + "/key-to-the-events"
			}
			return one.address
		}, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
		err := tail.Listener{Client: client, Script: "w"}.Run(t.Context())
		if err == nil || strings.Contains(err.Error(), "key-to-the-events") {
			t.Errorf("%s: %v", one.name, err)
		}
	}
}

func TestASocketThatDoesNotAnswerIsLeft(t *testing.T) {
	t.Parallel()
	client, made := sockets(t, func(host string) string { return "ws://" + host + "/s" }, func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"trace-v1"}})
		if err == nil {
			<-r.Context().Done() // it is never read, so no ping is answered
			conn.CloseNow()
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	go func() {
		for made() < 2 && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	l := tail.Listener{Client: client, Script: "w", Beat: 50 * time.Millisecond, Pause: func(int) time.Duration { return time.Millisecond }, Hear: func([]byte) {}}
	if err := l.Run(ctx); err != nil || made() < 2 {
		t.Errorf("%v, %d tails were made", err, made())
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		name   string
		filter tail.Filter
		want   string
	}{
		{"nothing", tail.Filter{}, `null`},
		{"errors", tail.Filter{Status: []string{"error"}}, `[{"outcome":["exception","exceededCpu","exceededMemory","unknown"]}]`},
		{"two", tail.Filter{Status: []string{"ok", "canceled"}}, `[{"outcome":["ok","canceled"]}]`},
		{"all of it", tail.Filter{Sampling: 1}, `null`},
		{"the rest", tail.Filter{Sampling: 0.1, Method: []string{"GET"}, Search: "x", Version: "v", Header: "User-Agent", Value: "me"},
			`[{"sampling_rate":0.1},{"method":["GET"]},{"header":{"key":"User-Agent","query":"me"}},{"query":"x"},{"scriptVersion":"v"}]`},
	} {
		raw, err := json.Marshal(one.filter.Wire())
		if err != nil || string(raw) != one.want {
			t.Errorf("%s: %s, want %s", one.name, raw, one.want)
		}
	}
}

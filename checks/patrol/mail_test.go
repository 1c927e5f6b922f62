package patrol

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"

	"github.com/tminus/deploy-action/checks/alarm"
	fake "github.com/tminus/deploy-action/checks/fakegithub/hook"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook"
)

const secret = "a secret of the hook"

// receiver is this server's own: it records what arrives, while it is open.
func (w *world) receiver() (address string, shut *atomic.Bool) {
	w.t.Helper()
	rules := alarm.Rules{Repositories: w.patrol.Rules.Repositories, Environments: w.patrol.Rules.Environments, Scripts: w.patrol.Rules.Scripts, Creators: w.patrol.Rules.Creators}
	r, err := hook.New(hook.Options{Secrets: []string{secret}, Record: w.queue.Record, Log: slog.New(slog.DiscardHandler), Judge: func(d hook.Delivery) hook.Decision {
		al, why, ok := rules.Judge(d.Event, d.Payload)
		if !ok {
			return hook.Ignore("%s", why)
		}
		decision, err := order(al, why)
		if err != nil {
			w.t.Error(err)
		}
		return decision
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	shut = &atomic.Bool{}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if shut.Load() {
			out.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.ServeHTTP(out, in)
	}))
	w.t.Cleanup(server.Close)
	w.patrol.Mailbox.URL = server.URL
	return server.URL + "/webhook", shut
}

// mail goes a round for the deliveries alone, and waits until all have been answered.
func (w *world) mail() error {
	if w.patrol.said == nil {
		w.patrol.said, w.patrol.healthy = map[string]bool{}, map[string]time.Time{}
	}
	c, err := w.patrol.Client("")
	if err == nil {
		err = w.patrol.hooks(w.t.Context(), c)
	}
	return errors.Join(err, w.hub.Settle(w.t.Context()))
}

func (w *world) settle() {
	w.t.Helper()
	if err := w.hub.Settle(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) redelivered() int {
	return w.hub.Calls().Count("POST", "/repos/*/*/hooks/*/deliveries/*/attempts") + w.hub.Calls().Count("POST", "/app/hook/deliveries/*/attempts")
}

// lose has the network treat deliveries of statuses in a way.
func (w *world) lose(fate fake.Fate) {
	w.hub.Network(func(p fake.Parcel) fake.Fate {
		if p.Event == "deployment_status" && !p.Redelivery {
			return fate
		}
		return fake.Fate{}
	})
}

func TestDeliveriesThatDidNotArriveAreSentAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fate  fake.Fate
		shut  bool
		event string
		calls int
		works []string
	}{
		{"they were lost", fake.Fate{Lose: true}, false, "deployment_status", 2, []string{ofR2}},
		{"they were refused", fake.Fate{}, true, "deployment_status", 2, []string{ofR2}},
		{"they arrived", fake.Fate{}, false, "deployment_status", 0, []string{ofR2}},
		{"they arrived twice", fake.Fate{Copies: 1}, false, "deployment_status", 0, []string{ofR2}},
		{"they arrived, and GitHub does not know", fake.Fate{LoseAnswer: true}, false, "deployment_status", 0, []string{ofR2}},
		{"nobody wants them", fake.Fate{Lose: true}, false, "deployment", 0, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			address, shut := w.receiver()
			shut.Store(tt.shut)
			w.lose(tt.fate)
			w.hub.Hook(address, secret, tt.event)
			w.release("r2", w.run("failure"), "in_progress", "failure")
			w.settle()
			shut.Store(false)
			for range 3 {
				if err := w.mail(); err != nil {
					t.Fatal(err)
				}
			}
			if n := w.redelivered(); n != tt.calls {
				t.Errorf("sent again %d times, want %d", n, tt.calls)
			}
			if got := w.worked(); !slices.Equal(got, tt.works) {
				t.Errorf("works %q, want %q", got, tt.works)
			}
		})
	}
}

// A delivery whose work never succeeded is not healthy because it was recorded.
func TestADeliveryOfADeadLetterIsSentAgain(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.fails = errors.New("Cloudflare is down")
	address, _ := w.receiver()
	w.lose(fake.Fate{LoseAnswer: true})
	w.hub.Hook(address, secret, "deployment_status")
	w.release("r2", w.run("failure"), "failure")
	w.settle()
	w.worked()
	w.mu.Lock()
	w.fails = nil
	w.mu.Unlock()
	for range 2 {
		if err := w.mail(); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.worked(); len(got) != 2 || w.redelivered() != 1 {
		t.Errorf("works %q, sent again %d times", got, w.redelivered())
	}
}

func TestAServerThatGoesOnRefusingIsAskedLessAndLess(t *testing.T) {
	t.Parallel()
	w := open(t)
	address, shut := w.receiver()
	shut.Store(true)
	w.hub.Hook(address, secret, "deployment_status")
	w.release("r2", w.run("failure"), "failure")
	w.settle()
	for range 4 {
		if err := w.mail(); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.redelivered(); n != 1 {
		t.Errorf("sent again %d times at once", n)
	}
	w.patrol.Mailbox.Interval = 0
	if err := w.mail(); err != nil || w.redelivered() != 2 {
		t.Errorf("later sent again %d times, %v", w.redelivered(), err)
	}
	p := Patrol{Mailbox: Mailbox{Interval: 5 * time.Minute}}
	for tries, want := range map[int]time.Duration{1: 0, 2: 5 * time.Minute, 3: 10 * time.Minute, 5: 40 * time.Minute, 6: time.Hour, 1000: time.Hour} {
		if got := p.pause(tries); got != want {
			t.Errorf("after %d tries %s", tries, got)
		}
	}
}

func TestManyDeliveriesAreLookedThroughOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	address, _ := w.receiver()
	w.lose(fake.Fate{Lose: true})
	w.hub.Hook(address, secret, "deployment_status")
	w.ago(30 * time.Minute)
	w.release("r2", w.run("failure"), slices.Repeat([]string{"in_progress"}, 130)...)
	w.settle()
	w.ago(0)
	if err := w.mail(); err != nil || w.redelivered() != mostAgain {
		t.Errorf("sent again %d, %v", w.redelivered(), err)
	}
	if err := w.mail(); err != nil || w.redelivered() != 130 {
		t.Errorf("sent again %d in all, %v", w.redelivered(), err)
	}
	// A quarter of an hour later all of that lies behind.
	if err := w.mail(); err != nil {
		t.Fatal(err)
	}
	pages := func() int { return w.hub.Calls().Count("GET", "/repos/*/*/hooks/*/deliveries") }
	before := pages()
	w.patrol.healthy["acme/site "+fmt.Sprint(w.hub.Deliveries(0)[0].Hook)] = time.Now()
	if err := w.mail(); err != nil {
		t.Fatal(err)
	}
	if n := pages() - before; n != 1 {
		t.Errorf("%d pages", n)
	}
}

func TestWhoMayNotAskForDeliveriesIsToldOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		permissions []string
		change      func(*world)
		says        string
	}{
		{"no permission", []string{"deployments:write", "actions:read"}, nil, "may not read the repository's hooks"},
		{"only to read", []string{"deployments:write", "repository-hooks:read"}, nil, "may not ask for it"},
		{"no address", nil, func(w *world) { w.patrol.Mailbox.URL = "" }, "does not know its public address"},
		{"another address", nil, func(w *world) { w.patrol.Mailbox.URL = "https://elsewhere.example.com" }, "no hook of the repository leads"},
		{"a delivery that is gone", nil, func(w *world) {
			w.hub.Break(traffic.Fault{Path: "/repos/*/*/hooks/*/deliveries/*/attempts", Refusal: wire.NotFound(), Times: -1})
		}, "cannot be sent again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t, tt.permissions...)
			address, _ := w.receiver()
			w.lose(fake.Fate{Lose: true})
			w.hub.Hook(address, secret, "deployment_status")
			w.release("r2", w.run("failure"), "failure")
			w.settle()
			if tt.change != nil {
				tt.change(w)
			}
			for range 3 {
				w.round() // which finds the release all the same
			}
			if got := w.worked(); !slices.Equal(got, []string{ofR2}) {
				t.Errorf("works %q", got)
			}
			if n := w.log.count(tt.says); n != 1 {
				t.Errorf("said %d times\n%s", n, w.log.all.String())
			}
		})
	}
}

func TestAHookLeadsHereOrNot(t *testing.T) {
	t.Parallel()
	p := Patrol{Mailbox: Mailbox{URL: "https://Hooks.example.com/rollback/"}}
	for address, want := range map[string]bool{
		"https://hooks.example.com/rollback/webhook": true, "https://hooks.example.com/rollback": true, "http://hooks.example.com/rollback/webhook?x=1": true,
		"https://hooks.example.com/rollbacks/webhook": false, "https://hooks.example.com/": false, "https://example.com/rollback/webhook": false, "://": false, "": false,
	} {
		if p.leadsHere(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
	}
}

var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func TestAnAppAsksForItsOwnDeliveries(t *testing.T) {
	t.Parallel()
	w := open(t, "deployments:write", "actions:read")
	address, _ := w.receiver()
	public, err := x509.MarshalPKIXPublicKey(key().Public())
	if err != nil {
		t.Fatal(err)
	}
	app, err := w.hub.App(77, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	if err != nil {
		t.Fatal(err)
	}
	w.patrol.Mailbox.App = func() (*github.Client, error) {
		transport := ghinstallation.NewAppsTransportFromPrivateKey(http.DefaultTransport, app.ID, key())
		transport.BaseURL = w.url
		return github.New(github.Options{BaseURL: w.url, Repository: "acme/site", UserAgent: "test", Transport: transport})
	}
	w.round()
	if w.log.count("the App has no hook") != 1 {
		t.Errorf("the log is\n%s", w.log.all.String())
	}
	w.lose(fake.Fate{Lose: true})
	w.hub.AppHook(app, address, secret, "deployment_status")
	w.release("r2", w.run("failure"), "in_progress", "failure")
	w.settle()
	w.patrol.Rules.Repositories = nil // so that nothing else finds it
	for range 2 {
		w.round()
		w.settle()
	}
	if got := w.worked(); !slices.Equal(got, []string{ofR2}) || w.redelivered() != 2 {
		t.Errorf("works %q, sent again %d times\n%s", got, w.redelivered(), w.log.all.String())
	}
	if strings.Contains(w.log.all.String(), secret) {
		t.Error("the secret is in the log")
	}
}

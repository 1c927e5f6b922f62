package sight_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/sight"
)

const database = "81db6c20-2bc6-44b7-bcda-a60aa7b39742"

// What a configuration may have.
const (
	route    = "routes = [{ pattern = \"api.tminus.ink/*\", zone_name = \"tminus.ink\" }]\n"
	consumer = "queues.consumers = [{ queue = \"work\", dead_letter_queue = \"dead\" }]\n"
	producer = "queues.producers = [{ binding = \"OUT\", queue = \"other\" }]\n"
	store    = "d1_databases = [{ binding = \"DB\", database_name = \"registry\", database_id = \"" + database + "\", migrations_dir = \"../../migrations\" }]\n"
	bare     = "d1_databases = [{ binding = \"DB\", database_name = \"registry\", database_id = \"" + database + "\" }]\n"
	class    = "durable_objects.bindings = [{ name = \"GRAPH\", class_name = \"Graph\", script_name = \"others\" }]\n"
)

// What is read after the account itself, or beside it.
const (
	versionPath = "/accounts/*/workers/scripts/*/versions/*"
	recordPath  = "/zones/*/dns_records"
	backlogPath = "/accounts/*/queues/*/metrics"
	ledgerPath  = "/accounts/*/d1/database/*/query"
	objectPath  = "/accounts/*/workers/durable_objects/namespaces"
)

// world is an account that has more than any configuration names, and a script.
type world struct {
	*fakecloudflare.Server
	client *cloudflare.Client
	zone   string
	broken *string // the path on which nobody answers; * stands for all
}

// RoundTrip hands a request to the account without a network between them, so that
// time can stand still meanwhile.
func (w world) RoundTrip(r *http.Request) (*http.Response, error) {
	if *w.broken == "*" || *w.broken != "" && envelope.Matches(*w.broken, strings.TrimPrefix(r.URL.Path, "/client/v4")) {
		return nil, errors.New("connection reset by peer")
	}
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, r)
	return answer.Result(), r.Context().Err()
}

// anew is a client that has asked for nothing yet: zones are asked for once by each.
func (w world) anew() *cloudflare.Client {
	return cloudflare.New(cloudflare.Options{BaseURL: "http://cloudflare.test/client/v4", Account: w.ID(), Token: "token", UserAgent: "test", Transport: w})
}

func newWorld(t *testing.T) world {
	t.Helper()
	a := fakecloudflare.New(fakecloudflare.Options{Token: "token", Subdomain: "test", Zones: []fakecloudflare.Zone{{Name: "tminus.ink"}, {Name: "other.ink"}}})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	w := world{Server: a, broken: new(string)}
	w.client = w.anew()
	_, err := a.D1.Create("registry", database)
	for _, name := range []string{"work", "dead", "other"} {
		_, failed := a.Queues.Create(name, queue.Settings{})
		err = errors.Join(err, failed)
	}
	_, failed := a.Zones.AddRecord("tminus.ink", dns.Content{Type: "A", Name: "api.tminus.ink", Content: "192.0.2.1", Proxied: true})
	_, put := w.client.Put(t.Context(), script, cloudflare.Upload{
		Metadata: map[string]any{"main_module": "i.js", "compatibility_date": "2026-03-17"},
		Parts:    []cloudflare.Part{{Name: "i.js", MIME: "application/javascript+module", Content: []byte("export default { fetch() {}, queue() {} }")}},
	})
	zones, listed := w.client.Zones(t.Context())
	if err := errors.Join(err, failed, put, listed); err != nil {
		t.Fatal(err)
	}
	w.zone = zones[slices.IndexFunc(zones, func(z cloudflare.Zone) bool { return z.Name == "tminus.ink" })].ID
	return w
}

// read looks at the account for a script of some configuration.
func (w world) read(t *testing.T, config ...string) (*sight.Sight, error) {
	t.Helper()
	loaded, err := project.Load(fstest.MapFS{
		"workers/api/wrangler.toml": {Data: []byte("name = \"tminus-api\"\nmain = \"index.js\"\ncompatibility_date = \"2026-03-17\"\n[env.staging]\n" + strings.Join(config, ""))},
		"migrations/0001_first.sql": {Data: []byte("CREATE TABLE first (id INTEGER);")},
	})
	if err != nil {
		t.Fatal(err)
	}
	target, err := loaded.In("staging")
	if err != nil {
		t.Fatal(err)
	}
	scope := check.Scope(target)
	scope.Stores, scope.Lenient = true, true
	w.Forget()
	seen := &sight.Sight{}
	return seen, seen.Read(t.Context(), w.client, scope, []project.Target{target})
}

func TestWhatIsReadFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		config []string
		calls  map[string]int // but for the version, which is always read
	}{
		{"nothing but code", nil, nil},
		{"a host, and the records of its zone", []string{route}, map[string]int{recordPath: 1}},
		{"a consumer, and what waits for it or is dead", []string{consumer}, map[string]int{backlogPath: 2}},
		{"a producer", []string{producer}, nil},
		{"a database with migrations", []string{store}, map[string]int{ledgerPath: 1}},
		{"a database without", []string{bare}, nil},
		{"objects of another script", []string{class}, map[string]int{objectPath: 1}},
		{"everything", []string{route, "queues = { consumers = [{ queue = \"work\", dead_letter_queue = \"dead\" }], producers = [{ binding = \"OUT\", queue = \"other\" }] }\n", store, class}, map[string]int{recordPath: 1, backlogPath: 2, ledgerPath: 1, objectPath: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if _, err := w.read(t, tt.config...); err != nil {
				t.Fatal(err)
			}
			calls := w.Calls()
			for _, path := range []string{recordPath, backlogPath, ledgerPath, objectPath} {
				if got := len(calls.Matching("", path)); got != tt.calls[path] {
					t.Errorf("%d calls of %s, want %d", got, path, tt.calls[path])
				}
			}
			if got := len(calls.Matching("", versionPath)); got != 1 {
				t.Errorf("%d calls of %s", got, versionPath)
			}
		})
	}
}

func TestWhatWasReadIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen, err := w.read(t, route, consumer, store, class)
	if err != nil {
		t.Fatal(err)
	}
	v, failed := seen.Version(script)
	if failed != nil || v.ID == "" || v.ID != seen.Serving(script) || v.Resources.Runtime.Date != "2026-03-17" {
		t.Errorf("%+v %v", v, failed)
	}
	if all, err := seen.Records(w.zone); len(all) != 1 || all[0].Name != "api.tminus.ink" {
		t.Errorf("%+v %v", all, err)
	}
	_, waits := seen.Backlog("work")
	_, dead := seen.Backlog("dead")
	applied, ledger := seen.Ledger(database)
	_, kept := seen.Objects()
	if err := errors.Join(waits, dead, ledger, kept, seen.Refused(sight.DNS)); err != nil || len(applied) != 0 {
		t.Errorf("%v %v", applied, err)
	}
	if _, err := seen.Backlog("other"); err == nil {
		t.Error("what waits in a queue of nobody's is known")
	}
	if _, err := seen.Version("tminus-mcp-staging"); err == nil {
		t.Error("the version of a script that nobody asked about is known")
	}
}

func TestARefusalIsKeptAsTheReason(t *testing.T) {
	t.Parallel()
	why := map[string]func(*sight.Sight) error{
		versionPath: func(s *sight.Sight) error { _, err := s.Version(script); return err },
		recordPath:  func(s *sight.Sight) error { return s.Refused(sight.DNS) },
		backlogPath: func(s *sight.Sight) error { _, err := s.Backlog("work"); return err },
		ledgerPath:  func(s *sight.Sight) error { _, err := s.Ledger(database); return err },
		objectPath:  func(s *sight.Sight) error { _, err := s.Objects(); return err },

		"/accounts/*/queues":      func(s *sight.Sight) error { return s.Refused(sight.Queues) },
		"/accounts/*/d1/database": func(s *sight.Sight) error { return s.Refused(sight.Databases) },
		"/zones":                  func(s *sight.Sight) error { return s.Refused(sight.Zones) },
		"/zones/*/workers/routes": func(s *sight.Sight) error { return s.Refused(sight.Routes) },
	}
	// what cannot be found where its owner is not listed
	hidden := map[string]string{"/accounts/*/queues": backlogPath, "/accounts/*/d1/database": ledgerPath}
	for path := range why {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Break(traffic.Fault{Path: path, Times: -1, Refusal: envelope.Fail(403, 10000, "Authentication error")})
			w.client = w.anew()
			seen, err := w.read(t, route, consumer, store, class)
			if err != nil {
				t.Fatal(err)
			}
			for other, ask := range why {
				err := ask(seen)
				_, refused := errors.AsType[*cloudflare.Error](err)
				switch {
				case other == hidden[path]:
				case refused != (other == path) || err != nil && !refused:
					t.Errorf("%s: %v", other, err)
				}
			}
		})
	}
}

func TestWhatKeepsTheAccountFromBeingAskedEndsTheReading(t *testing.T) {
	t.Parallel()
	for _, path := range []string{versionPath, recordPath, backlogPath, ledgerPath, objectPath, "*"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			*w.broken = path
			synctest.Test(t, func(t *testing.T) { // the client asks again for some seconds
				w.client = w.anew()
				seen, err := w.read(t, route, consumer, store, class)
				if f, ok := errors.AsType[finding.Finding](err); !ok || !strings.Contains(f.Hint, "could not be reached") || path == "*" && seen.Live != nil {
					t.Errorf("%v", err)
				}
				if _, err := seen.Records(w.zone); err == nil && path == recordPath {
					t.Error("records that were not read are known")
				}
			})
		})
	}
}

func TestAReadingThatIsCancelledSaysNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&sight.Sight{}).Read(ctx, w.client, live.Scope{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Without the scripts there is nothing to judge.
func TestScriptsThatAreRefusedEndTheReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Break(traffic.Fault{Path: "/accounts/*/workers/scripts", Times: -1, Refusal: envelope.Fail(403, 10000, "Authentication error")})
	_, err := w.read(t)
	if f, ok := errors.AsType[finding.Finding](err); !ok || f.Rule != "missing-permission" || !strings.Contains(f.Hint, "Workers Scripts:Read") {
		t.Errorf("%v", err)
	}
}

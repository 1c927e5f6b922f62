package provision_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/provision"
)

// The project of the tests: three Workers in three formats, one of which is shared by
// name with wrangler-d1.toml.
var files = map[string]string{
	"wrangler-d1.toml": `[[d1_databases]]
binding = "DB"
database_name = "registry"
database_id = "placeholder" # production's
migrations_dir = "migrations"
`,
	"migrations/0001.sql": "CREATE TABLE t (id)",
	"workers/api/wrangler.toml": `name = "t-api"
main = "i.js"
compatibility_date = "2026-03-17"
d1_databases = [{ binding = "DB", database_name = "registry-dev", database_id = "PLACEHOLDER" }]

[env.staging] # é
[[env.staging.d1_databases]]
binding = "DB"
database_name = "registry-staging"
database_id = "placeholder-registry" # written by provision

[[env.staging.kv_namespaces]]
binding = "SESSIONS"
id = 'PLACEHOLDER'
[[env.staging.kv_namespaces]]
binding = "RATE_LIMITS"
id = 'PLACEHOLDER'

[env.staging.queues]
producers = [{ binding = "OUT", queue = "out-staging" }]
consumers = [{ queue = "in-staging", dead_letter_queue = "dead-staging" }]

[env.production]
d1_databases = [{ binding = "DB", database_name = "registry", database_id = "placeholder-registry" }]
kv_namespaces = [{ binding = "SESSIONS", id = "PLACEHOLDER" }, { binding = "RATE_LIMITS", id = "PLACEHOLDER" }]
r2_buckets = [{ binding = "EXPORTS", bucket_name = "exports" }]
`,
	"workers/mcp/wrangler.jsonc": `{
  // the sessions are api's
  "name": "t-mcp", "main": "i.js", "compatibility_date": "2026-03-17",
  "env": {
    "staging": {
      "kv_namespaces": [{ "binding": "SESSIONS", "id": "PLACEHOLDER" }],
      "d1_databases": [{ "binding": "DB", "database_name": "registry-staging" }],
    },
    "production": {
      "kv_namespaces": [{ "binding": "SESSIONS", "id": "PLACEHOLDER" }],
      "d1_databases": [{ "binding": "DB", "database_name": "registry" }], // without an id
    },
  },
}
`,
	"workers/push/wrangler.json": `{ "name": "t-push", "main": "i.js", "compatibility_date": "2026-03-17", "env": {
  "staging": { "kv_namespaces": [{ "binding": "CACHE", "id": "PLACEHOLDER_RATES" }] },
  "production": { "kv_namespaces": [{ "binding": "CACHE", "id": "PLACEHOLDER_RATES" }] } } }
`,
}

type world struct {
	*fakecloudflare.Server
	t   *testing.T
	dir string
	url string
}

func newWorld(t *testing.T, edits ...string) *world {
	t.Helper()
	account := fakecloudflare.New(fakecloudflare.Options{Token: "token", Tokens: []identity.Token{{Secret: "reader", Permissions: []string{"D1:Read", "Workers KV Storage:Edit", "Workers R2 Storage:Edit", "Queues:Edit"}}}})
	server := httptest.NewServer(account)
	t.Cleanup(func() {
		server.Close()
		if err := account.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{Server: account, t: t, dir: t.TempDir(), url: server.URL + "/client/v4"}
	for name, text := range files {
		text = strings.NewReplacer(edits...).Replace(text)
		path := filepath.Join(w.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) read(name string) string {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(name)))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(raw)
}

// seen is what a run told.
type seen struct {
	mu       sync.Mutex
	verdict  pipeline.Verdict
	findings []finding.Finding
	did      map[string]string // outcome by step and task
	said     []string
}

func (s *seen) Observe(_ context.Context, e pipeline.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := e.(type) {
	case pipeline.Did:
		s.did[e.Step+": "+e.Task] = e.Outcome
	case pipeline.Said:
		s.said = append(s.said, e.Line)
	case pipeline.Finished:
		s.findings = append(s.findings, e.Findings...)
	}
	return nil
}

// told are the findings from a severity on as "file:line rule".
func (s *seen) told(least finding.Severity) []string {
	var all []string
	for _, f := range s.findings {
		if f.Severity >= least {
			f.At.Column = 0
			all = append(all, f.At.String()+" "+f.Rule)
		}
	}
	slices.Sort(all)
	return all
}

func (w *world) run(options func(*provision.Options), envs ...string) *seen {
	w.t.Helper()
	loaded, err := project.Load(os.DirFS(w.dir))
	if err != nil {
		w.t.Fatal(err)
	}
	o := provision.Options{Project: loaded, Dir: w.dir, Envs: envs, Client: w.client("token")}
	if len(envs) == 0 {
		o.Envs, o.Top = []string{"staging", "production"}, true
	}
	if options != nil {
		options(&o)
	}
	plan := pipeline.Plan{Width: 8}
	for _, s := range provision.Stages(o) {
		plan.Steps = append(plan.Steps, pipeline.Step{Env: s.Env(), Stage: s, KeepGoing: true})
	}
	got := &seen{did: map[string]string{}}
	if got.verdict, err = plan.Run(w.t.Context(), got); err != nil {
		w.t.Fatal(err)
	}
	return got
}

func (w *world) client(token string) *cloudflare.Client {
	return cloudflare.New(cloudflare.Options{BaseURL: w.url, Account: w.ID(), Token: token, UserAgent: "test"})
}

package outlook_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/migration"
	"github.com/tminus/deploy-action/runner/outlook"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/preview"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/secret"
)

const databaseID = "81db6c20-2bc6-44b7-bcda-a60aa7b39742"

const apiConfig = `name = "tminus-api"
main = "index.js"
compatibility_date = "2026-03-17"
workers_dev = false
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Graph"]
[env.staging]
routes = [{ pattern = "api-staging.tminus.ink/v1/*", zone_name = "tminus.ink" }]
triggers = { crons = ["0 3 * * *"] }
durable_objects.bindings = [{ name = "GRAPH", class_name = "Graph" }]
d1_databases = [{ binding = "DB", database_name = "registry-staging", database_id = "` + databaseID + `", migrations_dir = "../../migrations" }]
vars = { MODE = "one", ISSUER_KEY = "a-value-that-nobody-reads", LIMITS = { perHour = 5 } }
`

const mcpConfig = `name = "tminus-mcp"
main = "index.js"
compatibility_date = "2026-03-17"
workers_dev = false
[env.staging]
routes = [{ pattern = "mcp-staging.tminus.ink", custom_domain = true }]
services = [{ binding = "API", service = "tminus-api-staging" }]
queues.producers = [{ binding = "OUT", queue = "work-staging" }]
queues.consumers = [{ queue = "work-staging", max_batch_size = 5 }]
`

const secretValue = "hunter2-but-longer-than-that"

// world is an account and a project of two Workers and a database.
type world struct {
	*fakecloudflare.Server
	t       *testing.T
	client  *cloudflare.Client
	files   fstest.MapFS
	code    map[string]string
	secrets map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	account := fakecloudflare.New(fakecloudflare.Options{Token: "token", Subdomain: "test", Zones: []fakecloudflare.Zone{{Name: "tminus.ink"}}})
	server := httptest.NewServer(account)
	t.Cleanup(func() {
		server.Close()
		if err := account.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"work-staging", "dead-staging"} {
		if _, err := account.Queues.Create(name, queue.Settings{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := account.D1.Create("registry-staging", databaseID); err != nil {
		t.Fatal(err)
	}
	if _, err := account.Zones.AddRecord("tminus.ink", dns.Content{Type: "CNAME", Name: "api-staging.tminus.ink", Content: "tminus.ink", Proxied: true}); err != nil {
		t.Fatal(err)
	}
	return &world{
		Server: account, t: t,
		client: cloudflare.New(cloudflare.Options{BaseURL: server.URL + "/client/v4", Account: account.ID(), Token: "token", UserAgent: "test"}),
		files: fstest.MapFS{
			"workers/api/wrangler.toml": {Data: []byte(apiConfig)},
			"workers/mcp/wrangler.toml": {Data: []byte(mcpConfig)},
			"migrations/0001_first.sql": {Data: []byte("CREATE TABLE first (id INTEGER);")},
		},
		code: map[string]string{
			"api": "export class Graph {}\nexport class More {}\nexport default { fetch() { return new Response('api 1') }, scheduled() {} }",
			"mcp": "export default { fetch() { return new Response('mcp 1') }, queue() {} }",
		},
		secrets: map[string]string{"JWT_SECRET": secretValue, "MASTER_KEY": secretValue + "!"},
	}
}

// edit changes a file.
func (w *world) edit(file, old, new string) {
	w.t.Helper()
	text := string(w.files[file].Data)
	if !strings.Contains(text, old) {
		w.t.Fatalf("%s does not hold %q", file, old)
	}
	w.files[file] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, new, 1))}
}

func (w *world) editAPI(old, new string) { w.t.Helper(); w.edit("workers/api/wrangler.toml", old, new) }

func (w *world) editMCP(old, new string) { w.t.Helper(); w.edit("workers/mcp/wrangler.toml", old, new) }

// look is the look at staging as the files are now.
func (w *world) look() outlook.Look {
	w.t.Helper()
	loaded, err := project.Load(w.files)
	if err != nil {
		w.t.Fatal(err)
	}
	target, err := loaded.In("staging")
	if err != nil {
		w.t.Fatal(err)
	}
	shelf := &bundle.Shelf{}
	for worker, code := range w.code {
		shelf.Put(worker, "staging", &bundle.Bundle{Worker: worker, Main: "index.js", Modules: []bundle.Module{{Name: "index.js", Kind: bundle.ESModule, Content: []byte(code)}}})
	}
	var names []string
	for name := range w.secrets {
		names = append(names, name)
	}
	return outlook.Look{
		Deploy: fleet.Deploy{
			Client: w.client, Target: target, FS: loaded.FS(), From: shelf, Key: "key",
			Secrets: secret.Load(names, func(name string) (string, bool) { v, ok := w.secrets[name]; return v, ok }),
		},
		Migrate: migration.Stage{Client: w.client, FS: loaded.FS(), Databases: target.Databases, Account: w.ID()},
	}
}

type nobody struct{}

func (nobody) Observe(context.Context, pipeline.Event) error { return nil }

type nowhere struct{}

func (nowhere) Record(context.Context, release.Manifest) error { return nil }

// promote migrates and deploys, as far as a digest agrees, and gives what was found.
func (w *world) promote(digest string) (pipeline.Verdict, []finding.Finding) {
	w.t.Helper()
	l := w.look()
	draft := release.NewDraft("r-"+time.Now().UTC().Format("150405.000"), "abc", "staging", time.Now())
	deploy, migrate := l.Deploy, l.Migrate
	deploy.Fleet, deploy.Draft, deploy.Journal, migrate.Draft = &fleet.Fleet{}, draft, nowhere{}, draft
	of, _ := preview.Of(digest, "staging")
	var found []finding.Finding
	verdict, err := pipeline.Plan{Steps: []pipeline.Step{
		{Env: "staging", Stage: outlook.Agreed{Stage: migrate, Look: l, Digest: of}},
		{Env: "staging", Stage: deploy, Undo: fleet.PutBack{Client: w.client, Target: deploy.Target, Fleet: deploy.Fleet}},
	}}.Run(context.Background(), collect{&found})
	if err != nil {
		w.t.Fatal(err)
	}
	return verdict, found
}

// collect keeps the findings of a run.
type collect struct{ all *[]finding.Finding }

func (c collect) Observe(_ context.Context, e pipeline.Event) error {
	if f, ok := e.(pipeline.Finished); ok {
		*c.all = append(*c.all, f.Findings...)
	}
	return nil
}

func (w *world) mustPromote() {
	w.t.Helper()
	if verdict, found := w.promote(""); verdict != pipeline.Passed {
		w.t.Fatalf("promote: %s %v", verdict, found)
	}
}

// plan makes the plan of staging and sees that it changed nothing.
func (w *world) plan() preview.Plan {
	w.t.Helper()
	w.Forget()
	var made outlook.Previews
	verdict, err := pipeline.Plan{Steps: []pipeline.Step{{Stage: outlook.Compare{Looks: []outlook.Look{w.look()}, Into: &made}}}}.Run(context.Background(), nobody{})
	p := made.Plan("staging")
	if err != nil || len(p.Environments) != 1 {
		w.t.Fatalf("plan: %s %v", verdict, err)
	}
	w.unwritten()
	return p
}

// unwritten sees that no call was made that can change something.
func (w *world) unwritten() {
	w.t.Helper()
	for _, c := range w.Calls().Writes() {
		if !strings.HasSuffix(c.Path, "/query") || !bytes.HasPrefix(c.Body, []byte(`{"sql":"SELECT `)) || bytes.Count(c.Body, []byte(";")) > 1 {
			w.t.Errorf("a write: %s %s %s", c.Method, c.Path, c.Body)
		}
	}
}

// denial refuses reads of a path for want of a permission.
func denial(path string) traffic.Fault {
	return traffic.Fault{Method: "GET", Path: path, Times: -1, Refusal: envelope.Fail(403, 10000, "Authentication error")}
}

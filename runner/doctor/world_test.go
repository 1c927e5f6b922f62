package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/doctor"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/fakecloudflare/edge"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/migration"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/secret"
)

const secretValue = "hunter2-but-longer-than-that"

// world is an account, a project that is deployed to it, and the hosts of its Workers.
type world struct {
	*fakecloudflare.Server
	t      *testing.T
	url    string
	face   string
	dir    string
	client *cloudflare.Client
	clock  cloudflare.Clock
	probe  *probe.Client
	names  doctor.Names
	now    func() time.Time
	last   release.Manifest
	only   []string

	mu     sync.Mutex
	broken map[string]func(http.ResponseWriter) // by host
}

// files is a project of three Workers: api has everything, mcp calls it, push takes
// messages and uses its objects.
var files = map[string]string{
	"workers/api/index.js": "import { createHash } from \"node:crypto\";\nexport class Graph {}\nexport default {\n  async fetch(request, env) {\n    await env.DB.prepare(env.JWT_SECRET).run();\n    if (env.OPTIONAL) env.OPTIONAL.put(createHash(\"sha1\"));\n    return new Response(env.GRAPH.name);\n  },\n  scheduled() {},\n};\n",
	"workers/api/wrangler.toml": `name = "tminus-api"
main = "index.js"
compatibility_date = "2026-03-17"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Graph"]

[env.staging]
compatibility_flags = ["nodejs_compat"]
workers_dev = false
routes = [{ pattern = "api-staging.tminus.ink/*", zone_name = "tminus.ink" }]
triggers = { crons = ["0 3 * * *"] }
durable_objects.bindings = [{ name = "GRAPH", class_name = "Graph" }]
d1_databases = [{ binding = "DB", database_name = "registry-staging", database_id = "81db6c20-2bc6-44b7-bcda-a60aa7b39742", migrations_dir = "../../migrations" }]
vars = { MODE = "one" }
`,
	"workers/mcp/index.js": "export default { fetch(request, env) { return env.API.fetch(request); } };\n",
	"workers/mcp/wrangler.toml": `name = "tminus-mcp"
main = "index.js"
compatibility_date = "2026-03-17"

[env.staging]
workers_dev = false
routes = [{ pattern = "mcp-staging.tminus.ink", custom_domain = true }]
services = [{ binding = "API", service = "tminus-api-staging" }]
queues.producers = [{ binding = "OUT", queue = "work-staging" }]
`,
	"workers/push/index.js": "export default { queue(batch, env) { env.GRAPH.get(batch); } };\n",
	"workers/push/wrangler.toml": `name = "tminus-push"
main = "index.js"
compatibility_date = "2026-03-17"

[env.staging]
workers_dev = false
durable_objects.bindings = [{ name = "GRAPH", class_name = "Graph", script_name = "tminus-api-staging" }]
queues.consumers = [{ queue = "work-staging", max_batch_size = 5, dead_letter_queue = "dead-staging" }]
`,
	"migrations/0001_first.sql": "CREATE TABLE first (id INTEGER);",
	"tminus.yaml":               "secrets:\n  JWT_SECRET: [api]\n  MASTER_KEY: [api]\n",
}

// newWorld is the project of three Workers, healthy.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return worldOf(t, dir)
}

// worldOf is an account to which the project of a folder is deployed, healthy.
func worldOf(t *testing.T, dir string) *world {
	t.Helper()
	account := fakecloudflare.New(fakecloudflare.Options{Token: "token", Subdomain: "test", Zones: []fakecloudflare.Zone{{Name: "tminus.ink"}}})
	server := httptest.NewServer(account)
	w := &world{Server: account, t: t, url: server.URL, dir: dir, broken: map[string]func(http.ResponseWriter){}}
	authority, err := edge.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	face := httptest.NewUnstartedServer(http.HandlerFunc(w.edge))
	face.TLS = authority.Config()
	face.StartTLS()
	w.face = face.Listener.Addr().String()
	t.Cleanup(func() {
		face.Close()
		server.Close()
		if err := account.Close(); err != nil {
			t.Error(err)
		}
	})
	w.client = w.as("token", "deploy-action")
	pin, err := probe.ParseResolve("*:443:" + face.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if w.probe, err = probe.New(probe.Options{Resolve: []probe.Resolve{pin}, CACert: authority.PEM()}); err != nil {
		t.Fatal(err)
	}
	w.names = doctor.Names{Pinned: func(string) bool { return true }}
	w.furnish()
	w.deploy("20260101T000000Z-first")
	return w
}

// as is a client that calls itself by a name.
func (w *world) as(token, agent string) *cloudflare.Client {
	return cloudflare.New(cloudflare.Options{BaseURL: w.url + "/client/v4", Account: w.ID(), Token: token, UserAgent: agent, Transport: &w.clock})
}

// edge answers as the Workers do: in the enriched format, unless a host is broken.
func (w *world) edge(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	broken := w.broken[r.Host]
	w.mu.Unlock()
	if broken != nil {
		broken(rw)
		return
	}
	for _, e := range w.target().Endpoints {
		if e.Host == r.Host {
			fmt.Fprintf(rw, `{"ok":true,"data":{"status":"healthy","environment":"staging","worker":%q,"bindings":{"DB":"ok"}}}`, e.Title)
		}
	}
}

// answers has a host answer otherwise.
func (w *world) answers(host string, status int, body string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken[host] = func(rw http.ResponseWriter) {
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}
}

func (w *world) loaded() project.Project {
	w.t.Helper()
	loaded, err := project.Load(os.DirFS(w.dir))
	if err != nil {
		w.t.Fatal(err)
	}
	return loaded
}

// target is staging, as the files are now.
func (w *world) target() project.Target {
	w.t.Helper()
	t, err := w.loaded().In("staging")
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// edit changes a file of the project.
func (w *world) edit(file, old, new string) {
	w.t.Helper()
	path := filepath.Join(w.dir, file)
	raw, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(raw), old) {
		w.t.Fatalf("%s does not hold %q: %v", file, old, err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(raw), old, new, 1)), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// furnish makes what the configuration names.
func (w *world) furnish() {
	w.t.Helper()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	makeQueue := func(name string) {
		if name != "" && w.Queues.Check(name) != nil {
			_, err := w.Queues.Create(name, queue.Settings{})
			must(err)
		}
	}
	t := w.target()
	custom := map[string]bool{}
	for _, s := range t.Scripts {
		for _, b := range s.Section.Bindings {
			var err error
			switch id := b.Field("database_id").V; b.Type {
			case "d1":
				if !w.D1.Has(id) {
					_, err = w.D1.Create(b.Field("database_name").V, id)
				}
			case "kv_namespace":
				if id := b.Field("id").V; w.KV.Check(id) != nil {
					_, err = w.KV.Create(s.Name+"-"+b.Name.V, id)
				}
			case "r2_bucket":
				if name := b.Field("bucket_name").V; w.R2.Check(name) != nil {
					_, err = w.R2.Create(name)
				}
			case "queue":
				makeQueue(b.Field("queue").V)
			}
			must(err)
		}
		for _, c := range s.Section.Triggers.Consumers {
			makeQueue(c.Queue.V)
			makeQueue(c.DeadLetter.V)
		}
		for _, r := range s.Section.Triggers.Routes {
			custom[r.Pattern.V] = r.Custom
		}
	}
	for _, host := range t.Hosts() {
		if !custom[host] {
			_, err := w.Zones.AddRecord("tminus.ink", dns.Content{Type: "CNAME", Name: host, Content: "tminus.ink", Proxied: true})
			must(err)
		}
	}
}

// code is a Worker that has what its configuration binds.
func code(s project.Script) string {
	text := "export default { fetch() { return new Response('ok') }, queue() {}"
	if len(s.Section.Triggers.Crons) > 0 {
		text += ", scheduled() {}"
	}
	text += " };\n"
	for _, b := range s.Section.Bindings {
		if class := b.Field("class_name").V; class != "" && b.Field("script_name").V == "" {
			text += "export class " + class + " {}\n"
		}
	}
	return text
}

type journal struct{ last *release.Manifest }

func (j journal) Record(_ context.Context, m release.Manifest) error { *j.last = m; return nil }

// deploy migrates and deploys the project as it is.
func (w *world) deploy(id string) {
	w.t.Helper()
	loaded, target := w.loaded(), w.target()
	shelf, names := &bundle.Shelf{}, []string{}
	for _, s := range target.Scripts {
		shelf.Put(s.Worker, "staging", &bundle.Bundle{Worker: s.Worker, Main: "index.js", Modules: []bundle.Module{{Name: "index.js", Kind: bundle.ESModule, Content: []byte(code(s) + "// " + id)}}})
		names = append(names, s.Secrets...)
	}
	draft := release.NewDraft(id, "abc", "staging", time.Now())
	deploy := fleet.Deploy{
		Client: w.client, Target: target, FS: loaded.FS(), From: shelf, Key: "key", Fleet: &fleet.Fleet{}, Draft: draft, Journal: journal{&w.last},
		Secrets: secret.Load(names, func(string) (string, bool) { return secretValue, true }),
	}
	var found []finding.Finding
	verdict, err := pipeline.Plan{Steps: []pipeline.Step{
		{Env: "staging", Stage: migration.Stage{Client: w.client, FS: loaded.FS(), Databases: target.Databases, Account: w.ID(), Draft: draft}},
		{Env: "staging", Stage: deploy},
	}}.Run(context.Background(), collect{&found})
	if err != nil || verdict != pipeline.Passed {
		w.t.Fatalf("deploy: %s %v %v", verdict, err, found)
	}
}

// collect keeps the findings of a run.
type collect struct{ all *[]finding.Finding }

func (c collect) Observe(_ context.Context, e pipeline.Event) error {
	if f, ok := e.(pipeline.Finished); ok {
		*c.all = append(*c.all, f.Findings...)
	}
	return nil
}

// visit is what a doctor said.
type visit struct {
	verdict pipeline.Verdict
	answers []doctor.Answer
	found   []finding.Finding
	history []doctor.Deployment
}

// doctor asks everything of staging, and sees that nothing was written.
func (w *world) doctor(change ...func(*doctor.Doctor)) visit {
	w.t.Helper()
	target, err := w.target().Only(w.only...)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &doctor.Doctor{
		Project: w.loaded(), Dir: w.dir, Targets: []project.Target{target}, Probe: w.probe, Names: w.names, Now: w.now,
		Account: doctor.Account{Client: w.client, ID: w.ID(), Clock: &w.clock}, Recorded: map[string]release.Manifest{"staging": w.last},
	}
	for _, c := range change {
		c(d)
	}
	w.Forget()
	var v visit
	answers := &doctor.Answers{}
	v.verdict, err = pipeline.Plan{Steps: d.Steps()}.Run(context.Background(), pipeline.Observers{answers, collect{&v.found}})
	if err != nil {
		w.t.Fatal(err)
	}
	v.answers, v.history = answers.All, d.History(3)
	for _, c := range w.Calls().Writes() {
		if !strings.HasSuffix(c.Path, "/query") || !strings.Contains(string(c.Body), `"SELECT name FROM`) {
			w.t.Errorf("a write: %s %s %s", c.Method, c.Path, c.Body)
		}
	}
	if raw, _ := json.Marshal(v.answers); strings.Contains(string(raw), secretValue) {
		w.t.Errorf("a secret is shown: %s", raw)
	}
	return v
}

// sick are the answers that are not well, as "mark topic question".
func (v visit) sick() []string {
	var all []string
	for _, a := range v.answers {
		if a.Mark != doctor.Well {
			all = append(all, fmt.Sprintf("%s %s: %s (%s)", a.Mark, a.Topic, a.Question, a.Evidence))
		}
	}
	return all
}

// heard gives the finding of a rule at a place that says something.
func (v visit) heard(rule, place, says string) (finding.Finding, bool) {
	i := slices.IndexFunc(v.found, func(f finding.Finding) bool {
		return f.Rule == rule && strings.HasPrefix(f.At.String(), place) && strings.Contains(f.Message+" → "+f.Hint, says)
	})
	if i < 0 {
		return finding.Finding{}, false
	}
	return v.found[i], true
}

// ask makes one call of the account's API, as somebody else would.
func (w *world) ask(method, path, body string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.url+"/client/v4"+strings.ReplaceAll(path, "ACCOUNT", w.ID()), strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("User-Agent", "wrangler/4.0.0")
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		text, _ := io.ReadAll(res.Body)
		w.t.Fatalf("%s %s: %s", method, path, text)
	}
}

package rollback_test

import (
	"context"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/rollback"
	"github.com/tminus/deploy-action/runner/secret"
)

// Three Workers in a row: push needs mcp, which needs api.
var configs = map[string]string{
	"api": `name = "tminus-api"
main = "index.js"
compatibility_date = "2026-03-17"
workers_dev = false
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Graph"]
[env.staging]
routes = [{ pattern = "api-staging.tminus.ink/*", zone_name = "tminus.ink" }]
triggers = { crons = ["0 3 * * *"] }
durable_objects.bindings = [{ name = "GRAPH", class_name = "Graph" }]
`,
	"mcp": `name = "tminus-mcp"
main = "index.js"
compatibility_date = "2026-03-17"
workers_dev = false
[env.staging]
routes = [{ pattern = "mcp-staging.tminus.ink", custom_domain = true }]
services = [{ binding = "API", service = "tminus-api-staging" }]
`,
	"push": `name = "tminus-push"
main = "index.js"
compatibility_date = "2026-03-17"
workers_dev = false
[env.staging]
services = [{ binding = "MCP", service = "tminus-mcp-staging" }]
queues.consumers = [{ queue = "work-staging", max_batch_size = 5 }]
`,
}

var names = []string{"api", "mcp", "push"}

func scriptOf(worker string) string { return "tminus-" + worker + "-staging" }

// world is an account with the three Workers, the releases that were made and the
// rollbacks that were recorded.
type world struct {
	*fakecloudflare.Server
	t       *testing.T
	base    string // of the API
	client  *cloudflare.Client
	files   fstest.MapFS
	code    map[string]string
	secrets map[string]string
	journal *journal // of releases
	backs   *journal // of rollbacks
}

// journal keeps what was recorded, or refuses to.
type journal struct {
	mu   sync.Mutex
	all  []release.Manifest
	fail error
}

func (j *journal) Record(_ context.Context, m release.Manifest) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, m)
	return j.fail
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
	for _, name := range []string{"work-staging", "other-staging"} {
		if _, err := account.Queues.Create(name, queue.Settings{}); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{
		Server: account, t: t, base: server.URL + "/client/v4", files: fstest.MapFS{}, secrets: map[string]string{}, journal: &journal{}, backs: &journal{},
		client: cloudflare.New(cloudflare.Options{BaseURL: server.URL + "/client/v4", Account: account.ID(), Token: "token", UserAgent: "test"}),
		code: map[string]string{
			"api":  "export class Graph {}\nexport default { fetch() { return new Response('api') }, scheduled() {} }",
			"mcp":  "export default { fetch() { return new Response('mcp') } }",
			"push": "export default { queue() {}, fetch() { return new Response('push') } }",
		},
	}
	for worker, text := range configs {
		w.files["workers/"+worker+"/wrangler.toml"] = &fstest.MapFile{Data: []byte(text)}
	}
	return w
}

// edit changes a Worker's configuration.
func (w *world) edit(worker, old, new string) {
	w.t.Helper()
	text := string(w.files["workers/"+worker+"/wrangler.toml"].Data)
	if !strings.Contains(text, old) {
		w.t.Fatalf("%s does not hold %q", worker, old)
	}
	w.files["workers/"+worker+"/wrangler.toml"] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, new, 1))}
}

func (w *world) target() (project.Project, project.Target) {
	w.t.Helper()
	loaded, err := project.Load(w.files)
	if err != nil {
		w.t.Fatal(err)
	}
	target, err := loaded.In("staging")
	if err != nil {
		w.t.Fatal(err)
	}
	return loaded, target
}

type watcher func(pipeline.Event)

func (w watcher) Observe(_ context.Context, e pipeline.Event) error { w(e); return nil }

// outcome is how a plan ended.
type outcome struct {
	verdict  pipeline.Verdict
	tasks    map[string]pipeline.Did
	order    []string
	findings []finding.Finding
	way      *rollback.Way
}

// rules are those of the findings that are more than a notice.
func (o outcome) rules() []string {
	var rules []string
	for _, f := range o.findings {
		if f.Severity > finding.Notice {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// run runs one stage.
func (w *world) run(step pipeline.Step, watch func(pipeline.Event)) outcome {
	w.t.Helper()
	o := outcome{tasks: map[string]pipeline.Did{}}
	w.Forget()
	verdict, err := pipeline.Plan{Width: 8, Steps: []pipeline.Step{step}}.Run(context.Background(), watcher(func(e pipeline.Event) {
		switch e := e.(type) {
		case pipeline.Did:
			o.tasks[e.Task] = e
			o.order = append(o.order, e.Task)
		case pipeline.Finished:
			o.findings = e.Findings
		}
		if watch != nil {
			watch(e)
		}
	}))
	if err != nil {
		w.t.Fatal(err)
	}
	o.verdict = verdict
	return o
}

// tryDeploy runs the deploy stage.
func (w *world) tryDeploy(name string) outcome {
	w.t.Helper()
	loaded, target := w.target()
	shelf := &bundle.Shelf{}
	for worker, code := range w.code {
		shelf.Put(worker, "staging", &bundle.Bundle{Worker: worker, Main: "index.js", Modules: []bundle.Module{{Name: "index.js", Kind: bundle.ESModule, Content: []byte(code)}}})
	}
	f := &fleet.Fleet{}
	stage := fleet.Deploy{
		Client: w.client, Target: target, FS: loaded.FS(), From: shelf, Fleet: f, Journal: w.journal, Key: "key",
		Draft:   release.NewDraft(name, "abc", "staging", time.Now()),
		Secrets: secret.Load(slices.Collect(maps.Keys(w.secrets)), func(name string) (string, bool) { v, ok := w.secrets[name]; return v, ok }),
	}
	return w.run(pipeline.Step{Stage: stage, Env: "staging", Undo: fleet.PutBack{Client: w.client, Target: target, Fleet: f}}, nil)
}

// deploy makes a release of which the named Workers have new code, all if none is
// named, and gives its record.
func (w *world) deploy(name string, workers ...string) release.Manifest {
	w.t.Helper()
	if len(workers) == 0 {
		workers = names
	}
	for _, worker := range workers {
		w.code[worker] += "\n// " + name
	}
	if o := w.tryDeploy(name); o.verdict != pipeline.Passed {
		w.t.Fatalf("%s: %s %v", name, o.verdict, o.findings)
	}
	return w.journal.all[len(w.journal.all)-1]
}

// back runs a rollback with what makes it whole again.
func (w *world) back(change func(*rollback.Stage)) outcome { return w.backWatched(change, nil) }

func (w *world) backWatched(change func(*rollback.Stage), watch func(pipeline.Event)) outcome {
	w.t.Helper()
	_, target := w.target()
	s := rollback.Stage{
		Client: w.client, Target: target, Scope: check.Scope(target), Journal: w.backs, Way: &rollback.Way{},
		Manifest: release.Manifest{Schema: release.Schema, Release: "back", Environment: "staging", Back: &release.Back{}},
	}
	if change != nil {
		change(&s)
	}
	step := pipeline.Step{Env: "staging", KeepGoing: true, Stage: s}
	if !s.Prove {
		step.Undo = rollback.Forward{Stage: s}
	}
	o := w.run(step, watch)
	o.way = s.Way
	return o
}

func alone(version string) []release.Share { return []release.Share{{Version: version, Percent: 100}} }

// to is a rollback from one release to another.
func to(from, good release.Manifest) func(*rollback.Stage) {
	r := aim.To(from, good)
	return func(s *rollback.Stage) { s.Known = &r }
}

// state is what the account has for the three scripts.
func (w *world) state() map[string]live.Script {
	w.t.Helper()
	a, err := live.Read(context.Background(), w.client, live.Scope{
		Scripts: []string{scriptOf("api"), scriptOf("mcp"), scriptOf("push")}, Hosts: []string{"tminus.ink"}, Uses: live.Uses{Queues: true, Domains: true},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Scripts
}

// serving is what serves each Worker.
func (w *world) serving() map[string][]release.Share {
	w.t.Helper()
	all := map[string][]release.Share{}
	for name, s := range w.state() {
		all[name] = s.Shares()
	}
	return all
}

// label is what the deployment of a Worker says of itself.
func (w *world) label(worker string) release.Label {
	w.t.Helper()
	l, _ := release.ParseLabel(w.state()[scriptOf(worker)].Serving.Message())
	return l
}

// split has versions serve a Worker, as a person does by hand.
func (w *world) split(worker string, shares ...release.Share) {
	w.t.Helper()
	var all []cloudflare.Traffic
	for _, s := range shares {
		all = append(all, cloudflare.Traffic{Version: s.Version, Percent: s.Percent})
	}
	if _, err := w.client.Deploy(context.Background(), scriptOf(worker), all, "by hand", false); err != nil {
		w.t.Fatal(err)
	}
}

// writes are the calls that changed something, in order, with the account left out.
func (w *world) writes() []string {
	var all []string
	for _, c := range w.Calls().Writes() {
		line := c.Method + " " + strings.TrimPrefix(c.Path, "/accounts/"+w.ID())
		if c.Query != "" {
			line += "?" + c.Query
		}
		all = append(all, line)
	}
	return all
}

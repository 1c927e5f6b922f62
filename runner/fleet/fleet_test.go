package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/secret"
)

const apiConfig = `name = "tminus-api"
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
vars = { MODE = "one" }
`

const mcpConfig = `name = "tminus-mcp"
main = "index.js"
compatibility_date = "2026-03-17"
workers_dev = false
[env.staging]
routes = [{ pattern = "mcp-staging.tminus.ink", custom_domain = true }]
services = [{ binding = "API", service = "tminus-api-staging" }]
queues.producers = [{ binding = "OUT", queue = "work-staging" }]
`

const pushConfig = `name = "tminus-push"
main = "index.js"
compatibility_date = "2026-03-17"
workers_dev = false
[env.staging]
durable_objects.bindings = [{ name = "GRAPH", class_name = "Graph", script_name = "tminus-api-staging" }]
queues.consumers = [{ queue = "work-staging", max_batch_size = 5, dead_letter_queue = "dead-staging" }]
`

// world is an account and a project of three Workers that need each other.
type world struct {
	*fakecloudflare.Server
	t       *testing.T
	client  *cloudflare.Client
	files   fstest.MapFS
	code    map[string]string
	secrets map[string]string
	journal *journal
	removes bool
	why     func(string) string // for which a release was taken back
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
	for _, name := range []string{"work-staging", "dead-staging", "other-staging"} {
		if _, err := account.Queues.Create(name, queue.Settings{}); err != nil {
			t.Fatal(err)
		}
	}
	return &world{
		Server: account, t: t,
		client: cloudflare.New(cloudflare.Options{BaseURL: server.URL + "/client/v4", Account: account.ID(), Token: "token", UserAgent: "test"}),
		files: fstest.MapFS{
			"workers/api/wrangler.toml":  {Data: []byte(apiConfig)},
			"workers/mcp/wrangler.toml":  {Data: []byte(mcpConfig)},
			"workers/push/wrangler.toml": {Data: []byte(pushConfig)},
		},
		code: map[string]string{
			"api":  "export class Graph {}\nexport default { fetch() { return new Response('api 1') }, scheduled() {} }",
			"mcp":  "export default { fetch() { return new Response('mcp 1') } }",
			"push": "export default { queue() {}, fetch() { return new Response('push 1') } }",
		},
		secrets: map[string]string{}, journal: &journal{},
	}
}

// edit changes a Worker's configuration.
func (w *world) edit(worker, old, new string) {
	w.t.Helper()
	file := w.files["workers/"+worker+"/wrangler.toml"]
	if !strings.Contains(string(file.Data), old) {
		w.t.Fatalf("%s does not hold %q", worker, old)
	}
	w.files["workers/"+worker+"/wrangler.toml"] = &fstest.MapFile{Data: []byte(strings.Replace(string(file.Data), old, new, 1))}
}

// outcome is how a deploy ended.
type outcome struct {
	verdict  pipeline.Verdict
	tasks    map[string]pipeline.Did
	order    []string
	findings []finding.Finding
	fleet    *fleet.Fleet
}

func (o outcome) rules() []string {
	var rules []string
	for _, f := range o.findings {
		if f.Severity > finding.Notice {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

type watcher func(pipeline.Event)

func (w watcher) Observe(_ context.Context, e pipeline.Event) error { w(e); return nil }

// deploy runs the deploy stage with its undo. Watch, if not nil, sees each event.
func (w *world) deploy(ctx context.Context, name string, watch func(pipeline.Event)) outcome {
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
	o := outcome{tasks: map[string]pipeline.Did{}, fleet: &fleet.Fleet{}}
	stage := fleet.Deploy{
		Client: w.client, Target: target, FS: loaded.FS(), From: shelf, Fleet: o.fleet, Journal: w.journal, Key: "key", RemoveWorkflows: w.removes, Why: w.why,
		Draft:   release.NewDraft(name, "abc", "staging", time.Now()),
		Secrets: secret.Load(names, func(name string) (string, bool) { v, ok := w.secrets[name]; return v, ok }),
	}
	plan := pipeline.Plan{Steps: []pipeline.Step{{Stage: stage, Env: "staging", Undo: fleet.PutBack{Client: w.client, Target: target, Fleet: o.fleet}}}}
	w.Forget()
	o.verdict, err = plan.Run(ctx, watcher(func(e pipeline.Event) {
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
	return o
}

func (w *world) mustDeploy(name string) outcome {
	w.t.Helper()
	o := w.deploy(context.Background(), name, nil)
	if o.verdict != pipeline.Passed {
		w.t.Fatalf("%s: %s %v", name, o.verdict, o.findings)
	}
	return o
}

// state is what the account has for the three scripts.
func (w *world) state() *live.Account {
	w.t.Helper()
	a, err := live.Read(context.Background(), w.client, live.Scope{
		Scripts: []string{"tminus-api-staging", "tminus-mcp-staging", "tminus-push-staging"}, Hosts: []string{"tminus.ink"},
		Uses: live.Uses{Queues: true, Domains: true},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// serving is the version that serves a script alone.
func (w *world) serving(worker string) string {
	w.t.Helper()
	shares := w.state().Scripts["tminus-"+worker+"-staging"].Shares()
	if len(shares) != 1 {
		w.t.Fatalf("%s is served by %v", worker, shares)
	}
	return shares[0].Version
}

func (w *world) versions() map[string]string {
	all := map[string]string{}
	for _, worker := range []string{"api", "mcp", "push"} {
		all[worker] = w.serving(worker)
	}
	return all
}

// writes are the calls that changed something, in order, with the account left out.
func (w *world) writes() []string {
	var all []string
	for _, c := range w.Calls().Writes() {
		all = append(all, c.Method+" "+strings.TrimPrefix(c.Path, "/accounts/"+w.ID()))
	}
	return all
}

func at(list []string, text string) int {
	return slices.IndexFunc(list, func(s string) bool { return strings.HasSuffix(s, text) })
}

func TestAFirstReleaseIsPutAsAWholeProvidersFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.mustDeploy("r1")
	writes := w.writes()
	api, mcp, push := at(writes, "/scripts/tminus-api-staging"), at(writes, "/scripts/tminus-mcp-staging"), at(writes, "/scripts/tminus-push-staging")
	if api < 0 || api > mcp || api > push {
		t.Errorf("writes are not in order: %v", writes)
	}
	if at(writes, "/versions") >= 0 {
		t.Errorf("a script that does not exist was uploaded as a version: %v", writes)
	}
	a := w.state()
	triggers := a.Scripts["tminus-api-staging"].Triggers
	if len(triggers.Routes) != 1 || !slices.Equal(triggers.Crons, []string{"0 3 * * *"}) || triggers.WorkersDev {
		t.Errorf("triggers of api: %+v", triggers)
	}
	if d := a.Scripts["tminus-mcp-staging"].Triggers.Domains; !slices.Equal(d, []string{"mcp-staging.tminus.ink"}) {
		t.Errorf("domains of mcp: %v", d)
	}
	if c := a.Scripts["tminus-push-staging"].Triggers.Consumers; len(c) != 1 || c[0].DeadLetter != "dead-staging" {
		t.Errorf("consumers of push: %+v", c)
	}
	if len(o.fleet.Moved()) != 3 {
		t.Errorf("moved %v", o.fleet.Moved())
	}
	last := w.journal.all[len(w.journal.all)-1]
	for _, p := range last.Workers {
		if p.Version == "" || p.OneWay == "" || len(p.Previous) != 0 {
			t.Errorf("recorded %+v", p)
		}
	}
	if label, ok := a.Scripts["tminus-api-staging"].Label(); !ok || label.Release != "r1" {
		t.Errorf("label %+v", label)
	}
}

func TestUnchangedCodeMakesNoWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secrets["JWT_SECRET"] = "hunter2hunter2"
	w.mustDeploy("r1")
	before := w.versions()
	recorded := len(w.journal.all)
	w.mustDeploy("r2")
	if writes := w.writes(); len(writes) != 0 {
		t.Errorf("writes %v", writes)
	}
	if len(w.journal.all) != recorded+1 || w.journal.all[recorded].Changed() || !w.journal.all[0].Changed() {
		t.Errorf("%d records; the last one must say that nothing changed", len(w.journal.all))
	}
	if after := w.versions(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("versions %v, were %v", after, before)
	}
}

func TestTrafficMovesOnlyAfterAllIsUploadedAndRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	for worker := range w.code {
		w.code[worker] = strings.Replace(w.code[worker], "1'", "2'", 1)
	}
	var recordedAt int
	o := w.deploy(context.Background(), "r2", func(e pipeline.Event) {
		if did, ok := e.(pipeline.Did); ok && did.Task == "Record the release" {
			recordedAt = len(w.Calls().Writes())
		}
	})
	if o.verdict != pipeline.Passed {
		t.Fatal(o.findings)
	}
	writes := w.writes()
	if len(writes) != 6 || recordedAt != 3 {
		t.Fatalf("recorded after %d of %v", recordedAt, writes)
	}
	for i, call := range writes {
		if strings.HasSuffix(call, "/versions") != (i < 3) || strings.HasSuffix(call, "/deployments") != (i >= 3) {
			t.Errorf("write %d is %s", i, call)
		}
	}
	if !strings.Contains(writes[3], "tminus-api-staging") {
		t.Errorf("the provider was not switched first: %v", writes[3:])
	}
	m := w.journal.all[len(w.journal.all)-1]
	for _, p := range m.Workers {
		if p.OneWay != "" || len(p.Previous) != 1 || p.Previous[0].Percent != 100 || p.Version == "" {
			t.Errorf("recorded %+v", p)
		}
	}
}

func TestAClassMigrationIsPutAndWhatNeedsItWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	w.edit("api", "[env.staging]", "[[migrations]]\ntag = \"v2\"\nnew_sqlite_classes = [\"Extra\"]\n[env.staging]")
	w.code["api"] = strings.Replace(w.code["api"], "export class Graph {}", "export class Graph {}\nexport class Extra {}", 1)
	w.code["mcp"] += "\n// changed"
	o := w.mustDeploy("r2")
	writes := w.writes()
	put, version := at(writes, "PUT /workers/scripts/tminus-api-staging"), at(writes, "tminus-mcp-staging/versions")
	if put < 0 || version < put {
		t.Errorf("writes %v", writes)
	}
	if got := o.tasks["Upload tminus-mcp-staging"].Outcome; !strings.Contains(got, "goes with its switch") {
		t.Errorf("upload of mcp: %q", got)
	}
	if got := w.state().Scripts["tminus-api-staging"].Listed.MigrationTag; got != "v2" {
		t.Errorf("migration tag %q", got)
	}
	m := w.journal.all[len(w.journal.all)-1]
	if p, _ := m.Placed("tminus-api-staging"); !strings.Contains(p.OneWay, "v2") || p.Version != w.serving("api") {
		t.Errorf("recorded %+v", p)
	}
}

func TestATagThatTheConfigurationLostClosesTheGateBeforeAnyChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	w.edit("api", `tag = "v1"`, `tag = "v7"`)
	o := w.deploy(context.Background(), "r2", nil)
	if o.verdict != pipeline.Failed || len(w.writes()) != 0 || !slices.Equal(o.rules(), []string{"unknown-class-migration"}) {
		t.Errorf("%s %v %v", o.verdict, o.rules(), w.writes())
	}
	if o.findings[0].At.String() != "workers/api/wrangler.toml:5:3" {
		t.Errorf("placed at %s", o.findings[0].At)
	}
}

func TestSecretsGoUpWithTheVersionAndNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	w.secrets["JWT_SECRET"] = "hunter2hunter2"
	o := w.mustDeploy("r2")
	names, err := w.client.Secrets(context.Background(), "tminus-api-staging")
	if err != nil || !slices.Equal(names, []string{"JWT_SECRET"}) {
		t.Errorf("secrets %v, %v", names, err)
	}
	if other, err := w.client.Secrets(context.Background(), "tminus-mcp-staging"); err != nil || len(other) != 0 {
		t.Errorf("mcp got %v, %v", other, err)
	}
	told := fmt.Sprintf("%+v %+v %+v", o.tasks, o.findings, w.journal.all)
	if strings.Contains(told, "hunter2") {
		t.Error("the secret was told")
	}
	delete(w.secrets, "JWT_SECRET")
	w.code["api"] += "\n// changed"
	w.mustDeploy("r3")
	if names, _ := w.client.Secrets(context.Background(), "tminus-api-staging"); !slices.Equal(names, []string{"JWT_SECRET"}) {
		t.Errorf("a deploy without the value lost the secret: %v", names)
	}
}

func TestNothingMovesWhenTheReleaseCannotBeRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	before := w.versions()
	w.code["api"] += "\n// changed"
	w.journal.fail = errors.New("disk full")
	o := w.deploy(context.Background(), "r2", nil)
	if o.verdict != pipeline.Failed || !slices.Equal(o.rules(), []string{"record"}) {
		t.Errorf("%s %v", o.verdict, o.findings)
	}
	if fmt.Sprint(w.versions()) != fmt.Sprint(before) || len(o.fleet.Moved()) != 0 {
		t.Error("traffic moved")
	}
}

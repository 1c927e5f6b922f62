package provision_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/provision"
)

// ids gives the ids of all databases and namespaces of the account by name.
func (w *world) ids() map[string]string {
	w.t.Helper()
	c := w.client("token")
	all := map[string]string{}
	databases, err := c.Databases(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range databases {
		all[d.Name] = d.ID
	}
	namespaces, err := c.Namespaces(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range namespaces {
		all[n.Title] = n.ID
	}
	return all
}

// filled is a file of the project with the ids that it should have.
func (w *world) filled(name string) string {
	id := w.ids()
	r := map[string][]string{
		"wrangler-d1.toml": {`"placeholder"`, quoted(id["registry"])},
		"workers/api/wrangler.toml": {
			`"registry-dev", database_id = "PLACEHOLDER"`, `"registry-dev", database_id = ` + quoted(id["registry-dev"]),
			"\"registry-staging\"\ndatabase_id = \"placeholder-registry\"", "\"registry-staging\"\ndatabase_id = " + quoted(id["registry-staging"]),
			`"registry", database_id = "placeholder-registry"`, `"registry", database_id = ` + quoted(id["registry"]),
			"\"SESSIONS\"\nid = 'PLACEHOLDER'", "\"SESSIONS\"\nid = '" + id["t-api-staging-sessions"] + "'",
			"\"RATE_LIMITS\"\nid = 'PLACEHOLDER'", "\"RATE_LIMITS\"\nid = '" + id["t-api-staging-rate-limits"] + "'",
			`"SESSIONS", id = "PLACEHOLDER"`, `"SESSIONS", id = ` + quoted(id["t-api-production-sessions"]),
			`"RATE_LIMITS", id = "PLACEHOLDER"`, `"RATE_LIMITS", id = ` + quoted(id["t-api-production-rate-limits"]),
		},
		"workers/push/wrangler.json": {
			`"staging": { "kv_namespaces": [{ "binding": "CACHE", "id": "PLACEHOLDER_RATES"`, `"staging": { "kv_namespaces": [{ "binding": "CACHE", "id": ` + quoted(id["t-push-staging-cache"]),
			`"production": { "kv_namespaces": [{ "binding": "CACHE", "id": "PLACEHOLDER_RATES"`, `"production": { "kv_namespaces": [{ "binding": "CACHE", "id": ` + quoted(id["t-push-production-cache"]),
		},
	}
	text := strings.NewReplacer(r[name]...).Replace(files[name])
	if name == "workers/mcp/wrangler.jsonc" {
		staging, production, _ := strings.Cut(files[name], `"production"`)
		text = strings.NewReplacer(`"PLACEHOLDER"`, quoted(id["t-api-staging-sessions"]), `"registry-staging"`, `"registry-staging", "database_id": `+quoted(id["registry-staging"])).Replace(staging) +
			`"production"` + strings.NewReplacer(`"PLACEHOLDER"`, quoted(id["t-api-production-sessions"]), `"registry"`, `"registry", "database_id": `+quoted(id["registry"])).Replace(production)
	}
	return text
}

func quoted(text string) string { return `"` + text + `"` }

func (w *world) wantFilled() {
	w.t.Helper()
	for name := range files {
		if got, want := w.read(name), w.filled(name); got != want {
			w.t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
		}
		if info, err := os.Stat(filepath.Join(w.dir, name)); err != nil || info.Mode().Perm() != 0o640 {
			w.t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		if left, _ := filepath.Glob(filepath.Join(w.dir, filepath.Dir(name), ".deploy-action-*")); len(left) > 0 {
			w.t.Errorf("left behind: %s", left)
		}
	}
}

func TestAnEmptyAccountGetsWhatTheFilesName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.run(nil)
	if got.verdict != pipeline.Passed || len(got.told(finding.Warning)) != 0 {
		t.Fatalf("%s: %v", got.verdict, got.findings)
	}
	w.wantFilled()
	if n := len(w.Calls().Writes()); n != 3+6+1+3 {
		t.Errorf("%d creations", n)
	}
	if o := got.did["provision-staging: See what was written"]; o != "commit workers/api/wrangler.toml, workers/mcp/wrangler.jsonc, workers/push/wrangler.json" {
		t.Errorf("said %q", o)
	}
	if !slices.Contains(got.said, `workers/api/wrangler.toml:10 - database_id = "placeholder-registry"`) ||
		!slices.Contains(got.said, fmt.Sprintf(`workers/push/wrangler.json:2 + "id": %q`, w.ids()["t-push-staging-cache"])) {
		t.Errorf("no diff in %q", got.said)
	}
	w.Forget()
	again := w.run(nil)
	if again.verdict != pipeline.Passed || len(w.Calls().Writes()) != 0 || again.did["provision-staging: D1 database registry-staging"] != "is there" {
		t.Errorf("the second run: %s, %v, %d writes", again.verdict, again.did, len(w.Calls().Writes()))
	}
	if len(w.Calls()) != 4 {
		t.Errorf("%d calls for two environments", len(w.Calls()))
	}
	w.wantFilled()
}

func TestADryRunSaysWhatWouldBeAndWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dry := w.run(func(o *provision.Options) { o.DryRun = true }, "staging")
	want := map[string]string{
		"provision-staging: D1 database registry-staging":           "would be made; its id would be written to workers/api/wrangler.toml:10, workers/mcp/wrangler.jsonc:7",
		"provision-staging: KV namespace t-api-staging-sessions":    "would be made; its id would be written to workers/api/wrangler.toml:14, workers/mcp/wrangler.jsonc:6",
		"provision-staging: KV namespace t-api-staging-rate-limits": "would be made; its id would be written to workers/api/wrangler.toml:17",
		"provision-staging: Queue dead-staging":                     "would be made",
	}
	for task, outcome := range want {
		if dry.did[task] != outcome {
			t.Errorf("%s: %q", task, dry.did[task])
		}
	}
	if len(w.Calls().Writes()) != 0 {
		t.Error("something was written")
	}
	for name, text := range files {
		if w.read(name) != text {
			t.Errorf("%s was written", name)
		}
	}
}

func TestOneEnvironmentLeavesTheOtherAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(nil, "staging")
	if id := w.ids(); id["registry-staging"] == "" || id["registry"] != "" || id["registry-dev"] != "" {
		t.Errorf("made %v", id)
	}
	if w.read("wrangler-d1.toml") != files["wrangler-d1.toml"] || strings.Contains(w.read("workers/api/wrangler.toml"), "'PLACEHOLDER'") {
		t.Error("the wrong lines were written")
	}
}

func TestWhatIsThereByNameIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.D1.Create("registry-staging", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.KV.Create("t-api-staging-sessions", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.KV.Create("staging-rate-limits", ""); err != nil { // by wrangler's own command
		t.Fatal(err)
	}
	got := w.run(nil)
	if got.verdict != pipeline.Passed || !slices.Equal(got.told(finding.Warning), []string{"workers/api/wrangler.toml:17 namespace-like"}) {
		t.Errorf("%s: %v", got.verdict, got.told(finding.Warning))
	}
	if n := len(w.Calls().Writes()); n != 11 {
		t.Errorf("%d creations", n)
	}
	w.wantFilled()
}

// A run that is cut off anywhere is finished by another one, and nothing is made twice.
func TestARunThatWasCutOffIsFinished(t *testing.T) {
	t.Parallel()
	for _, fault := range []traffic.Fault{
		{Method: "POST", Path: "/accounts/*/d1/database", After: true, Drop: true, Times: 2},
		{Method: "POST", Path: "/accounts/*/storage/kv/namespaces", Refusal: traffic.Unknown(), Times: 3},
		{Method: "POST", Path: "/accounts/*/queues", After: true, Refusal: traffic.Unknown(), Times: 2},
		{Method: "GET", Path: "/accounts/*/r2/buckets", Refusal: envelope.Fail(403, 10000, "Authentication error")},
	} {
		t.Run(fault.Path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Break(fault)
			w.run(nil)
			w.Mend()
			if got := w.run(nil); got.verdict != pipeline.Passed {
				t.Fatalf("%s: %v", got.verdict, got.findings)
			}
			w.wantFilled()
			if len(w.ids()) != 9 {
				t.Errorf("made %v", w.ids())
			}
		})
	}
}

// The top level is what stands where no environment is named; it may mean production.
func TestTheTopLevelGetsTheIdOfAnEnvironmentThatItNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "registry-dev", "registry")
	for range 2 {
		if got := w.run(nil); got.verdict != pipeline.Passed || len(w.ids()) != 8 {
			t.Fatalf("%s: %v, %v", got.verdict, got.findings, w.ids())
		}
	}
	if text, id := w.read("workers/api/wrangler.toml"), w.ids()["registry"]; strings.Count(text, `"registry", database_id = "`+id) != 2 {
		t.Errorf("%s", text)
	}
}

// The machine may stop between two files that bear one id.
func TestAnIdThatIsWrittenInOneFileOnlyIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(nil)
	for _, back := range []string{"workers/api/wrangler.toml", "wrangler-d1.toml"} { // these are written last
		if err := os.WriteFile(filepath.Join(w.dir, back), []byte(files[back]), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	w.Forget()
	if got := w.run(nil); got.verdict != pipeline.Passed || len(w.Calls().Writes()) != 0 {
		t.Errorf("%s: %v, %d writes", got.verdict, got.findings, len(w.Calls().Writes()))
	}
	w.wantFilled()
}

func TestAnIdThatCannotBeWrittenIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(w.dir, "workers", "push", "wrangler.json")
	got := w.run(func(*provision.Options) { // after the project was read
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}, "staging")
	id := w.ids()["t-push-staging-cache"]
	if got.verdict != pipeline.Failed || !slices.Equal(got.told(finding.Error), []string{"workers/push/wrangler.json:2 id-not-written"}) || id == "" {
		t.Fatalf("%s: %v", got.verdict, got.findings)
	}
	for _, f := range got.findings {
		if f.Severity == finding.Error && !strings.Contains(f.Message, id) {
			t.Errorf("the id %s is lost: %s", id, f.Message)
		}
	}
}

func TestWhatIsWrittenIsNeverReplaced(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edits []string
		want  string
	}{
		"an id that the account does not have": {[]string{`"placeholder-registry" # written by provision`, `"81db6c20-2bc6-44b7-bcda-a60aa7b39742"`}, "workers/api/wrangler.toml:10 missing-store"},
		"a namespace that it does not have":    {[]string{`"id": "PLACEHOLDER_RATES" }] },`, `"id": "7a732784bd6b29cf87c12946a3fe9c5f" }] },`}, "workers/push/wrangler.json:2 missing-store"},
		"one name in two environments":         {[]string{`"registry"`, `"registry-staging"`}, "workers/api/wrangler.toml:9 shared-store"},
		"one name of a script in two":          {[]string{"[env.staging] # é", "[env.staging]\nname = \"t\"", "[env.production]", "[env.production]\nname = \"t\""}, "workers/api/wrangler.toml:15 shared-store"},
		"one bucket in two environments":       {[]string{"[env.staging] # é", "[env.staging]\nr2_buckets = [{ binding = \"E\", bucket_name = \"exports\" }]"}, "workers/api/wrangler.toml:7 shared-store"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.edits...)
			before := w.read("workers/api/wrangler.toml")
			got := w.run(nil, "staging")
			if got.verdict != pipeline.Failed || !slices.ContainsFunc(got.told(finding.Error), func(l string) bool {
				return l == tt.want || strings.HasSuffix(tt.want, "shared-store") && strings.HasSuffix(l, "shared-store")
			}) {
				t.Errorf("%s: %v", got.verdict, got.told(finding.Error))
			}
			if strings.HasSuffix(tt.want, "shared-store") && (len(w.Calls()) != 0 || w.read("workers/api/wrangler.toml") != before) {
				t.Errorf("%d calls", len(w.Calls()))
			}
			for _, f := range got.findings {
				if f.Severity == finding.Error && f.Hint == "" {
					t.Errorf("%s has no hint", f.Message)
				}
			}
		})
	}
}

// A database that was made for another environment is not taken by its name.
func TestTheStoreOfAnotherEnvironmentIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	db, err := w.D1.Create("registry-staging", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		text = strings.NewReplacer(`"registry", database_id = "placeholder-registry"`, `"registry", database_id = "`+db.ID+`"`).Replace(text)
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	got := w.run(nil, "staging")
	if !slices.Contains(got.told(finding.Error), "workers/api/wrangler.toml:10 shared-store") {
		t.Errorf("%s: %v", got.verdict, got.findings)
	}
}

func TestAMissingPermissionIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.run(func(o *provision.Options) { o.Client = w.client("reader") }, "staging")
	var hints []string
	for _, f := range got.findings {
		if f.Severity == finding.Error {
			hints = append(hints, f.Hint)
		}
	}
	if got.verdict != pipeline.Failed || len(hints) != 1 || !strings.Contains(hints[0], `"D1:Edit"`) {
		t.Errorf("%s: %v", got.verdict, hints)
	}
	if w.ids()["t-api-staging-sessions"] == "" {
		t.Error("the others were not made")
	}
}

func TestAJobIsToldToCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.run(func(o *provision.Options) { o.Fleeting = true }, "production")
	if !slices.Contains(got.told(finding.Warning), "workers/api/wrangler.toml to-be-committed") {
		t.Errorf("%v", got.told(finding.Warning))
	}
}

func TestWhatIsNotMadeIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "[env.staging] # é\n", `[env.staging]
hyperdrive = [{ binding = "PG", id = "PLACEHOLDER" }]
r2_buckets = [{ binding = "EU", bucket_name = "eu", jurisdiction = "eu" }]
`, "id = 'PLACEHOLDER'\n\n", "id = 'PLACEHOLDER'\npreview_id = 'PLACEHOLDER'\n\n")
	got := w.run(nil, "staging")
	want := []string{"workers/api/wrangler.toml:20 not-provisioned", "workers/api/wrangler.toml:7 not-provisioned", "workers/api/wrangler.toml:8 not-provisioned"}
	if got.verdict != pipeline.Passed || !slices.Equal(got.told(finding.Warning), want) || w.R2.Check("eu") == nil {
		t.Errorf("%s: %v", got.verdict, got.told(finding.Warning))
	}
}

// A line of JSON may hold a secret that somebody left in vars.
func TestTheRestOfALineIsNotSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `"staging": { "kv_`, `"staging": { "vars": { "KEY": "hunter2-hunter2" }, "kv_`)
	got := w.run(nil, "staging")
	if got.verdict != pipeline.Passed || strings.Contains(fmt.Sprint(got.said, got.findings, got.did), "hunter2") {
		t.Errorf("%s: %v %v %v", got.verdict, got.said, got.findings, got.did)
	}
}

func TestAWrongTokenIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.run(func(o *provision.Options) {
		o.Client = w.client("nobody")
		o.Explain = func(context.Context) error { return finding.Errorf("wrong-token", finding.Position{}, "unknown") }
	}, "staging")
	if !slices.ContainsFunc(got.told(finding.Error), func(l string) bool { return strings.HasSuffix(l, "wrong-token") }) {
		t.Errorf("%v", got.findings)
	}
}

// Creations of one kind and of several are under way at once.
func TestStoresAreMadeSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetLatency(20e6)
	w.run(nil, "staging")
	if calls := w.Calls(); len(calls.Writes()) != 7 || calls.RoundTrips() > 3 {
		t.Errorf("%d writes in %d round trips", len(calls.Writes()), calls.RoundTrips())
	}
}

// Namespaces that are known by their id alone are shown with what the account calls them.
func TestANamespaceKeepsTheNameThatSomebodyGaveIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns, err := w.KV.Create("our sessions", "")
	if err != nil {
		t.Fatal(err)
	}
	name := "workers/push/wrangler.json"
	text := regexp.MustCompile(`PLACEHOLDER_RATES`).ReplaceAllString(files[name], ns.ID)
	text = strings.Replace(text, `"production": { "kv_namespaces": [{ "binding": "CACHE", "id": "`+ns.ID, `"production": { "kv_namespaces": [{ "binding": "CACHE", "id": "PLACEHOLDER_RATES`, 1)
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	got := w.run(nil, "staging")
	if o := got.did[fmt.Sprintf("provision-staging: KV namespace %s", ns.ID)]; o != "is there, called our sessions" || got.verdict != pipeline.Passed {
		t.Errorf("%s: %q, %v", got.verdict, o, got.findings)
	}
}

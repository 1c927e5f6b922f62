package project

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
)

// files makes a project of texts.
func files(texts map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range texts {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func worker(name, rest string) string {
	return fmt.Sprintf("name = \"tminus-%s\"\nmain = \"index.js\"\ncompatibility_date = \"2026-03-17\"\nworkers_dev = false\n%s", name, rest)
}

func mustLoad(t *testing.T, texts map[string]string) Project {
	t.Helper()
	p, err := Load(files(texts))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustIn(t *testing.T, p Project, env string) Target {
	t.Helper()
	target, err := p.In(env)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// runbook is nine Workers that need each other as the runbook says.
func runbook() map[string]string {
	objects := "[[env.staging.durable_objects.bindings]]\nname = \"G\"\nclass_name = \"G\"\nscript_name = \"tminus-api-staging\"\n"
	service := "[[env.staging.services]]\nbinding = \"API\"\nservice = \"tminus-api-staging\"\n"
	all := map[string]string{}
	for name, rest := range map[string]string{
		"api": "[env.staging]\n", "sync-consumer": objects, "write-consumer": objects, "oauth": objects, "webhook": "[env.staging]\n",
		"cron": objects, "app-gateway": service, "mcp": service, "push": objects,
	} {
		all["workers/"+name+"/wrangler.toml"] = worker(name, rest)
	}
	return all
}

func TestTheOrderIsTheRunbooks(t *testing.T) {
	t.Parallel()
	got := mustIn(t, mustLoad(t, runbook()), "staging").Workers()
	if !slices.Equal(got, runbookOrder) {
		t.Errorf("order %v, want %v", got, runbookOrder)
	}
}

func TestDependenciesOutrankTheOrderThatIsAskedFor(t *testing.T) {
	t.Parallel()
	texts := runbook()
	texts["tminus.yaml"] = "order: [mcp, push, api]\n"
	got := mustIn(t, mustLoad(t, texts), "staging").Workers()
	want := []string{"api", "mcp", "push", "app-gateway", "cron", "oauth", "sync-consumer", "webhook", "write-consumer"}
	if !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestACircleStillHasAnOrder(t *testing.T) {
	t.Parallel()
	p := mustLoad(t, map[string]string{
		"workers/a/wrangler.toml": worker("a", "[[env.staging.services]]\nbinding = \"B\"\nservice = \"tminus-b-staging\"\n"),
		"workers/b/wrangler.toml": worker("b", "[[env.staging.services]]\nbinding = \"A\"\nservice = \"tminus-a-staging\"\n"),
	})
	if got := mustIn(t, p, "staging").Workers(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("order %v", got)
	}
}

func TestStagingIsMigratedFromTheFolderThatOnlyNamesProduction(t *testing.T) {
	t.Parallel()
	p := mustLoad(t, map[string]string{
		"workers/api/wrangler.toml": worker("api", `
[[env.staging.d1_databases]]
binding = "DB"
database_name = "registry-staging"
database_id = "d-staging"
[[env.production.d1_databases]]
binding = "DB"
database_name = "registry"
database_id = "d-production"
`),
		"wrangler-d1.toml":                        "[[d1_databases]]\nbinding = \"DB\"\ndatabase_name = \"registry\"\ndatabase_id = \"d-production\"\nmigrations_dir = \"migrations/d1\"\n",
		"migrations/d1/0010_b.sql":                "",
		"migrations/d1/0002_a.sql":                "",
		"migrations/d1/notes.md":                  "",
		"migrations/d1/0002_more/0001_nested.sql": "",
	})
	for env, name := range map[string]string{"staging": "registry-staging", "production": "registry"} {
		all := mustIn(t, p, env).Databases
		if len(all) != 1 || all[0].Name != name || all[0].Dir != "migrations/d1" {
			t.Fatalf("%s: databases %+v", env, all)
		}
		if want := []string{"migrations/d1/0002_a.sql", "migrations/d1/0010_b.sql"}; !slices.Equal(all[0].Files, want) {
			t.Errorf("%s: files %v, want %v", env, all[0].Files, want)
		}
		if got := all[0].Ledger(all[0].Files[0]); got != "0002_a.sql" {
			t.Errorf("ledger name %q", got)
		}
	}
}

func TestMigrationsAreSortedAsWranglerSortsThem(t *testing.T) {
	t.Parallel()
	want := []string{"d/2_b.sql", "d/0003_a.sql", "d/0003_b.sql", "d/10_a.sql", "d/0100.sql", "d/alpha.sql", "d/beta.sql"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareMigrations)
	if !slices.Equal(got, want) {
		t.Errorf("sorted %v, want %v", got, want)
	}
}

func TestEveryRoutedWorkerHasOneFace(t *testing.T) {
	t.Parallel()
	p := mustLoad(t, map[string]string{
		"workers/api/wrangler.toml":  worker("api", "[env.staging]\nroutes = [{ pattern = \"api-staging.tminus.ink/*\", zone_name = \"tminus.ink\" }, \"tminus.ink/*\"]\n"),
		"workers/auth/wrangler.toml": worker("auth", "[env.staging]\nroutes = [{ pattern = \"auth-staging.tminus.ink\", custom_domain = true }]\n"),
		"workers/part/wrangler.toml": worker("part", "[env.staging]\nroutes = [\"tminus.ink/part/*\", \"*.tminus.ink/*\"]\n"),
		"workers/push/wrangler.toml": worker("push", "[env.staging]\n"),
	})
	target := mustIn(t, p, "staging")
	var got []string
	for _, e := range target.Endpoints {
		got = append(got, fmt.Sprintf("%s %s %s", e.Worker, e.Host, e.At))
	}
	want := []string{"api api-staging.tminus.ink workers/api/wrangler.toml:6:23", "auth auth-staging.tminus.ink workers/auth/wrangler.toml:6:23"}
	if !slices.Equal(got, want) {
		t.Errorf("endpoints %v, want %v", got, want)
	}
	if got, want := target.Hosts(), []string{"api-staging.tminus.ink", "auth-staging.tminus.ink", "tminus.ink"}; !slices.Equal(got, want) {
		t.Errorf("hosts %v, want %v", got, want)
	}
}

func TestATargetCanBeNarrowed(t *testing.T) {
	t.Parallel()
	target := mustIn(t, mustLoad(t, runbook()), "staging")
	got, err := target.Only("mcp", "tminus-api-staging")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"api", "mcp"}; !slices.Equal(got.Workers(), want) {
		t.Errorf("kept %v, want %v in deploy order", got.Workers(), want)
	}
	_, err = target.Only("apii")
	f, ok := errors.AsType[finding.Finding](err)
	if !ok || f.Rule != "unknown-worker" || !strings.Contains(f.Hint, "api, sync-consumer") {
		t.Errorf("an unknown Worker gave %v", err)
	}
}

func TestUnknownEnvironmentsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := mustLoad(t, runbook()).In("prod")
	f, ok := errors.AsType[finding.Finding](err)
	if !ok || f.Rule != "unknown-environment" || f.At.File == "" || !strings.Contains(f.Hint, "staging") {
		t.Errorf("got %v", err)
	}
}

func TestWhatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, rule string
		texts      map[string]string
	}{
		{"nothing at all", "no-config", map[string]string{"README.md": ""}},
		{"two Workers of one name", "config", map[string]string{"workers/a/wrangler.toml": worker("x", ""), "workers/b/wrangler.toml": worker("x", "")}},
		{"a Worker without a name", "config", map[string]string{"workers/a/wrangler.toml": "main = \"a.js\"\n"}},
		{"a broken file", "syntax", map[string]string{"workers/a/wrangler.toml": "name ="}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(files(tt.texts))
			f, ok := errors.AsType[finding.Finding](err)
			if !ok || f.Rule != tt.rule || f.Hint == "" {
				t.Errorf("got %v, want a finding of rule %s with a hint", err, tt.rule)
			}
		})
	}
}

func TestAWaiverTurnsAnErrorIntoAShownWarning(t *testing.T) {
	t.Parallel()
	s := Settings{Waivers: []Waiver{{Rule: "cycle", File: "a.toml", Reason: "both are live"}}}
	here := finding.Errorf("cycle", finding.Position{File: "a.toml"}, "round")
	elsewhere := finding.Errorf("cycle", finding.Position{File: "b.toml"}, "round")
	if got := s.Waived(here); got.Severity != finding.Warning || !strings.Contains(got.Hint, "both are live") {
		t.Errorf("waived: %+v", got)
	}
	if got := s.Waived(elsewhere); got.Severity != finding.Error {
		t.Errorf("a waiver for one file reached another: %+v", got)
	}
	if got := s.Unused([]finding.Finding{here}); got != nil {
		t.Errorf("a waiver that is needed is called unused: %v", got)
	}
	if got := s.Unused([]finding.Finding{elsewhere}); len(got) != 1 || got[0].Rule != "unused-waiver" {
		t.Errorf("a waiver that is not needed: %v", got)
	}
}

func TestSettingsOverride(t *testing.T) {
	t.Parallel()
	p := mustLoad(t, map[string]string{
		"services/one/wrangler.toml": worker("one", "[env.staging]\n"),
		"tminus.yaml": `workers: [services/*]
build: make all
secrets: {TOKEN: [one]}
health: {path: /up, timeout: 5s}
smoke:
  worker: one
  steps:
    - title: it is up
      request: GET /up
      status: [200, 204]
      headers: {X-A: "1", X-B: "2"}
    - request: POST /login
      body: {user: "{email}"}
      save: token
`,
	})
	s := p.Settings
	if s.Build.V != "make all" || s.Health.Path != "/up" || s.Health.Timeout != 5*time.Second || s.Smoke.Worker != "one" {
		t.Errorf("settings %+v", s)
	}
	want := []Question{
		{Title: "it is up", Method: "GET", Path: "/up", Headers: []Header{{"X-A", "1"}, {"X-B", "2"}}, Status: []int{200, 204}},
		{Title: "POST /login", Method: "POST", Path: "/login", Body: map[string]any{"user": "{email}"}, Save: "token", Status: []int{200}},
	}
	for i := range s.Smoke.Steps {
		s.Smoke.Steps[i].At = finding.Position{}
	}
	if !reflect.DeepEqual(s.Smoke.Steps, want) {
		t.Errorf("steps %+v, want %+v", s.Smoke.Steps, want)
	}
	if got := mustIn(t, p, "staging").Scripts[0].Secrets; !slices.Equal(got, []string{"TOKEN"}) {
		t.Errorf("secrets %v", got)
	}
}

func TestReferencesOutOfTheProjectAreLeftToTheAccount(t *testing.T) {
	t.Parallel()
	p := mustLoad(t, map[string]string{
		"workers/a/wrangler.toml": worker("a", "[[env.staging.services]]\nbinding = \"B\"\nservice = \"billing\"\n"),
		"workers/a/index.js":      "",
	})
	got := p.Outside("staging")
	if len(got) != 1 || got[0].Script != "billing" || got[0].At.Line != 7 {
		t.Errorf("outside %+v", got)
	}
}

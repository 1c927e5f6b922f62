package outlook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/preview"
)

// told is everything that a plan says would change, one thing a line.
func told(p preview.Plan) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, strings.TrimSpace(fmt.Sprintf(format, args...))) }
	for _, e := range p.Environments {
		for _, w := range e.Workers {
			if w.Changes() {
				say("%s %s %s", w.Worker, w.Way, w.Why)
			}
			for kind, list := range map[string][]preview.Difference{"binding": w.Bindings, "var": w.Vars, "runtime": w.Runtime} {
				for _, d := range list {
					say("%s %s %s %s [%s] [%s]", w.Worker, kind, d.Op, d.Name, d.From, d.To)
				}
			}
			for _, t := range w.Triggers {
				say("%s %s %s %s [%s] [%s] %s", w.Worker, t.Op, t.Kind, t.Subject, t.From, t.To, t.Owner)
			}
			if w.Classes != nil {
				say("%s classes %s %s %s", w.Worker, w.Classes.From, w.Classes.To, strings.Join(w.Classes.Steps, "; "))
			}
			for _, name := range w.Secrets.Missing {
				say("%s lacks %s", w.Worker, name)
			}
			for _, name := range w.Settings {
				say("%s sets %s", w.Worker, name)
			}
		}
		for _, d := range e.Databases {
			for _, m := range d.Pending {
				say("%s %s %s", d.Name, m.Name, m.SQL)
			}
		}
		for _, f := range e.Findings {
			say("%s %s", f.Severity, f.Rule)
		}
	}
	slices.Sort(all)
	return all
}

func expect(t *testing.T, p preview.Plan, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := told(p); !slices.Equal(got, want) {
		t.Errorf("the plan says\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestTheFirstPlanShowsEverythingAsNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.plan()
	expect(t, p,
		"api new",
		"api binding add DB [] [D1 database "+databaseID+" (registry-staging)]",
		"api binding add GRAPH [] [class Graph]",
		"api binding add JWT_SECRET [] [a secret]",
		"api binding add MASTER_KEY [] [a secret]",
		"api var add ISSUER_KEY [] []", "api var add LIMITS [] []", "api var add MODE [] [one]",
		"api add route api-staging.tminus.ink/v1/* [] []",
		"api add crons  [] [0 3 * * *]",
		"api classes  v1 new sqlite classes: Graph",
		"api lacks GOOGLE_CLIENT_ID", "api lacks GOOGLE_CLIENT_SECRET", "api lacks MS_CLIENT_ID", "api lacks MS_CLIENT_SECRET",
		"api sets tags", "mcp sets tags",
		"mcp new",
		"mcp binding add API [] [service tminus-api-staging]", "mcp binding add OUT [] [queue work-staging]",
		"mcp add custom domain mcp-staging.tminus.ink [] []",
		"mcp add queue consumer work-staging [] [batch size 5]",
		"registry-staging 0001_first.sql CREATE TABLE first (id INTEGER);",
		"warning missing-secret",
	)
	if got, want := p.Count().String(), "2 of 2 Workers change, 1 migration, 2 routes, 2 other triggers, 1 class migration"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAfterAPromotionNothingChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.plan()
	if verdict, found := w.promote(first.Digest); verdict != pipeline.Passed {
		t.Fatalf("the plan was refused: %s %v", verdict, found)
	}
	p := w.plan()
	expect(t, p, "api lacks GOOGLE_CLIENT_ID", "api lacks GOOGLE_CLIENT_SECRET", "api lacks MS_CLIENT_ID", "api lacks MS_CLIENT_SECRET", "warning missing-secret")
	if !p.Count().Nothing() {
		t.Errorf("%+v", p.Count())
	}
	if again := w.plan(); again.Digest != p.Digest || p.Digest == first.Digest {
		t.Errorf("digests %s, %s, %s", first.Digest, p.Digest, again.Digest)
	}
}

// change is what the next test changes, and what it must see for it.
func change(w *world) []string {
	w.code["mcp"] = strings.Replace(w.code["mcp"], "mcp 1", "mcp 2", 1)
	w.editAPI("/v1/*", "/v2/*")
	w.files["migrations/0002_second.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE second (id INTEGER);")}
	return []string{
		"mcp changed",
		"api unchanged",
		"api add route api-staging.tminus.ink/v2/* [] []",
		"api remove route api-staging.tminus.ink/v1/* [] []",
		"registry-staging 0002_second.sql CREATE TABLE second (id INTEGER);",
	}
}

var lacking = []string{"api lacks GOOGLE_CLIENT_ID", "api lacks GOOGLE_CLIENT_SECRET", "api lacks MS_CLIENT_ID", "api lacks MS_CLIENT_SECRET", "warning missing-secret"}

func TestExactlyWhatWasChangedIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustPromote()
	want := change(w)
	expect(t, w.plan(), append(want, lacking...)...)
}

func TestEveryKindOfDifferenceIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustPromote()
	w.editAPI(`MODE = "one", ISSUER_KEY = "a-value-that-nobody-reads", LIMITS = { perHour = 5 }`, `MODE = "two", ISSUER_KEY = "another-value-of-it", EXTRA = "x"`)
	w.editAPI(`compatibility_date = "2026-03-17"`, `compatibility_date = "2026-03-18"`)
	w.editAPI(`crons = ["0 3 * * *"]`, `crons = ["0 4 * * *"]`)
	w.editAPI("[env.staging]", "[[migrations]]\ntag = \"v2\"\nnew_sqlite_classes = [\"More\"]\n[env.staging]")
	w.editMCP(`{ binding = "OUT", queue = "work-staging" }`, `{ binding = "LATER", queue = "dead-staging" }`)
	w.editMCP("max_batch_size = 5", `max_batch_size = 7, dead_letter_queue = "dead-staging"`)
	w.editMCP(`service = "tminus-api-staging"`, `service = "tminus-api-staging", entrypoint = "Inner"`)
	w.editMCP("workers_dev = false", "workers_dev = true")
	delete(w.secrets, "JWT_SECRET")
	expect(t, w.plan(), append([]string{
		"api whole class migration v2, across which Cloudflare does not go back",
		"api classes v1 v2 new sqlite classes: More",
		"api runtime change compatibility_date [2026-03-17] [2026-03-18]",
		"api var change MODE [one] [two]", "api var change ISSUER_KEY [] []", "api var add EXTRA [] [x]", "api var remove LIMITS [] []",
		"api change crons  [0 3 * * *] [0 4 * * *]",
		"mcp changed",
		"mcp binding add LATER [] [queue dead-staging]", "mcp binding remove OUT [queue work-staging] []",
		"mcp binding change API [service tminus-api-staging] [service tminus-api-staging#Inner]",
		"mcp change queue consumer work-staging [dead letters nowhere, batch size 5] [dead letters dead-staging, batch size 7]",
		"mcp change workers.dev  [off, preview URLs off] [on, preview URLs on]",
	}, lacking...)...)
}

func TestASecretThatIsOnTheAccountIsNotMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustPromote()
	w.secrets = map[string]string{}
	p := w.plan()
	api := p.Environments[0].Workers[0]
	if !slices.Equal(api.Secrets.Kept, []string{"JWT_SECRET", "MASTER_KEY"}) || slices.Contains(api.Secrets.Missing, "JWT_SECRET") {
		t.Errorf("%+v", api.Secrets)
	}
	if want := "JWT_SECRET, MASTER_KEY are not given here, with which it may be unchanged"; api.Way != preview.Changed || api.Why != want {
		t.Errorf("%s: %s, want %s", api.Way, api.Why, want)
	}
}

func TestNoValueOfASecretIsInAPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for again := range 2 {
		raw, err := json.Marshal(w.plan())
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{secretValue, "a-value-that-nobody-reads", "another-value-of-it"} {
			if strings.Contains(string(raw), value) {
				t.Errorf("%s is in %s", value, raw)
			}
		}
		if again == 0 {
			w.mustPromote()
			w.editAPI("a-value-that-nobody-reads", "another-value-of-it")
		}
	}
}

func TestARouteWithoutAProxiedRecordIsTold(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		pattern string
		want    bool
	}{
		"its own record":       {"api-staging.tminus.ink/*", false},
		"no record":            {"other.tminus.ink/*", true},
		"below another record": {"x.api-staging.tminus.ink/*", true},
		"a wildcard":           {"*.tminus.ink/*", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.editAPI("api-staging.tminus.ink/v1/*", one.pattern)
			told := slices.ContainsFunc(w.plan().Environments[0].Findings, func(f finding.Finding) bool {
				return f.Rule == "no-dns-record" && f.At.File == "workers/api/wrangler.toml" && f.At.Line > 0
			})
			if told != one.want {
				t.Errorf("told: %v, want %v", told, one.want)
			}
		})
	}
}

func TestAPromotionIsRefusedWhenTheWorldHasMoved(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, one := range map[string]struct {
		move func(*testing.T, *world)
		want string
	}{
		"somebody deployed": {func(t *testing.T, w *world) {
			all, err := w.client.Deployments(ctx, "tminus-mcp-staging")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.client.Deploy(ctx, "tminus-mcp-staging", []cloudflare.Traffic{{Version: all[0].Versions[0].Version, Percent: 100}}, "by hand", false); err != nil {
				t.Fatal(err)
			}
		}, "tminus-mcp-staging was deployed or its triggers were changed on the account (now "},
		"a trigger was changed by hand": {func(t *testing.T, w *world) {
			if err := w.client.SetSchedules(ctx, "tminus-api-staging", []string{"0 5 * * *"}); err != nil {
				t.Fatal(err)
			}
		}, "tminus-api-staging was deployed or its triggers were changed on the account (now "},
		"the code is another": {func(_ *testing.T, w *world) { w.code["mcp"] += "\n// x" },
			"the code, configuration or secrets of tminus-mcp-staging are others than planned"},
		"a secret is another": {func(_ *testing.T, w *world) { w.secrets["JWT_SECRET"] = "something-else" },
			"the code, configuration or secrets of tminus-api-staging are others than planned"},
		"a migration is another": {func(_ *testing.T, w *world) {
			w.files["migrations/0002_second.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE third (id INTEGER);")}
		}, "the pending migrations of registry-staging have other SQL"},
		"a migration more": {func(_ *testing.T, w *world) {
			w.files["migrations/0003_third.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE third (id INTEGER);")}
		}, "other migrations of registry-staging are pending"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustPromote()
			change(w)
			planned := w.plan()
			one.move(t, w)
			w.Forget()
			verdict, found := w.promote(planned.Digest)
			w.unwritten()
			if verdict != pipeline.Failed || len(found) != 1 || found[0].Rule != "plan-moved" || found[0].Hint == "" {
				t.Fatalf("%s %v", verdict, found)
			}
			if want := "the world has moved since the plan for staging: " + one.want; !strings.HasPrefix(found[0].Message, want) {
				t.Errorf("%s\nwant %s", found[0].Message, want)
			}
		})
	}
}

func TestDenialsAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustPromote()
	w.Break(denial("/zones/*/dns_records"))
	if got := told(w.plan()); !slices.Contains(got, "notice dns-unread") {
		t.Errorf("it is not said that records were not read: %v", got)
	}
	w.Break(denial("/accounts/*/workers/scripts/*/versions/*"))
	_, err := w.look().Make(context.Background())
	if all := finding.From(err, "", finding.Position{}); len(all) != 1 || all[0].Rule != "missing-permission" {
		t.Errorf("%v", all)
	}
}

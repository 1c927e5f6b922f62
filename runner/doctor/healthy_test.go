package doctor_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/doctor"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

// well is that a visit found nothing: no error, no warning, nothing unknown.
func well(t *testing.T, v visit) {
	t.Helper()
	for _, s := range v.sick() {
		t.Errorf("%s", s)
	}
	for _, f := range v.found {
		if f.Severity > finding.Notice {
			t.Errorf("%s %v", f.Rule, f)
		}
	}
	if v.verdict != pipeline.Passed || len(v.answers) < 10 {
		t.Errorf("%s after %d answers", v.verdict, len(v.answers))
	}
}

func TestAHealthyWorldGivesNoFinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.doctor()
	well(t, v)
	if len(v.history) != 3 || v.history[0].Release != "20260101T000000Z-first" || !v.history[0].Serving {
		t.Errorf("%+v", v.history)
	}
	w.edit("workers/api/wrangler.toml", `MODE = "one"`, `MODE = "two"`)
	w.deploy("20260102T000000Z-second")
	well(t, w.doctor())
}

// most is how many calls one environment of nine Workers may cost.
const most = 39

func TestNineWorkersCostFewCalls(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs(filepath.Join("..", "..", "testdata", "projects", "tminus"))
	if err != nil {
		t.Fatal(err)
	}
	w := worldOf(t, dir)
	v := w.doctor()
	well(t, v)
	calls := w.Calls()
	if len(calls) > most {
		t.Errorf("%d calls, at most %d:", len(calls), most)
	}
	seen := map[string]int{}
	for _, c := range calls {
		seen[c.Method+" "+c.Path]++
	}
	for call, n := range seen {
		if n > 1 {
			t.Errorf("%s was asked %d times", call, n)
		}
	}
	t.Logf("%d calls, %d questions", len(calls), len(v.answers))
}

// Setting a secret makes a version that no release brought, with the code of one.
func TestASecretThatWasSetByHandIsWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("PUT", "/accounts/ACCOUNT/workers/scripts/"+apiScript+"/secrets", `{"name":"STRIPE_KEY","text":"`+secretValue+`","type":"secret_text"}`)
	w.edit("workers/api/index.js", "await env.DB", "await env.STRIPE_KEY.trim();\n    await env.DB")
	v := w.doctor()
	well(t, v)
	for _, a := range v.answers {
		if a.Question == "Does a release serve "+apiScript && !strings.HasSuffix(a.Evidence, "with wrangler, of release 20260101T000000Z-first with other secrets") {
			t.Errorf("%q", a.Evidence)
		}
	}
}

// Two environments that claim the same things are asked about, not refused.
func TestTwoEnvironmentsMayClaimTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, file := range []string{apiFile, mcpFile, pushFile} {
		raw, err := os.ReadFile(filepath.Join(w.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		_, staging, _ := strings.Cut(string(raw), "[env.staging]")
		w.write(file, string(raw)+"\n[env.production]"+staging)
	}
	v := w.doctor(func(d *doctor.Doctor) {
		for _, env := range []string{"production"} {
			target, err := w.loaded().In(env)
			if err != nil {
				t.Fatal(err)
			}
			d.Project, d.Targets = w.loaded(), append(d.Targets, target)
		}
	})
	for _, question := range []string{"Do messages get through: work-staging (2)", "Is it found: api-staging.tminus.ink (2)", "Are the migrations applied to registry-staging (2)"} {
		if !slices.ContainsFunc(v.answers, func(a doctor.Answer) bool { return a.Question == question }) {
			t.Errorf("nobody asked %q", question)
		}
	}
}

// A release that this tool took back is served on purpose, whatever was recorded here.
func TestAReleaseThatWasTakenBackIsWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.last
	w.deploy("20260102T000000Z-second")
	for _, placed := range first.Workers {
		label := release.Label{Release: first.Release, Digest: placed.Digest, From: w.last.Release}
		if _, err := w.client.Deploy(t.Context(), placed.Script, []cloudflare.Traffic{{Version: placed.Version, Percent: 100}}, label.String(), false); err != nil {
			t.Fatal(err)
		}
	}
	v := w.doctor()
	well(t, v)
	if !slices.ContainsFunc(v.answers, func(a doctor.Answer) bool {
		return strings.HasSuffix(a.Evidence, "of release 20260101T000000Z-first, brought back in place of 20260102T000000Z-second")
	}) {
		t.Errorf("%+v", v.answers)
	}
}

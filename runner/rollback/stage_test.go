package rollback_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/hold"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/rollback"
)

// triggers are those of all scripts.
func triggers(all map[string]live.Script) map[string]release.Triggers {
	out := map[string]release.Triggers{}
	for name, s := range all {
		out[name] = s.Triggers
	}
	return out
}

// second changes code and triggers of all Workers and releases that.
func (w *world) second(name string) release.Manifest {
	w.t.Helper()
	w.edit("api", `"api-staging.tminus.ink/*"`, `"api-staging.tminus.ink/v2/*"`)
	w.edit("api", `crons = ["0 3 * * *"]`, `crons = ["*/5 * * * *"]`)
	w.edit("mcp", `routes = [{ pattern = "mcp-staging.tminus.ink", custom_domain = true }]`, `routes = [{ pattern = "mcp2-staging.tminus.ink", custom_domain = true }]`)
	w.edit("push", `max_batch_size = 5`, `max_batch_size = 50`)
	return w.deploy(name)
}

func TestADryRunProvesAndMakesNoWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r1 := w.deploy("r1")
	r2 := w.second("r2")
	o := w.back(func(s *rollback.Stage) { to(r2, r1)(s); s.Prove = true })
	if o.verdict != pipeline.Passed || len(w.writes()) != 0 || len(w.backs.all) != 0 {
		t.Errorf("%s %v, writes %v, records %d", o.verdict, o.findings, w.writes(), len(w.backs.all))
	}
	if got := o.tasks["Prove tminus-api-staging"].Outcome; !strings.HasPrefix(got, "back to ") {
		t.Errorf("api: %q", got)
	}
	if got := o.tasks["Read the account"].Outcome; !strings.Contains(got, "r2, back to r1") || !strings.Contains(got, "3 to put back, 0 there already, 0 superseded") {
		t.Errorf("%q", got)
	}
}

func TestARollbackPutsVersionsAndTriggersBackDependentsFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r1 := w.deploy("r1")
	before := w.state()
	r2 := w.second("r2")
	if reflect.DeepEqual(triggers(before), triggers(w.state())) {
		t.Fatal("the release changed no trigger")
	}
	recorded := -1
	o := w.backWatched(to(r2, r1), func(e pipeline.Event) {
		if did, ok := e.(pipeline.Did); ok && did.Task == "Record the rollback" {
			recorded = len(w.Calls().Writes())
		}
	})
	if o.verdict != pipeline.Passed || recorded != 0 {
		t.Fatalf("%s %v, recorded after %d writes", o.verdict, o.findings, recorded)
	}
	after := w.state()
	for name, s := range before {
		if !slices.Equal(after[name].Shares(), s.Shares()) || !reflect.DeepEqual(after[name].Triggers, s.Triggers) {
			t.Errorf("%s serves %v with %+v, before %v with %+v", name, after[name].Shares(), after[name].Triggers, s.Shares(), s.Triggers)
		}
	}
	var switched []string
	lastSwitch, firstTrigger := 0, len(w.writes())
	for i, call := range w.writes() {
		if strings.HasSuffix(call, "/deployments") {
			switched, lastSwitch = append(switched, call), i
		} else {
			firstTrigger = min(firstTrigger, i)
		}
	}
	want := []string{"POST /workers/scripts/tminus-push-staging/deployments", "POST /workers/scripts/tminus-mcp-staging/deployments", "POST /workers/scripts/tminus-api-staging/deployments"}
	if !slices.Equal(switched, want) || firstTrigger < lastSwitch {
		t.Errorf("writes %q", w.writes())
	}
	l := w.label("api")
	if p, _ := r1.Placed("tminus-api-staging"); l.Release != "r1" || l.From != "r2" || l.Strict || l.Digest != release.Short(p.Digest) {
		t.Errorf("label %+v", l)
	}
	if m := w.backs.all[0]; m.Back.From != "r2" || m.Back.To != "r1" || len(m.Workers) != 3 || !m.Changed() {
		t.Errorf("recorded %+v", m)
	}
	if o.way.Summary() != "3 put back, 0 there already, 0 superseded" || !o.way.Serves("tminus-api-staging") || o.way.Version("tminus-api-staging") != w.serving()["tminus-api-staging"][0].Version {
		t.Errorf("%s", o.way.Summary())
	}
}

func TestDoingItTwiceIsTheSameAsOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		how  func(r2, r1 release.Manifest) func(*rollback.Stage)
	}{
		{"by the records of both", func(r2, r1 release.Manifest) func(*rollback.Stage) { return to(r2, r1) }},
		{"by the record of the last", func(r2, _ release.Manifest) func(*rollback.Stage) {
			r := aim.Undo(r2)
			return func(s *rollback.Stage) { s.Known = &r }
		}},
		{"by labels", func(release.Manifest, release.Manifest) func(*rollback.Stage) { return nil }},
		{"by labels, to a named release", func(release.Manifest, release.Manifest) func(*rollback.Stage) {
			return func(s *rollback.Stage) { s.To = "r1" }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r1 := w.deploy("r1")
			first := w.serving()
			r2 := w.deploy("r2", "api", "push")
			if o := w.back(tt.how(r2, r1)); o.verdict != pipeline.Passed || len(w.writes()) != 2 {
				t.Fatalf("%s %v, writes %v", o.verdict, o.findings, w.writes())
			}
			if !reflect.DeepEqual(first, w.serving()) {
				t.Errorf("serves %v, before %v", w.serving(), first)
			}
			o := w.back(tt.how(r2, r1))
			if o.verdict != pipeline.Passed || len(w.writes()) != 0 || len(w.backs.all) != 1 {
				t.Errorf("a second time: %s %v, writes %v, %d records", o.verdict, o.findings, w.writes(), len(w.backs.all))
			}
			if again := w.back(func(s *rollback.Stage) {
				if how := tt.how(r2, r1); how != nil {
					how(s)
				}
				s.Again = true
			}); again.verdict != pipeline.Passed || len(w.writes()) != 0 || len(w.backs.all) != 2 || w.backs.all[1].Changed() {
				t.Errorf("to say so again: %s %v, writes %v, %d records", again.verdict, again.findings, w.writes(), len(w.backs.all))
			}
			if got := o.tasks["Record the rollback"].Outcome; got != "there is nothing to put back" {
				t.Errorf("a second time: %q", got)
			}
		})
	}
}

func TestASplitComesBackAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deploy("r1")
	w.deploy("r2", "api")
	now := w.serving()["tminus-api-staging"][0].Version
	split := []release.Share{{Version: now, Percent: 90}, {Version: w.first("api"), Percent: 10}}
	w.split("api", split...)
	r3 := w.deploy("r3")
	r := aim.Undo(r3)
	if o := w.back(func(s *rollback.Stage) { s.Known = &r }); o.verdict != pipeline.Passed {
		t.Fatalf("%s %v", o.verdict, o.findings)
	}
	if got := w.serving()["tminus-api-staging"]; !slices.Equal(got, split) {
		t.Errorf("served by %v, before %v", got, split)
	}
}

// first is the first version of a Worker.
func (w *world) first(worker string) string {
	w.t.Helper()
	s, err := w.Scripts.Get(scriptOf(worker))
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Versions[0].ID
}

func TestWhatServesSomethingElseByNowIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r1 := w.deploy("r1")
	first := w.serving()
	r2 := w.deploy("r2")
	w.code["mcp"] += "\n// theirs"
	w.deploy("r3", "mcp")
	theirs := w.serving()["tminus-mcp-staging"]
	o := w.back(to(r2, r1))
	if o.verdict != pipeline.Passed || !slices.Equal(o.rules(), []string{"superseded"}) {
		t.Errorf("%s %v", o.verdict, o.findings)
	}
	f := o.findings[slices.IndexFunc(o.findings, func(f finding.Finding) bool { return f.Rule == "superseded" })]
	if f.Severity != finding.Warning || f.At.File != "workers/mcp/wrangler.toml" || !strings.Contains(f.Message, "of release r3") {
		t.Errorf("%+v", f)
	}
	after := w.serving()
	if !slices.Equal(after["tminus-mcp-staging"], theirs) || !slices.Equal(after["tminus-api-staging"], first["tminus-api-staging"]) || !slices.Equal(after["tminus-push-staging"], first["tminus-push-staging"]) {
		t.Errorf("serves %v", after)
	}
	if p, _ := w.backs.all[0].Placed("tminus-mcp-staging"); !p.Unchanged || p.Version != theirs[0].Version {
		t.Errorf("recorded %+v", p)
	}
}

func TestOneVersionThatWasNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deploy("r1")
	version := w.first("api")
	w.deploy("r2")
	w.deploy("r3")
	before := w.serving()
	r := aim.Version("staging", "tminus-api-staging", version, finding.Position{})
	o := w.back(func(s *rollback.Stage) {
		s.Known = &r
		target, err := s.Target.Only("api")
		if err != nil {
			t.Fatal(err)
		}
		s.Target = target
	})
	if o.verdict != pipeline.Passed || len(w.writes()) != 1 || w.label("api").Release != "r1" {
		t.Errorf("%s %v, writes %v, label %+v", o.verdict, o.findings, w.writes(), w.label("api"))
	}
	after := w.serving()
	if after["tminus-api-staging"][0].Version != version || !slices.Equal(after["tminus-mcp-staging"], before["tminus-mcp-staging"]) {
		t.Errorf("serves %v", after)
	}
}

func TestMigrationsAreToldAndStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r1 := w.deploy("r1")
	r2 := w.deploy("r2")
	r2.Databases = []release.Migrated{
		{Name: "registry", ID: "d1", Bookmark: "bookmark-1", Applied: []string{"0003_users.sql", "0004_index.sql"}},
		{Name: "untouched", ID: "d2"},
	}
	o := w.back(to(r2, r1))
	if o.verdict != pipeline.Passed || !slices.Equal(o.rules(), []string{"migrated", "migrated"}) {
		t.Fatalf("%s %v", o.verdict, o.findings)
	}
	for i, name := range []string{"0003_users.sql", "0004_index.sql"} {
		f := o.findings[slices.IndexFunc(o.findings, func(f finding.Finding) bool { return strings.Contains(f.Message, name) })]
		if f.Severity != finding.Warning || !strings.Contains(f.Hint, "time-travel restore registry --bookmark bookmark-1") {
			t.Errorf("%d: %+v", i, f)
		}
	}
	for _, call := range w.writes() {
		if strings.Contains(call, "/d1/") {
			t.Errorf("a database was touched: %s", call)
		}
	}
}

func TestAHoldIsLiftedAndTheSameVersionsServe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r1 := w.deploy("r1")
	r2 := w.deploy("r2", "api")
	if o := w.back(func(s *rollback.Stage) { to(r2, r1)(s); s.Manifest.Back.Strict = true }); o.verdict != pipeline.Passed {
		t.Fatalf("%v", o.findings)
	}
	if l := w.label("api"); l.From != "r2" || !l.Strict {
		t.Fatalf("label %+v", l)
	}
	before := w.serving()
	_, target := w.target()
	o := w.run(pipeline.Step{Env: "staging", KeepGoing: true, Stage: hold.Lift{Client: w.client, Target: target}}, nil)
	if o.verdict != pipeline.Passed || len(w.writes()) != 1 || !reflect.DeepEqual(before, w.serving()) {
		t.Errorf("%s %v, writes %v", o.verdict, o.findings, w.writes())
	}
	if l := w.label("api"); l.From != "" || l.Strict || l.Release != "r1" {
		t.Errorf("label %+v", l)
	}
	for script, want := range map[string]string{"api": "may be release r2 again", "mcp": "was not held"} {
		if got := o.tasks["Release "+scriptOf(script)].Outcome; got != want {
			t.Errorf("%s: %q, want %q", script, got, want)
		}
	}
}

func TestAHeldReleaseCanBeTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hold := func(want pipeline.Verdict) outcome {
		_, target := w.target()
		o := w.run(pipeline.Step{Env: "staging", KeepGoing: true, Stage: hold.Place{Client: w.client, Target: target}}, nil)
		if o.verdict != want {
			t.Fatalf("hold %s %v", o.verdict, o.findings)
		}
		return o
	}
	if o := hold(pipeline.Failed); len(o.findings) != 1 || o.findings[0].Rule != "not-held" {
		t.Errorf("nothing serves: %v", o.findings)
	}
	r1 := w.deploy("r1")
	r2 := w.deploy("r2", "api")
	before := w.serving()
	hold(pipeline.Passed)
	if l := w.label("api"); l.From != "r2" || !l.Strict || l.Release != "r2" || !reflect.DeepEqual(before, w.serving()) {
		t.Errorf("label %+v", l)
	}
	if o := hold(pipeline.Passed); len(w.writes()) != 0 {
		t.Errorf("held twice: %v, writes %v", o.tasks, w.writes())
	}
	if o := w.back(to(r2, r1)); o.verdict != pipeline.Passed || w.label("api").Release != "r1" {
		t.Errorf("taken back: %s %v, label %+v", o.verdict, o.findings, w.label("api"))
	}
}

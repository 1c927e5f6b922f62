package fleet_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/hold"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/rollback"
)

func (w *world) target() project.Target {
	w.t.Helper()
	loaded, err := project.Load(w.files)
	if err != nil {
		w.t.Fatal(err)
	}
	target, err := loaded.In("staging")
	if err != nil {
		w.t.Fatal(err)
	}
	return target
}

// must runs a stage that has to pass.
func (w *world) must(s pipeline.Stage) {
	w.t.Helper()
	var found []finding.Finding
	verdict, err := pipeline.Plan{Steps: []pipeline.Step{{Env: "staging", KeepGoing: true, Stage: s}}}.Run(context.Background(), watcher(func(e pipeline.Event) {
		if f, ok := e.(pipeline.Finished); ok {
			found = f.Findings
		}
	}))
	if err != nil || verdict != pipeline.Passed {
		w.t.Fatalf("%s %v %v", verdict, err, found)
	}
}

// takeBack takes the newest release back.
func (w *world) takeBack(strict bool) {
	w.t.Helper()
	r := aim.Undo(w.journal.all[len(w.journal.all)-1])
	target := w.target()
	w.must(rollback.Stage{
		Client: w.client, Target: target, Scope: check.Scope(target), Known: &r, Journal: &journal{}, Way: &rollback.Way{},
		Manifest: release.Manifest{Schema: release.Schema, Release: "back", Environment: "staging", Back: &release.Back{Strict: strict}},
	})
}

// stopped tries a release that the hold refuses before any write.
func (w *world) stopped(name, hint string) {
	w.t.Helper()
	before := w.versions()
	o := w.deploy(context.Background(), name, nil)
	if o.verdict != pipeline.Failed || len(o.findings) != 1 || o.findings[0].Rule != "held" || len(w.writes()) != 0 {
		w.t.Fatalf("%s: %s %v, writes %v", name, o.verdict, o.findings, w.writes())
	}
	if f := o.findings[0]; f.Severity != finding.Error || !strings.Contains(f.Message, "staging was taken back from release r2") || !strings.Contains(f.Hint, hint) || !strings.HasPrefix(f.At.File, "workers/") {
		w.t.Errorf("%+v", f)
	}
	for worker, v := range w.versions() {
		if before[worker] != v {
			w.t.Errorf("%s was changed", worker)
		}
	}
}

func TestAHoldThatAPersonAskedForRefusesEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	w.must(hold.Place{Client: w.client, Target: w.target()})
	w.must(hold.Place{Client: w.client, Target: w.target()}) // again changes nothing
	w.code["api"] += "\n// new"
	before := w.versions()
	o := w.deploy(context.Background(), "r2", nil)
	if o.verdict != pipeline.Failed || len(o.findings) != 1 || !strings.HasPrefix(o.findings[0].Message, "staging is held on release r1") || !strings.Contains(o.findings[0].Hint, "release-hold --env staging") {
		t.Fatalf("%s %v", o.verdict, o.findings)
	}
	for worker, v := range w.versions() {
		if before[worker] != v {
			t.Errorf("%s was changed", worker)
		}
	}
	w.must(hold.Lift{Client: w.client, Target: w.target()})
	w.mustDeploy("r2")
}

func TestWhatWasTakenBackIsHeld(t *testing.T) {
	t.Parallel()
	const lift, correct = "release-hold --env staging --reason TEXT", "correct what was wrong with it"
	tests := []struct {
		name   string
		strict bool
		then   func(w *world)
	}{
		{"the same release again", false, func(w *world) { w.stopped("r3", correct) }},
		{"the same once more after it was refused", false, func(w *world) { w.stopped("r3", correct); w.stopped("r4", correct) }},
		{"a corrected one", false, func(w *world) {
			w.code["api"] += "\n// corrected"
			w.mustDeploy("r3")
		}},
		{"the same, with a correction to another Worker", false, func(w *world) {
			w.code["push"] += "\n// corrected"
			w.mustDeploy("r3")
		}},
		{"the same, and somebody else deployed a Worker which the bad release had left alone", false, func(w *world) {
			now := w.serving("push")
			if err := w.split("tminus-push-staging", []release.Share{{Version: now, Percent: 100}}); err != nil {
				w.t.Fatal(err)
			}
			w.stopped("r3", correct)
		}},
		{"a strict hold refuses a corrected one too", true, func(w *world) {
			w.code["api"] += "\n// corrected"
			w.stopped("r3", lift)
		}},
		{"a good release that comes later clears it, and then the same may come again", false, func(w *world) {
			same := w.code["api"]
			w.code["api"] += "\n// corrected"
			w.mustDeploy("r3")
			w.code["api"] = same
			w.mustDeploy("r4")
		}},
		{"lifted, it may come again", false, func(w *world) {
			w.must(hold.Lift{Client: w.client, Target: w.target()})
			w.mustDeploy("r3")
		}},
		{"a strict hold that was lifted", true, func(w *world) {
			w.must(hold.Lift{Client: w.client, Target: w.target()})
			w.mustDeploy("r3")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustDeploy("r1")
			w.code["api"] += "\n// r2"
			w.code["mcp"] += "\n// r2"
			w.mustDeploy("r2")
			w.takeBack(tt.strict)
			tt.then(w)
		})
	}
}

func TestAHoldSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.why = func(name string) string { return ", because " + name + " was slow" }
	w.mustDeploy("r1")
	w.code["api"] += "\n// r2"
	w.mustDeploy("r2")
	w.takeBack(false)
	o := w.deploy(context.Background(), "r3", nil)
	if len(o.findings) != 1 || !strings.Contains(o.findings[0].Message, ", because r2 was slow; this is the same code and configuration") {
		t.Errorf("%v", o.findings)
	}
}

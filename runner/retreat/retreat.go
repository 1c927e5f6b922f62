package retreat

import (
	"time"

	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/rollback"
	"github.com/tminus/deploy-action/runner/stage"
)

// Verification asks an environment whether it is well.
type Verification struct {
	Target   project.Target // the whole environment
	Settings project.Settings
	Probe    *probe.Client
	// Patience is how long a Worker may take to become healthy; zero means as long as
	// the settings say.
	Patience time.Duration
	// Version is which version of a script has to answer; nil means that any may.
	Version func(script string) string
	// SkipSmoke is why the smoke test is left out; empty has it run.
	SkipSmoke string
	Redact    func(string) string
	// Witness, if set, tells what a Worker threw that was asked.
	Witness stage.Witness
}

// Steps are health and smoke.
func (v Verification) Steps() []pipeline.Step {
	patience := v.Patience
	if patience == 0 {
		patience = v.Settings.Health.Timeout
	}
	skip := v.SkipSmoke
	smoke := stage.Smoke{Probe: v.Probe, Target: v.Target, Scenario: v.Settings.Smoke, Redact: v.Redact, Witness: v.Witness}
	if skip == "" {
		skip = smoke.Missing()
	}
	return []pipeline.Step{
		{Env: v.Target.Env, KeepGoing: true, Stage: stage.Health{Probe: v.Probe, Target: v.Target, Path: v.Settings.Health.Path, Patience: patience, Version: v.Version, Redact: v.Redact, Witness: v.Witness}},
		{Env: v.Target.Env, Stage: smoke, Skip: skip},
	}
}

// Retreat takes an environment back and verifies it.
type Retreat struct {
	Rollback rollback.Stage
	// Lock keeps it apart from a release that is under way; nil locks nothing.
	Lock release.Lock
	// After is asked when the rollback has passed. What it wants to be answered is what
	// the rollback brings back, unless it says itself.
	After Verification
}

// Plan is the way. A rollback that only proves is asked nothing afterwards, and one
// that comes to a stop half-way is undone.
func (r Retreat) Plan() pipeline.Plan {
	env := r.After.Target.Env
	first := pipeline.Step{Env: env, KeepGoing: true, Stage: stage.Guarded{Stage: r.Rollback, Env: env, Lock: r.Lock}}
	if r.Rollback.Prove {
		return pipeline.Plan{Width: width, Steps: []pipeline.Step{first}}
	}
	first.Undo = rollback.Forward{Stage: r.Rollback}
	if r.After.Version == nil {
		r.After.Version = r.Rollback.Way.Version
	}
	return pipeline.Plan{Width: width, Steps: append([]pipeline.Step{first}, r.After.Steps()...)}
}

// width is how many tasks of a stage run at once.
const width = 8

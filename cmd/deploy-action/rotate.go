package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/retreat"
	"github.com/tminus/deploy-action/runner/rotation"
	"github.com/tminus/deploy-action/runner/stage"
)

type rotateFlags struct {
	commonFlags
	accountFlags
	probeFlags
	valueFlags
	Name               []string      `arg:"" optional:"" help:"The secrets to rotate."`
	Secret             []string      `placeholder:"NAME" help:"A secret to rotate, as the argument does; repeatable."`
	Env                string        `placeholder:"NAME" help:"staging, production or all, one after the other. There is no default: say it."`
	Given              bool          `help:"Take the new values from the variables of the secrets' names, or from --env-file, in place of making them."`
	WriteTo            string        `placeholder:"FILE" help:"Where made values are written, readable for this user alone: a new file, outside the repository or ignored by it."`
	Compromised        bool          `help:"Somebody else may know the old values: no rollback brings them back."`
	IHaveAKeyMigration bool          `name:"i-have-a-key-migration" help:"There is a way to read what the old MASTER_KEY has encrypted."`
	Overlap            bool          `help:"Leave the old value beside the new one as NAME_PREVIOUS; it is taken from the variable of that name."`
	DryRun             bool          `help:"Prove that it can be done, print what would be done and change nothing."`
	SkipSmoke          bool          `help:"Leave the smoke tests out. Health checks still run."`
	Lock               string        `enum:"wait,refuse" default:"wait" help:"What to do while another release of an environment is under way, as its GitHub deployment says."`
	LockTimeout        time.Duration `default:"30m" placeholder:"TIME" help:"How long to wait for it."`
}

// rotating is the command rotate: a release of new secrets, which is shown, recorded
// and locked as a promotion is.
type rotating struct {
	*promotion
	asked  rotateFlags
	names  []string
	values rotation.Values
	stages map[string]rotation.Stage // by environment
}

// rotateCommand is the command rotate.
func (p *program) rotateCommand(ctx context.Context, f rotateFlags) (pipeline.Verdict, error) {
	r := &rotating{asked: f, stages: map[string]rotation.Stage{}, promotion: &promotion{program: p, flags: promoteFlags{
		commonFlags: f.commonFlags, accountFlags: f.accountFlags, probeFlags: f.probeFlags, Env: f.Env, SkipSmoke: f.SkipSmoke, Lock: f.Lock, LockTimeout: f.LockTimeout,
	}}}
	if err := r.begin(ctx); err != nil {
		return pipeline.Pending, err
	}
	if _, err := check.Access(ctx, r.tools.client); err != nil {
		return pipeline.Pending, remedy.For(err, "Account Settings:Read")
	}
	if f.DryRun {
		return r.prove(ctx)
	}
	before := []finding.Finding(nil)
	if p.face != nil {
		before = p.face.before
	}
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	if r.show(lose); p.face != nil {
		p.face.before, p.face.page.Name = before, "Rotation"
	}
	ended := map[string]pipeline.Finished{}
	plan := r.plan(ctx, false)
	verdict, err := p.run(ctx, plan, verdicts(ended))
	if verdict != pipeline.Pending {
		r.outputs(verdict)
		r.after(ctx, ended)
	}
	return verdict, err
}

// begin finds out everything that must be known before anything is done.
func (r *rotating) begin(ctx context.Context) error {
	p := r.promotion
	if r.asked.Env == "" {
		return finding.Errorf("bad-flag", finding.Position{}, "rotate does not guess the environment").
			Hintf("say --env staging, --env production or --env all")
	}
	loaded, dir, all, err := p.open(r.asked.Env)
	if err != nil {
		return err
	}
	p.road = road{project: loaded, dir: dir, all: all}
	if r.names, err = chosen(append(slices.Clone(r.asked.Name), r.asked.Secret...), loaded); err != nil {
		return err
	}
	if err := p.readFile(r.asked.valueFlags, dir); err != nil {
		return err
	}
	p.secrets(loaded)
	if err := r.take(); err != nil {
		return err
	}
	for _, t := range all {
		narrow, err := t.Only(r.sharing(t)...)
		if err != nil {
			return err
		}
		p.road.deploying = append(p.road.deploying, narrow)
	}
	if p.tools.probe, err = p.prober(p.flags.probeFlags); err != nil {
		return err
	}
	p.commit = commit(ctx, dir, p.lookup)
	p.release = release.ID(time.Now(), p.commit)
	p.fleets, p.shelf, p.recorded = map[string]*fleet.Fleet{}, &bundle.Shelf{}, recorded{}
	for _, t := range all {
		p.fleets[t.Env] = &fleet.Fleet{}
	}
	p.tools.client, p.tools.account, err = p.client(p.flags.accountFlags, all)
	return err
}

// variable matches what is the name of a secret rather than its value.
var variable = regexp.MustCompile(`^[A-Z][A-Z_]{2,40}$`)

// chosen are the secrets that are meant, sorted, which the map must have.
func chosen(names []string, p project.Project) ([]string, error) {
	var known []string
	for _, s := range p.Settings.Secrets {
		known = append(known, s.Name)
	}
	if len(names) == 0 {
		return nil, finding.Errorf("bad-flag", finding.Position{}, "rotate does not guess which secrets").
			Hintf("name them: deploy-action rotate JWT_SECRET --env staging; the secrets are %s", strings.Join(known, ", "))
	}
	var unknown []finding.Finding
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		f := finding.Errorf("unknown-secret", finding.Position{}, "one of the arguments is no secret of the map; it is not shown, as it may be a value").
			Hintf("the secrets are %s; a value never stands on the command line", strings.Join(known, ", "))
		if variable.MatchString(name) {
			f.Message = "there is no secret " + name + " in the map"
		}
		if like, ok := document.Near(name, known); ok {
			f.Hint = fmt.Sprintf("did you mean %q? %s", like, f.Hint)
		}
		unknown = append(unknown, f)
	}
	slices.Sort(names)
	return slices.Compact(names), finding.Join(unknown)
}

// sharing are the Workers of an environment that have one of the secrets.
func (r *rotating) sharing(t project.Target) []string {
	var names []string
	for _, s := range t.Scripts {
		if slices.ContainsFunc(s.Secrets, func(name string) bool { return slices.Contains(r.names, name) }) {
			names = append(names, s.Name)
		}
	}
	return names
}

// plan is the road: for each environment the rotation, then health and smoke.
func (r *rotating) plan(ctx context.Context, prove bool) pipeline.Plan {
	p, plan := r.promotion, pipeline.Plan{Width: 8}
	for i, t := range p.road.all {
		narrow := p.road.deploying[i]
		step := pipeline.Step{Env: t.Env, Stage: stage.Guarded{Stage: r.stage(ctx, t, narrow, prove), Env: t.Env, Lock: p.lock()}}
		if prove {
			step.KeepGoing = true
			plan.Steps = append(plan.Steps, step)
			continue
		}
		step.Undo = fleet.PutBack{Client: p.tools.client, Target: narrow, Fleet: p.fleets[t.Env], Force: true}
		plan.Steps = append(append(plan.Steps, step), retreat.Verification{
			Target: t, Settings: p.road.project.Settings, Probe: p.tools.probe, Patience: r.asked.HealthTimeout, Version: p.version(t.Env),
			SkipSmoke: when(r.asked.SkipSmoke, "--skip-smoke"), Redact: p.redact,
		}.Steps()...)
	}
	p.steps = plan.Steps
	return plan
}

// stage is the rotation of one environment.
func (r *rotating) stage(ctx context.Context, whole, narrow project.Target, prove bool) rotation.Stage {
	p := r.promotion
	if s, ok := r.stages[whole.Env]; ok && s.Prove == prove {
		return s
	}
	draft := release.NewDraft(p.release, p.commit, whole.Env, time.Now())
	for _, e := range whole.Endpoints {
		draft.Answer("https://" + e.Host)
	}
	records := p.records(ctx, p.road.dir, whole.Env)
	s := rotation.Stage{
		Deploy: fleet.Deploy{
			Client: p.tools.client, Target: narrow, Whole: whole, FS: p.road.project.FS(), Fleet: p.fleets[whole.Env], Draft: draft, Journal: p.journal(), Key: p.token(),
			Why: p.whyTaken(whole.Env), Rekey: &fleet.Rekey{}, Replaced: func(context.Context) []release.Replaced { return replacedIn(records) },
		},
		Values: r.values.New, Old: r.values.Old, Others: p.program.secrets(p.road.project), Records: records, Compromised: r.asked.Compromised, Prove: prove,
	}
	if r.asked.WriteTo != "" {
		s.Keep = r.values.Keep
	}
	r.stages[whole.Env] = s.Ready()
	return r.stages[whole.Env]
}

// replacedIn is what records know of values that were replaced.
func replacedIn(all []release.Manifest) []release.Replaced {
	var known []release.Replaced
	for _, m := range all {
		known = release.Merge(known, m.Replaced)
	}
	return known
}

// prove says whether it can be done, and what would be.
func (r *rotating) prove(ctx context.Context) (pipeline.Verdict, error) {
	verdict, err := r.run(ctx, r.plan(ctx, true))
	if err != nil || verdict != pipeline.Passed {
		return verdict, err
	}
	return verdict, r.dryRun(r.plan(ctx, false))
}

// run runs a plan as any command does.
func (r *rotating) run(ctx context.Context, plan pipeline.Plan) (pipeline.Verdict, error) {
	return r.program.run(ctx, plan)
}

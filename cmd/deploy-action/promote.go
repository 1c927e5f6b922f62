package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tminus/deploy-action/runner/build"
	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/parcel"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/secret"
	"github.com/tminus/deploy-action/runner/stage"
)

// promotion is the command promote.
type promotion struct {
	*program
	flags   promoteFlags
	road    road
	tools   tools
	release string
	commit  string
	fleets  map[string]*fleet.Fleet // by environment
	shelf   *bundle.Shelf
	// recorded are the releases as they were written down, by environment.
	recorded recorded
	// steps are the stages of the road, without their work; received is what an
	// earlier job built, nil if there is none.
	steps    []pipeline.Step
	received *parcel.Parcel
	heard    *witnesses
}

// recorded is a journal for what shows the run.
type recorded map[string]release.Manifest

// Record implements release.Journal.
func (r recorded) Record(_ context.Context, m release.Manifest) error {
	r[m.Environment] = m
	return nil
}

// road is what is promoted where.
type road struct {
	project project.Project
	dir     string
	// all are the environments on the way; deploying are those of them that are not
	// skipped, narrowed to the Workers that were asked for.
	all       []project.Target
	deploying []project.Target
}

// tools are what reaches the account and the Workers.
type tools struct {
	client  *cloudflare.Client
	account string // id
	probe   *probe.Client
	secrets secret.Store
}

func (p *promotion) run(ctx context.Context) (pipeline.Verdict, error) {
	if err := p.begin(ctx); err != nil {
		return pipeline.Pending, err
	}
	plan := p.plan()
	if p.flags.DryRun {
		return pipeline.Passed, p.dryRun(plan)
	}
	recover := p.leftBehind(ctx)
	if verdict, err := p.check(ctx); err != nil || verdict != pipeline.Passed {
		return verdict, err
	}
	before := []finding.Finding(nil)
	if p.face != nil {
		before = p.face.before
	}
	if recover(ctx); p.face != nil {
		p.face.before, p.face.found = before, nil
	}
	ended := map[string]pipeline.Finished{}
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	p.show(lose)
	p.listen()
	defer p.heard.close()
	verdict, err := p.program.run(ctx, p.plan(), verdicts(ended), p.heard)
	if verdict != pipeline.Pending {
		if err := p.send(ended); err != nil {
			verdict = pipeline.Failed
			p.tell(finding.From(finding.Errorf("release-dir", finding.Position{}, "the release could not be kept for the next job: %s", err).
				Hintf("make %s writable and run again", p.flags.ReleaseDir), "", finding.Position{}))
		}
		p.outputs(verdict)
		p.aftermath(ended, p.takeBack(ctx, ended))
	}
	if err != nil && verdict != pipeline.Pending {
		fmt.Fprintf(p.err, "could not be reported: %s\n", p.redact(err.Error()))
		err = nil
	}
	return verdict, err
}

// begin finds out everything that must be known before anything is done.
func (p *promotion) begin(ctx context.Context) (err error) {
	if p.road.project, p.road.dir, err = p.load(); err != nil {
		return err
	}
	if p.road.all, err = p.envs(); err != nil {
		return err
	}
	for _, t := range p.road.all {
		narrow, err := t.Only(p.flags.Worker...)
		if err != nil {
			return err
		}
		if p.skipped(t.Env) == "" {
			p.road.deploying = append(p.road.deploying, narrow)
		}
	}
	if err = p.takeSecrets(); err != nil {
		return err
	}
	if p.tools.probe, err = p.prober(p.flags.probeFlags); err != nil {
		return err
	}
	p.commit = commit(ctx, p.road.dir, p.lookup)
	p.release = release.ID(time.Now(), p.commit)
	p.fleets, p.shelf, p.recorded = map[string]*fleet.Fleet{}, &bundle.Shelf{}, recorded{}
	for _, t := range p.road.all {
		p.fleets[t.Env] = &fleet.Fleet{}
	}
	p.steps = p.plan().Steps
	if err := selectStages(p.flags.Stages, p.steps); err != nil {
		return err
	}
	if err := p.planned(); err != nil {
		return err
	}
	if p.flags.DryRun {
		return nil // it asks no account
	}
	if err := p.receive(); err != nil {
		return err
	}
	if !p.flags.SkipBuild && p.here("build") {
		if _, err := p.build().Commands(); err != nil {
			return err
		}
	}
	p.tools.client, p.tools.account, err = p.program.client(p.flags.accountFlags, p.road.deploying)
	return err
}

// takeSecrets takes the secrets that go along, from the environment and a file.
func (p *promotion) takeSecrets() error {
	if err := p.readFile(p.flags.valueFlags, p.road.dir); err != nil {
		return err
	}
	if store := p.program.secrets(p.road.project); !p.flags.SkipSecrets {
		p.tools.secrets = store
	}
	return nil
}

// envs are the environments on the way: staging and then production, or those
// that the project has.
func (p *promotion) envs() ([]project.Target, error) {
	if p.flags.StageOnly && p.flags.ProdOnly {
		return nil, finding.Errorf("bad-flag", finding.Position{}, "--stage-only and --prod-only exclude each other").Hintf("give one of them")
	}
	if env := p.flags.Env; env != "" && env != "all" {
		if _, err := targets(p.road.project, env); err != nil {
			return nil, err
		}
	}
	return targets(p.road.project, "all")
}

// skipped says why an environment is left out, empty if it is not.
func (p *promotion) skipped(env string) string {
	switch {
	case p.flags.StageOnly && env != "staging":
		return "--stage-only"
	case p.flags.ProdOnly && env != "production":
		return "--prod-only"
	case p.flags.Env != "" && p.flags.Env != "all" && p.flags.Env != env:
		return "--env " + p.flags.Env
	}
	return ""
}

// plan is the road: build, then four gates for each environment.
func (p *promotion) plan() pipeline.Plan {
	plan := pipeline.Plan{Width: p.flags.Concurrency}
	plan.Steps = append(plan.Steps, pipeline.Step{Stage: p.build(), KeepGoing: true})
	for _, t := range p.road.all {
		gates := p.gates(t)
		// The first gate that is not skipped keeps other releases out.
		if i := slices.IndexFunc(gates, func(s pipeline.Step) bool { return s.Skip == "" && !p.elsewhere(s.ID()) }); i >= 0 {
			gates[i].Stage = stage.Guarded{Stage: p.agreed(gates, i, t), Env: t.Env, Lock: p.lock()}
		}
		plan.Steps = append(plan.Steps, gates...)
	}
	for i, s := range p.steps {
		if s.Elsewhere {
			plan.Steps[i].Skip, plan.Steps[i].Elsewhere = s.Skip, true
		}
	}
	return plan
}

func (p *promotion) build() build.Stage {
	return build.Stage{
		Dir: p.road.dir, Project: p.road.project, Targets: p.road.deploying, Env: p.childEnv(p.program.secrets(p.road.project)),
		Skip: p.flags.SkipBuild, Bundler: p.flags.Bundler, Redact: p.redact, Into: p.shelf,
	}
}

// gates are the four steps of one environment. A deploy of some Workers is
// validated by the health of all.
func (p *promotion) gates(whole project.Target) []pipeline.Step {
	t := p.narrowed(whole)
	env, skip := t.Env, p.skipped(t.Env)
	draft := release.NewDraft(p.release, p.commit, env, time.Now())
	for _, e := range whole.Endpoints {
		draft.Answer("https://" + e.Host)
	}
	f, migrate, deploy := p.fleets[env], p.migrate(t), p.deploy(t)
	migrate.Draft = draft
	deploy.Fleet, deploy.Draft, deploy.Journal = f, draft, p.journal()
	smoke := stage.Smoke{Probe: p.tools.probe, Target: whole, Scenario: p.road.project.Settings.Smoke, Redact: p.redact, Witness: p.heard.of(env)}
	return []pipeline.Step{
		{Env: env, Skip: first(skip, when(p.flags.SkipMigrations, "--skip-migrations")), Stage: migrate},
		{Env: env, Skip: skip, Stage: deploy, Undo: fleet.PutBack{Client: p.tools.client, Target: t, Fleet: f}},
		{Env: env, Skip: skip, KeepGoing: true,
			Stage: stage.Health{Probe: p.tools.probe, Target: whole, Path: p.road.project.Settings.Health.Path, Patience: p.flags.patience(p.road.project.Settings), Version: p.version(env), Redact: p.redact, Witness: p.heard.of(env)}},
		{Env: env, Skip: first(skip, when(p.flags.SkipSmoke, "--skip-smoke"), smoke.Missing()), Stage: smoke},
	}
}

// elsewhere tells whether another job runs a stage.
func (p *promotion) elsewhere(id string) bool { return len(p.steps) > 0 && !p.here(id) }

// version gives the version of a script that must answer in an environment: of
// this job's deploy, or of an earlier job's.
func (p *promotion) version(env string) func(string) string {
	return func(script string) string {
		if v := p.fleets[env].Version(script); v != "" {
			return v
		}
		m, _ := p.before(env)
		placed, _ := m.Placed(script)
		return placed.Version
	}
}

// when is a reason if it holds, else nothing.
func when(holds bool, reason string) string {
	if holds {
		return reason
	}
	return ""
}

// first is the first of some texts that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
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
	flags promoteFlags

	project project.Project
	dir     string
	// all are the environments of the road; deploying are those of them that are
	// not skipped, narrowed to the Workers that were asked for.
	all       []project.Target
	deploying []project.Target
	client    *cloudflare.Client
	accountID string
	probe     *probe.Client
	secrets   secret.Store
	release   string
	commit    string
	fleets    map[string]*fleet.Fleet
	shelf     *bundle.Shelf
}

func (p *promotion) run(ctx context.Context) (pipeline.Verdict, error) {
	if err := p.begin(ctx); err != nil {
		return pipeline.Pending, err
	}
	plan := p.plan()
	if p.flags.DryRun {
		return pipeline.Passed, p.dryRun(plan)
	}
	if verdict, err := p.check(ctx); err != nil || verdict != pipeline.Passed {
		return verdict, err
	}
	verdict, err := p.program.run(ctx, plan)
	if verdict != pipeline.Pending {
		p.aftermath(verdict)
	}
	if err != nil && verdict != pipeline.Pending {
		fmt.Fprintf(p.err, "could not be reported: %s\n", p.redact(err.Error()))
		err = nil
	}
	return verdict, err
}

// begin finds out everything that must be known before anything is done.
func (p *promotion) begin(ctx context.Context) (err error) {
	if p.project, p.dir, err = p.load(); err != nil {
		return err
	}
	if p.all, err = p.road(); err != nil {
		return err
	}
	for _, t := range p.all {
		narrow, err := t.Only(p.flags.Worker...)
		if err != nil {
			return err
		}
		if p.skipped(t.Env) == "" {
			p.deploying = append(p.deploying, narrow)
		}
	}
	store := p.program.secrets(p.project)
	if !p.flags.SkipSecrets {
		p.secrets = store
	}
	if p.probe, err = p.prober(p.flags.probeFlags); err != nil {
		return err
	}
	p.commit = commit(ctx, p.dir, p.lookup)
	p.release = release.ID(time.Now(), p.commit)
	p.fleets, p.shelf = map[string]*fleet.Fleet{}, &bundle.Shelf{}
	for _, t := range p.all {
		p.fleets[t.Env] = &fleet.Fleet{}
	}
	if !p.flags.SkipBuild {
		if _, err := p.build().Commands(); err != nil {
			return err
		}
	}
	if p.flags.DryRun {
		return nil // it asks no account
	}
	p.client, p.accountID, err = p.program.client(p.flags.accountFlags, p.deploying)
	return err
}

// road are the environments on the way: staging and then production, or those
// that the project has.
func (p *promotion) road() ([]project.Target, error) {
	if p.flags.StageOnly && p.flags.ProdOnly {
		return nil, finding.Errorf("bad-flag", finding.Position{}, "--stage-only and --prod-only exclude each other").Hintf("give one of them")
	}
	if env := p.flags.Env; env != "" && env != "all" {
		if _, err := targets(p.project, env); err != nil {
			return nil, err
		}
	}
	return targets(p.project, "all")
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
	for _, t := range p.all {
		plan.Steps = append(plan.Steps, p.gates(t)...)
	}
	return plan
}

func (p *promotion) build() stage.Build {
	return stage.Build{
		Dir: p.dir, Project: p.project, Targets: p.deploying, Env: p.childEnv(p.program.secrets(p.project)),
		Skip: p.flags.SkipBuild, Bundler: p.flags.Bundler, Redact: p.redact, Into: p.shelf,
	}
}

// gates are the four steps of one environment. A deploy of some Workers is
// validated by the health of all.
func (p *promotion) gates(whole project.Target) []pipeline.Step {
	t := whole
	for _, narrow := range p.deploying {
		if narrow.Env == t.Env {
			t = narrow
		}
	}
	env, skip := t.Env, p.skipped(t.Env)
	draft := release.NewDraft(p.release, p.commit, env, time.Now())
	for _, e := range whole.Endpoints {
		draft.Answer("https://" + e.Host)
	}
	f := p.fleets[env]
	smoke := stage.Smoke{Probe: p.probe, Target: whole, Scenario: p.project.Settings.Smoke, Redact: p.redact}
	return []pipeline.Step{
		{Env: env, Skip: first(skip, when(p.flags.SkipMigrations, "--skip-migrations")),
			Stage: stage.Migrate{Client: p.client, FS: p.project.FS(), Databases: t.Databases, Account: p.accountID, Draft: draft}},
		{Env: env, Skip: skip,
			Stage: fleet.Deploy{Client: p.client, Target: t, FS: p.project.FS(), From: p.shelf, Fleet: f, Draft: draft, Journal: p.journal(), Secrets: p.secrets, Key: p.token(), RemoveWorkflows: p.flags.RemoveWorkflows},
			Undo:  fleet.PutBack{Client: p.client, Target: t, Fleet: f}},
		{Env: env, Skip: skip, KeepGoing: true,
			Stage: stage.Health{Probe: p.probe, Target: whole, Path: p.project.Settings.Health.Path, Patience: p.flags.patience(p.project.Settings), Version: f.Version, Redact: p.redact}},
		{Env: env, Skip: first(skip, when(p.flags.SkipSmoke, "--skip-smoke"), smoke.Missing()), Stage: smoke},
	}
}

// journal keeps releases in the workspace.
func (p *promotion) journal() release.Folder {
	return release.Folder{Dir: filepath.Join(p.dir, ".deploy-action", "releases")}
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

// dryRun prints the plan: the very tasks that would run.
func (p *promotion) dryRun(plan pipeline.Plan) error {
	if p.common.Format == "json" {
		return report.WriteJSON(p.out, "planned", plan.Planned())
	}
	report.WritePlan(p.out, p.style(), plan.Planned())
	return nil
}

// check judges files, code and account before anything is queued.
func (p *promotion) check(ctx context.Context) (pipeline.Verdict, error) {
	return p.program.check(ctx, stage.Check{
		Dir: p.dir, Project: p.project, Targets: p.deploying, Client: p.client,
	})
}

// aftermath says what serves now when a release did not pass.
func (p *promotion) aftermath(verdict pipeline.Verdict) {
	if verdict == pipeline.Passed {
		return
	}
	for _, t := range p.deploying {
		if moved := p.fleets[t.Env].Moved(); len(moved) > 0 {
			p.tell([]finding.Finding{finding.Warnf("unverified", finding.Position{}, "%s serves release %s on %s, and it did not pass all gates", t.Env, p.release, strings.Join(moved, ", ")).
				Hintf("deploy-action status --env %s shows what serves; the record of what was there before is %s", t.Env, p.journal().Path(t.Env))})
		}
	}
}

// commit is the commit that is released: the one of the workflow, else the one
// that is checked out; empty when there is none.
func commit(ctx context.Context, dir string, lookup func(string) (string, bool)) string {
	if sha, ok := lookup("GITHUB_SHA"); ok && sha != "" {
		return sha
	}
	cmd := exec.CommandContext(ctx, "git", "-c", "safe.directory=*", "rev-parse", "HEAD")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

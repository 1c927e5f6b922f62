package main

import (
	"context"
	"strings"

	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/provision"
	"github.com/tminus/deploy-action/runner/zone"
)

type provisionFlags struct {
	commonFlags
	accountFlags
	Env    string `placeholder:"NAME" help:"staging, production or all. There is no default: say it."`
	DryRun bool   `help:"Say what would be made and which lines would be written, and do neither."`
}

type dnsFlags struct {
	commonFlags
	accountFlags
	Env     string   `placeholder:"NAME" help:"staging, production or all. There is no default: say it."`
	DryRun  bool     `help:"Say which records would be written, and write none."`
	Replace []string `placeholder:"HOST" help:"Replace the record of this name although somebody else made it; repeatable."`
}

// sideBySide is how many stores are made at once.
const sideBySide = 8

// provisionCommand is the command provision.
func (p *program) provisionCommand(ctx context.Context, f provisionFlags) (pipeline.Verdict, error) {
	loaded, dir, all, client, err := p.settingUp("provision", f.Env, f.accountFlags)
	if err != nil {
		return pipeline.Pending, err
	}
	o := provision.Options{
		Project: loaded, Client: client, Dir: dir, Top: f.Env == "all", DryRun: f.DryRun, Fleeting: p.face != nil, Explain: explain(client),
	}
	for _, t := range all {
		o.Envs = append(o.Envs, t.Env)
	}
	plan := pipeline.Plan{Width: sideBySide}
	if f.DryRun {
		plan.Width = 1 // it is read in order
	}
	for _, s := range provision.Stages(o) {
		plan.Steps = append(plan.Steps, pipeline.Step{Env: first(s.Env(), "top-level"), Stage: s, KeepGoing: true})
	}
	return p.settled(ctx, plan, provision.LookTask)
}

// dnsCommand is the command dns. All environments are one step: their records are read
// once and written together.
func (p *program) dnsCommand(ctx context.Context, f dnsFlags) (pipeline.Verdict, error) {
	_, _, all, client, err := p.settingUp("dns", f.Env, f.accountFlags)
	if err != nil {
		return pipeline.Pending, err
	}
	id, _ := p.lookup("TMINUS_ZONE_ID")
	stage, err := zone.New(zone.Options{Client: client, Targets: all, ZoneID: strings.TrimSpace(id), Replace: f.Replace, DryRun: f.DryRun, Explain: explain(client)})
	if err != nil {
		return pipeline.Pending, err
	}
	step := pipeline.Step{Stage: stage, KeepGoing: true}
	if len(all) == 1 {
		step.Env = all[0].Env
	}
	return p.settled(ctx, pipeline.Plan{Steps: []pipeline.Step{step}, Width: 1}, zone.ReadTask)
}

// settingUp loads what the commands of a first set-up need.
func (p *program) settingUp(command, env string, f accountFlags) (project.Project, string, []project.Target, *cloudflare.Client, error) {
	if env == "" {
		return project.Project{}, "", nil, nil, finding.Errorf("bad-flag", finding.Position{}, "%s does not guess the environment", command).
			Hintf("say --env staging, --env production or --env all")
	}
	loaded, dir, all, err := p.open(env)
	if err != nil {
		return loaded, dir, nil, nil, err
	}
	client, _, err := p.client(f, all)
	return loaded, dir, all, client, err
}

// settled runs a plan, and says that nothing could be begun when the first look at the
// account failed.
func (p *program) settled(ctx context.Context, plan pipeline.Plan, look string) (pipeline.Verdict, error) {
	first := &looked{task: look}
	verdict, err := p.run(ctx, plan, first)
	if err == nil {
		err = begun(first.found)
	}
	return verdict, err
}

// looked keeps what was found by a task when it was done first.
type looked struct {
	task  string
	done  bool
	found []finding.Finding
}

// Observe implements pipeline.Observer.
func (l *looked) Observe(_ context.Context, e pipeline.Event) error {
	if did, ok := e.(pipeline.Did); ok && did.Task == l.task && !l.done {
		l.done, l.found = true, did.Findings
	}
	return nil
}

// explain finds out what is wrong with the token or the account.
func explain(c *cloudflare.Client) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := check.Access(ctx, c)
		return err
	}
}

package main

import (
	"context"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/hold"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
)

type holdFlags struct {
	commonFlags
	accountFlags
	Env    string `default:"production" placeholder:"NAME" help:"staging or production."`
	Reason string `placeholder:"TEXT" help:"Why, for the record and for whoever is refused by the hold."`
}

// holdCommand is the command hold: every release is kept out of an environment until
// a person lifts it.
func (p *program) holdCommand(ctx context.Context, f holdFlags) (pipeline.Verdict, error) {
	return p.holding(ctx, f, "an environment is held", deployment.Held, func(c *cloudflare.Client, t project.Target) pipeline.Stage {
		return hold.Place{Client: c, Target: t}
	})
}

// releaseHoldCommand is the command release-hold: what was taken back, or was held,
// may be had again.
func (p *program) releaseHoldCommand(ctx context.Context, f holdFlags) (pipeline.Verdict, error) {
	return p.holding(ctx, f, "a hold is lifted for an environment", deployment.Lifted, func(c *cloudflare.Client, t project.Target) pipeline.Stage {
		return hold.Lift{Client: c, Target: t}
	})
}

// holding runs a stage that changes a hold, and tells GitHub who did it and why.
func (p *program) holding(ctx context.Context, f holdFlags, what string, tell func(context.Context, *github.Client, string, string, string) error, stage func(*cloudflare.Client, project.Target) pipeline.Stage) (pipeline.Verdict, error) {
	_, _, all, err := p.open(f.Env)
	if err != nil {
		return pipeline.Pending, err
	}
	if len(all) != 1 || f.Reason == "" {
		return pipeline.Pending, finding.Errorf("bad-flag", finding.Position{}, "%s, one at a time and with a reason", what).
			Hintf("say --env production --reason and why")
	}
	client, _, err := p.client(f.accountFlags, all)
	if err != nil {
		return pipeline.Pending, err
	}
	verdict, err := p.run(ctx, pipeline.Plan{Steps: []pipeline.Step{{Env: f.Env, KeepGoing: true, Stage: stage(client, all[0])}}})
	if err == nil && verdict == pipeline.Passed && p.face != nil && p.face.client != nil {
		p.face.lost(redacted(tell(ctx, p.face.client, f.Env, first(p.face.where.Actor, "somebody"), p.redact(f.Reason)), p.redact))
	}
	return verdict, err
}

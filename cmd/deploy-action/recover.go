package main

import (
	"context"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/journal"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/rollback"
)

// patience is how long is waited for GitHub to say whether something was left behind.
const patience = time.Second

// leftBehind begins to ask, beside the checks, whether a run that was killed left a
// release half done in an environment that is rolled back by itself. What it gives
// takes that back.
func (p *promotion) leftBehind(ctx context.Context) func(context.Context) {
	if p.face == nil || p.face.client == nil || p.flags.OnFailure == "stop" {
		return func(context.Context) {}
	}
	k := p.face.keeper(nil, journal.Policy{}, nil)
	var all []project.Target
	for _, t := range p.road.deploying {
		if p.here("deploy-"+t.Env) && p.road.project.Settings.Rollback.Decide("deploy", t.Env, nil).Do == project.RollBack {
			all = append(all, t)
			k.Look(context.WithoutCancel(ctx), t.Env)
		}
	}
	return func(ctx context.Context) {
		for _, t := range all {
			if left := k.Left(ctx, t.Env, patience); len(left) > 0 {
				p.recover(ctx, t, left)
			}
		}
	}
}

// recover takes back what a killed run left half done. If that cannot be done, this
// release goes forward over it.
func (p *promotion) recover(ctx context.Context, t project.Target, left []string) {
	p.tell([]finding.Finding{finding.Warnf("left-behind", finding.Position{}, "%s was left half done by release %s, whose run was killed; it is taken back first", t.Env, strings.Join(left, " and "))})
	second := *p.program
	second.named = "Recovery"
	if second.common.CheckName != "" {
		second.common.CheckName += " recovery"
	}
	b := &bring{
		program: &second, settings: p.road.project.Settings, project: p.road.project, whole: t, target: t, dir: p.road.dir, client: p.tools.client, commit: p.commit,
		way: &rollback.Way{}, recorded: recorded{},
		flags: rollbackFlags{commonFlags: p.flags.commonFlags, probeFlags: p.flags.probeFlags, Env: t.Env, Reason: "the run of release " + strings.Join(left, " and ") + " was killed", SkipSmoke: p.flags.SkipSmoke, Lock: p.flags.Lock, LockTimeout: p.flags.LockTimeout},
	}
	if err := b.find(ctx); err != nil {
		p.tell(finding.From(err, "left-behind", finding.Position{}))
		return
	}
	if _, err := b.run(ctx); err != nil {
		p.tell(finding.From(err, "left-behind", finding.Position{}))
	}
}

package main

import (
	"context"
	"fmt"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/summary"
	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/hold"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/rollback"
)

// closedGate is the step that closed behind the traffic of an environment.
type closedGate struct {
	target project.Target // the environment with the Workers that were deployed
	step   pipeline.Step
	ended  pipeline.Finished
}

// closed finds the environments whose traffic was moved and whose gates then closed.
func (p *promotion) closed(ended map[string]pipeline.Finished) []closedGate {
	var all []closedGate
	for _, t := range p.road.deploying {
		if len(p.fleets[t.Env].Moved()) == 0 {
			continue
		}
		for _, s := range p.steps {
			if f := ended[s.ID()]; s.Env == t.Env && f.Verdict == pipeline.Failed {
				all = append(all, closedGate{t, s, f})
			}
		}
	}
	return all
}

// takeBack rolls back what the policy has rolled back, at once and from the manifest
// in hand, and tells which environments are well again.
func (p *promotion) takeBack(ctx context.Context, ended map[string]pipeline.Finished) map[string]bool {
	taken := map[string]bool{}
	for _, gate := range p.closed(ended) {
		env := gate.target.Env
		policy := p.road.project.Settings.Rollback.Decide(gate.step.Stage.Name(), env, gate.ended.Findings)
		if p.flags.OnFailure == "stop" || policy.Do != project.RollBack {
			p.tellPolicy(gate, policy)
			if p.flags.OnFailure != "stop" && policy.Do == project.KeepOut {
				p.keepOut(ctx, gate)
			}
			continue
		}
		b := p.bringBack(gate)
		verdict, err := b.run(ctx)
		taken[env] = verdict == pipeline.Passed
		if err != nil {
			p.tell(finding.From(fmt.Errorf("the rollback of %s: %w", env, err), "rollback", finding.Position{}))
		}
		then := ""
		if policy.Then != "" {
			then = "; next: " + policy.Then
		}
		if verdict == pipeline.Passed {
			p.tell([]finding.Finding{finding.Notef("rolled-back", finding.Position{}, "%s was rolled back (%s) and is well%s", env, b.way.Summary(), then)})
		}
	}
	return taken
}

// tellPolicy says why an environment is left on the release that failed.
func (p *promotion) tellPolicy(gate closedGate, policy project.Policy) {
	why := "the policy says " + string(policy.Do)
	if p.flags.OnFailure == "stop" {
		why = "--on-failure stop"
	}
	p.tell([]finding.Finding{finding.Warnf("not-rolled-back", policy.At, "%s is left on the release that failed: %s", gate.target.Env, why).
		Hintf("deploy-action rollback --env %s takes it back", gate.target.Env)})
}

// keepOut holds an environment on the release that failed.
func (p *promotion) keepOut(ctx context.Context, gate closedGate) {
	env := gate.target.Env
	second := *p.program
	second.named = "Hold"
	if second.common.CheckName != "" {
		second.common.CheckName += " hold"
	}
	if p.face != nil {
		p.face.before, p.face.found, p.face.deployments = nil, nil, nil
		p.face.page = &summary.Summary{Name: "Hold of " + env}
	}
	verdict, err := second.run(ctx, pipeline.Plan{Steps: []pipeline.Step{{Env: env, KeepGoing: true, Stage: hold.Place{Client: p.tools.client, Target: gate.target}}}})
	if err != nil {
		p.tell(finding.From(fmt.Errorf("the hold of %s: %w", env, err), "hold", finding.Position{}))
	}
	if verdict != pipeline.Passed {
		return
	}
	p.tell([]finding.Finding{finding.Warnf("held", finding.Position{}, "%s is held on the release that failed, and refuses every other one", env).
		Hintf("deploy-action rollback --env %s takes it back; deploy-action release-hold --env %s --reason TEXT lets the next release in", env, env)})
	if p.face != nil && p.face.client != nil {
		err := deployment.Held(ctx, p.face.client, env, "the policy", gate.step.Title()+" failed")
		p.face.lost(redacted(err, p.redact))
	}
}

// bringBack is the rollback of what this promotion did to an environment: to the
// last good release as GitHub has it, else to what was there before.
func (p *promotion) bringBack(gate closedGate) *bring {
	env := gate.target.Env
	m := p.recorded[env]
	for i, w := range m.Workers {
		if w.Version == "" {
			m.Workers[i].Version = p.fleets[env].Version(w.Script)
		}
	}
	back := aim.Undo(m)
	rotated := len(m.Rotated) > 0 // it goes back to the very versions of before
	if p.face != nil && p.face.deployments != nil && !rotated {
		if good, ok := p.face.deployments.LastGood(env); ok {
			back = aim.To(m, good)
		}
	}
	back.Compromised = m.Compromised
	whole := gate.target
	for _, t := range p.road.all {
		if t.Env == env {
			whole = t
		}
	}
	// Another name, so that its check runs stand beside those of the promotion.
	second := *p.program
	second.named = "Rollback"
	if second.common.CheckName != "" {
		second.common.CheckName += " rollback"
	}
	reason := gate.step.Title() + " failed"
	for _, f := range gate.ended.Findings {
		if f.Severity == finding.Error {
			reason += ": " + f.Message
			break
		}
	}
	return &bring{
		program: &second, settings: p.road.project.Settings, project: p.road.project, whole: whole, target: gate.target, dir: p.road.dir, client: p.tools.client,
		known: &back, commit: p.commit, way: &rollback.Way{}, recorded: recorded{},
		flags: rollbackFlags{commonFlags: p.flags.commonFlags, probeFlags: p.flags.probeFlags, Env: env, Reason: reason, SkipSmoke: p.flags.SkipSmoke, ForceSecrets: rotated, Lock: "wait", LockTimeout: p.flags.LockTimeout},
	}
}

package main

import (
	"context"
	"slices"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/migration"
	"github.com/tminus/deploy-action/runner/outlook"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/preview"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
)

// narrowed is an environment with the Workers that were asked for.
func (p *promotion) narrowed(whole project.Target) project.Target {
	for _, narrow := range p.road.deploying {
		if narrow.Env == whole.Env {
			return narrow
		}
	}
	return whole
}

// whole is an environment with all its Workers.
func (p *promotion) whole(env string) project.Target {
	i := slices.IndexFunc(p.road.all, func(t project.Target) bool { return t.Env == env })
	if i < 0 {
		return project.Target{}
	}
	return p.road.all[i]
}

// migrate and deploy are the stages of an environment that change it, without
// what they leave behind.
func (p *promotion) migrate(t project.Target) migration.Stage {
	return migrating(p.tools.client, p.tools.account, p.road.project, t)
}

func (p *promotion) deploy(t project.Target) fleet.Deploy {
	return fleet.Deploy{
		Client: p.tools.client, Target: t, Whole: p.whole(t.Env), FS: p.projectFS(), From: p.shelf,
		Secrets: p.tools.secrets, Key: p.token(), RemoveWorkflows: p.flags.RemoveWorkflows, Why: p.whyTaken(t.Env),
		Replaced: p.replaced(t.Env),
	}
}

// replaced gives the values that secrets had before they were rotated, as the
// workspace's record and GitHub's have them, by their fingerprints.
func (p *promotion) replaced(env string) func(context.Context) []release.Replaced {
	return func(ctx context.Context) []release.Replaced {
		var known []release.Replaced
		if m, err := p.folder().Read(env); err == nil {
			known = m.Replaced
		}
		switch {
		case p.face == nil || p.face.client == nil:
		case p.face.deployments != nil:
			known = release.Merge(known, p.face.deployments.Replaced(env, patience))
		default:
			// Where GitHub gives nothing, the promotion itself sees to it.
			if all, err := deployment.Manifests(ctx, p.face.client, env); err == nil {
				known = release.Merge(known, replacedIn(all))
			}
		}
		return known
	}
}

// whyTaken tells the reason for which a release was taken back, as far as GitHub has it.
func (p *promotion) whyTaken(env string) func(string) string {
	return func(release string) string {
		if p.face == nil || p.face.deployments == nil {
			return ""
		}
		return p.face.deployments.Why(env, release)
	}
}

// look sees what these stages would change.
func (p *promotion) look(t project.Target) outlook.Look {
	return outlook.Look{Deploy: p.deploy(t), Migrate: p.migrate(t)}
}

// agreed is the gate with which an environment begins to change, closed if the
// environment is not as the plan saw it. Where another job has begun to change it,
// that job has compared.
func (p *promotion) agreed(gates []pipeline.Step, i int, t project.Target) pipeline.Stage {
	first := slices.IndexFunc(gates, func(s pipeline.Step) bool { return s.Skip == "" })
	if name := gates[i].Stage.Name(); p.flags.Plan == "" || i != first || name != "migrate" && name != "deploy" {
		return gates[i].Stage
	}
	digest, _ := preview.Of(p.flags.Plan, t.Env)
	return outlook.Agreed{Stage: gates[i].Stage, Look: p.look(p.narrowed(t)), Digest: digest}
}

// planned refuses a digest that is none, or that says nothing of an environment
// that would be changed.
func (p *promotion) planned() error {
	if p.flags.Plan == "" {
		return nil
	}
	if !preview.Valid(p.flags.Plan) {
		return finding.Errorf("bad-flag", finding.Position{}, "--plan: this is no digest of a plan").
			Hintf("give it as plan prints it, or the output plan-digest: staging=sha256:…,production=sha256:…")
	}
	for _, t := range p.road.deploying {
		changes := p.here("migrate-"+t.Env) || p.here("deploy-"+t.Env)
		if _, ok := preview.Of(p.flags.Plan, t.Env); changes && !ok {
			return finding.Errorf("bad-flag", finding.Position{}, "--plan: the plan says nothing of %s", t.Env).
				Hintf("make the plan for all environments that are promoted, or promote with --env")
		}
	}
	return nil
}

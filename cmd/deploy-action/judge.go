package main

import (
	"context"
	"os/exec"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/inspection"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// check judges files, code and account before anything is queued: of what this job
// does, and of the whole road where it builds.
func (p *promotion) check(ctx context.Context) (pipeline.Verdict, error) {
	c := inspection.Stage{Dir: p.road.dir, Project: p.road.project, Targets: p.road.deploying, Client: p.tools.client, Remarks: p.partial()}
	if !p.here("build") {
		c.Dir, c.Targets = "", nil // the code was judged where it was built
		for _, t := range p.road.deploying {
			if slices.ContainsFunc(p.steps, func(s pipeline.Step) bool { return s.Env == t.Env && !s.Elsewhere }) {
				c.Targets = append(c.Targets, t)
			}
		}
	}
	return p.program.check(ctx, c)
}

// partial says of each environment to which only some Workers go that the others stay on
// what they serve.
func (p *promotion) partial() []finding.Finding {
	var all []finding.Finding
	for _, whole := range p.road.all {
		narrow := p.narrowed(whole)
		if left := len(whole.Scripts) - len(narrow.Scripts); left > 0 && p.skipped(whole.Env) == "" {
			all = append(all, finding.Warnf("partial-release", narrow.Scripts[0].Section.At, "only %s of %d Workers go to %s; the others stay on what they serve",
				strings.Join(narrow.Workers(), ", "), len(whole.Scripts), whole.Env).
				Hintf("see that the others can live with it; health and smoke ask all of %s afterwards", whole.Env))
		}
	}
	return all
}

// verdicts notes how each step of a run ended.
type verdicts map[string]pipeline.Finished

// Observe implements pipeline.Observer.
func (v verdicts) Observe(_ context.Context, e pipeline.Event) error {
	if f, ok := e.(pipeline.Finished); ok {
		v[f.Step] = f
	}
	return nil
}

// aftermath says of each environment whose traffic was moved and that did not
// pass all its gates what serves there now, unless it was taken back.
func (p *promotion) aftermath(ended map[string]pipeline.Finished, taken map[string]bool) {
	for _, t := range p.road.deploying {
		open := true
		for _, s := range p.gates(t) {
			v := ended[s.ID()].Verdict
			open = open && (v == pipeline.Passed || v == pipeline.Skipped)
		}
		if moved := p.fleets[t.Env].Moved(); len(moved) > 0 && !open && !taken[t.Env] {
			p.tell([]finding.Finding{finding.Warnf("unverified", finding.Position{}, "%s serves release %s on %s, and it did not pass all gates", t.Env, p.release, strings.Join(moved, ", ")).
				Hintf("deploy-action status --env %s shows what serves; the record of what was there before is %s", t.Env, p.folder().Path(t.Env))})
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

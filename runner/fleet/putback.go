package fleet

import (
	"context"
	"fmt"
	"slices"

	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/drift"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
)

// PutBack undoes a deploy that did not come to its end: scripts that were
// switched serve again what they served, those that need others first, and
// triggers are as they were. What cannot go back is said.
type PutBack struct {
	Client *cloudflare.Client
	Target project.Target
	Fleet  *Fleet
	// Force: the release changed secrets, so versions come back whose secrets are others.
	Force bool
}

// Name implements pipeline.Stage.
func (PutBack) Name() string { return "put-back" }

const putBackTriggers = "Put back the triggers"

// Tasks implements pipeline.Stage.
func (p PutBack) Tasks() []pipeline.Task {
	tasks := []pipeline.Task{{Title: putBackTriggers, Do: p.triggers}}
	dependents := map[string][]string{}
	for _, s := range p.Target.Scripts {
		for _, need := range s.Needs {
			dependents[need.Script] = append(dependents[need.Script], putBackTitle(s.Name))
		}
	}
	done := map[string]bool{}
	for _, s := range slices.Backward(p.Target.Scripts) {
		t := pipeline.Task{Title: putBackTitle(s.Name), At: s.At(), Do: func(ctx context.Context, out *pipeline.Out) error {
			return p.script(ctx, out, s)
		}}
		for _, other := range dependents[s.Name] {
			if done[other] { // in a circle one of the two must be first
				t.After = append(t.After, other)
			}
		}
		done[t.Title] = true
		tasks = append(tasks, t)
	}
	return tasks
}

func putBackTitle(script string) string { return "Put back " + script }

// script brings one script back to the versions that served before, if the
// release's version serves now.
func (p PutBack) script(ctx context.Context, out *pipeline.Out, s project.Script) error {
	m := p.Fleet.of(s.Name)
	if m == nil || !m.switched {
		out.Endf("was not touched")
		return nil
	}
	all, err := p.Client.Deployments(ctx, s.Name)
	if err != nil && !cloudflare.IsMissing(err) {
		return p.unknown(s, err)
	}
	var now cloudflare.Deployment
	if len(all) > 0 {
		now = all[0]
	}
	before := m.before.Shares()
	switch {
	case now.ID == m.before.Serving.ID:
		p.Fleet.returned(s.Name)
		out.Endf("still serves %s", shares(before))
		return nil
	case !p.ours(now, m):
		p.Fleet.returned(s.Name)
		out.Note(finding.Warnf("superseded", s.At(), "%s was deployed by somebody else in the meantime and is left alone", s.Name).
			Hintf("see who with deploy-action status --env %s", p.Target.Env))
		out.Endf("superseded by %s", shares(sharesOf(now)))
		return nil
	case m.oneWay != "":
		return finding.Errorf("not-put-back", s.At(), "%s stays on the release that failed: %s", s.Name, m.oneWay).
			Hintf("correct what failed and run again; the release goes forward from here")
	}
	var traffic []cloudflare.Traffic
	for _, b := range before {
		traffic = append(traffic, cloudflare.Traffic{Version: b.Version, Percent: b.Percent})
	}
	if _, err := p.Client.Deploy(ctx, s.Name, traffic, putBackMessage(m), p.Force); err != nil {
		return p.unknown(s, err)
	}
	p.Fleet.returned(s.Name)
	out.Endf("serves %s again", shares(before))
	return nil
}

// ours tells whether a deployment is the one that this release made.
func (p PutBack) ours(now cloudflare.Deployment, m *move) bool {
	if m.version != "" {
		return len(now.Versions) == 1 && now.Versions[0].Version == m.version
	}
	// A script that was put, and whose answer was lost: its label tells.
	label, ok := release.ParseLabel(now.Message())
	return !ok || label.Digest == release.Short(m.digest)
}

func sharesOf(d cloudflare.Deployment) []release.Share { return live.Script{Serving: d}.Shares() }

// putBackMessage keeps the label of the release that serves again, so that it is
// recognised as unchanged the next time.
func putBackMessage(m *move) string {
	if label, ok := m.before.Label(); ok {
		return label.String()
	}
	return m.before.Serving.Message()
}

// unknown says that a script may be left on the failed release.
func (p PutBack) unknown(s project.Script, err error) error {
	return finding.Errorf("not-put-back", s.At(), "%s may still serve the release that failed: %s", s.Name, err).
		Hintf("look with deploy-action status --env %s, then deploy the last good release or roll back", p.Target.Env)
}

// triggers brings back the triggers of the scripts whose triggers were changed.
func (p PutBack) triggers(ctx context.Context, out *pipeline.Out) error {
	p.Fleet.mu.Lock()
	touched := slices.Clone(p.Fleet.touched)
	p.Fleet.mu.Unlock()
	if len(touched) == 0 {
		out.Endf("were not touched")
		return nil
	}
	a, err := live.Read(ctx, p.Client, check.Scope(p.Target))
	if err != nil {
		return fmt.Errorf("the triggers of %v may be those of the release that failed: %w", touched, err)
	}
	want := map[string]release.Triggers{}
	for _, name := range touched {
		want[name] = p.Fleet.of(name).before.Triggers
	}
	for _, c := range a.Changes(want) {
		out.Sayf("%s: %s", c.Script, c)
		if err := c.Apply(ctx, p.Client); err != nil {
			s, _ := p.Target.Script(c.Script)
			out.Note(finding.Errorf("not-put-back", drift.Place(s, c), "%s could not be undone: %s", c, err).
				Hintf("set it by hand; it was %s before this release", beforeText(c)))
		}
	}
	out.Endf("%d scripts", len(touched))
	return nil
}

// beforeText says what a change that undoes something brings back.
func beforeText(c live.Change) string {
	if c.Op == live.Remove {
		return "not there"
	}
	return "there"
}

package hold

import (
	"context"
	"sync/atomic"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
)

// Place keeps every release out of an environment until a person lifts it. Nothing
// else changes: each script that serves a release of ours is deployed once more with
// the versions that serve, and with the mark of a strict hold. A script that was not
// taken back from another release is held on its own.
type Place struct {
	Client *cloudflare.Client
	Target project.Target
}

// Name implements pipeline.Stage.
func (Place) Name() string { return "hold" }

// Tasks implements pipeline.Stage.
func (p Place) Tasks() []pipeline.Task {
	var tasks []pipeline.Task
	var marked atomic.Int64
	last := pipeline.Task{Title: "See that it is held", Do: func(context.Context, *pipeline.Out) error {
		if marked.Load() == 0 {
			return finding.Errorf("not-held", finding.Position{}, "nothing in %s serves a release of ours, so there is nothing that can bear the mark of a hold", p.Target.Env).
				Hintf("promote a release first")
		}
		return nil
	}}
	for _, script := range p.Target.Scripts {
		t := pipeline.Task{Title: "Hold " + script.Name, At: script.At(), Do: func(ctx context.Context, out *pipeline.Out) error {
			held, err := p.script(ctx, out, script.Name)
			if held {
				marked.Add(1)
			}
			return err
		}}
		tasks, last.Needs = append(tasks, t), append(last.Needs, t.Title)
	}
	return append(tasks, last)
}

func (p Place) script(ctx context.Context, out *pipeline.Out, script string) (bool, error) {
	all, err := p.Client.Deployments(ctx, script)
	if err != nil && !cloudflare.IsMissing(err) {
		return false, remedy.For(err, "Workers Scripts:Read")
	}
	if len(all) == 0 {
		out.Endf("is not deployed")
		return false, nil
	}
	label, ours := release.ParseLabel(all[0].Message())
	switch {
	case !ours:
		out.Endf("serves what somebody else deployed")
		return false, nil
	case label.Strict:
		out.Endf("was held already")
		return true, nil
	case label.From == "":
		label.From = label.Release
	}
	label.Strict = true
	if _, err := p.Client.Deploy(ctx, script, all[0].Versions, label.String(), false); err != nil {
		return false, remedy.For(err, "Workers Scripts:Edit")
	}
	out.Endf("is held on release %s", label.Release)
	return true, nil
}

package hold

import (
	"context"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
)

// Lift lets an environment have again what it was taken back from. Each script is
// deployed once more with the versions that serve, and without the mark of the hold.
type Lift struct {
	Client *cloudflare.Client
	Target project.Target
}

// Name implements pipeline.Stage.
func (Lift) Name() string { return "release-hold" }

// Tasks implements pipeline.Stage.
func (l Lift) Tasks() []pipeline.Task {
	var tasks []pipeline.Task
	for _, script := range l.Target.Scripts {
		tasks = append(tasks, pipeline.Task{Title: "Release " + script.Name, At: script.At(), Do: func(ctx context.Context, out *pipeline.Out) error {
			return l.script(ctx, out, script.Name)
		}})
	}
	return tasks
}

func (l Lift) script(ctx context.Context, out *pipeline.Out, script string) error {
	all, err := l.Client.Deployments(ctx, script)
	if err != nil && !cloudflare.IsMissing(err) {
		return remedy.For(err, "Workers Scripts:Read")
	}
	if len(all) == 0 {
		out.Endf("is not deployed")
		return nil
	}
	label, ours := release.ParseLabel(all[0].Message())
	if !ours || label.From == "" {
		out.Endf("was not held")
		return nil
	}
	from := label.From
	label.From, label.Strict = "", false
	if _, err := l.Client.Deploy(ctx, script, all[0].Versions, label.String(), false); err != nil {
		return remedy.For(err, "Workers Scripts:Edit")
	}
	out.Endf("may be release %s again", from)
	return nil
}

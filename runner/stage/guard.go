package stage

import (
	"context"

	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

// Guarded is a stage that does nothing while another release of the environment
// is under way. Without a lock it is the stage as it is.
type Guarded struct {
	pipeline.Stage
	Env  string
	Lock release.Lock
}

// Tasks implements pipeline.Stage: first the wait, then everything else.
func (g Guarded) Tasks() []pipeline.Task {
	all := g.Stage.Tasks()
	if g.Lock == nil {
		return all
	}
	wait := pipeline.Task{Title: "Wait for releases under way", Do: func(ctx context.Context, out *pipeline.Out) error {
		if err := g.Lock.Await(ctx, g.Env, out.Sayf); err != nil {
			return err
		}
		out.Endf("none")
		return nil
	}}
	tasks := []pipeline.Task{wait}
	for _, t := range all {
		if len(t.Needs) == 0 {
			t.Needs = []string{wait.Title}
		}
		tasks = append(tasks, t)
	}
	return tasks
}

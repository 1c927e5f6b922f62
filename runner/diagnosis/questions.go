package diagnosis

import (
	"context"
	"time"

	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/sight"
)

// Questions are asked of what the configuration says and what was seen of the account.
// Each topic gives its questions as tasks. They are made before anything was seen, and
// answered afterwards.
type Questions struct {
	Project project.Project
	// Targets are the environments, narrowed to the Workers that are asked about.
	Targets []project.Target
	Seen    *sight.Sight
	// Recorded are the last releases that were recorded, by environment, as far as
	// there is a record.
	Recorded map[string]release.Manifest
	// Now is the time; nil means the machine's.
	Now func() time.Time
}

// each makes a question about every script for which there is one to ask.
func (q Questions) each(question string, asks func(sight.Patient) bool, ask func(context.Context, *pipeline.Out, sight.Patient) error) []pipeline.Task {
	var tasks []pipeline.Task
	for _, s := range sight.Patients(q.Targets) {
		if asks == nil || asks(s) {
			tasks = append(tasks, pipeline.Task{Title: question + " " + s.Name, At: s.At(), Do: func(ctx context.Context, out *pipeline.Out) error {
				return ask(ctx, out, s)
			}})
		}
	}
	return tasks
}

// deployed is a question that makes sense only of a script that is there.
func (q Questions) deployed(ask func(context.Context, *pipeline.Out, sight.Patient) error) func(context.Context, *pipeline.Out, sight.Patient) error {
	return func(ctx context.Context, out *pipeline.Out, s sight.Patient) error {
		if len(q.Seen.Script(s.Name).Serving.Versions) == 0 {
			sight.Unknown(out, s.At(), "%s is not deployed", s.Name)
			return nil
		}
		return ask(ctx, out, s)
	}
}

func (q Questions) now() time.Time {
	if q.Now == nil {
		return time.Now()
	}
	return q.Now()
}

package report

import (
	"context"

	"github.com/tminus/deploy-action/runner/pipeline"
)

// Grouped hands events on and puts what is shown of each stage into a group of the
// log, which a reader can fold. What closes a gate is shown after the group too.
type Grouped struct {
	To *Lines
	// Begin and End mark a group in the log.
	Begin func(title string)
	End   func()
}

// Observe implements pipeline.Observer.
func (g Grouped) Observe(ctx context.Context, e pipeline.Event) error {
	switch e := e.(type) {
	case pipeline.Started:
		if e.Task == "" {
			g.Begin(g.To.titles[e.Step])
			return nil
		}
	case pipeline.Finished:
		if e.Took > 0 {
			g.End()
		}
		err := g.To.Observe(ctx, e)
		if e.Verdict == pipeline.Failed {
			WriteFindings(g.To.W, g.To.Style, errorsOf(e))
		}
		return err
	}
	return g.To.Observe(ctx, e)
}

package stage_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// run runs one step and gives its verdict, the outcomes of its tasks and its findings.
func run(t *testing.T, ctx context.Context, s pipeline.Step) (pipeline.Verdict, string, []finding.Finding) {
	t.Helper()
	var outcomes []string
	var found []finding.Finding
	verdict, err := pipeline.Plan{Steps: []pipeline.Step{s}}.Run(ctx, watcher(func(e pipeline.Event) {
		switch e := e.(type) {
		case pipeline.Did:
			outcomes = append(outcomes, e.Outcome)
		case pipeline.Finished:
			found = e.Findings
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	return verdict, strings.Join(outcomes, "\n"), found
}

type watcher func(pipeline.Event)

func (w watcher) Observe(_ context.Context, e pipeline.Event) error { w(e); return nil }

package stage

import (
	"context"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// Witness hears what Workers throw while they are asked. It has no vote: what it tells
// stands beside the question that failed, and a passing one never waits for it but the
// second that Listen may take before the first question of a smoke test.
type Witness interface {
	// Listen begins to listen to a script; with wait it comes back when the script is
	// heard, or soon.
	Listen(ctx context.Context, script string, wait bool)
	// Thrown is what a script threw when it was asked for a path, none of which closes a
	// gate.
	Thrown(ctx context.Context, script, path string) []finding.Finding
}

// listen has a witness listen, if there is one.
func listen(ctx context.Context, w Witness, script string, wait bool) {
	if w != nil {
		w.Listen(ctx, script, wait)
	}
}

// testify notes what a script threw when it was asked for a path.
func testify(ctx context.Context, out *pipeline.Out, w Witness, script, path string) {
	if w == nil || ctx.Err() != nil {
		return
	}
	for _, f := range w.Thrown(ctx, script, path) {
		out.Note(f)
	}
}

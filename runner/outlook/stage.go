package outlook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/preview"
)

// Compare is a stage that makes the previews of some environments.
type Compare struct {
	Looks []Look
	Into  *Previews
}

// Previews are previews that were made, by several tasks at once. The zero value
// is ready.
type Previews struct {
	mu  sync.Mutex
	all map[string]preview.Environment
}

// Plan joins the previews of some environments, in the given order. Those that
// could not be made are left out, and those that were not wholly seen have no part
// in the digest.
func (p *Previews) Plan(envs ...string) preview.Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	plan := preview.Plan{Environments: []preview.Environment{}}
	var digests []string
	for _, env := range envs {
		if e, ok := p.all[env]; ok {
			plan.Environments = append(plan.Environments, e)
			if e.Seen.Environment != "" {
				digests = append(digests, e.Seen.Digest())
			}
		}
	}
	plan.Digest = preview.Join(digests)
	return plan
}

// Name implements pipeline.Stage.
func (Compare) Name() string { return "compare" }

// Tasks implements pipeline.Stage.
func (c Compare) Tasks() []pipeline.Task {
	var tasks []pipeline.Task
	for _, l := range c.Looks {
		tasks = append(tasks, pipeline.Task{Title: "Compare with " + l.Env(), Do: func(ctx context.Context, out *pipeline.Out) error {
			e, err := l.Make(ctx)
			if err != nil {
				return err
			}
			for _, f := range e.Findings {
				out.Note(f)
			}
			c.Into.mu.Lock()
			defer c.Into.mu.Unlock()
			if c.Into.all == nil {
				c.Into.all = map[string]preview.Environment{}
			}
			c.Into.all[l.Env()] = e
			out.Endf("%s", e.Count())
			return nil
		}})
	}
	return tasks
}

// Agreed is a stage that begins only while its environment is as a plan saw it.
// Without a digest it is the stage as it is.
type Agreed struct {
	pipeline.Stage
	Look Look
	// Digest is the plan's, of this environment.
	Digest string
}

// Tasks implements pipeline.Stage: first the comparison, then everything else.
func (a Agreed) Tasks() []pipeline.Task {
	all := a.Stage.Tasks()
	if a.Digest == "" {
		return all
	}
	compare := pipeline.Task{Title: "Compare with the plan", Do: a.compare}
	tasks := []pipeline.Task{compare}
	for _, t := range all {
		if len(t.Needs) == 0 {
			t.Needs = []string{compare.Title}
		}
		tasks = append(tasks, t)
	}
	return tasks
}

// told is how many things that moved are named.
const told = 5

func (a Agreed) compare(ctx context.Context, out *pipeline.Out) error {
	seen, err := a.Look.Seen(ctx)
	if err != nil {
		return err
	}
	if seen.Same(a.Digest) {
		out.Endf("as planned")
		return nil
	}
	moved := seen.Moved(a.Digest)
	if len(moved) == 0 {
		moved = []string{"what differs is not known"}
	}
	if n := len(moved) - told; n > 0 {
		moved = append(slices.Clone(moved[:told]), fmt.Sprintf("and %d more", n))
	}
	return finding.Errorf("plan-moved", a.at(moved), "the world has moved since the plan for %s: %s", a.Look.Env(), strings.Join(moved, "; ")).
		Hintf("run plan again with the same flags, secrets and token, look at it, and give promote the new digest; nothing of %s was changed", a.Look.Env())
}

// at is the line of the first script that is named.
func (a Agreed) at(moved []string) finding.Position {
	for _, s := range a.Look.Deploy.Target.Scripts {
		if strings.Contains(moved[0], s.Name) {
			return s.At()
		}
	}
	return finding.Position{}
}

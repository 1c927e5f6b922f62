package checkrun

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// Keeper is an observer that keeps one check run for each stage.
type Keeper struct {
	Client *github.Client
	// SHA is the commit that the runs stand on.
	SHA string
	// Name comes before the stage in a run's name: "Promote / 3 Deploy staging".
	Name string
	// Owner names the run of the workflow that these check runs belong to.
	Owner Owner
	Links markdown.Links
	// Before are findings from before the plan, shown with the first stage.
	Before []finding.Finding

	mu        sync.Mutex
	rows      []*row
	refused   *github.Refusal
	cancelled string        // the reason, once the run is cancelled
	latency   time.Duration // of GitHub's last answer
	tidied    sync.WaitGroup
}

// Owner is a job of a run of a workflow.
type Owner struct {
	Run     int64
	Attempt int
	Job     string
	URL     string // where its log is
}

// The time that observers have at the end of a run to close what is open, and
// after it was cancelled: the runner kills a step 10 s after its first signal.
const (
	closing       = 30 * time.Second
	closingSooner = 5 * time.Second
)

// Observe implements pipeline.Observer. Only the last event waits for GitHub.
func (k *Keeper) Observe(ctx context.Context, e pipeline.Event) error {
	switch e := e.(type) {
	case pipeline.Planned:
		k.plan(ctx, e)
	case pipeline.Started:
		if e.Task == "" {
			k.start(ctx, e)
		}
	case pipeline.Said:
		k.note(e.Step, func(r *row) { r.say(e) })
	case pipeline.Did:
		k.note(e.Step, func(r *row) { r.did = append(r.did, e) })
	case pipeline.Finished:
		k.change(ctx, e.Step, func(r *row) { r.finished = &e })
	case pipeline.Ended:
		return k.close(ctx)
	}
	return nil
}

// apart is how long the post of one run waits for that of the run before it, so
// that runs stand in their order and a slow answer does not hold up the others.
const apart = 150 * time.Millisecond

func (k *Keeper) plan(ctx context.Context, p pipeline.Planned) {
	begun := false
	var rows []*row
	for i, s := range p.Steps {
		begun = begun || !s.Elsewhere
		if s.Elsewhere && !begun {
			continue // an earlier job has shown it, and what it said stands
		}
		rows = append(rows, &row{keeper: k, number: i + 1, of: len(p.Steps), step: s})
	}
	if len(rows) > 0 {
		rows[0].before = k.Before
	}
	k.mu.Lock()
	k.rows = rows
	k.mu.Unlock()
	k.tidied.Go(func() {
		for _, r := range rows {
			k.mu.Lock()
			r.posted = true
			k.mu.Unlock()
			r.lane.Set(ctx, r.send)
			wait, cancel := context.WithTimeout(ctx, apart)
			_ = r.lane.Wait(wait) // its error is told at the end
			cancel()
		}
	})
	k.tidied.Go(func() { k.tidy(ctx) })
	k.tidied.Go(func() { k.amend(ctx) })
}

func (k *Keeper) row(step string) *row {
	for _, r := range k.rows {
		if r.step.ID == step {
			return r
		}
	}
	return nil
}

// note changes what is known of a stage.
func (k *Keeper) note(step string, change func(*row)) *row {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.row(step)
	if r != nil {
		change(r)
	}
	return r
}

// change changes what is known of a stage and has it shown, unless its turn to be
// posted is still to come.
func (k *Keeper) change(ctx context.Context, step string, change func(*row)) {
	posted := false
	r := k.note(step, func(r *row) {
		change(r)
		posted = r.posted
	})
	if posted {
		r.lane.Set(ctx, r.send)
	}
}

// settle is how long a stage must have been running before that is shown. A stage
// that ends sooner is shown as it ended, without a call that would hold up the next.
const settle = 200 * time.Millisecond

// slow is how long an answer takes of a GitHub that would hold up the end of the run.
const slow = time.Second

// start shows that a stage is running, unless it ends soon: before GitHub would have
// answered, as far as its last answers tell. The run waits for what is said of its
// last stage, so a slow GitHub is told only how that ended.
func (k *Keeper) start(ctx context.Context, e pipeline.Started) {
	r := k.note(e.Step, func(r *row) { r.started = e.Time })
	if r == nil {
		return
	}
	k.mu.Lock()
	wait := max(settle, k.latency)
	last := r == k.rows[len(k.rows)-1]
	k.mu.Unlock()
	if last && wait > slow {
		return
	}
	time.AfterFunc(wait, func() {
		k.mu.Lock()
		running := r.posted && r.finished == nil && k.cancelled == ""
		k.mu.Unlock()
		if running {
			r.lane.Set(ctx, r.send)
		}
	})
}

// Cancel closes every open run at once, while the run itself is still ending what
// is under way. It does not wait.
func (k *Keeper) Cancel(ctx context.Context, reason string) {
	k.mu.Lock()
	k.cancelled = reason
	rows := k.rows
	k.mu.Unlock()
	for _, r := range rows {
		r.lane.Set(ctx, r.send)
	}
}

// close waits until every run is as it should be, and tells what is not.
func (k *Keeper) close(ctx context.Context) error {
	k.mu.Lock()
	patience := closing
	if k.cancelled != "" {
		patience = closingSooner
	}
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	k.tidied.Wait()
	var lost []string
	var last error
	for _, r := range k.rows {
		if err := r.lane.Wait(ctx); err != nil {
			lost, last = append(lost, r.step.Title), err
		}
	}
	if len(lost) == 0 || k.Refused() != nil {
		return nil
	}
	return fmt.Errorf("%d of %d check runs do not show how they ended: %w", len(lost), len(k.rows), last)
}

// Refused is GitHub's refusal to have check runs written with this token, nil if
// it did not refuse.
func (k *Keeper) Refused() *github.Refusal {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.refused
}

// answered notes how long an answer took, and whether it was that check runs are
// refused, which no further call would change.
func (k *Keeper) answered(err error, took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.latency = took
	if r, denied := github.Denied(err); denied && k.refused == nil {
		k.refused = r
	}
}

// errRefused stands for a call that was not made because it would be refused.
var errRefused = errors.New("check runs are refused")

// CheckTitle is the name of the run that shows what kept a plan from beginning.
const CheckTitle = "Check"

// Post shows findings from before a plan that closed the gate: one run that has
// failed, and no stage. The next run on the commit that begins replaces it.
func (k *Keeper) Post(ctx context.Context, found []finding.Finding) error {
	did := pipeline.Finished{Verdict: pipeline.Failed, Findings: found, Time: time.Now()}
	r := &row{keeper: k, step: pipeline.PlannedStep{ID: "check", Title: CheckTitle}, finished: &did}
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	r.lane.Set(ctx, r.send)
	err := r.lane.Wait(ctx)
	if k.Refused() != nil {
		return nil
	}
	return err
}

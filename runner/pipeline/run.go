package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
)

// undoTime bounds an undo stage, which no cancellation of the run stops.
const undoTime = 2 * time.Minute

// defaultWidth is how many tasks run at once when the plan does not say.
const defaultWidth = 4

// Run runs the plan and tells how it ended. The error holds what observers
// could not report, or says that the plan itself is impossible, in which case
// nothing was run and the verdict is Pending.
func (p Plan) Run(ctx context.Context, watching Observer) (Verdict, error) {
	if err := p.check(); err != nil {
		return Pending, err
	}
	width := p.Width
	if width <= 0 {
		width = defaultWidth
	}
	r := &run{ctx: context.WithoutCancel(ctx), watching: watching, width: width}
	begin := time.Now()
	r.tell(p.Planned())
	verdict, blocker := Passed, ""
	ended := map[string]ending{}
	for _, s := range p.Steps {
		soFar, by := verdict, blocker
		if s.Needs != nil && verdict != Cancelled {
			soFar, by = needed(s.Needs, ended)
		}
		v := r.step(ctx, s, soFar, by)
		ended[s.ID()] = ending{v, s.Title()}
		if verdict == Passed && (v == Failed || v == Cancelled) {
			verdict, blocker = v, s.Title()
		} else if v == Cancelled {
			verdict = v
		}
	}
	r.tell(Ended{Verdict: verdict, Took: time.Since(begin)})
	return verdict, errors.Join(r.errs...)
}

// ending is how a step ended.
type ending struct {
	verdict Verdict
	title   string
}

// needed tells whether some steps have passed, or which is the first that did not.
// One that was skipped is in nobody's way.
func needed(ids []string, ended map[string]ending) (Verdict, string) {
	for _, id := range ids {
		if e := ended[id]; e.verdict != Passed && e.verdict != Skipped {
			return Failed, e.title
		}
	}
	return Passed, ""
}

// run is one run of a plan.
type run struct {
	ctx      context.Context // for observers: never cancelled
	watching Observer
	width    int

	mu   sync.Mutex
	errs []error
}

// tell hands an event to the observers, one at a time.
func (r *run) tell(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.watching.Observe(r.ctx, e); err != nil {
		r.errs = append(r.errs, err)
	}
}

// step runs one step, or says why it does not.
func (r *run) step(ctx context.Context, s Step, soFar Verdict, blocker string) Verdict {
	end := Finished{Step: s.ID(), Time: time.Now()}
	switch {
	case soFar == Cancelled || soFar == Passed && ctx.Err() != nil:
		end.Verdict, end.Reason = Cancelled, "the run was cancelled before this stage began"
	case s.Skip != "":
		end.Verdict, end.Reason = Skipped, s.Skip
	case soFar != Passed:
		end.Verdict, end.Reason = Blocked, blocker+" did not pass"
	default:
		begin := time.Now()
		r.tell(Started{Step: s.ID(), Time: begin})
		end.Verdict, end.Findings = r.tasks(ctx, s)
		if end.Verdict == Cancelled {
			end.Reason = fmt.Sprintf("cancelled: %s", context.Cause(ctx))
		}
		end.Time, end.Took = time.Now(), time.Since(begin)
	}
	r.tell(end)
	return end.Verdict
}

// tasks runs the tasks of a step and, if need be, its undo.
func (r *run) tasks(ctx context.Context, s Step) (Verdict, []finding.Finding) {
	verdict, all := r.crowd(ctx, s.ID(), s.Stage, s.KeepGoing, false)
	if verdict != Passed && s.Undo != nil {
		detached, cancel := context.WithTimeout(r.ctx, undoTime)
		_, more := r.crowd(detached, s.ID(), s.Undo, true, true)
		cancel()
		all = append(all, more...)
	}
	finding.Sort(all)
	return verdict, all
}

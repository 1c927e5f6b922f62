package pipeline

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
)

// crowd is the tasks of one stage on their way: each starts when what it needs
// has passed and there is room.
type crowd struct {
	run       *run
	step      string
	rule      string
	keepGoing bool
	undo      bool

	tasks    []Task
	verdicts map[string]Verdict // Pending until a task has ended
	started  map[string]bool
	findings []finding.Finding
	ended    chan Did
}

// crowd runs all tasks of a stage and folds their verdicts into one.
func (r *run) crowd(ctx context.Context, step string, stage Stage, keepGoing, undo bool) (Verdict, []finding.Finding) {
	c := &crowd{
		run: r, step: step, rule: stage.Name(), keepGoing: keepGoing, undo: undo,
		tasks: stage.Tasks(), verdicts: map[string]Verdict{}, started: map[string]bool{},
		ended: make(chan Did),
	}
	running := 0
	for {
		running += c.start(ctx, r.width-running)
		if running == 0 {
			break
		}
		c.end(<-c.ended)
		running--
	}
	c.strand(ctx)
	return c.verdict(), c.findings
}

// start starts tasks that are ready, up to a number, and tells how many.
func (c *crowd) start(ctx context.Context, room int) int {
	n := 0
	for _, t := range c.tasks {
		if n < room && !c.started[t.Title] && ctx.Err() == nil && c.ready(t) {
			c.started[t.Title] = true
			c.run.tell(Started{Step: c.step, Task: t.Title, Time: time.Now()})
			go func() { c.ended <- c.do(ctx, t) }()
			n++
		}
	}
	return n
}

// ready tells whether nothing keeps a task from being started.
func (c *crowd) ready(t Task) bool {
	if !c.keepGoing && c.verdict() != Passed {
		return false
	}
	for _, need := range t.Needs {
		if c.verdicts[need] != Passed {
			return false
		}
	}
	for _, other := range t.After {
		if c.verdicts[other] == Pending && !c.stranded(other) {
			return false
		}
	}
	return true
}

// stranded tells whether a task will never be started, because something that it
// needs did not pass.
func (c *crowd) stranded(title string) bool {
	for _, t := range c.tasks {
		if t.Title != title || c.started[title] {
			continue
		}
		for _, need := range t.Needs {
			if v := c.verdicts[need]; v != Pending && v != Passed || v == Pending && c.stranded(need) {
				return true
			}
		}
	}
	return false
}

// do does one task. This is the one place where an error becomes findings.
func (c *crowd) do(ctx context.Context, t Task) (did Did) {
	begin := time.Now()
	out := &Out{say: func(line string) { c.run.tell(Said{Step: c.step, Task: t.Title, Line: line}) }}
	did = Did{Step: c.step, Task: t.Title, Verdict: Passed, Undo: c.undo}
	err := guard(ctx, t, out)
	did.Findings, did.Outcome = out.taken()
	for i, f := range did.Findings {
		if f.At.IsZero() {
			did.Findings[i].At = t.At
		}
	}
	if err != nil && ctx.Err() != nil {
		did.Verdict = Cancelled
	} else {
		did.Findings = append(did.Findings, finding.From(err, c.rule, t.At)...)
	}
	if finding.Closes(did.Findings) {
		did.Verdict = Failed
	}
	did.Took = time.Since(begin)
	return did
}

// guard turns a panic into an error: a step that breaks in the middle must still
// end, be undone and be reported.
func guard(ctx context.Context, t Task, out *Out) (err error) {
	defer func() {
		if v := recover(); v != nil {
			out.Sayf("%s", debug.Stack())
			err = finding.Errorf("internal", t.At, "%s: the program broke: %v", t.Title, v).
				Hintf("report this with the log; what was done before is undone or reported")
		}
	}()
	return t.Do(ctx, out)
}

// end notes how a task ended and tells it.
func (c *crowd) end(did Did) {
	c.verdicts[did.Task] = did.Verdict
	c.findings = append(c.findings, did.Findings...)
	c.run.tell(did)
}

// strand ends the tasks that were never started, each with the reason.
func (c *crowd) strand(ctx context.Context) {
	for _, t := range c.tasks {
		if c.started[t.Title] {
			continue
		}
		did := Did{Step: c.step, Task: t.Title, Verdict: Blocked, Outcome: "another task failed", Undo: c.undo}
		for _, need := range t.Needs {
			if c.verdicts[need] != Passed {
				did.Outcome = fmt.Sprintf("needs %q", need)
				break
			}
		}
		if ctx.Err() != nil {
			did.Verdict, did.Outcome = Cancelled, "not begun"
		}
		c.end(did)
	}
}

// verdict folds the verdicts of the tasks that have ended.
func (c *crowd) verdict() Verdict {
	all := Passed
	for _, v := range c.verdicts {
		switch v {
		case Failed:
			return Failed
		case Cancelled:
			all = Cancelled
		}
	}
	return all
}

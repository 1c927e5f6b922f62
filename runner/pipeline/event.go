package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
)

// Verdict is what became of a task, a step or a run.
type Verdict uint8

// The verdicts. The zero verdict stands for "not yet".
const (
	Pending   Verdict = iota
	Passed            // no error-level finding
	Failed            // at least one error-level finding
	Skipped           // not run because the user said so
	Blocked           // not run because something before it did not pass
	Cancelled         // stopped, or not begun, because the run was cancelled
)

var verdictNames = [...]string{"pending", "passed", "failed", "skipped", "blocked", "cancelled"}

// String is the verdict in lower case.
func (v Verdict) String() string { return verdictNames[v] }

// MarshalText writes the verdict's name, so that JSON shows a word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Verdict) UnmarshalText(text []byte) error {
	for i, name := range verdictNames {
		if name == string(text) {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("unknown verdict %q", text)
}

// Event is one thing that happened. The set is closed: Planned, Started, Said,
// Did, Finished, Ended.
type Event interface {
	// Kind is the event's name in lower case, as JSON lines show it.
	Kind() string
	event()
}

// Planned is the first event: the whole road, before anything is done.
type Planned struct {
	Steps []PlannedStep `json:"steps"`
}

// PlannedStep is a step before it runs.
type PlannedStep struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Env   string `json:"env,omitempty"`
	Skip  string `json:"skip,omitempty"`
	// Elsewhere: another job runs it.
	Elsewhere bool          `json:"elsewhere,omitempty"`
	Tasks     []PlannedTask `json:"tasks"`
	// Undo are the tasks that run if the step fails.
	Undo []PlannedTask `json:"undo,omitempty"`
}

// PlannedTask is a task before it runs.
type PlannedTask struct {
	Title string           `json:"title"`
	At    finding.Position `json:"at,omitzero"`
	Needs []string         `json:"needs,omitempty"`
}

// Started tells that a step begins, or a task of it when Task is not empty.
type Started struct {
	Step string    `json:"step"`
	Task string    `json:"task,omitempty"`
	Time time.Time `json:"time"`
}

// Said is a line of progress from a task that is running.
type Said struct {
	Step string `json:"step"`
	Task string `json:"task"`
	Line string `json:"line"`
}

// Did tells how a task ended.
type Did struct {
	Step     string            `json:"step"`
	Task     string            `json:"task"`
	Verdict  Verdict           `json:"verdict"`
	Outcome  string            `json:"outcome,omitempty"` // a few words for a reader
	Findings []finding.Finding `json:"findings,omitempty"`
	Took     time.Duration     `json:"took_ns"`
	// Undo: the task belongs to the step's undo stage.
	Undo bool `json:"undo,omitempty"`
}

// Finished tells how a step ended. Findings are those of all its tasks, sorted.
type Finished struct {
	Step     string            `json:"step"`
	Verdict  Verdict           `json:"verdict"`
	Reason   string            `json:"reason,omitempty"` // why it did not run or was stopped
	Findings []finding.Finding `json:"findings,omitempty"`
	Time     time.Time         `json:"time"`
	Took     time.Duration     `json:"took_ns"`
}

// Ended is the last event.
type Ended struct {
	Verdict Verdict       `json:"verdict"`
	Took    time.Duration `json:"took_ns"`
}

// Kind is "planned".
func (Planned) Kind() string { return "planned" }

// Kind is "started".
func (Started) Kind() string { return "started" }

// Kind is "said".
func (Said) Kind() string { return "said" }

// Kind is "did".
func (Did) Kind() string { return "did" }

// Kind is "finished".
func (Finished) Kind() string { return "finished" }

// Kind is "ended".
func (Ended) Kind() string { return "ended" }

func (Planned) event()  {}
func (Started) event()  {}
func (Said) event()     {}
func (Did) event()      {}
func (Finished) event() {}
func (Ended) event()    {}

// Observer watches a run. It has no vote: its error is told at the end of the
// run and changes no verdict. Events come one at a time. The context is not
// cancelled with the run.
type Observer interface {
	Observe(ctx context.Context, e Event) error
}

// Observers hands every event to each of them, whatever the others answer.
type Observers []Observer

// Observe implements [Observer].
func (all Observers) Observe(ctx context.Context, e Event) error {
	var errs []error
	for _, o := range all {
		errs = append(errs, o.Observe(ctx, e))
	}
	return errors.Join(errs...)
}

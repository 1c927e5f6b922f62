package checkrun

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/lane"
	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// row is one stage and its check run.
type row struct {
	keeper *Keeper
	lane   lane.Lane
	step   pipeline.PlannedStep
	number int // from 1; zero for a run that is no stage
	of     int
	before []finding.Finding

	// What is known, behind the keeper's lock.
	started  time.Time
	did      []pipeline.Did
	said     map[string][]string // progress of tasks that are running or have failed
	finished *pipeline.Finished
	posted   bool // or about to be

	id int64 // of the run, once it was made; the lane's alone
	// annotated: the findings were sent; the lane's alone, as annotations are added
	// by every update.
	annotated bool
}

// keptLines is how much progress of a task is kept to be shown if it fails.
const keptLines = 40

func (r *row) say(e pipeline.Said) {
	if r.said == nil {
		r.said = map[string][]string{}
	}
	lines := append(r.said[e.Task], e.Line)
	r.said[e.Task] = lines[max(len(lines)-keptLines, 0):]
}

// send brings the check run to what is known now.
func (r *row) send(ctx context.Context) error {
	if r.keeper.Refused() != nil {
		return errRefused
	}
	run, final := r.wanted()
	if r.annotated {
		run.Output.Annotations = nil
	}
	var err error
	begin := time.Now()
	if r.id == 0 {
		r.id, err = r.keeper.Client.CreateRun(ctx, run)
	} else {
		err = r.keeper.Client.UpdateRun(ctx, r.id, run)
	}
	r.keeper.answered(err, time.Since(begin))
	r.annotated = r.annotated || err == nil && final
	return err
}

// wanted is the check run as it should be seen now, and whether the stage has
// come to its end.
func (r *row) wanted() (github.CheckRun, bool) {
	k := r.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	run := github.CheckRun{Name: r.name(), SHA: k.SHA, ExternalID: k.Owner.externalID(r.step.ID), DetailsURL: k.Owner.URL, Started: r.started}
	switch {
	case r.finished != nil:
		run.Status, run.Conclusion, run.Completed = github.Completed, conclusion(r.finished.Verdict, r.step.Elsewhere), r.finished.Time
		run.Output = r.output(*r.finished)
		return run, true
	case k.cancelled != "":
		run.Status, run.Conclusion, run.Completed = github.Completed, github.Cancelled, time.Now()
		run.Output = github.Output{Title: "Cancelled: " + k.cancelled, Summary: "What was under way is being ended and put back.\n\n" + markdown.Tasks(r.did)}
	case r.step.Skip != "":
		run.Status, run.Conclusion, run.Completed = github.Completed, conclusion(pipeline.Skipped, r.step.Elsewhere), time.Now()
		run.Output = github.Output{Title: r.title(pipeline.Skipped, r.step.Skip, nil), Summary: r.place()}
	case !r.started.IsZero():
		run.Status = github.InProgress
		run.Output = github.Output{Title: "Running " + finding.Many(len(r.step.Tasks), "task"), Summary: r.place() + "\n\n" + markdown.Planned(r.step.Tasks)}
	default:
		run.Status = github.Queued
		run.Output = github.Output{Title: "Waiting: " + finding.Many(len(r.step.Tasks), "task"), Summary: r.place() + "\n\n" + markdown.Planned(r.step.Tasks)}
	}
	return run, false
}

// name is unique among the runs of a commit, and says where on the road it stands.
func (r *row) name() string {
	if r.number == 0 {
		return r.keeper.Name + " / " + r.step.Title
	}
	return fmt.Sprintf("%s / %d %s", r.keeper.Name, r.number, r.step.Title)
}

func (r *row) place() string {
	if r.number == 0 {
		return ""
	}
	return fmt.Sprintf("Stage %d of %d.", r.number, r.of)
}

// conclusion is GitHub's word for a verdict.
func conclusion(v pipeline.Verdict, elsewhere bool) string {
	switch {
	case elsewhere:
		return github.Neutral
	case v == pipeline.Passed:
		return github.Success
	case v == pipeline.Failed:
		return github.Failure
	case v == pipeline.Skipped, v == pipeline.Blocked:
		return github.Skipped
	case v == pipeline.Cancelled:
		return github.Cancelled
	}
	return github.Neutral
}

// title is the verdict in words.
func (r *row) title(v pipeline.Verdict, reason string, found []finding.Finding) string {
	switch {
	case r.step.Elsewhere:
		return "In another job"
	case v == pipeline.Blocked:
		return "Not run: " + reason
	case v == pipeline.Failed:
		i := slices.IndexFunc(found, func(f finding.Finding) bool { return f.Severity == finding.Error })
		if i >= 0 {
			return "Failed: " + found[i].Message
		}
	case v == pipeline.Cancelled:
		return "Cancelled: " + strings.TrimPrefix(reason, "cancelled: ")
	case v == pipeline.Skipped:
		return "Skipped: " + reason
	}
	return markdown.Title(v)
}

// output is what a reader sees of a stage that has come to its end.
func (r *row) output(f pipeline.Finished) github.Output {
	found := slices.Concat(r.before, f.Findings)
	o := github.Output{Title: r.title(f.Verdict, f.Reason, f.Findings)}
	if f.Verdict == pipeline.Passed {
		o.Title = fmt.Sprintf("Passed: %s in %s", finding.Many(len(r.did), "task"), report.Took(f.Took))
	}
	o.Title += weigh(found, f.Verdict)
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**", markdown.Title(f.Verdict))
	if f.Took > 0 {
		fmt.Fprintf(&b, " in %s", report.Took(f.Took))
	}
	if f.Reason != "" {
		fmt.Fprintf(&b, ": %s", markdown.Escape(f.Reason))
	}
	fmt.Fprintf(&b, ". %s\n\n", r.place())
	var work, undo []pipeline.Did
	for _, d := range r.did {
		if d.Undo {
			undo = append(undo, d)
		} else {
			work = append(work, d)
		}
	}
	b.WriteString(markdown.Tasks(work))
	if len(undo) > 0 {
		b.WriteString("\n**Put back**\n\n" + markdown.Tasks(undo))
	}
	o.Summary = b.String()
	o.Text = r.details(found)
	o.Annotations = annotations(r.keeper.Links, found)
	return o
}

// details are the findings, and the progress of tasks that failed.
func (r *row) details(found []finding.Finding) string {
	text := r.keeper.Links.Findings(found)
	for _, d := range r.did {
		if d.Verdict == pipeline.Failed && len(r.said[d.Task]) > 0 {
			text += "\n**" + markdown.Escape(d.Task) + "**\n\n" + markdown.Block("", strings.Join(r.said[d.Task], "\n"))
		}
	}
	return text
}

// levels are GitHub's words for severities.
var levels = map[finding.Severity]string{finding.Error: "failure", finding.Warning: "warning", finding.Notice: "notice"}

// heaviest are findings with errors first.
func heaviest(found []finding.Finding) []finding.Finding {
	sorted := slices.Clone(found)
	slices.SortStableFunc(sorted, func(a, b finding.Finding) int { return int(b.Severity) - int(a.Severity) })
	return sorted
}

// Message is a finding as an annotation says it: what is, what to look at, what to do.
func Message(f finding.Finding) string {
	text := f.Message
	for _, other := range f.Related {
		text += "\nsee " + other.String()
	}
	if f.Hint != "" {
		text += "\n→ " + f.Hint
	}
	return text
}

// weigh counts what a title does not say already.
func weigh(found []finding.Finding, v pipeline.Verdict) string {
	errors, warnings := 0, 0
	for _, f := range found {
		switch f.Severity {
		case finding.Error:
			errors++
		case finding.Warning:
			warnings++
		}
	}
	text := ""
	if v == pipeline.Failed && errors > 1 {
		text += fmt.Sprintf(" (and %d more)", errors-1)
	}
	if warnings > 0 && v == pipeline.Passed {
		text += ", " + finding.Many(warnings, "warning")
	}
	return text
}

package report

import (
	"context"
	"fmt"
	"io"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// Lines is an observer that writes plain lines as things happen.
type Lines struct {
	W     io.Writer
	Style Style
	// Verbose also shows notices and the progress of every task. Without it the
	// progress of builds is shown, and of tasks that fail.
	Verbose bool

	titles  map[string]string
	said    map[string][]string
	summary *summary
}

// Observe implements pipeline.Observer.
func (l *Lines) Observe(_ context.Context, e pipeline.Event) error {
	switch e := e.(type) {
	case pipeline.Planned:
		l.plan(e)
	case pipeline.Started:
		if e.Task == "" {
			fmt.Fprintf(l.W, "\n%s\n", l.Style.paint(bold, l.titles[e.Step]))
		}
	case pipeline.Said:
		l.say(e)
	case pipeline.Did:
		l.did(e)
	case pipeline.Finished:
		l.finished(e)
	case pipeline.Ended:
		l.summary.write(l.W, l.Style, e)
	}
	return nil
}

func (l *Lines) plan(p pipeline.Planned) {
	l.titles, l.said, l.summary = map[string]string{}, map[string][]string{}, newSummary(p)
	for _, s := range p.Steps {
		l.titles[s.ID] = s.Title
	}
}

// keptLines is how much progress of a task is kept to be shown if it fails.
const keptLines = 40

func (l *Lines) say(e pipeline.Said) {
	if l.Verbose || e.Step == "build" {
		fmt.Fprintf(l.W, "    %s %s\n", l.Style.paint(dim, "│"), e.Line)
		return
	}
	key := e.Step + e.Task
	l.said[key] = append(l.said[key], e.Line)
	l.said[key] = l.said[key][max(len(l.said[key])-keptLines, 0):]
}

func (l *Lines) did(e pipeline.Did) {
	l.summary.tasks[e.Step]++
	if e.Verdict == pipeline.Failed {
		for _, line := range l.said[e.Step+e.Task] {
			fmt.Fprintf(l.W, "    %s %s\n", l.Style.paint(dim, "│"), line)
		}
	}
	fmt.Fprintln(l.W, l.Style.task(e))
	for _, f := range e.Findings {
		if l.Verbose || f.Severity > 0 {
			l.Style.finding(l.W, "      ", f)
		}
	}
}

// task is a task that has ended, on one line.
func (s Style) task(e pipeline.Did) string {
	line := fmt.Sprintf("  %s %s", s.mark(e.Verdict), pad(e.Task, 52))
	if e.Took > 0 {
		line += fmt.Sprintf(" %8s", Took(e.Took))
	} else {
		line += "         "
	}
	if e.Outcome != "" {
		line += "  " + s.paint(dim, e.Outcome)
	}
	return line
}

func (l *Lines) finished(e pipeline.Finished) {
	l.summary.ended[e.Step] = e
	if e.Took == 0 && e.Reason != "" {
		fmt.Fprintf(l.W, "\n%s %s: %s\n", l.Style.paint(bold, l.titles[e.Step]), l.Style.verdict(e.Verdict), e.Reason)
		return
	}
	reason := ""
	if e.Reason != "" {
		reason = ": " + e.Reason
	}
	fmt.Fprintf(l.W, "%s %s in %s, %s%s\n", l.titles[e.Step], l.Style.verdict(e.Verdict), Took(e.Took), finding.Many(l.summary.tasks[e.Step], "task"), reason)
}

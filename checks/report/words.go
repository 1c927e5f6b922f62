package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// Style says how text is marked.
type Style struct {
	// Color uses the terminal's colours.
	Color bool
}

// The colours that are used, as ANSI codes.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "36"
	dim    = "2"
	bold   = "1"
)

func (s Style) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// marks are one character for each verdict.
var marks = map[pipeline.Verdict]struct{ mark, color string }{
	pipeline.Pending:   {"·", dim},
	pipeline.Passed:    {"✓", green},
	pipeline.Failed:    {"✗", red},
	pipeline.Skipped:   {"-", dim},
	pipeline.Blocked:   {"○", dim},
	pipeline.Cancelled: {"!", yellow},
}

func (s Style) mark(v pipeline.Verdict) string {
	m := marks[v]
	return s.paint(m.color, m.mark)
}

func (s Style) verdict(v pipeline.Verdict) string { return s.paint(marks[v].color, v.String()) }

// Took is a duration for a reader: 40 ms, 0.4 s, 12 s, 3 min 5 s.
func Took(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// pad fills a text with spaces up to a number of characters.
func pad(text string, n int) string {
	return text + strings.Repeat(" ", max(n-utf8.RuneCountInString(text), 0))
}

// cut shortens a text to a number of characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:max(n-1, 0)]) + "…"
}

var severityColor = map[finding.Severity]string{finding.Error: red, finding.Warning: yellow, finding.Notice: blue}

// finding writes a finding on two or three lines.
func (s Style) finding(w io.Writer, indent string, f finding.Finding) {
	at := ""
	if !f.At.IsZero() {
		at = f.At.String() + " "
	}
	fmt.Fprintf(w, "%s%s %s%s %s\n", indent, s.paint(severityColor[f.Severity], f.Severity.String()), s.paint(bold, at), f.Message, s.paint(dim, "["+f.Rule+"]"))
	for _, other := range f.Related {
		fmt.Fprintf(w, "%s      see %s\n", indent, other)
	}
	if f.Hint != "" {
		fmt.Fprintf(w, "%s      %s %s\n", indent, s.paint(green, "→"), f.Hint)
	}
}

// WriteFindings writes findings, one after another.
func WriteFindings(w io.Writer, s Style, all []finding.Finding) {
	for _, f := range all {
		s.finding(w, "", f)
	}
}

// WritePlan writes what would run: each step with its tasks and the lines that
// ask for them.
func WritePlan(w io.Writer, s Style, p pipeline.Planned) {
	fmt.Fprintf(w, "%d stages, each a gate. Nothing was changed.\n", len(p.Steps))
	for i, step := range p.Steps {
		fmt.Fprintf(w, "\n%d. %s", i+1, s.paint(bold, step.Title))
		if step.Skip != "" {
			fmt.Fprintf(w, " %s\n", s.paint(dim, "(skipped: "+step.Skip+")"))
			continue
		}
		fmt.Fprintln(w)
		s.planned(w, "   ", step.Tasks)
		if len(step.Undo) > 0 {
			fmt.Fprintf(w, "   %s\n", s.paint(dim, "if it fails:"))
			s.planned(w, "     ", step.Undo)
		}
	}
}

func (s Style) planned(w io.Writer, indent string, tasks []pipeline.PlannedTask) {
	for _, t := range tasks {
		line := indent + t.Title
		if !t.At.IsZero() {
			line = pad(line, 60) + " " + s.paint(dim, t.At.String())
		}
		fmt.Fprintln(w, line)
	}
}

// summary writes the table of stages at the end of a run.
type summary struct {
	steps []pipeline.PlannedStep
	ended map[string]pipeline.Finished
	tasks map[string]int
}

func newSummary(p pipeline.Planned) *summary {
	s := &summary{steps: p.Steps, ended: map[string]pipeline.Finished{}, tasks: map[string]int{}}
	return s
}

func (sum *summary) write(w io.Writer, s Style, e pipeline.Ended) {
	if len(sum.steps) > 1 { // one stage has said everything itself
		fmt.Fprintf(w, "\n%s\n", s.paint(bold, fmt.Sprintf("    %-22s %-10s %5s  %10s", "Stage", "Verdict", "Tasks", "Took")))
		for i, step := range sum.steps {
			f := sum.ended[step.ID]
			took := ""
			if f.Took > 0 {
				took = Took(f.Took)
			}
			fmt.Fprintf(w, "%2d. %-22s %s %5d  %10s", i+1, step.Title, s.paint(marks[f.Verdict].color, fmt.Sprintf("%-10s", f.Verdict)), sum.tasks[step.ID], took)
			if f.Reason != "" {
				fmt.Fprintf(w, "  %s", s.paint(dim, f.Reason))
			}
			fmt.Fprintln(w)
		}
		verb := strings.ToUpper(e.Verdict.String()[:1]) + e.Verdict.String()[1:]
		fmt.Fprintf(w, "\n%s in %s%s\n", s.paint(marks[e.Verdict].color, verb), Took(e.Took), sum.counts())
	}
}

// counts says how many findings there were.
func (sum *summary) counts() string {
	var errors, warnings int
	for _, f := range sum.ended {
		for _, one := range f.Findings {
			switch one.Severity {
			case finding.Error:
				errors++
			case finding.Warning:
				warnings++
			}
		}
	}
	text := ""
	if errors > 0 {
		text += ", " + finding.Many(errors, "error")
	}
	if warnings > 0 {
		text += ", " + finding.Many(warnings, "warning")
	}
	return text
}

// errorsOf are the findings that closed a gate.
func errorsOf(f pipeline.Finished) []finding.Finding {
	var all []finding.Finding
	for _, one := range f.Findings {
		if one.Severity == finding.Error {
			all = append(all, one)
		}
	}
	return all
}

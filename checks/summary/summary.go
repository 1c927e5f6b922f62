package summary

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

// Summary is an observer that writes the run's page when it ends.
type Summary struct {
	// Name is what is being done: "Promotion".
	Name  string
	Links markdown.Links
	// Before are findings from before the plan.
	Before []finding.Finding
	// Environments tells at the end what serves where; nil if nothing was deployed.
	Environments func() []Environment
	Write        func(markdown string) error

	begun time.Time
	steps []*step
}

// Environment is what a release did to an environment.
type Environment struct {
	Name string
	URL  string // to look at
	// Manifest is what the release wanted, as recorded.
	Manifest release.Manifest
	// Serving tells whether a script serves the release's version now.
	Serving func(script string) bool
	// Record is the address of the deployment, empty if there is none.
	Record string
}

// step is one stage of the run.
type step struct {
	planned  pipeline.PlannedStep
	tasks    []pipeline.Did
	finished pipeline.Finished
}

// Observe implements pipeline.Observer.
func (s *Summary) Observe(_ context.Context, e pipeline.Event) error {
	switch e := e.(type) {
	case pipeline.Planned:
		s.begun = time.Now()
		for _, p := range e.Steps {
			s.steps = append(s.steps, &step{planned: p})
		}
	case pipeline.Did:
		s.of(e.Step).tasks = append(s.of(e.Step).tasks, e)
	case pipeline.Finished:
		s.of(e.Step).finished = e
	case pipeline.Ended:
		return s.Write(s.page(e))
	}
	return nil
}

func (s *Summary) of(id string) *step {
	i := slices.IndexFunc(s.steps, func(one *step) bool { return one.planned.ID == id })
	return s.steps[i]
}

func (s *Summary) page(e pipeline.Ended) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s %s %s in %s\n\n", markdown.Mark(e.Verdict), s.Name, e.Verdict, report.Took(e.Took))
	b.WriteString(s.table())
	b.WriteString(s.timeline())
	if s.Environments != nil {
		for _, env := range s.Environments() {
			b.WriteString(env.page())
		}
	}
	b.WriteString(s.findings())
	return b.String()
}

// Refused is the page of a run that did not begin, because something was wrong
// before anything was queued.
func (s *Summary) Refused(found []finding.Finding) error {
	return s.Write(fmt.Sprintf("## %s %s did not begin\n\nNothing was changed.\n\n%s", markdown.Mark(pipeline.Failed), s.Name, s.Links.Findings(found)))
}

// table is the table of stages.
func (s *Summary) table() string {
	var b strings.Builder
	b.WriteString("| | Stage | Verdict | Tasks | Took | |\n|---|---|---|---:|---:|---|\n")
	for i, one := range s.steps {
		f := one.finished
		took, tasks, note := "", "", f.Reason
		if f.Took > 0 {
			took, tasks = report.Took(f.Took), fmt.Sprint(len(one.tasks))
		}
		if at := slices.IndexFunc(f.Findings, func(f finding.Finding) bool { return f.Severity == finding.Error }); at >= 0 {
			note = f.Findings[at].Message
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", markdown.Mark(f.Verdict), whole(fmt.Sprintf("%d. %s", i+1, markdown.Escape(one.planned.Title))), f.Verdict, tasks, whole(took), markdown.Escape(note))
	}
	return b.String() + "\n"
}

// whole is a text that is not broken over two lines.
func whole(text string) string { return strings.ReplaceAll(text, " ", "\u00a0") }

// short is the time below which the timeline's axis shows parts of seconds.
const short = 20 * time.Second

// timeline is a Gantt chart of the stages, and the tasks that took longest.
func (s *Summary) timeline() string {
	var chart strings.Builder
	axis := "%M:%S"
	if time.Since(s.begun) < short {
		axis = "%S.%L"
	}
	chart.WriteString("gantt\n  dateFormat x\n  axisFormat " + axis + "\n")
	section, bars := "", 0
	for i, one := range s.steps {
		f := one.finished
		if f.Took <= 0 {
			continue
		}
		if name := one.planned.Env; bars == 0 || name != section {
			section = name
			if name == "" {
				name = "all"
			}
			fmt.Fprintf(&chart, "  section %s\n", plain(name))
		}
		bars++
		state := map[pipeline.Verdict]string{pipeline.Passed: "done, ", pipeline.Failed: "crit, ", pipeline.Cancelled: "crit, "}[f.Verdict]
		end := max(f.Time.Sub(s.begun), 0)
		start := max(end-f.Took, 0)
		fmt.Fprintf(&chart, "  %s, %s :%ss%d, %d, %d\n", plain(one.planned.Title), whole(report.Took(f.Took)), state, i+1, start.Milliseconds(), max(end.Milliseconds(), start.Milliseconds()+1))
	}
	if bars == 0 {
		return ""
	}
	return "### Where the time went\n\n" + markdown.Block("mermaid", chart.String()) + "\n" + s.slowest()
}

// plain is a title that means nothing to Mermaid.
func plain(title string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(":;,#%\n", r) {
			return ' '
		}
		return r
	}, title)
}

// shown is how many of the longest tasks are named.
const shown = 5

func (s *Summary) slowest() string {
	type timed struct {
		stage string
		did   pipeline.Did
	}
	var all []timed
	for _, one := range s.steps {
		for _, d := range one.tasks {
			if d.Took >= 100*time.Millisecond {
				all = append(all, timed{one.planned.Title, d})
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.SortStableFunc(all, func(a, b timed) int { return int(b.did.Took - a.did.Took) })
	var b strings.Builder
	b.WriteString("<details><summary>The tasks that took longest</summary>\n\n| Took | Task | Stage |\n|---:|---|---|\n")
	for _, t := range all[:min(len(all), shown)] {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", report.Took(t.did.Took), markdown.Escape(t.did.Task), markdown.Escape(t.stage))
	}
	b.WriteString("\n</details>\n\n")
	return b.String()
}

func (s *Summary) findings() string {
	all := slices.Clone(s.Before)
	for _, one := range s.steps {
		all = append(all, one.finished.Findings...)
	}
	if len(all) == 0 {
		return ""
	}
	slices.SortStableFunc(all, func(a, b finding.Finding) int { return int(b.Severity) - int(a.Severity) })
	notices := slices.IndexFunc(all, func(f finding.Finding) bool { return f.Severity == finding.Notice })
	if notices < 0 {
		notices = len(all)
	}
	text := ""
	if notices > 0 {
		text = "### Findings\n\n" + s.Links.Findings(all[:notices]) + "\n"
	}
	if n := len(all) - notices; n > 0 {
		text += fmt.Sprintf("<details><summary>Good to know (%d)</summary>\n\n%s\n</details>\n", n, s.Links.Findings(all[notices:]))
	}
	return text
}

// page is what an environment served before and serves now.
func (e Environment) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", markdown.Escape(e.Name))
	fmt.Fprintf(&b, "Release %s", markdown.Code(e.Manifest.Release))
	if e.URL != "" {
		fmt.Fprintf(&b, " on <%s>", e.URL)
	}
	if e.Record != "" {
		fmt.Fprintf(&b, ", recorded as [deployment](%s)", e.Record)
	}
	b.WriteString(".\n\n| Script | Before | Now | |\n|---|---|---|---|\n")
	for _, w := range e.Manifest.Workers {
		now, note := markdown.Code(release.Brief(w.Version)), w.OneWay
		switch {
		case w.Unchanged:
			note = "unchanged"
		case e.Serving != nil && !e.Serving(w.Script):
			now, note = shares(w.Previous), "not switched, or put back"
		}
		if now == "" {
			now = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", markdown.Code(w.Script), shares(w.Previous), now, markdown.Escape(note))
	}
	for _, db := range e.Manifest.Databases {
		if len(db.Applied) > 0 {
			fmt.Fprintf(&b, "\nDatabase %s: applied %s. The Time Travel bookmark from before is %s.\n", markdown.Code(db.Name), codes(db.Applied), markdown.Code(db.Bookmark))
		}
	}
	return b.String() + "\n"
}

func codes(all []string) string {
	var words []string
	for _, one := range all {
		words = append(words, markdown.Code(one))
	}
	return strings.Join(words, ", ")
}

// shares says which versions serve or served.
func shares(all []release.Share) string {
	var words []string
	for _, s := range all {
		word := markdown.Code(release.Brief(s.Version))
		if s.Percent != 100 {
			word += fmt.Sprintf(" %g %%", s.Percent)
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return "–"
	}
	return strings.Join(words, ", ")
}

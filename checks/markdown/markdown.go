package markdown

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

var (
	special = regexp.MustCompile("[\\\\`*_{}\\[\\]<>#|~$&]")
	mention = regexp.MustCompile(`([@#])(\w)`)
)

// Escape gives a text that reads in Markdown as it is written, on one line.
// Mentions and references are broken with a character of no width.
func Escape(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	text = mention.ReplaceAllString(text, "$1\u200b$2")
	return special.ReplaceAllStringFunc(text, func(c string) string {
		switch c {
		case "<":
			return "&lt;"
		case ">":
			return "&gt;"
		case "&":
			return "&amp;"
		}
		return `\` + c
	})
}

// Code is a text as code within a line.
func Code(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + strings.ReplaceAll(text, "|", `\|`) + " " + fence
	}
	return fence + strings.ReplaceAll(text, "|", `\|`) + fence
}

// Block is text as it is, in a block that nothing in it can end.
func Block(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + strings.TrimRight(text, "\n") + "\n" + fence + "\n"
}

var marks = map[pipeline.Verdict]string{
	pipeline.Pending: "⏳", pipeline.Passed: "✅", pipeline.Failed: "❌", pipeline.Skipped: "➖", pipeline.Blocked: "⛔", pipeline.Cancelled: "🚫",
}

// Mark is one character for a verdict.
func Mark(v pipeline.Verdict) string { return marks[v] }

// Title is a verdict as the first word of a sentence.
func Title(v pipeline.Verdict) string {
	name := v.String()
	return strings.ToUpper(name[:1]) + name[1:]
}

// Tasks is a table of tasks with marks and durations.
func Tasks(all []pipeline.Did) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| | Task | Took | |\n|---|---|---:|---|\n")
	for _, t := range all {
		took := ""
		if t.Took > 0 {
			took = report.Took(t.Took)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", Mark(t.Verdict), Escape(t.Task), took, Escape(t.Outcome))
	}
	return b.String()
}

// Planned is a list of tasks that are to come.
func Planned(all []pipeline.PlannedTask) string {
	var b strings.Builder
	for _, t := range all {
		fmt.Fprintf(&b, "- %s\n", Escape(t.Title))
	}
	return b.String()
}

// Links make addresses of places and of other things.
type Links struct {
	// Base is the address of the files of a commit, such as
	// https://github.com/tminus/app/blob/<sha>; empty for no links.
	Base string
	// Folder is the project's directory within the repository, empty if it is its top.
	Folder string
}

// Path is a place's file within the repository.
func (l Links) Path(at finding.Position) string {
	if l.Folder == "" || l.Folder == "." {
		return at.File
	}
	return l.Folder + "/" + at.File
}

// At is a place as a link to its line, or as code where there is no link.
func (l Links) At(at finding.Position) string {
	if at.IsZero() {
		return ""
	}
	text := Code(at.String())
	if l.Base == "" {
		return text
	}
	address := l.Base + "/" + strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "#", "%23", "?", "%3F", "|", "%7C").Replace(l.Path(at))
	if at.Line > 0 {
		address += fmt.Sprintf("#L%d", at.Line)
		if at.EndLine > at.Line {
			address += fmt.Sprintf("-L%d", at.EndLine)
		}
	}
	return "[" + text + "](" + address + ")"
}

var severityMarks = map[finding.Severity]string{finding.Error: "❌", finding.Warning: "⚠️", finding.Notice: "ℹ️"}

// Findings is a list of findings with their places and hints.
func (l Links) Findings(all []finding.Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "- %s ", severityMarks[f.Severity])
		if !f.At.IsZero() {
			b.WriteString(l.At(f.At) + " ")
		}
		fmt.Fprintf(&b, "%s `%s`\n", Escape(f.Message), f.Rule)
		for _, other := range f.Related {
			fmt.Fprintf(&b, "  - see %s\n", l.At(other))
		}
		if f.Hint != "" {
			fmt.Fprintf(&b, "  - **→** %s\n", Escape(f.Hint))
		}
	}
	return b.String()
}

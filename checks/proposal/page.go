package proposal

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/preview"
)

// Page is a preview for a reader on GitHub.
type Page struct {
	Plan preview.Plan
	// Findings are all that were found, of whatever weight.
	Findings []finding.Finding
	Links    markdown.Links
	// Partial: the plan could not be made for all environments.
	Partial bool
}

// Title says in words what would change, errors first.
func (p Page) Title() string {
	var errors []finding.Finding
	for _, f := range p.Findings {
		if f.Severity == finding.Error {
			errors = append(errors, f)
		}
	}
	if len(p.Plan.Environments) == 0 {
		if len(errors) > 0 {
			return "No plan: " + errors[0].Message
		}
		return "No plan"
	}
	title := p.Plan.Count().String()
	switch {
	case p.Partial:
		title += ", and not all environments could be looked at"
	case len(errors) == 1:
		title = "1 error; " + title
	case len(errors) > 1:
		title = fmt.Sprintf("%d errors; %s", len(errors), title)
	}
	return title
}

// Failed tells whether a promotion would be refused.
func (p Page) Failed() bool { return p.Partial || finding.Closes(p.Findings) }

// Summary is a table for each environment, and the digest.
func (p Page) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s.** Nothing was changed.\n\n", markdown.Escape(p.Title()))
	for _, e := range p.Plan.Environments {
		b.WriteString(environment(e))
	}
	if p.Plan.Digest != "" && !p.Partial {
		b.WriteString("<sub>To promote this and nothing else, give `--plan` (the input `plan`) the digest</sub>\n\n" + markdown.Block("", p.Plan.Digest))
	}
	return b.String()
}

var marks = map[preview.Way]string{preview.New: "🟢", preview.Changed: "🟡", preview.Whole: "🟠", preview.Unchanged: "🔵"}

// environment is the table of an environment. Workers of which nothing changes are
// named below it.
func environment(e preview.Environment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", markdown.Escape(e.Name))
	var same []string
	head := "| | Worker | Code | Bindings, vars | Triggers |\n|---|---|---|---|---|\n"
	for _, w := range e.Workers {
		if !w.Changes() {
			same = append(same, markdown.Code(w.Worker))
			continue
		}
		b.WriteString(head)
		head = ""
		var triggers []preview.Op
		for _, t := range w.Triggers {
			triggers = append(triggers, t.Op)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", marks[w.Way], markdown.Code(w.Worker), markdown.Escape(w.Code()), tally(ops(w.Bindings, w.Vars)), tally(triggers))
	}
	if len(same) > 0 {
		fmt.Fprintf(&b, "\nUnchanged: %s.\n", strings.Join(same, ", "))
	}
	for _, d := range e.Databases {
		b.WriteString(database(d))
	}
	return b.String() + "\n"
}

// database is the sentence about a database for which something is pending.
func database(d preview.Database) string {
	var names []string
	for _, m := range d.Pending {
		names = append(names, markdown.Code(m.Name))
	}
	pending, name, proof := strings.Join(names, ", "), markdown.Code(d.Name), markdown.Escape(d.Proof())
	switch r, refuses := d.Refuses(); {
	case refuses:
		return fmt.Sprintf("\n❌ Database %s would refuse %s at %s: %s. Pending: %s.\n", name, markdown.Code(r.Name), markdown.Code(r.At.String()), markdown.Escape(r.Refused), pending)
	case d.Unread:
		return fmt.Sprintf("\nDatabase %s: %s.\n", name, proof)
	case len(names) > 0:
		return fmt.Sprintf("\nDatabase %s: %s would be applied, %s.\n", name, pending, proof)
	}
	return ""
}

func ops(lists ...[]preview.Difference) []preview.Op {
	var all []preview.Op
	for _, list := range lists {
		for _, d := range list {
			all = append(all, d.Op)
		}
	}
	return all
}

// signs are how a table and a list show what happens to something.
var signs = map[preview.Op]string{preview.Add: "+", preview.Change: "±", preview.Remove: "−"}

// tally counts what happens: "+2 ±1".
func tally(all []preview.Op) string {
	var words []string
	for _, op := range []preview.Op{preview.Add, preview.Change, preview.Remove} {
		n := 0
		for _, one := range all {
			if one == op {
				n++
			}
		}
		if n > 0 {
			words = append(words, fmt.Sprintf("%s%d", signs[op], n))
		}
	}
	return strings.Join(words, " ")
}

// Text is what was found, and every change with the SQL of migrations folded.
func (p Page) Text() string {
	var b strings.Builder
	if len(p.Findings) > 0 {
		sorted := slices.Clone(p.Findings)
		slices.SortStableFunc(sorted, func(a, b finding.Finding) int { return int(b.Severity) - int(a.Severity) })
		b.WriteString("#### Findings\n\n" + p.Links.Findings(sorted) + "\n")
	}
	for _, e := range p.Plan.Environments {
		for _, w := range e.Workers {
			if details := w.Details(); w.Changes() && len(details) > 0 {
				b.WriteString(fold(fmt.Sprintf("%s in %s: %s", w.Worker, e.Name, changes(len(details))), lines(details)))
			}
		}
		for _, d := range e.Databases {
			for _, m := range d.Pending {
				b.WriteString(fold(fmt.Sprintf("%s on %s", m.Name, d.Name), markdown.Block("sql", cut(m.SQL, sqlLimit))))
			}
		}
	}
	return b.String()
}

// Whole is everything on one page under a heading.
func (p Page) Whole(heading string) string {
	mark := "✅"
	if p.Failed() || len(p.Plan.Environments) == 0 {
		mark = "❌"
	}
	return fmt.Sprintf("## %s %s\n\n%s\n%s", mark, markdown.Escape(heading), p.Summary(), p.Text())
}

func lines(all []preview.Detail) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "- %s %s", signs[d.Op], markdown.Escape(d.What))
		if d.Name != "" {
			b.WriteString(" " + markdown.Code(d.Name))
		}
		if d.Text != "" {
			b.WriteString(": " + markdown.Escape(d.Text))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// fold puts a text behind a line that opens it. The line is HTML, in which no
// Markdown is read.
func fold(title, body string) string {
	title = html.EscapeString(strings.Join(strings.Fields(title), " "))
	return "<details><summary>" + strings.ReplaceAll(title, "@", "@\u200b") + "</summary>\n\n" + body + "\n</details>\n\n"
}

// sqlLimit is how many bytes of a migration are shown, so that several have room
// in one comment.
const sqlLimit = 8 << 10

// cut shortens a text at the end of a character and says so.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "\n-- … cut: the file has the rest"
}

func changes(n int) string {
	if n == 1 {
		return "1 change besides its code"
	}
	return fmt.Sprintf("%d changes besides its code", n)
}

package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/preview"
)

// opMarks are one character for each thing that can happen to something.
var opMarks = map[preview.Op]struct{ mark, color string }{
	preview.Add: {"+", green}, preview.Change: {"~", yellow}, preview.Remove: {"-", red},
}

func (s Style) op(o preview.Op) string {
	m := opMarks[o]
	return s.paint(m.color, m.mark)
}

// ways are marks for what becomes of a Worker's code.
var ways = map[preview.Way]preview.Op{preview.New: preview.Add, preview.Changed: preview.Change, preview.Whole: preview.Change, preview.Unchanged: preview.Change}

// WritePreview writes what a promotion would change: by environment, what would
// change of each Worker, the migrations with their SQL and whether they are proven,
// how much it is, and the digest of it all.
func WritePreview(w io.Writer, s Style, p preview.Plan) {
	for _, e := range p.Environments {
		fmt.Fprintf(w, "\n%s  %s\n", s.paint(bold, e.Name), s.paint(dim, e.Count().String()))
		var same []string
		for _, one := range e.Workers {
			if one.Changes() {
				s.worker(w, one)
			} else {
				same = append(same, one.Worker)
			}
		}
		if len(same) > 0 {
			fmt.Fprintf(w, "  %s\n", s.paint(dim, "unchanged: "+strings.Join(same, ", ")))
		}
		for _, d := range e.Databases {
			s.database(w, d)
		}
	}
	fmt.Fprintf(w, "\n%s. Nothing was changed.\n", s.paint(bold, p.Count().String()))
	if p.Digest != "" {
		fmt.Fprintf(w, "%s --plan %s\n", s.paint(dim, "To promote this and nothing else:"), p.Digest)
	}
}

func (s Style) worker(w io.Writer, one preview.Worker) {
	fmt.Fprintf(w, "  %s %s %s\n", s.op(ways[one.Way]), pad(one.Worker, 22), s.paint(dim, one.Code()))
	for _, d := range one.Details() {
		line := fmt.Sprintf("      %s %s", s.op(d.Op), d.What)
		if d.Name != "" {
			line += " " + d.Name
		}
		if d.Text != "" {
			line += "  " + s.paint(dim, d.Text)
		}
		fmt.Fprintln(w, line)
	}
}

// sqlLines is how many lines of a migration are shown.
const sqlLines = 60

func (s Style) database(w io.Writer, d preview.Database) {
	for _, m := range d.Pending {
		fmt.Fprintf(w, "  %s migration %s %s\n", s.op(preview.Add), m.Name, s.paint(dim, "of "+d.Name))
		lines := strings.Split(strings.TrimRight(m.SQL, "\n"), "\n")
		for i, line := range lines {
			if i == sqlLines {
				fmt.Fprintf(w, "      %s\n", s.paint(dim, fmt.Sprintf("… %s more in %s", finding.Many(len(lines)-i, "line"), m.File)))
				break
			}
			fmt.Fprintf(w, "      %s %s\n", s.paint(dim, "│"), printable(line))
		}
	}
	s.proof(w, d)
}

// proof is the line below the migrations of a database: whether they are proven.
func (s Style) proof(w io.Writer, d preview.Database) {
	proof := d.Proof()
	if proof == "" {
		return
	}
	verdict := pipeline.Pending
	if _, refuses := d.Refuses(); refuses {
		verdict = pipeline.Failed
	} else if d.Proven != "" {
		verdict = pipeline.Passed
	}
	fmt.Fprintf(w, "  %s %s: %s\n", s.mark(verdict), d.Name, printable(proof))
}

// printable is a line of a file without what a terminal would obey.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, line)
}

package reversal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/schema"
)

// Reverse is a migration read backwards.
type Reverse struct {
	Of rehearsal.Migration
	// SQL is the whole file.
	SQL string
	// What says in a few words each what it does.
	What []string
	// Lost is what does not come back, as warnings at the statements that did it.
	Lost []finding.Finding

	files   []rehearsal.Migration
	index   int
	has     rehearsal.Shape // before the file, with all migrations
	want    rehearsal.Shape // behind it
	renamed []rename
}

// Derive makes the reverse of the i-th of all migrations of a folder, in their
// order, and does not prove it yet.
func Derive(ctx context.Context, files []rehearsal.Migration, i int) (*Reverse, error) {
	m := files[i]
	w, err := replay(ctx, files, i)
	defer w.close()
	if err != nil {
		return nil, err
	}
	r := &Reverse{Of: m, files: files, index: i, has: w.has, want: w.want}
	if len(w.has.Differences(w.want)) == 0 {
		return nil, finding.Errorf("nothing-to-reverse", finding.Position{File: m.File, Line: 1}, "%s leaves the schema as it is without it, so nothing can be derived", m.Name).
			Hintf("if it changed data, write by hand what changes it back")
	}
	steps, err := r.plan(w.now)
	if err != nil {
		return nil, err
	}
	r.Lost = r.lost(w)
	r.SQL = r.file(steps)
	return r, nil
}

// plan finds statements that turn the present schema into the wanted one. Which
// tables SQLite can alter it finds out by trying.
func (r *Reverse) plan(now *rehearsal.Copy) ([]step, error) {
	rebuild := map[string]bool{}
	for range len(r.want.Tables) + 2 {
		p := &planner{want: r.want, rebuild: rebuild}
		failed, err := p.run(now, renames(r.Of))
		if err != nil {
			return nil, err
		}
		if failed == nil {
			r.renamed = p.renamed
			return p.steps, nil
		}
		more := false
		for _, name := range failed {
			if _, ok := r.want.Table(name); ok && !rebuild[strings.ToLower(name)] {
				rebuild[strings.ToLower(name)], more = true, true
			}
		}
		if !more {
			return nil, finding.Errorf("not-reversible", finding.Position{File: r.Of.File, Line: 1}, "no statements were found that bring back the schema from before %s: %s", r.Of.Name, cmp.Or(p.failure, strings.Join(failed, ", "))).
				Hintf("write the compensation by hand; its first line is %s", strings.TrimSpace(schema.Reversal(Number(r.Of.Name), "…")))
		}
	}
	return nil, fmt.Errorf("derive the reverse of %s: no end", r.Of.Name)
}

// Number is the number with which the name of a migration begins.
func Number(name string) string {
	end := 0
	for end < len(name) && name[end] >= '0' && name[end] <= '9' {
		end++
	}
	return name[:end]
}

// Value is the number with which a name begins as a number, 0 if it is none.
func Value(name string) int {
	n, _ := strconv.Atoi(Number(name)) // 0 stands for none
	return n
}

// Compensation is the place of the file that takes the i-th of some files back by its
// first line, and was not itself taken back; -1 if there is none.
func Compensation(files []rehearsal.Migration, i int) int {
	m := files[i]
	for j := len(files) - 1; j >= 0; j-- {
		number, ok := schema.Reverses(files[j].SQL)
		if !ok || j == i || Number(m.Name) == "" || Value(number) != Value(m.Name) || Value(files[j].Name) <= Value(m.Name) {
			continue
		}
		first, _, _ := strings.Cut(files[j].SQL, "\n")
		if strings.Contains(first, ".sql)") && !strings.Contains(first, "("+m.Name+")") {
			continue // of another file with that number
		}
		if Compensation(files, j) < 0 {
			return j
		}
	}
	return -1
}

// file is the text of the compensation.
func (r *Reverse) file(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		s.what = oneLine(s.what)
		if s.what != "" && !slices.Contains(r.What, s.what) {
			r.What = append(r.What, s.what)
		}
	}
	number := cmp.Or(Number(r.Of.Name), r.Of.Name)
	b.WriteString(schema.Reversal(number, fmt.Sprintf("%s (%s)", strings.Join(r.What, ", "), r.Of.Name)))
	for _, f := range r.Lost {
		fmt.Fprintf(&b, "-- Not reversed: %s\n", strings.ReplaceAll(f.Message, "\n", " "))
	}
	if slices.ContainsFunc(steps, func(s step) bool { return s.deferred }) {
		b.WriteString("\nPRAGMA defer_foreign_keys = true;\n")
	}
	last := ""
	for _, s := range steps {
		if s.what != last || strings.Contains(s.sql, "\n") {
			b.WriteString("\n")
		}
		last = s.what
		if s.why != "" {
			fmt.Fprintf(&b, "-- %s\n", strings.ReplaceAll(s.why, "\n", " "))
		}
		b.WriteString(s.sql + ";\n")
	}
	return b.String()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// lost is what a reverse does not bring back.
func (r *Reverse) lost(w worlds) []finding.Finding {
	var all []finding.Finding
	add := func(at finding.Position, format string, args ...any) {
		all = append(all, finding.Warnf("not-reversed", at, format, args...).Hintf("bring it back by hand, or from Time Travel; see the bookmark that migrate showed before it was applied"))
	}
	whole := finding.Position{File: r.Of.File, Line: 1}
	for _, t := range w.before.Tables {
		name := r.later(t.Name)
		after, ok := w.after.Table(name)
		if !ok {
			add(r.where(whole, "DROP", "TABLE", t.Name), "the rows of table %s, which %s dropped, do not come back", t.Name, r.Of.Name)
			continue
		}
		for _, c := range t.Columns {
			if _, ok := after.Column(r.laterColumn(t.Name, name, c.Name)); !ok && !c.Generated {
				add(r.where(whole, "ALTER", "TABLE", t.Name), "the values of column %s of table %s, which %s dropped, do not come back", c.Name, t.Name, r.Of.Name)
			} else if now, _ := after.Column(r.laterColumn(t.Name, name, c.Name)); ok && now.Type != c.Type && !c.Generated {
				add(whole, "the values of column %s of table %s stay as the type %q made them", c.Name, t.Name, now.Type)
			}
		}
	}
	for _, s := range statements(r.Of) {
		for _, verb := range []string{"INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"} {
			rest, ok := s.words(verb)
			if !ok {
				continue
			}
			if verb == "INSERT" && len(rest) > 1 && (rest[0].Is("REPLACE") || rest[0].Is("IGNORE")) {
				rest = rest[1:]
				if rest[0].Is("INTO") && len(rest) > 1 {
					rest = rest[1:]
				}
			}
			if _, stays := r.want.Table(rest[0].Name()); stays || verb == "WITH" {
				add(s.at, "what %s did to the rows of %s in line %d is not taken back", verb, rest[0].Name(), s.at.Line)
			}
		}
	}
	return all
}

// where is the statement that did something to a thing, or the whole file.
func (r *Reverse) where(whole finding.Position, verb, kind, name string) finding.Position {
	for _, s := range statements(r.Of) {
		if rest, ok := s.words(verb, kind); ok && strings.EqualFold(rest[0].Name(), name) {
			return s.at
		}
	}
	return whole
}

// later is the name that a table has now, laterColumn that of one of its columns.
func (r *Reverse) later(table string) string {
	for _, one := range slices.Backward(r.renamed) {
		if one.from == "" && strings.EqualFold(one.table, table) {
			table = one.to
		}
	}
	return table
}

func (r *Reverse) laterColumn(table, later, column string) string {
	for _, one := range slices.Backward(r.renamed) {
		if (strings.EqualFold(one.table, table) || strings.EqualFold(one.table, later)) && one.from != "" && strings.EqualFold(one.from, column) {
			column = one.to
		}
	}
	return column
}

package reversal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/schema"
)

// step is one statement of a compensation.
type step struct {
	sql  string
	what string // in a few words; several statements may belong to one
	why  string // a comment above it, if one is needed
	// table is which table could be rebuilt if the statement fails.
	table string
	// deferred: foreign keys are judged at the end.
	deferred bool
}

// planner finds the statements between two schemas, trying each on a copy.
type planner struct {
	want    rehearsal.Shape
	rebuild map[string]bool // tables that cannot be altered, in lower case
	steps   []step
	renamed []rename
	copy    *rehearsal.Copy
	has     rehearsal.Shape
	failure string // the last statement that failed, and why
}

// run gives the tables, or what else, that could not be brought to what is wanted;
// nil if all could.
func (p *planner) run(now *rehearsal.Copy, renames []rename) (failed []string, err error) {
	if p.copy, err = now.Clone(); err != nil {
		return nil, err
	}
	defer func() { _ = p.copy.Close() }() // it is memory
	if p.has, err = p.copy.Shape(); err != nil {
		return nil, err
	}
	for _, phase := range []func() ([]step, error){p.gone, nil, p.changed, p.columns, p.tables, p.objects} {
		if phase == nil {
			if err := p.names(renames); err != nil {
				return nil, err
			}
			continue
		}
		steps, err := phase()
		if err != nil {
			return nil, err
		}
		for _, s := range steps {
			if err := p.copy.Run(s.sql); err != nil {
				p.failure = fmt.Sprintf("%s: %s", strings.Join(strings.Fields(s.sql), " "), err)
				return append(failed, s.table), nil
			}
			p.steps = append(p.steps, s)
		}
		if p.has, err = p.copy.Shape(); err != nil {
			return nil, err
		}
	}
	for _, d := range p.has.Differences(p.want) {
		_, name, _ := strings.Cut(d, " ")
		failed = append(failed, name)
	}
	return failed, nil
}

// drop is the statement that drops an index, a view or a trigger.
func drop(o schema.Object) step {
	return step{sql: "DROP " + strings.ToUpper(o.Type) + " " + schema.Quote(o.Name), what: "drops " + o.Type + " " + o.Name}
}

// goes tells whether a table is dropped or rebuilt, with all that belongs to it.
func (p *planner) goes(name string) bool {
	_, stays := p.want.Table(name)
	_, is := p.has.Table(name)
	return is && (!stays || p.rebuild[strings.ToLower(name)])
}

// gone drops what is not wanted at all: it may keep tables from being altered.
func (p *planner) gone() (all []step, _ error) {
	for _, o := range p.drops() {
		if _, wanted := p.want.Object(o.Type, o.Name); !wanted && !p.goes(o.Table) {
			all = append(all, drop(o))
		}
	}
	return all, nil
}

// changed drops what is wanted otherwise.
func (p *planner) changed() (all []step, _ error) {
	for _, o := range p.drops() {
		if !p.want.Has(o) && !p.goes(o.Table) {
			all = append(all, drop(o))
		}
	}
	return all, nil
}

// drops are the objects in the order in which they can be dropped: triggers of
// views go with them.
func (p *planner) drops() []schema.Object {
	all := slices.Clone(p.has.Objects)
	slices.Reverse(all)
	rank := map[string]int{"trigger": 0, "view": 1, "index": 2}
	slices.SortStableFunc(all, func(a, b schema.Object) int { return rank[a.Type] - rank[b.Type] })
	return all
}

// names gives tables and columns their names back, where SQLite can.
func (p *planner) names(renames []rename) error {
	for i, r := range renames {
		var err error
		if p.has, err = p.copy.Shape(); err != nil {
			return err
		}
		sql, what := p.back(r, renames[i+1:])
		if sql == "" || p.copy.Run(sql) != nil {
			continue
		}
		p.steps = append(p.steps, step{sql: sql, what: what})
		p.renamed = append(p.renamed, r)
	}
	var err error
	p.has, err = p.copy.Shape()
	return err
}

// back is the statement that takes a rename back, empty if what has the new name now
// is not what had the old one.
func (p *planner) back(r rename, before []rename) (sql, what string) {
	if r.from == "" {
		_, is := p.has.Table(r.to)
		_, taken := p.has.Table(r.table)
		_, wanted := p.want.Table(r.table)
		_, both := p.want.Table(r.to)
		if is && !taken && wanted && !both {
			return fmt.Sprintf("ALTER TABLE %s RENAME TO %s", schema.Quote(r.to), schema.Quote(r.table)), fmt.Sprintf("renames table %s to %s", r.to, r.table)
		}
		return "", ""
	}
	has, is := p.has.Table(r.table)
	first := r.table // the name that the table had before the migration
	for _, b := range before {
		if b.from == "" && strings.EqualFold(b.to, first) {
			first = b.table
		}
	}
	want, wanted := p.want.Table(first)
	if !is || !wanted {
		return "", ""
	}
	_, new := has.Column(r.to)
	_, old := has.Column(r.from)
	_, wantOld := want.Column(r.from)
	_, wantNew := want.Column(r.to)
	if new && !old && wantOld && !wantNew {
		return fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", schema.Quote(r.table), schema.Quote(r.to), schema.Quote(r.from)),
			fmt.Sprintf("renames column %s of table %s to %s", r.to, r.table, r.from)
	}
	return "", ""
}

// columns drops those that are not wanted, from tables that are not rebuilt.
func (p *planner) columns() (all []step, _ error) {
	for _, want := range p.want.Tables {
		has, ok := p.has.Table(want.Name)
		if !ok || has.Same(want) || p.rebuild[strings.ToLower(want.Name)] {
			continue
		}
		if has.Virtual || want.Virtual || lacks(has, want) || !lacks(want, has) {
			p.rebuild[strings.ToLower(want.Name)] = true
			continue
		}
		for _, c := range has.Columns {
			if _, ok := want.Column(c.Name); !ok {
				all = append(all, step{sql: fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", schema.Quote(has.Name), schema.Quote(c.Name)),
					what: "drops column " + c.Name + " of table " + has.Name, table: want.Name})
			}
		}
	}
	return all, nil
}

// lacks tells whether a table lacks a column that another one has.
func lacks(t, other rehearsal.Table) bool {
	return slices.ContainsFunc(other.Columns, func(c rehearsal.Column) bool { _, ok := t.Column(c.Name); return !ok })
}

// objects makes the indexes, views and triggers that are not there (any more).
func (p *planner) objects() (all []step, _ error) {
	for _, o := range p.want.Objects {
		if !p.has.Has(o) {
			s := step{sql: o.SQL, what: "makes " + o.Type + " " + o.Name + " again"}
			if p.goes(o.Table) {
				s.what = "rebuilds table " + o.Table
			}
			all = append(all, s)
		}
	}
	return all, nil
}

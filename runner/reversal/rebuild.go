package reversal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/schema"
)

// kept is a table whose rows are put aside while it, or one to which it refers, is
// dropped and made again.
type kept struct {
	table   rehearsal.Table // as it is
	aside   string          // where its rows are meanwhile
	columns []string        // that are put aside, and come back
	added   []string        // columns that it gets, with
	values  []string        // what is put into them
	// rebuilt: the table itself is dropped; else only its rows would go, or be changed,
	// with those to which they refer.
	rebuilt bool
}

// tables drops, rebuilds and makes tables. A table that others refer to is made
// again under its own name before its rows come back: rows that refer to it are
// then accounted for when the transaction ends, which is what defer_foreign_keys
// waits for. Dropping a table deletes its rows first, and ON DELETE acts, whatever
// is deferred; so rows that would go with it are put aside too. Source:
// https://sqlite.org/foreignkeys.html#fk_schemacommands.
func (p *planner) tables() ([]step, error) {
	var dropped, made []rehearsal.Table
	for _, t := range p.childrenFirst(p.has.Tables) {
		if _, ok := p.want.Table(t.Name); !ok {
			dropped = append(dropped, t)
		}
	}
	for _, t := range p.want.Tables {
		if _, ok := p.has.Table(t.Name); !ok {
			made = append(made, t)
		}
	}
	rows := p.kept(dropped)
	var all []step
	for i, k := range rows {
		rows[i].aside = p.free("kept_" + k.table.Name)
		all = append(all, p.putAside(rows[i])...)
	}
	deferred := len(rows) > 0 || len(dropped) > 0
	for _, t := range dropped {
		all = append(all, step{sql: "DROP TABLE " + schema.Quote(t.Name), what: "drops table " + t.Name, deferred: deferred})
	}
	for _, k := range slices.Backward(rows) { // children first
		if k.rebuilt {
			all = append(all, step{sql: "DROP TABLE " + schema.Quote(k.table.Name), what: "rebuilds table " + k.table.Name})
		}
	}
	for _, t := range made {
		all = append(all, step{sql: t.SQL, what: "makes table " + t.Name + " again"})
	}
	for _, k := range rows {
		what := "rebuilds table " + k.table.Name
		if want, _ := p.want.Table(k.table.Name); k.rebuilt {
			all = append(all, step{sql: want.SQL, what: what, table: want.Name})
		} else {
			all = append(all, step{sql: "DELETE FROM " + schema.Quote(k.table.Name), what: "keeps the rows of table " + k.table.Name})
		}
	}
	for _, k := range rows {
		all = append(all, k.comeBack()...)
	}
	return all, nil
}

// kept are the tables whose rows are put aside, parents first.
func (p *planner) kept(dropped []rehearsal.Table) []kept {
	var all []kept
	touched := map[string]bool{} // tables whose rows are deleted, in lower case
	gone := map[string]bool{}
	for _, t := range dropped {
		gone[strings.ToLower(t.Name)], touched[strings.ToLower(t.Name)] = true, true
	}
	for _, want := range p.want.Tables {
		if has, ok := p.has.Table(want.Name); ok && !has.Same(want) {
			touched[strings.ToLower(has.Name)] = true
			all = append(all, keep(has, want))
		}
	}
	for more := true; more; {
		more = false
		for _, t := range p.has.Tables {
			name := strings.ToLower(t.Name)
			follows := slices.ContainsFunc(t.Parents, func(r rehearsal.Reference) bool {
				return touched[strings.ToLower(r.Table)] && slices.Contains([]string{"CASCADE", "SET NULL", "SET DEFAULT"}, strings.ToUpper(r.OnDelete))
			})
			if follows && !touched[name] && !gone[name] {
				touched[name], more = true, true
				k := keep(t, t)
				k.rebuilt = false
				all = append(all, k)
			}
		}
	}
	order := p.childrenFirst(p.has.Tables)
	place := func(k kept) int {
		return slices.IndexFunc(order, func(t rehearsal.Table) bool { return t.Name == k.table.Name })
	}
	slices.SortStableFunc(all, func(a, b kept) int { return place(b) - place(a) })
	return all
}

// keep finds which columns of a table come back, and what its new ones get.
func keep(has, want rehearsal.Table) kept {
	k := kept{table: has, rebuilt: true}
	for _, c := range want.Columns {
		old, ok := has.Column(c.Name)
		switch {
		case c.Generated:
		case ok:
			k.columns = append(k.columns, old.Name)
		case c.NotNull && c.Default == "":
			k.added, k.values = append(k.added, c.Name), append(k.values, empty(c.Type))
		}
	}
	return k
}

// empty is a value for a column that must have one.
func empty(declared string) string {
	kind := strings.ToUpper(declared)
	switch {
	case strings.Contains(kind, "INT"):
		return "0"
	case strings.Contains(kind, "CHAR"), strings.Contains(kind, "CLOB"), strings.Contains(kind, "TEXT"):
		return "''"
	case strings.Contains(kind, "BLOB"):
		return "x''"
	}
	return "0"
}

func quoted(names []string) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = schema.Quote(n)
	}
	return strings.Join(all, ", ")
}

// putAside copies rows, and keeps triggers from acting on what happens to them.
func (p *planner) putAside(k kept) (all []step) {
	s := step{what: "rebuilds table " + k.table.Name, deferred: true}
	if !k.rebuilt {
		s.what = "keeps the rows of table " + k.table.Name
		s.why = "dropping the table that " + k.table.Name + " refers to would change its rows: they are put aside"
		for _, o := range p.has.Objects {
			if o.Type == "trigger" && strings.EqualFold(o.Table, k.table.Name) {
				all = append(all, step{sql: drop(o).sql, what: s.what})
			}
		}
	} else if strings.Contains(strings.ToUpper(k.table.SQL), "AUTOINCREMENT") {
		s.why = "the next id is one more than the highest that is there"
	}
	if k.table.Virtual || len(k.columns) == 0 {
		return all // has no rows that could be put back
	}
	s.sql = fmt.Sprintf("CREATE TABLE %s AS SELECT %s FROM %s", schema.Quote(k.aside), quoted(k.columns), schema.Quote(k.table.Name))
	return append(all, s)
}

// comeBack puts rows back.
func (k kept) comeBack() []step {
	if k.table.Virtual || len(k.columns) == 0 {
		return nil
	}
	s := step{what: "rebuilds table " + k.table.Name, table: k.table.Name}
	if !k.rebuilt {
		s.what, s.table = "keeps the rows of table "+k.table.Name, ""
	}
	from := quoted(k.columns)
	if len(k.added) > 0 {
		s.why = fmt.Sprintf("%s had values that are gone; they get empty ones", strings.Join(k.added, ", "))
		from += ", " + strings.Join(k.values, ", ")
	}
	s.sql = fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", schema.Quote(k.table.Name), quoted(append(slices.Clone(k.columns), k.added...)), from, schema.Quote(k.aside))
	return []step{s, {sql: "DROP TABLE " + schema.Quote(k.aside), what: s.what}}
}

// free is a name that nothing has.
func (p *planner) free(name string) string {
	for {
		taken := slices.ContainsFunc(append(slices.Clone(p.has.Objects), objectsOf(p.want)...), func(o schema.Object) bool { return strings.EqualFold(o.Name, name) })
		_, is := p.has.Table(name)
		_, wanted := p.want.Table(name)
		if !taken && !is && !wanted {
			return name
		}
		name += "_"
	}
}

func objectsOf(s rehearsal.Shape) []schema.Object { return s.Objects }

// childrenFirst orders tables so that one that refers to another stands before it,
// as far as they do not refer to each other.
func (p *planner) childrenFirst(tables []rehearsal.Table) []rehearsal.Table {
	var all []rehearsal.Table
	done := map[string]bool{}
	var visit func(t rehearsal.Table)
	visit = func(t rehearsal.Table) {
		if done[t.Name] {
			return
		}
		done[t.Name] = true
		for _, other := range tables {
			if slices.ContainsFunc(other.Parents, func(r rehearsal.Reference) bool { return strings.EqualFold(r.Table, t.Name) }) {
				visit(other)
			}
		}
		all = append(all, t)
	}
	for _, t := range tables {
		visit(t)
	}
	return all
}

package rehearsal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/schema"
)

// Shape is a schema in a form in which two can be compared: by what its objects
// mean, whatever their spaces, comments and quotes are.
type Shape struct {
	Tables  []Table
	Objects []schema.Object // indexes, views and triggers, in the order in which they were made
}

// Table is one table of a schema.
type Table struct {
	Name, SQL string
	Virtual   bool
	Columns   []Column
	// Parents are the tables to which it refers, by name.
	Parents []Reference
	plain   string // normal form
}

// Column is one column of a table, in its order.
type Column struct {
	Name, Type string
	NotNull    bool
	Default    string // as it is written, empty if there is none
	Key        bool   // part of the primary key
	Generated  bool
}

// Reference is a foreign key, column by column.
type Reference struct {
	Table, From, To, OnDelete string
}

// Shape reads the schema of the copy.
func (c *Copy) Shape() (Shape, error) {
	var s Shape
	kinds, err := c.kinds()
	if err != nil {
		return s, err
	}
	rows, err := c.Rows("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
	if err != nil {
		return s, err
	}
	for _, row := range rows {
		o := schema.Object{Type: row[0].(string), Name: row[1].(string), Table: row[2].(string), SQL: row[3].(string)}
		switch {
		case schema.Internal(o.Name) || schema.Internal(o.Table) || kinds[o.Table] == "shadow":
		case o.Type == "table":
			t, err := c.table(o, kinds[o.Name] == "virtual")
			if err != nil {
				return s, err
			}
			s.Tables = append(s.Tables, t)
		default:
			s.Objects = append(s.Objects, o)
		}
	}
	return s, nil
}

func (c *Copy) kinds() (map[string]string, error) {
	rows, err := c.Rows("SELECT name, type FROM pragma_table_list WHERE schema = 'main'")
	kinds := map[string]string{}
	for _, row := range rows {
		kinds[row[0].(string)] = row[1].(string)
	}
	return kinds, err
}

func (c *Copy) table(o schema.Object, virtual bool) (Table, error) {
	t := Table{Name: o.Name, SQL: o.SQL, Virtual: virtual}
	rows, err := c.Rows("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(" + literal(o.Name) + ")")
	if err != nil {
		return t, err
	}
	for _, r := range rows {
		if r[5] == int64(1) {
			continue // of a virtual table, for its own use
		}
		def, _ := r[3].(string)
		kind, _ := r[1].(string)
		t.Columns = append(t.Columns, Column{Name: r[0].(string), Type: kind, NotNull: r[2] != int64(0), Default: def, Key: r[4] != int64(0), Generated: r[5] != int64(0)})
	}
	keys, err := c.Rows("SELECT \"table\", \"from\", coalesce(\"to\", ''), on_delete FROM pragma_foreign_key_list(" + literal(o.Name) + ") ORDER BY id, seq")
	for _, r := range keys {
		t.Parents = append(t.Parents, Reference{r[0].(string), r[1].(string), r[2].(string), r[3].(string)})
	}
	indexes, listed := c.Rows("SELECT l.name, l.\"unique\", l.origin, l.partial, i.name, i.\"desc\", i.coll FROM pragma_index_list(" + literal(o.Name) + ") l, pragma_index_xinfo(l.name) i WHERE l.origin <> 'c' ORDER BY 1, i.seqno")
	t.plain = fmt.Sprintf("%s\n%v\n%v\n%v", Plain(o.SQL), t.Columns, t.Parents, indexes)
	return t, cmp.Or(err, listed)
}

// literal makes an SQL text.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Plain is an object's SQL without spaces and comments, each word once quoted or
// unquoted alike.
func Plain(sql string) string {
	var b strings.Builder
	for _, t := range schema.Tokens(sql) {
		word := t.Text
		if t.Quoted() {
			word = t.Name()
			if strings.ContainsAny(word, " \t\n;,()'") || word == "" {
				word = "[" + word + "]"
			}
		}
		b.WriteString(word)
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

// Table finds a table.
func (s Shape) Table(name string) (Table, bool) {
	i := slices.IndexFunc(s.Tables, func(t Table) bool { return strings.EqualFold(t.Name, name) })
	if i < 0 {
		return Table{}, false
	}
	return s.Tables[i], true
}

// Column finds a column.
func (t Table) Column(name string) (Column, bool) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		return Column{}, false
	}
	return t.Columns[i], true
}

// Same tells whether two tables mean the same.
func (t Table) Same(other Table) bool { return t.Name == other.Name && t.plain == other.plain }

// Object finds an index, a view or a trigger.
func (s Shape) Object(kind, name string) (schema.Object, bool) {
	i := slices.IndexFunc(s.Objects, func(o schema.Object) bool { return o.Type == kind && strings.EqualFold(o.Name, name) })
	if i < 0 {
		return schema.Object{}, false
	}
	return s.Objects[i], true
}

// Has tells whether a schema has the very object.
func (s Shape) Has(o schema.Object) bool {
	other, ok := s.Object(o.Type, o.Name)
	return ok && other.Name == o.Name && other.Table == o.Table && Plain(other.SQL) == Plain(o.SQL)
}

// Differences says in a few words each what one schema has and the other has not
// or has otherwise, sorted. None means that they are the same.
func (s Shape) Differences(other Shape) []string {
	seen := map[string]bool{}
	for _, pair := range [][2]Shape{{s, other}, {other, s}} {
		for _, t := range pair[0].Tables {
			if o, ok := pair[1].Table(t.Name); !ok || !t.Same(o) {
				seen["table "+t.Name] = true
			}
		}
		for _, o := range pair[0].Objects {
			if !pair[1].Has(o) {
				seen[o.Type+" "+o.Name] = true
			}
		}
	}
	var all []string
	for what := range seen {
		all = append(all, what)
	}
	slices.Sort(all)
	return all
}

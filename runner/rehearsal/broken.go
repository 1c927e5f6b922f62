package rehearsal

import (
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/schema"
)

// Broken are the views and triggers that cannot be used because something that
// they name is not there, and tables that refer to one that is not, sorted. SQLite makes such things without a word.
func (c *Copy) Broken() ([]string, error) {
	s, err := c.Shape()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, o := range s.Objects {
		uses := "SELECT * FROM " + schema.Quote(o.Name)
		if o.Type == "trigger" {
			uses = c.fires(o)
		}
		if o.Type != "index" && !c.compiles(uses) {
			all = append(all, o.Type+" "+o.Name)
		}
	}
	for _, t := range s.Tables {
		for _, r := range t.Parents {
			if _, ok := s.Table(r.Table); !ok && !slices.Contains(all, "table "+t.Name) {
				all = append(all, "table "+t.Name)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// fires is a statement that a trigger belongs to.
func (c *Copy) fires(o schema.Object) string {
	table := schema.Quote(o.Table)
	for _, t := range schema.Tokens(o.SQL) {
		switch {
		case t.Is("INSERT"):
			return "INSERT INTO " + table + " DEFAULT VALUES"
		case t.Is("DELETE"):
			return "DELETE FROM " + table
		case t.Is("UPDATE"):
			var set []string
			rows, _ := c.Rows("SELECT name FROM pragma_table_xinfo(" + literal(o.Table) + ") WHERE hidden = 0") // without columns it does not compile
			for _, r := range rows {
				name := schema.Quote(r[0].(string))
				set = append(set, name+" = "+name)
			}
			return "UPDATE " + table + " SET " + strings.Join(set, ", ")
		}
	}
	return ""
}

func (c *Copy) compiles(sql string) bool {
	c.trusted = true
	defer func() { c.trusted = false }()
	stmt, _, err := c.conn.PrepareTransient(sql)
	if err != nil {
		return false
	}
	_ = stmt.Finalize() // it did not run
	return true
}

package rehearsal

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/tminus/deploy-action/runner/schema"
)

// tries is how many made-up rows a table may refuse before it is left empty.
const tries = 80

// Populate puts up to n rows into each table that has none, and tells how many
// tables have a row then. Rows satisfy every constraint of their table; one that
// takes none of them stays empty.
func (c *Copy) Populate(n int) (inhabited int, err error) {
	s, err := c.Shape()
	if err != nil {
		return 0, err
	}
	full := map[string]bool{}
	for range s.Tables { // parents may stand behind their children
		before := len(full)
		for _, t := range s.Tables {
			if full[t.Name] || t.Virtual {
				continue
			}
			if full[t.Name], err = c.fill(s, t, n); err != nil {
				return 0, err
			}
			if !full[t.Name] {
				delete(full, t.Name)
			}
		}
		if len(full) == before {
			break
		}
	}
	return len(full), nil
}

// fill puts rows into one table.
func (c *Copy) fill(s Shape, t Table, n int) (bool, error) {
	count := "SELECT count(*) FROM " + schema.Quote(t.Name)
	rows, err := c.Rows(count)
	if err != nil {
		return false, err
	}
	there := rows[0][0].(int64)
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Name)) // it never fails
	random := rand.New(rand.NewPCG(h.Sum64(), 1))
	choices := c.choices(s, t)
	for try := 0; try < tries*n && there < int64(n); try++ {
		if c.insert(t, choices, int(there), try, random) == nil {
			if rows, err = c.Rows(count); err != nil {
				return false, err
			}
			there = rows[0][0].(int64)
		}
	}
	return there > 0, nil
}

func (c *Copy) insert(t Table, choices map[string][]string, row, try int, random *rand.Rand) error {
	var names, values []string
	for _, col := range t.Columns {
		if col.Generated {
			continue
		}
		all := choices[col.Name]
		value := all[0]
		if try > row { // the first choice did not do
			value = all[random.IntN(len(all))]
		}
		names = append(names, schema.Quote(col.Name))
		values = append(values, strings.ReplaceAll(value, "%", strconv.Itoa(row+try+1)))
	}
	if len(names) == 0 {
		return c.Run("INSERT INTO " + schema.Quote(t.Name) + " DEFAULT VALUES")
	}
	return c.Run(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", schema.Quote(t.Name), strings.Join(names, ", "), strings.Join(values, ", ")))
}

// choices are SQL expressions for each column, the likeliest first. A % stands for
// a number that no other row has.
func (c *Copy) choices(s Shape, t Table) map[string][]string {
	var written []string // texts and numbers of the table's own SQL, which its checks may name
	for _, token := range schema.Tokens(t.SQL) {
		if token.Text[0] == '\'' || token.Text[0] >= '0' && token.Text[0] <= '9' {
			written = append(written, strings.ReplaceAll(token.Text, "%", ""))
		}
	}
	all := map[string][]string{}
	for _, col := range t.Columns {
		var list []string
		for _, r := range t.Parents {
			if strings.EqualFold(r.From, col.Name) {
				list = append(list, c.parent(s, r))
			}
		}
		list = append(list, made(col.Type)...)
		list = append(list, written...)
		if !col.NotNull {
			list = append(list, "NULL")
		}
		if col.Default != "" {
			list = append(list, "("+strings.ReplaceAll(col.Default, "%", "")+")")
		}
		all[col.Name] = list
	}
	return all
}

// parent is a value to which a column may refer.
func (c *Copy) parent(s Shape, r Reference) string {
	to := r.To
	if t, ok := s.Table(r.Table); ok && to == "" {
		for _, col := range t.Columns {
			if col.Key {
				to = col.Name
			}
		}
	}
	rows, err := c.Rows("SELECT quote(" + schema.Quote(to) + ") FROM " + schema.Quote(r.Table) + " LIMIT 1")
	if err != nil || len(rows) == 0 {
		return "NULL"
	}
	return strings.ReplaceAll(rows[0][0].(string), "%", "")
}

// made are made-up values that fit a declared type. Source of the rules:
// https://sqlite.org/datatype3.html#determination_of_column_affinity.
func made(declared string) []string {
	kind := strings.ToUpper(declared)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(kind, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return []string{"%", "1", "0", "-%"}
	case has("CHAR", "CLOB", "TEXT"):
		return []string{"'text %'", "''", "'{}'", "'2026-01-01'", "'a@example.com'"}
	case has("BLOB"):
		return []string{"CAST('blob %' AS BLOB)", "x''"}
	case has("REAL", "FLOA", "DOUB"):
		return []string{"%.5", "0.5"}
	}
	return []string{"%", "'text %'", "1", "0"}
}

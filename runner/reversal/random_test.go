package reversal

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/d1"
	"github.com/tminus/deploy-action/runner/fakecloudflare/d1/split"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/schema"
)

var worldsToTry = flag.Int("worlds", 60, "how many random schemas with a migration are reversed")

// random makes schemas and migrations.
type random struct {
	*rand.Rand
	c *rehearsal.Copy
	n int
}

func (r *random) one(all ...string) string { return all[r.IntN(len(all))] }

// name is a name that nothing has yet, often one that needs quotes.
func (r *random) name() string {
	r.n++
	return schema.Quote(fmt.Sprintf(r.one("t%d", "Order %d", "group%d", "sel'ect %d", "ä%d", "a;b%d", "x]%d", "from %d --"), r.n))
}

func (r *random) shape() rehearsal.Shape {
	s, err := r.c.Shape()
	if err != nil {
		panic(err)
	}
	return s
}

func (r *random) table() (rehearsal.Table, bool) {
	all := r.shape().Tables
	if len(all) == 0 {
		return rehearsal.Table{}, false
	}
	return all[r.IntN(len(all))], true
}

func (r *random) column(t rehearsal.Table) string {
	return schema.Quote(t.Columns[r.IntN(len(t.Columns))].Name)
}

// columnDef is a column as CREATE TABLE has it.
func (r *random) columnDef(name string, strict, first bool) string {
	kind := r.one("INTEGER", "TEXT", "REAL", "BLOB")
	if !strict {
		kind = r.one("INTEGER", "TEXT", "REAL", "BLOB", "", "VARCHAR(20)", "NUMERIC", "BOOLEAN", "timestamp")
	} else if r.IntN(5) == 0 {
		kind = "ANY"
	}
	def := name + " " + kind
	if first {
		return def
	}
	switch r.IntN(12) {
	case 0:
		def += " NOT NULL"
	case 1:
		def += " NOT NULL DEFAULT 7"
	case 2:
		def += " UNIQUE"
	case 3:
		def += fmt.Sprintf(" CHECK (%s <> 99)", name)
	case 4:
		def += " COLLATE NOCASE"
	case 5:
		def += " DEFAULT (1 + 2)"
	case 6:
		if t, ok := r.table(); ok && !t.Virtual {
			def += fmt.Sprintf(" REFERENCES %s%s", schema.Quote(t.Name), r.one("", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON DELETE RESTRICT", " ON DELETE SET DEFAULT", " ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED"))
		}
	}
	return def
}

func (r *random) createTable(name string) string {
	strict := r.IntN(4) == 0
	key := r.one("INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT", "TEXT PRIMARY KEY NOT NULL", "INT PRIMARY KEY", "TEXT NOT NULL")
	defs := []string{`id ` + key}
	var names []string
	for range 1 + r.IntN(4) {
		n := r.name()
		names = append(names, n)
		defs = append(defs, r.columnDef(n, strict, false))
	}
	if r.IntN(4) == 0 {
		defs = append(defs, fmt.Sprintf("%s TEXT GENERATED ALWAYS AS (%s || 'x') %s", r.name(), names[0], r.one("STORED", "VIRTUAL")))
	}
	if r.IntN(4) == 0 {
		defs = append(defs, fmt.Sprintf("CONSTRAINT c UNIQUE (%s, id)", names[0]))
	}
	var options []string
	if strict {
		options = append(options, "STRICT")
	}
	if strings.Contains(key, "PRIMARY") && !strings.Contains(key, "AUTO") && r.IntN(4) == 0 {
		options = append(options, "WITHOUT ROWID")
	}
	return fmt.Sprintf("CREATE TABLE %s (\n  %s -- why\n) %s", name, strings.Join(defs, ",\n  "), strings.Join(options, ", "))
}

// statement is a random statement, empty if there is nothing to do it to.
func (r *random) statement() string {
	t, ok := r.table()
	if !ok || r.IntN(9) == 0 {
		return r.createTable(r.name())
	}
	s, on := r.shape(), schema.Quote(t.Name)
	switch r.IntN(16) {
	case 0, 1:
		return fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s", on, r.columnDef(r.name(), false, r.IntN(2) == 0))
	case 2, 3:
		return fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", on, r.column(t))
	case 4:
		return fmt.Sprintf("ALTER TABLE %s RENAME TO %s", on, r.name())
	case 5:
		return fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", on, r.column(t), r.name())
	case 6, 7:
		return fmt.Sprintf("CREATE %s INDEX %s ON %s (%s %s)%s", r.one("", "UNIQUE"), r.name(), on, r.column(t), r.one("", "DESC", "COLLATE NOCASE"), r.one("", fmt.Sprintf(" WHERE %s IS NOT NULL", r.column(t))))
	case 8:
		return fmt.Sprintf("CREATE VIEW %s AS SELECT %s, 1 AS one FROM %s", r.name(), r.column(t), on)
	case 9:
		return fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s BEGIN\n  DELETE FROM %s WHERE %s = 12345;\n  SELECT CASE WHEN 1 THEN 2 END;\nEND", r.name(), r.one("INSERT", "DELETE", "UPDATE"), on, on, r.column(t))
	case 10, 11:
		if len(s.Objects) > 0 {
			o := s.Objects[r.IntN(len(s.Objects))]
			return fmt.Sprintf("DROP %s %s", o.Type, schema.Quote(o.Name))
		}
	case 12:
		return "DROP TABLE " + on
	case 13:
		return fmt.Sprintf("UPDATE %s SET %s = %s", on, r.column(t), r.column(t))
	case 14:
		return fmt.Sprintf("DELETE FROM %s WHERE %s IS NULL", on, r.column(t))
	case 15: // what people do where SQLite cannot alter
		sql := r.createTable(on)
		if !t.Virtual {
			temp := r.name()
			return fmt.Sprintf("CREATE TABLE %s AS SELECT id FROM %s;\nDROP TABLE %s;\n%s;\nINSERT OR IGNORE INTO %s (id) SELECT id FROM %s;\nDROP TABLE %s", temp, on, on, sql, on, temp, temp)
		}
	}
	return ""
}

// migration is a random migration that goes through.
func (r *random) migration(statements int, only string) string {
	var all []string
	for tries := 0; len(all) < statements && tries < 100; tries++ {
		sql := r.statement()
		if sql == "" || only != "" && !strings.HasPrefix(sql, only) {
			continue
		}
		if doubts, err := r.c.Try(rehearsal.Migration{Name: "x", SQL: sql}); err == nil && (len(doubts) == 0 || strings.HasPrefix(sql, "CREATE UNIQUE INDEX")) {
			all = append(all, sql)
		}
	}
	return "PRAGMA defer_foreign_keys = on;\n" + strings.Join(all, ";\n") + ";\n"
}

// account is a real database that knows nothing of what is tested.
type account struct {
	t  *testing.T
	db *d1.Database
}

func (a account) apply(sql string) error {
	var all []d1.Statement
	for _, s := range split.Statements(sql) {
		all = append(all, d1.Statement{SQL: s})
	}
	_, err := a.db.Batch(all)
	return err
}

// dump is the schema and every row, in a form of its own.
func (a account) dump() (master []string, rows map[string][]string) {
	a.t.Helper()
	ask := func(sql string) [][]any {
		results, err := a.db.Batch([]d1.Statement{{SQL: sql}})
		if err != nil {
			a.t.Fatalf("%s: %v", sql, err)
		}
		return results[0].Rows
	}
	rows = map[string][]string{}
	for _, r := range ask("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'") {
		sql := r[2].(string)
		for from, to := range map[string]string{"\"": "", "[": "", "]": "", "`": ""} {
			sql = strings.ReplaceAll(sql, from, to)
		}
		sql = strings.ReplaceAll(sql, "-- why", "")
		master = append(master, fmt.Sprint(r[0], r[1], strings.Join(strings.Fields(sql), "")))
		if name := r[1].(string); r[0] == "table" {
			for _, c := range ask("SELECT name, type FROM pragma_table_xinfo('" + strings.ReplaceAll(name, "'", "''") + "')") {
				key := fmt.Sprint(name, ".", c[0], " ", c[1])
				rows[key] = []string{}
				for _, v := range ask("SELECT quote(" + schema.Quote(c[0].(string)) + ") FROM " + schema.Quote(name)) {
					rows[key] = append(rows[key], fmt.Sprint(v[0]))
				}
				slices.Sort(rows[key])
			}
		}
	}
	slices.Sort(master)
	return master, rows
}

func TestRandomMigrationsAreReversedOrRefused(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for seed := range *worldsToTry {
		counts[reverseOne(t, uint64(seed))]++
		if t.Failed() {
			break
		}
	}
	t.Logf("%v", counts)
	if counts["reversed"]*2 < *worldsToTry {
		t.Errorf("only %v", counts)
	}
}

// reverseOne reverses one random migration, and says what became of it.
func reverseOne(t *testing.T, seed uint64) string {
	t.Helper()
	r := &random{Rand: rand.New(rand.NewPCG(seed, 7))}
	var err error
	if r.c, err = rehearsal.New(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.c.Close() }()
	all := files(r.migration(3, "CREATE TABLE")+r.migration(5, ""), r.migration(1+r.IntN(4), ""))
	if r.IntN(3) == 0 {
		all = append(all, files("", "", r.migration(2, ""))[2])
	}
	reverse, err := Derive(t.Context(), all, 1)
	if err == nil {
		_, err = reverse.Prove(t.Context(), "x", "x")
	}
	if err != nil {
		f, ok := errors.AsType[finding.Finding](err)
		if !ok || f.Hint == "" {
			t.Errorf("seed %d: %v", seed, err)
		}
		if (f.Rule == "not-reversible" || f.Rule == "migration") && testing.Verbose() {
			sql := ""
			if reverse != nil {
				sql = reverse.SQL
			}
			t.Logf("seed %d: %s\n%s\n== reverse\n%s", seed, f.Message, all, sql)
		}
		return f.Rule
	}
	return verify(t, seed, all, reverse)
}

// verify does it all on an account, with rows.
func verify(t *testing.T, seed uint64, all []rehearsal.Migration, reverse *Reverse) string {
	server := fakecloudflare.New(fakecloudflare.Options{Token: "token"})
	defer server.Close()
	accounts := map[string]account{}
	for name, skip := range map[string]int{"with": -1, "without": 1} {
		db, err := server.D1.Create(name, "")
		if err != nil {
			t.Fatal(err)
		}
		accounts[name] = account{t, db}
		for i, m := range all {
			if i == skip {
				continue
			}
			pieces := []string{m.SQL}
			if skip >= 0 {
				pieces = split.Statements(m.SQL) // of which some change rows of what is not there
			}
			for _, sql := range pieces {
				if err := accounts[name].apply(sql); err != nil && skip < 0 {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
	}
	a := accounts["with"]
	_ = a.populate()
	_, before := a.dump()
	if err := a.apply(reverse.SQL); err != nil {
		if !strings.Contains(strings.ToLower(err.Error()), "constraint") {
			t.Errorf("seed %d: %v\n%v\n== reverse\n%s", seed, err, all, reverse.SQL)
		}
		return "refused by the data"
	}
	master, after := a.dump()
	want, _ := accounts["without"].dump()
	if !slices.Equal(master, want) {
		t.Errorf("seed %d: schema\n%s\nwant\n%s\n%v\n== reverse\n%s", seed, strings.Join(master, "\n"), strings.Join(want, "\n"), all, reverse.SQL)
	}
	for key, values := range after {
		if old, ok := before[key]; ok && !slices.Equal(old, values) {
			t.Errorf("seed %d: %s had %v and has %v\n%v\n== reverse\n%s", seed, key, old, values, all, reverse.SQL)
		}
	}
	return "reversed"
}

// populate puts what rows it can into every table.
func (a account) populate() int {
	n := 0
	for range 2 {
		results, err := a.db.Batch([]d1.Statement{{SQL: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"}})
		if err != nil {
			a.t.Fatal(err)
		}
		for i, row := range results[0].Rows {
			name := row[0].(string)
			columns, err := a.db.Batch([]d1.Statement{{SQL: "SELECT name, type FROM pragma_table_xinfo('" + strings.ReplaceAll(name, "'", "''") + "') WHERE hidden = 0"}})
			if err != nil {
				a.t.Fatal(err)
			}
			for k := range 2 {
				var names, values []string
				for _, c := range columns[0].Rows {
					value := fmt.Sprintf("%d", i+k+1)
					switch strings.ToUpper(c[1].(string)) {
					case "TEXT", "VARCHAR(20)":
						value = "'" + value + "'"
					case "BLOB":
						value = fmt.Sprintf("x'0%d'", k+1)
					}
					names, values = append(names, schema.Quote(c[0].(string))), append(values, value)
				}
				if a.apply(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", schema.Quote(name), strings.Join(names, ", "), strings.Join(values, ", "))) == nil {
					n++
				}
			}
		}
	}
	return n
}

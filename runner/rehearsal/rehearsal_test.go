package rehearsal

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/schema"
)

// objects is the schema that some SQL makes, as sqlite_master has it.
func objects(t *testing.T, sql string) []schema.Object {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Try(Migration{Name: "base", SQL: sql}); err != nil {
		t.Fatal(err)
	}
	rows, err := c.Rows("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
	if err != nil {
		t.Fatal(err)
	}
	var all []schema.Object
	for _, r := range rows {
		all = append(all, schema.Object{Type: r[0].(string), Name: r[1].(string), Table: r[2].(string), SQL: r[3].(string)})
	}
	return all
}

const base = `CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, role TEXT NOT NULL CHECK (role IN ('admin', 'guest')));
CREATE TABLE posts (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, n INT);
CREATE VIEW admins AS SELECT id FROM users WHERE role = 'admin';
CREATE INDEX posts_by_user ON posts (user_id);
CREATE TRIGGER touched AFTER UPDATE ON posts BEGIN UPDATE posts SET n = CASE WHEN n > 1 THEN 2 ELSE 3 END; END;
CREATE VIRTUAL TABLE search USING fts5(body);
`

func TestWhatD1WouldRefuseIsFoundAtItsStatement(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, sql    string
		line, column int
		says         string
	}{
		{"a table that is not there", "CREATE TABLE fine (x);\n\n  INSERT INTO nowhere VALUES (1);\n", 3, 15, "no such table: nowhere"},
		{"a word that is none", "CREATE TABLE fine (x);\nCREAT TABLE a (b);\n", 2, 1, `near "CREAT": syntax error`},
		{"a column that is not there, behind a comment with an umlaut", "/* ä */ UPDATE users SET nam = 1;", 1, 26, "no such column: nam"},
		{"a table that is there", "CREATE TABLE\n  users (x);", 2, 3, "table users already exists"},
		{"a column that an index needs", "ALTER TABLE posts DROP COLUMN user_id;", 1, 31, ""},
		{"a transaction", "BEGIN;\nCREATE TABLE a (b);\nCOMMIT;", 1, 1, "D1 refuses BEGIN"},
		{"a savepoint", "SELECT 1; SAVEPOINT x;", 1, 11, "D1 refuses SAVEPOINT"},
		{"a pragma", "PRAGMA journal_mode = DELETE;", 1, 1, "D1 refuses PRAGMA journal_mode"},
		{"another file", "ATTACH 'x.db' AS x;", 1, 1, "D1 refuses ATTACH"},
		{"vacuum", "VACUUM;", 1, 1, "cannot VACUUM from within a transaction"},
		{"a table of Cloudflare's", "CREATE TABLE _cf_x (a);", 1, 1, "_cf_"},
		{"a trigger in small letters", "CREATE TRIGGER t AFTER INSERT ON posts\nbegin\n SELECT 1;\nend;", 2, 1, "BEGIN, CASE and END in capitals"},
		{"too many columns", "CREATE TABLE wide (a" + strings.Repeat(", a", 1) + ");", 1, 0, "duplicate column name: a"},
		{"a value that breaks a check", "INSERT INTO users VALUES ('1', 'a', 'boss');", 1, 1, "CHECK constraint failed"},
		{"half a statement", "CREATE TABLE a (", 1, 0, "incomplete input"},
		{"a rename of what a view needs", "ALTER TABLE users DROP COLUMN role;", 1, 0, "role"},
		{"a function that nobody has", "SELECT frobnicate(1);", 1, 8, "no such function"},
	}
	schema := objects(t, base)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := Prove(t.Context(), schema, []Migration{{Name: "0002_x.sql", File: "m/0002_x.sql", SQL: tt.sql}})
			if err != nil {
				t.Fatal(err)
			}
			r := p.Refused
			if r == nil || !strings.Contains(r.Reason, tt.says) {
				t.Fatalf("%+v", r)
			}
			if r.At.File != "m/0002_x.sql" || r.At.Line != tt.line || tt.column > 0 && r.At.Column != tt.column || r.At.Column == 0 {
				t.Errorf("%v %s, want %d:%d", r.At, r.Reason, tt.line, tt.column)
			}
		})
	}
}

func TestWhatTheDataDecidesIsADoubtAndNoRefusal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, sql string
		says      string // empty: nothing is in doubt
	}{
		{"a row that refers to one of the account's", "INSERT INTO posts (user_id) VALUES ('u1');", "FOREIGN KEY constraint failed"},
		{"a row that refers to one of the account's, later", "PRAGMA defer_foreign_keys = true; INSERT INTO posts (user_id) VALUES ('u1');", "whether the rows"},
		{"a value from another table", "INSERT INTO posts (id, user_id) VALUES (1, (SELECT id FROM users LIMIT 1));", "NOT NULL constraint failed"},
		{"a unique index", "CREATE UNIQUE INDEX u ON posts (user_id);", "are unique"},
		{"the same row twice", "INSERT INTO users VALUES ('1', 'a', 'admin'); INSERT INTO users VALUES ('1', 'b', 'admin');", "UNIQUE constraint failed"},
		{"nothing", "CREATE TABLE a (b); CREATE TRIGGER x AFTER INSERT ON a BEGIN\r\n SELECT 1;\r\nEND; PRAGMA defer_foreign_keys = true; DROP TABLE search;", ""},
		{"nothing at all", "-- later", ""},
	}
	schema := objects(t, base)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := Prove(t.Context(), schema, []Migration{{Name: "0002_x.sql", File: "m/0002_x.sql", SQL: tt.sql}})
			if err != nil || p.Refused != nil || len(p.Inhabited) > 0 {
				t.Fatalf("%v %+v", err, p)
			}
			if tt.says == "" != (len(p.Doubts) == 0) || tt.says != "" && (!strings.Contains(p.Doubts[0].Message, tt.says) || p.Doubts[0].Severity != finding.Notice) {
				t.Errorf("%+v", p.Doubts)
			}
		})
	}
}

func TestAColumnThatNoRowCouldHaveIsFoundByARow(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{"ALTER TABLE posts ADD COLUMN x TEXT NOT NULL;", "ALTER TABLE users ADD COLUMN at TEXT DEFAULT CURRENT_TIMESTAMP;"} {
		p, err := Prove(t.Context(), objects(t, base), []Migration{{Name: "0002_x.sql", File: "m/0002_x.sql", SQL: "SELECT 1;\n" + sql}})
		if err != nil || p.Refused != nil || len(p.Inhabited) != 1 || p.Inhabited[0].At.Line != 2 || p.Rows != 2 {
			t.Errorf("%s: %v %+v", sql, err, p)
		}
	}
}

func TestRowsThatARebuildWouldTakeAlongAreTold(t *testing.T) {
	t.Parallel()
	rebuild := "PRAGMA defer_foreign_keys = true;\nDROP VIEW admins;\nCREATE TABLE new (id TEXT PRIMARY KEY, email TEXT, role TEXT);\nINSERT INTO new SELECT * FROM users;\nDROP TABLE users;\nALTER TABLE new RENAME TO users;\n"
	p, err := Prove(t.Context(), objects(t, base), []Migration{{Name: "0002_x.sql", File: "m/0002_x.sql", SQL: rebuild}})
	if err != nil || len(p.Doubts) != 1 || p.Doubts[0].Rule != "rows-lost" || !strings.Contains(p.Doubts[0].Message, "rows of table posts") || p.Doubts[0].Severity != finding.Warning {
		t.Errorf("%v %+v", err, p)
	}
	kept := "CREATE TABLE kept AS SELECT * FROM posts;\n" + rebuild + "INSERT INTO posts SELECT * FROM kept;\nDROP TABLE kept;"
	if p, err := Prove(t.Context(), objects(t, base), []Migration{{Name: "0002_x.sql", File: "m/0002_x.sql", SQL: kept}}); err != nil || len(p.Doubts) != 0 {
		t.Errorf("%v %+v", err, p)
	}
}

func TestATextInDoubleQuotesIsToldAndNoRefusal(t *testing.T) {
	t.Parallel()
	p, err := Prove(t.Context(), objects(t, base), []Migration{{Name: "0002_x.sql", File: "m/0002_x.sql", SQL: "UPDATE \"users\" SET \"email\" = \"it's ä\",\n role = \"admin\";"}})
	if err != nil || p.Refused != nil || len(p.Doubts) != 2 || p.Doubts[1].Rule != "double-quotes" || p.Doubts[1].At.Line != 2 || p.Doubts[1].At.Column != 9 {
		t.Errorf("%v %+v", err, p)
	}
}

func TestAStatementThatNeverEndsIsStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	p, err := Prove(ctx, nil, []Migration{{Name: "x", SQL: "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;"}})
	if err == nil || p.Refused != nil {
		t.Errorf("%v %+v", err, p)
	}
}

func TestAFailedFileLeavesNothingOfItself(t *testing.T) {
	t.Parallel()
	c, err := New(objects(t, base)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	before, _ := c.Shape()
	if _, err := c.Try(Migration{SQL: "CREATE TABLE a (b); DROP VIEW admins; CREATE TABLE users (x);"}); err == nil {
		t.Fatal("it passed")
	}
	after, err := c.Shape()
	if d := before.Differences(after); err != nil || len(d) > 0 {
		t.Errorf("%v %v", err, d)
	}
}

func TestTwoSchemasAreTheSameWhateverTheirSpacesAre(t *testing.T) {
	t.Parallel()
	shape := func(sql string) Shape {
		c, err := New(objects(t, sql)...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		s, err := c.Shape()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := shape("CREATE TABLE a (\"b\" TEXT, -- why\n c INT); CREATE INDEX i ON a (b);")
	if d := a.Differences(shape("CREATE TABLE [a](b TEXT,c INT);\nCREATE INDEX `i` ON a(b)")); len(d) > 0 {
		t.Errorf("%v", d)
	}
	if d := a.Differences(shape("CREATE TABLE a (b TEXT, c REAL); CREATE VIEW v AS SELECT 1; CREATE INDEX i ON a (c);")); !slices.Equal(d, []string{"index i", "table a", "view v"}) {
		t.Errorf("%v", d)
	}
}

func TestRowsCanBeMadeUpForTheBundledProject(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/projects/tminus/migrations/d1-registry/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, file := range files {
		sql, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Try(Migration{Name: file, File: file, SQL: string(sql)}); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := c.Shape()
	if n, err := c.Populate(2); err != nil || n != len(s.Tables) {
		t.Errorf("rows in %d of %d tables: %v", n, len(s.Tables), err)
	}
	if rows, err := c.Rows("SELECT count(*) FROM users, devices"); err != nil || rows[0][0] != int64(4) {
		t.Errorf("%v %v", rows, err)
	}
}

// Whatever stands in a file, trying it ends, and a refusal stands in the file.
func FuzzTry(f *testing.F) {
	for _, seed := range []string{base, "INSERT INTO a VALUES (\"x\")", "/* ", "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; END; SELECT 1", "ROLLBACK; CREATE", "SELECT 'ä' [", "PRAGMA foreign_keys=off;;;", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if strings.Contains(strings.ToUpper(sql), "RECURSIVE") || len(sql) > 2000 {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p, err := Prove(ctx, nil, []Migration{{Name: "x.sql", File: "x.sql", SQL: sql}})
		if err != nil && ctx.Err() == nil {
			t.Fatalf("%q: %v", sql, err)
		}
		if r := p.Refused; r != nil && (r.At.Line < 1 || r.At.Line > strings.Count(sql, "\n")+1 || r.Reason == "") {
			t.Fatalf("%q: %+v", sql, r)
		}
	})
}

package reversal

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/schema"
)

const base = `CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, role TEXT CHECK (role IN ('admin', 'guest'))); -- people
CREATE TABLE posts (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, title TEXT COLLATE NOCASE);
CREATE TABLE comments (id INTEGER PRIMARY KEY, post_id INT REFERENCES posts (id) ON DELETE SET NULL, "the text" TEXT);
CREATE INDEX posts_by_user ON posts (user_id);
CREATE VIEW admins AS SELECT id FROM users WHERE role = 'admin';
CREATE TRIGGER commented AFTER DELETE ON comments BEGIN UPDATE posts SET title = 'lost' WHERE id = old.post_id; END;
`

func files(sql ...string) []rehearsal.Migration {
	var all []rehearsal.Migration
	for i, s := range sql {
		name := fmt.Sprintf("%04d_step.sql", i+1)
		all = append(all, rehearsal.Migration{Name: name, File: "m/" + name, SQL: s})
	}
	return all
}

func TestWhatAMigrationDidIsReversedAndRowsAreKept(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, sql string
		does      string   // in the first line
		has       []string // in the file
		hasNot    string
		lost      []string
	}{
		{"a table", "CREATE TABLE tags (id INT); CREATE INDEX i ON tags (id);", "drops table tags", []string{`DROP TABLE "tags";`}, "DROP INDEX", nil},
		{"a column", "ALTER TABLE posts ADD COLUMN body TEXT;", "drops column body of table posts", []string{`ALTER TABLE "posts" DROP COLUMN "body";`}, "CREATE TABLE", nil},
		{"a column with an index", "ALTER TABLE posts ADD COLUMN body TEXT; CREATE INDEX b ON posts (body);", "drops index b, drops column body", []string{`DROP INDEX "b";`, "DROP COLUMN"}, "CREATE TABLE", nil},
		{"a column that refers", "ALTER TABLE comments ADD COLUMN by TEXT REFERENCES users (id);", "column by", nil, "", nil},
		{"an index", "CREATE UNIQUE INDEX one ON posts (title);", "drops index one", []string{`DROP INDEX "one";`}, "TABLE", nil},
		{"a view that was changed", "DROP VIEW admins; CREATE VIEW admins AS SELECT email FROM users;", "drops view admins, makes view admins again", []string{"CREATE VIEW admins AS SELECT id FROM users"}, "TABLE", nil},
		{"a trigger that was dropped", "DROP TRIGGER commented;", "makes trigger commented again", []string{"CREATE TRIGGER commented AFTER DELETE"}, "DROP", nil},
		{"a table with another name", "ALTER TABLE posts RENAME TO articles;", "renames table articles to posts", []string{`ALTER TABLE "articles" RENAME TO "posts";`}, "CREATE TABLE", nil},
		{"a column with another name", "ALTER TABLE users RENAME COLUMN email TO mail;", "renames column mail of table users to email", []string{`RENAME COLUMN "mail" TO "email";`}, "CREATE TABLE", nil},
		{"both names", "ALTER TABLE users RENAME TO people; ALTER TABLE people RENAME email TO mail;", "renames column mail of table people to email, renames table people to users", nil, "CREATE TABLE", nil},
		{"a column that was dropped", "ALTER TABLE posts DROP COLUMN title;", "rebuilds table posts", []string{"PRAGMA defer_foreign_keys = true;", `CREATE TABLE "kept_posts" AS SELECT "id", "user_id" FROM "posts";`, "-- Not reversed: the values of column title of table posts"}, "", []string{"column title"}},
		{"a check that was loosened, by a rebuild", "PRAGMA defer_foreign_keys = true; DROP VIEW admins; CREATE TABLE new (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, role TEXT); INSERT INTO new SELECT * FROM users; DROP TABLE users; ALTER TABLE new RENAME TO users; CREATE VIEW admins AS SELECT id FROM users WHERE role = 'admin';",
			"rebuilds table users", []string{"keeps", "kept_posts", "kept_comments"}, "", nil},
		{"a table that was dropped", "DROP TABLE comments;", "makes table comments again", []string{`CREATE TABLE comments`, "CREATE TRIGGER commented"}, "", []string{"rows of table comments"}},
		{"rows and a column", "ALTER TABLE posts ADD COLUMN body TEXT DEFAULT '';\n\nUPDATE posts SET title = upper(title);", "drops column body", nil, "", []string{"UPDATE did to the rows of posts in line 3"}},
		{"a table of its own with rows", "CREATE TABLE roles (name TEXT); INSERT INTO roles VALUES ('a');", "drops table roles", nil, "", nil},
		{"a table without rowids, strict and generated", "CREATE TABLE g (a INT PRIMARY KEY, b TEXT, c TEXT AS (upper(b)) STORED) STRICT, WITHOUT ROWID; ALTER TABLE posts ADD COLUMN loud TEXT AS (upper(title)); CREATE INDEX l ON posts (loud);", "drops index l, drops column loud of table posts, drops table g", nil, "", nil},
		{"a search table", "CREATE VIRTUAL TABLE search USING fts5(title);", "drops table search", nil, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := Derive(t.Context(), files(base, tt.sql), 1)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(r.SQL, "\n")
			if !strings.HasPrefix(first, "-- Reverse migration 0002: ") || !strings.Contains(first, tt.does) {
				t.Errorf("%s", r.SQL)
			}
			if n, ok := schema.Reverses(r.SQL); !ok || n != "0002" {
				t.Errorf("%q is no compensation", first)
			}
			_, body, _ := strings.Cut(r.SQL, "\n")
			for _, part := range tt.has {
				if !strings.Contains(r.SQL, part) {
					t.Errorf("%q is not in\n%s", part, r.SQL)
				}
			}
			if tt.hasNot != "" && strings.Contains(body, tt.hasNot) {
				t.Errorf("%q is in\n%s", tt.hasNot, r.SQL)
			}
			if len(r.Lost) != len(tt.lost) {
				t.Errorf("lost %v", r.Lost)
			}
			for i, part := range tt.lost {
				if i < len(r.Lost) && !strings.Contains(r.Lost[i].Message, part) {
					t.Errorf("lost %v", r.Lost[i])
				}
			}
			open, err := r.Prove(t.Context(), "0003_rollback_step.sql", "m/0003_rollback_step.sql")
			if err != nil || len(open) > 0 {
				t.Errorf("%v %v\n%s", err, open, r.SQL)
			}
		})
	}
}

func TestWhatCannotBeReversedIsRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		sql       []string
		i         int
		rule, say string
		line      int
	}{
		{"only rows", []string{base, "UPDATE posts SET title = 'x';"}, 1, "nothing-to-reverse", "leaves the schema as it is", 1},
		{"no SQL", []string{base, "CREATE TABLE ok (a);\nCREAT TABLE x;"}, 1, "migration", `near "CREAT"`, 2},
		{"no SQL before it", []string{"CREATE TABLE a (b", base}, 1, "migration", "incomplete input", 1},
		{"a later column of its table", []string{base, "CREATE TABLE tags (id INT);", "SELECT 1;\nALTER TABLE tags ADD COLUMN x INT;"}, 1, "depends", "0003_step.sql needs what 0002_step.sql did: no such table: tags", 2},
		{"a later view of its column", []string{base, "ALTER TABLE posts ADD COLUMN body TEXT;", "\n\nCREATE VIEW bodies AS SELECT body FROM posts;"}, 1, "depends", "view bodies could not be used", 3},
		{"a later index on its column, which would be one on a text", []string{base, "ALTER TABLE posts ADD COLUMN \"the body\" TEXT;", "CREATE INDEX b ON posts (title)\nWHERE \"the body\" IS NOT NULL;"}, 1, "depends", "no such column: the body", 2},
		{"a later trigger of its table", []string{base, "CREATE TABLE log (a);", "CREATE TRIGGER l AFTER INSERT ON posts BEGIN INSERT INTO log VALUES (1); END;"}, 1, "depends", "trigger l could not be used", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Derive(t.Context(), files(tt.sql...), tt.i)
			f, ok := errors.AsType[finding.Finding](err)
			if !ok || f.Rule != tt.rule || !strings.Contains(f.Message, tt.say) || f.At.Line != tt.line || f.Hint == "" {
				t.Errorf("%+v", err)
			}
		})
	}
}

func TestLaterMigrationsStay(t *testing.T) {
	t.Parallel()
	all := files(base, "ALTER TABLE posts ADD COLUMN body TEXT; CREATE TABLE tags (id INT);", "ALTER TABLE posts ADD COLUMN at TEXT; INSERT INTO tags VALUES (1); CREATE INDEX posts_at ON posts (at);")
	r, err := Derive(t.Context(), all, 1)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.SQL, "posts_at") || !strings.Contains(r.SQL, `DROP COLUMN "body"`) {
		t.Errorf("%s", r.SQL)
	}
	if open, err := r.Prove(t.Context(), "x", "x"); err != nil || len(open) > 0 {
		t.Errorf("%v %v", err, open)
	}
	// and a compensation can be compensated
	again, err := Derive(t.Context(), append(all, rehearsal.Migration{Name: "0004_rollback_step.sql", SQL: r.SQL}), 3)
	if err != nil || !strings.Contains(again.SQL, "CREATE TABLE tags (id INT)") {
		t.Fatalf("%v %+v", err, again)
	}
	if open, err := again.Prove(t.Context(), "x", "x"); err != nil || len(open) > 0 {
		t.Errorf("%v %v", err, open)
	}
}

func TestWhatWasTakenBackIsInNobodysWay(t *testing.T) {
	t.Parallel()
	all := files(base, "CREATE TABLE tags (id INT);", "CREATE INDEX tags_by_id ON tags (id); ALTER TABLE tags ADD COLUMN n INT;")
	for _, number := range []int{3, 2} {
		r, err := Derive(t.Context(), all, number-1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Prove(t.Context(), "x", "x"); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%04d_rollback_step.sql", len(all)+1)
		all = append(all, rehearsal.Migration{Name: name, File: "m/" + name, SQL: r.SQL})
		if i := Compensation(all, number-1); i != len(all)-1 {
			t.Errorf("%d is taken back by %d", number, i)
		}
	}
	if !strings.Contains(all[4].SQL, `DROP TABLE "tags"`) {
		t.Errorf("%s", all[4].SQL)
	}
}

func TestAnAccountThatWasChangedByHandIsFound(t *testing.T) {
	t.Parallel()
	all := files(base, "ALTER TABLE posts ADD COLUMN body TEXT;", "CREATE TABLE later (x);")
	r, err := Derive(t.Context(), all, 1)
	if err != nil {
		t.Fatal(err)
	}
	for sql, rule := range map[string]string{"": "", "CREATE TABLE other (x); CREATE INDEX o ON users (role);": "", "ALTER TABLE posts ADD COLUMN mine INT;": "drift", "DROP TABLE comments; DROP TABLE posts;": "drift", "CREATE TABLE later (y);": "migration"} {
		c, err := rehearsal.New()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range append(all[:2:2], rehearsal.Migration{SQL: sql}) {
			if _, err := c.Try(m); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := c.Rows("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		var objects []schema.Object
		for _, row := range rows {
			objects = append(objects, schema.Object{Type: row[0].(string), Name: row[1].(string), Table: row[2].(string), SQL: row[3].(string)})
		}
		open, err := r.ProveOn(t.Context(), objects, all[2:], "x", "x", "registry-staging")
		f, _ := errors.AsType[finding.Finding](err)
		if f.Rule != rule || len(open) > 0 || rule == "" && err != nil {
			t.Errorf("%q: %v %v", sql, err, open)
		}
	}
}

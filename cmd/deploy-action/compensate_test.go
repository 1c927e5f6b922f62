package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
)

// tidy sees that no call changed the account.
func (g *ground) tidy() {
	g.t.Helper()
	for _, c := range g.account.Calls().Writes() {
		if !strings.HasSuffix(c.Path, "/query") || !bytes.Contains(c.Body, []byte(`"SELECT `)) {
			g.t.Errorf("a write: %s %s %s", c.Method, c.Path, c.Body)
		}
	}
}

func (g *ground) read(file string) string {
	g.t.Helper()
	raw, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(raw)
}

// files are the names in the folder of migrations.
func (g *ground) migrations() string {
	g.t.Helper()
	entries, err := os.ReadDir(filepath.Join(g.dir, "migrations"))
	if err != nil {
		g.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestACompensationIsWrittenAppliedToStagingAndThenToProduction(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.write("migrations/0002_second.sql", "ALTER TABLE first ADD COLUMN name TEXT;\nCREATE TABLE second (id INTEGER);\n")
	g.promote(0)
	g.ask(stagingDB, "INSERT INTO first (id, name) VALUES (7, 'x')")
	schema := g.ask(productionDB, "SELECT sql FROM sqlite_master WHERE name = 'first'")

	code, text := g.run("compensate", "2", "--dry-run")
	if code != 0 || !strings.Contains(text, "migrations/0003_rollback_second.sql would be:\n\n-- Reverse migration 0002: ") || g.migrations() != "0001_first.sql 0002_second.sql" {
		t.Fatalf("exit %d\n%s", code, text)
	}
	if !strings.Contains(text, "what was put into column name of table first and table second since goes with it") {
		t.Errorf("it is not said what goes\n%s", text)
	}
	g.tidy()
	code, text = g.run("compensate", "--migration", "0002_second.sql")
	want := "-- Reverse migration 0002: drops column name of table first, drops table second (0002_second.sql)\n\nPRAGMA defer_foreign_keys = true;\n\nALTER TABLE \"first\" DROP COLUMN \"name\";\n\nDROP TABLE \"second\";\n"
	if got := g.read("migrations/0003_rollback_second.sql"); code != 0 || got != want || strings.Contains(text, "would be") {
		t.Errorf("exit %d\n%s\n%s", code, text, got)
	}
	g.tidy()
	before := g.migrations()
	if code, text = g.run("compensate", "0002"); code != 0 || !strings.Contains(text, "0003_rollback_second.sql takes 0002_second.sql back already") || g.migrations() != before || len(g.account.Calls()) > 0 {
		t.Errorf("exit %d\n%s", code, text)
	}

	if code, text = g.run("migrate", "--env", "production"); code != 1 || !strings.Contains(text, "[compensation-untested]") {
		t.Errorf("exit %d\n%s", code, text)
	}
	if code, text = g.run("migrate", "--env", "all"); code != 0 {
		t.Errorf("exit %d\n%s", code, text)
	}
	if rows := g.ask(stagingDB, "SELECT * FROM first"); len(rows) != 1 || len(rows[0]) != 1 || rows[0][0] != int64(7) {
		t.Errorf("%v", rows)
	}
	if after := g.ask(productionDB, "SELECT sql FROM sqlite_master WHERE name = 'first'"); after[0][0] == schema[0][0] {
		t.Error("production has the column still")
	}
	if code, text = g.run("migrate", "--env", "all"); code != 0 || !strings.Contains(text, "up to date, 3 applied") {
		t.Errorf("exit %d\n%s", code, text)
	}
}

func TestWhatCannotBeCompensatedIsSaid(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(g *ground)
		args []string
		code int
		says []string
	}{
		{"no number", nil, nil, 2, []string{"takes back one migration", "compensate 0006"}},
		{"two numbers", nil, []string{"1", "--migration", "2"}, 2, []string{"takes back one migration"}},
		{"an unknown number", nil, []string{"7"}, 2, []string{`there is no migration "7"`, "migrations/0001_first.sql"}},
		{"a slip of the pen", nil, []string{"0001_frist.sql"}, 2, []string{"did you mean 0001_first.sql?"}},
		{"a number that two have", func(g *ground) { g.write("migrations/0001_again.sql", "SELECT 1;") }, []string{"1"}, 2, []string{"the number of 2 migrations", "migrations/0001_again.sql, migrations/0001_first.sql"}},
		{"not applied", func(g *ground) { g.write("migrations/0002_new.sql", "CREATE TABLE new (a);") }, []string{"2"}, 1, []string{"migrations/0002_new.sql:1", "is not applied to registry-staging", "edit or delete the file instead"}},
		{"no SQL any more", func(g *ground) {
			g.write("migrations/0001_first.sql", "CREATE TABLE ok (a);\n\n CREAT TABLE first (id INTEGER);")
		}, []string{"1"}, 1, []string{"migrations/0001_first.sql:3:2", `near "CREAT": syntax error`}},
		{"another schema than the files say", func(g *ground) { g.ask(stagingDB, "ALTER TABLE first ADD COLUMN mine INT") }, []string{"1"}, 1, []string{"table first of registry-staging is not as the files make it", "[drift]"}},
		{"a later file that needs it", func(g *ground) { g.write("migrations/0002_index.sql", "\nCREATE INDEX i ON first (id);") }, []string{"1"}, 1, []string{"migrations/0002_index.sql:2", "0002_index.sql needs what 0001_first.sql did", "compensate 0002_index.sql first"}},
		{"a folder that cannot be written", func(g *ground) { g.write("migrations/0002_rollback_first.sql/x", "") }, []string{"1"}, 1, []string{"0002_rollback_first.sql", "no file is ever overwritten", "[not-written]"}},
		{"no right to read", func(g *ground) {
			g.account.Break(traffic.Fault{Method: "POST", Path: "/accounts/*/d1/database/*/query", Times: -1, Refusal: envelope.Fail(http.StatusForbidden, 10000, "Authentication error")})
		}, []string{"1"}, 1, []string{"[missing-permission]", "D1:Edit"}},
		{"a wrong token", func(g *ground) { g.env["CLOUDFLARE_API_TOKEN"] = "wrong-token-of-the-test" }, []string{"1"}, 2, []string{"[wrong-token]"}},
		{"a dead network", func(g *ground) { g.env["CLOUDFLARE_API_BASE_URL"] = "http://127.0.0.1:1/client/v4" }, []string{"1"}, 2, []string{"could not be reached"}},
		{"no such environment", nil, []string{"1", "--env", "stagin"}, 2, []string{`no environment "stagin"`}},
		{"two environments", nil, []string{"1", "--env", "all"}, 2, []string{"proven on one environment"}},
		{"no folder", func(g *ground) {
			g.write("workers/api/wrangler.toml", strings.ReplaceAll(planned["workers/api/wrangler.toml"], `, migrations_dir = "../../migrations"`, ""))
		}, []string{"1"}, 2, []string{"no database names a folder of migrations", "migrations_dir"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t)
			defer g.silent()
			if code, text := g.run("migrate", "--env", "staging"); code != 0 {
				t.Fatal(text)
			}
			if tt.edit != nil {
				tt.edit(g)
			}
			before := g.migrations()
			code, text := g.run(append([]string{"compensate"}, tt.args...)...)
			if code != tt.code {
				t.Errorf("exit %d, want %d\n%s", code, tt.code, text)
			}
			for _, want := range tt.says {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not said in\n%s", want, text)
				}
			}
			if g.migrations() != before {
				t.Errorf("%s, and before %s", g.migrations(), before)
			}
			g.tidy()
		})
	}
}

func TestWithoutAnAccountTheFilesAloneAreReplayed(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	delete(g.env, "CLOUDFLARE_API_TOKEN")
	code, text := g.run("compensate", "0001", "--format", "json", "--dry-run")
	if code != 0 || !strings.Contains(text, "no account was asked") || len(g.account.Calls()) != 0 {
		t.Errorf("exit %d\n%s", code, text)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var last struct {
		Event string
		compensated
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Event != "compensation" || last.File != "migrations/0002_rollback_first.sql" || last.Written || !strings.Contains(last.SQL, `DROP TABLE "first"`) {
		t.Errorf("%v %+v", err, last)
	}
}

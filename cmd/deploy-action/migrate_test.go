package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/d1"
)

// ask runs SQL on a database of the account.
func (g *ground) ask(id, sql string) [][]any {
	g.t.Helper()
	db, err := g.account.D1.Find(id)
	if err != nil {
		g.t.Fatal(err)
	}
	results, err := db.Batch([]d1.Statement{{SQL: sql}})
	if err != nil {
		g.t.Fatal(err)
	}
	return results[0].Rows
}

func TestMigrationsAreShownAndNoneIsApplied(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.write("migrations/0002_second.sql", "CREATE TABLE second (id INTEGER);\n")
	if code, text := g.run("migrate", "--list"); code != 0 || text != "ENVIRONMENT  DATABASE             PENDING\nstaging      registry-staging     0001_first.sql\nstaging      registry-staging     0002_second.sql\nproduction   registry-production  0001_first.sql\nproduction   registry-production  0002_second.sql\n" {
		t.Errorf("exit %d\n%s", code, text)
	}
	if code, text := g.run("migrate", "--env", "staging"); code != 0 {
		t.Fatalf("exit %d\n%s", code, text)
	}
	g.ask(stagingDB, "INSERT INTO d1_migrations (name) VALUES ('0000_gone.sql')")
	code, text := g.run("migrate", "--status")
	text = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`).ReplaceAllString(text, "TIME")
	want := `ENVIRONMENT  DATABASE             MIGRATION        APPLIED (UTC)
staging      registry-staging     0001_first.sql   TIME
staging      registry-staging     0002_second.sql  TIME
staging      registry-staging     0000_gone.sql    TIME, and no such file
production   registry-production  0001_first.sql   pending
production   registry-production  0002_second.sql  pending
`
	if code != 0 || text != want {
		t.Errorf("exit %d\n%s", code, text)
	}
	if code, text := g.run("migrate", "--list", "--env", "staging"); code != 0 || text != "nothing is pending\n" {
		t.Errorf("exit %d\n%s", code, text)
	}
	code, text = g.run("migrate", "--status", "--format", "json", "--env", "staging")
	states := map[string]string{}
	for line := range strings.Lines(text) {
		var m struct {
			Event string
			migrated
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.Event != "migration" {
			t.Fatalf("%s: %v", line, err)
		}
		states[m.Migration] = m.State
	}
	if code != 0 || states["0001_first.sql"] != stateApplied || states["0000_gone.sql"] != stateUnknown || len(states) != 3 {
		t.Errorf("exit %d, %v", code, states)
	}
	if code, text := g.run("migrate", "--list", "--status"); code != 2 || !strings.Contains(text, "exclude each other") {
		t.Errorf("exit %d\n%s", code, text)
	}
	if rows := g.ask(productionDB, "SELECT count(*) FROM sqlite_master"); rows[0][0] != int64(0) {
		t.Errorf("%v things in production", rows)
	}
}

// The order of a promotion of both environments fulfils what production alone is
// refused.
func TestACompensationGoesToStagingFirst(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.promote(0)
	g.write("migrations/0002_rollback_first.sql", "-- Reverse migration 0001: 0001_first.sql\nDROP TABLE first;\n")
	for _, args := range [][]string{{"migrate", "--env", "production"}, {"promote", "--prod-only"}} {
		if code, text := g.run(args...); code != 1 || !strings.Contains(text, "error migrations/0002_rollback_first.sql:1") || !strings.Contains(text, "[compensation-untested]") {
			t.Errorf("%v: exit %d\n%s", args, code, text)
		}
	}
	g.promote(0)
	if rows := g.ask(productionDB, "SELECT count(*) FROM sqlite_master WHERE name = 'first'"); rows[0][0] != int64(0) {
		t.Error("the table is still there")
	}
}

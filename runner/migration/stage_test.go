package migration_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/d1"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/migration"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
)

const registryID = "81db6c20-2bc6-44b7-bcda-a60aa7b39742"

// base is one database, migrated by a stage.
type base struct {
	*fakecloudflare.Server
	t     *testing.T
	url   string
	files fstest.MapFS
	draft *release.Draft
}

func newBase(t *testing.T, migrations map[string]string) *base {
	t.Helper()
	account := fakecloudflare.New(fakecloudflare.Options{Token: "token"})
	server := httptest.NewServer(account)
	t.Cleanup(func() {
		server.Close()
		if err := account.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := account.D1.Create("registry-staging", registryID); err != nil {
		t.Fatal(err)
	}
	b := &base{Server: account, t: t, url: server.URL, files: fstest.MapFS{
		"workers/api/wrangler.toml": {Data: []byte("name = \"api\"\nmain = \"i.js\"\ncompatibility_date = \"2026-03-17\"\n[env.staging]\nd1_databases = [{ binding = \"DB\", database_name = \"registry-staging\", database_id = \"" + registryID + "\", migrations_dir = \"../../migrations\" }]\n")},
	}}
	for name, sql := range migrations {
		b.files["migrations/"+name] = &fstest.MapFile{Data: []byte(sql)}
	}
	return b
}

// migrate runs the stage and gives its verdict, the outcome of its task and its
// findings.
func (b *base) migrate() (pipeline.Verdict, string, []finding.Finding) {
	b.t.Helper()
	return b.migrateTo("staging")
}

func (b *base) migrateTo(env string) (pipeline.Verdict, string, []finding.Finding) {
	b.t.Helper()
	loaded, err := project.Load(b.files)
	if err != nil {
		b.t.Fatal(err)
	}
	target, err := loaded.In(env)
	if err != nil {
		b.t.Fatal(err)
	}
	b.draft = release.NewDraft("r", "", env, time.Now())
	b.Forget()
	client := cloudflare.New(cloudflare.Options{BaseURL: b.url + "/client/v4", Account: b.ID(), Token: "token", UserAgent: "test"})
	m := migration.Stage{Client: client, FS: loaded.FS(), Databases: target.Databases, Account: b.ID(), Draft: b.draft}
	if env == "production" {
		staging, err := loaded.In("staging")
		if err != nil {
			b.t.Fatal(err)
		}
		m.First, m.Before = "staging", staging.Databases
	}
	return run(b.t, context.Background(), pipeline.Step{Env: env, Stage: m})
}

// run runs one step and gives its verdict, the outcomes of its tasks and its findings.
func run(t *testing.T, ctx context.Context, s pipeline.Step) (pipeline.Verdict, string, []finding.Finding) {
	t.Helper()
	var outcomes []string
	var found []finding.Finding
	verdict, err := pipeline.Plan{Steps: []pipeline.Step{s}}.Run(ctx, watcher(func(e pipeline.Event) {
		switch e := e.(type) {
		case pipeline.Did:
			outcomes = append(outcomes, e.Outcome)
		case pipeline.Finished:
			found = e.Findings
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	return verdict, strings.Join(outcomes, "\n"), found
}

type watcher func(pipeline.Event)

func (w watcher) Observe(_ context.Context, e pipeline.Event) error { w(e); return nil }

// rows are the names in the ledger.
func (b *base) ledger() []string {
	b.t.Helper()
	db, err := b.D1.Find(registryID)
	if err != nil {
		b.t.Fatal(err)
	}
	results, err := db.Batch([]d1.Statement{{SQL: "SELECT name FROM d1_migrations ORDER BY id"}})
	if err != nil {
		return nil
	}
	var names []string
	for _, row := range results[0].Rows {
		name, _ := row[0].(string)
		names = append(names, name)
	}
	return names
}

func (b *base) sql(text string) {
	b.t.Helper()
	db, err := b.D1.Find(registryID)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := db.Batch([]d1.Statement{{SQL: text}}); err != nil {
		b.t.Fatal(err)
	}
}

const (
	users    = "CREATE TABLE users (id TEXT PRIMARY KEY);\n"
	noEnd    = "CREATE TABLE a (b)" // no semicolon
	triggers = "CREATE TABLE log (id TEXT);\r\nCREATE TRIGGER logged AFTER INSERT ON users BEGIN\r\n  INSERT INTO log VALUES (new.id);\r\n  SELECT 1;\r\nEND;\r\n"
)

func TestPendingMigrationsAreAppliedOnceInOrderWithTheirLedgerRows(t *testing.T) {
	t.Parallel()
	b := newBase(t, map[string]string{"0001_users.sql": users, "0004_no_end.sql": noEnd, "0010_trigger.sql": triggers})
	verdict, outcome, found := b.migrate()
	if verdict != pipeline.Passed {
		t.Fatalf("%s %v", verdict, found)
	}
	want := []string{"0001_users.sql", "0004_no_end.sql", "0010_trigger.sql"}
	if got := b.ledger(); !slices.Equal(got, want) {
		t.Errorf("ledger %v, want %v", got, want)
	}
	if !strings.HasPrefix(outcome, "3 applied") || len(found) != 1 || found[0].Rule != "bookmark" || !strings.Contains(found[0].Hint, "time-travel restore") {
		t.Errorf("outcome %q, findings %v", outcome, found)
	}
	m := b.draft.Manifest().Databases
	if len(m) != 1 || m[0].Bookmark == "" || !slices.Equal(m[0].Applied, want) {
		t.Errorf("recorded %+v", m)
	}
	bookmark := b.Calls().Matching("GET", "/accounts/*/d1/database/*/time_travel/bookmark")
	if len(bookmark) != 1 || bookmark[0].Start.After(b.Calls().Matching("POST", "/accounts/*/d1/database/*/query")[2].Start) {
		t.Error("the bookmark was not taken before the first change")
	}
	b.Forget()
	if verdict, outcome, found := b.migrate(); verdict != pipeline.Passed || outcome != "up to date, 3 applied" || len(found) != 0 {
		t.Errorf("again: %s %q %v", verdict, outcome, found)
	}
	if n := len(b.Calls()); n != 2 {
		t.Errorf("%d calls when nothing is pending, want the list and the ledger", n)
	}
}

func TestAMigrationThatWouldFailIsFoundBeforeTheAccountIsTouched(t *testing.T) {
	t.Parallel()
	b := newBase(t, map[string]string{
		"0001_users.sql": users,
		"0002_bad.sql":   "CREATE TABLE fine (x);\n\nINSERT INTO nowhere VALUES (1);\n",
		"0003_never.sql": "CREATE TABLE never (x);",
	})
	verdict, _, found := b.migrate()
	if verdict != pipeline.Failed || len(b.ledger()) != 0 {
		t.Errorf("%s, ledger %v", verdict, b.ledger())
	}
	want := finding.Position{File: "migrations/0002_bad.sql", Line: 3, Column: 13, EndLine: 3, EndColumn: 20}
	if len(found) != 1 || found[0].Rule != "migration" || found[0].At != want || !strings.Contains(found[0].Hint, "nothing was applied") {
		t.Errorf("findings %+v", found)
	}
	if n := len(b.Calls()); n != 3 {
		t.Errorf("%d calls, want the list, the ledger and the schema", n)
	}
	b.sql("CREATE TABLE users (id TEXT PRIMARY KEY)") // it is not there, so it can be made
}

// Only the data decides whether an index can be unique.
func TestAMigrationThatFailsOnTheDataStopsAtItsLineAndLeavesNothingOfItself(t *testing.T) {
	t.Parallel()
	b := newBase(t, map[string]string{
		"0002_more.sql":   "CREATE TABLE more (x);",
		"0003_unique.sql": "CREATE TABLE fine (x);\n\nCREATE UNIQUE INDEX one ON doubled (id);\n",
		"0004_never.sql":  "CREATE TABLE never (x);",
	})
	b.sql("CREATE TABLE doubled (id TEXT)")
	b.sql("INSERT INTO doubled VALUES ('a'), ('a')")
	verdict, outcome, found := b.migrate()
	if verdict != pipeline.Failed || outcome != "1 of 3 applied" || !slices.Equal(b.ledger(), []string{"0002_more.sql"}) {
		t.Errorf("%s %q, ledger %v", verdict, outcome, b.ledger())
	}
	var rules []string
	for _, f := range found {
		rules = append(rules, f.Rule)
		if f.Rule == "migration" && (f.At.File != "migrations/0003_unique.sql" || !strings.Contains(f.Hint, "the 1 before it")) {
			t.Errorf("%+v", f)
		}
	}
	if !slices.Contains(rules, "migration") || !slices.Contains(rules, "unproven-unique") {
		t.Errorf("%v", found)
	}
	b.sql("CREATE TABLE fine (x)") // it is not there, so it can be made
}

func TestAColumnThatRowsCannotHaveIsRefusedOnlyIfThereAreRows(t *testing.T) {
	t.Parallel()
	for _, rows := range []bool{true, false} {
		b := newBase(t, map[string]string{"0002_column.sql": "ALTER TABLE users ADD COLUMN name TEXT NOT NULL;"})
		b.sql(users)
		if rows {
			b.sql("INSERT INTO users VALUES ('a')")
		}
		verdict, _, found := b.migrate()
		if (verdict == pipeline.Passed) == rows || rows && (found[0].At.Line != 1 || !strings.Contains(found[0].Message, "has rows") || len(b.ledger()) > 0) {
			t.Errorf("rows %v: %s %+v", rows, verdict, found)
		}
	}
}

func TestALargeSchemaCostsOneCall(t *testing.T) {
	t.Parallel()
	b := newBase(t, map[string]string{"0002_more.sql": "CREATE TABLE more (x);"})
	var sql strings.Builder
	for i := range 300 {
		fmt.Fprintf(&sql, "CREATE TABLE t%d (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL, b INT CHECK (b > 0)); CREATE INDEX i%d ON t%d (a);\n", i, i, i)
	}
	db, err := b.D1.Find(registryID)
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.SplitSeq(sql.String(), ";") {
		if strings.TrimSpace(text) != "" {
			if _, err := db.Batch([]d1.Statement{{SQL: text}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	began := time.Now()
	if verdict, _, found := b.migrate(); verdict != pipeline.Passed {
		t.Fatalf("%s %v", verdict, found)
	}
	if n := len(b.Calls().Matching("POST", "/accounts/*/d1/database/*/query")); n != 4 {
		t.Errorf("%d queries, want the ledger, the schema, the ledger's table and the migration", n)
	}
	t.Logf("300 tables: %s", time.Since(began))
}

func TestACompensationIsAppliedToStagingBeforeProduction(t *testing.T) {
	t.Parallel()
	const productionID = "13849784-c533-467a-9f02-d1ee3f95594f"
	b := newBase(t, map[string]string{"0001_users.sql": users, "0002_rollback_users.sql": "-- Reverse migration 0001: 0001_users.sql\nDROP TABLE users;\n"})
	if _, err := b.D1.Create("registry", productionID); err != nil {
		t.Fatal(err)
	}
	toml := b.files["workers/api/wrangler.toml"]
	toml.Data = append(toml.Data, "[env.production]\nd1_databases = [{ binding = \"DB\", database_name = \"registry\", database_id = \""+productionID+"\", migrations_dir = \"../../migrations\" }]\n"...)
	verdict, _, found := b.migrateTo("production")
	if verdict != pipeline.Failed || len(found) != 1 || found[0].Rule != "compensation-untested" || found[0].At.File != "migrations/0002_rollback_users.sql" || !strings.Contains(found[0].Hint, "migrate --env staging") {
		t.Fatalf("%s %+v", verdict, found)
	}
	for _, env := range []string{"staging", "production"} {
		if verdict, outcome, found := b.migrateTo(env); verdict != pipeline.Passed || !strings.HasPrefix(outcome, "2 applied") {
			t.Errorf("%s: %s %q %v", env, verdict, outcome, found)
		}
	}
}

func TestWhatWranglerAppliedIsNotAppliedAgain(t *testing.T) {
	t.Parallel()
	b := newBase(t, map[string]string{"0001_users.sql": users, "0002_more.sql": "CREATE TABLE more (x);"})
	b.sql("CREATE TABLE users (id TEXT PRIMARY KEY)")
	b.sql("CREATE TABLE IF NOT EXISTS \"d1_migrations\"(\n\t\tid         INTEGER PRIMARY KEY AUTOINCREMENT,\n\t\tname       TEXT UNIQUE,\n\t\tapplied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL\n)")
	b.sql("INSERT INTO d1_migrations (name) VALUES ('0001_users.sql')")
	b.sql("INSERT INTO d1_migrations (name) VALUES ('0000_elsewhere.sql')")
	verdict, outcome, found := b.migrate()
	if verdict != pipeline.Passed || !strings.HasPrefix(outcome, "1 applied") {
		t.Errorf("%s %q %v", verdict, outcome, found)
	}
	if !slices.ContainsFunc(found, func(f finding.Finding) bool {
		return f.Rule == "unknown-migration" && strings.Contains(f.Message, "0000_elsewhere.sql")
	}) {
		t.Errorf("a migration without a file is not told: %v", found)
	}
}

func TestALostAnswerIsLookedUpInTheLedger(t *testing.T) {
	t.Parallel()
	query := "/accounts/*/d1/database/*/query"
	tests := []struct {
		name   string
		fault  traffic.Fault
		passes bool
	}{
		{"the migration was applied", traffic.Fault{Method: "POST", Path: query, Nth: 4, After: true, Drop: true}, true},
		{"the migration was not applied", traffic.Fault{Method: "POST", Path: query, Nth: 4, Drop: true}, false},
		{"the ledger cannot be read either", traffic.Fault{Method: "POST", Path: query, Nth: 4, Times: -1, Drop: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBase(t, map[string]string{"0001_users.sql": users})
			b.Break(tt.fault)
			verdict, _, found := b.migrate()
			if passed := verdict == pipeline.Passed; passed != tt.passes {
				t.Errorf("%s %v", verdict, found)
			}
		})
	}
}

func TestDatabasesAreFoundByWhatTheyAreCalled(t *testing.T) {
	t.Parallel()
	b := newBase(t, map[string]string{"0001_users.sql": users})
	toml := string(b.files["workers/api/wrangler.toml"].Data)
	tests := []struct{ name, old, new, rule string }{
		{"another name under the id", "registry-staging", "registry", "name-id-mismatch"},
		{"an id that is not there", registryID, "00000000-0000-4000-8000-000000000001", "missing-store"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.files["workers/api/wrangler.toml"] = &fstest.MapFile{Data: []byte(strings.Replace(toml, tt.old, tt.new, 1))}
			verdict, _, found := b.migrate()
			if verdict != pipeline.Failed || len(found) != 1 || found[0].Rule != tt.rule || found[0].At.Line != 5 {
				t.Errorf("%s %+v", verdict, found)
			}
		})
	}
	if len(b.ledger()) != 0 {
		t.Error("something was applied")
	}
}

func TestAnAccountThatSaysNoIsExplained(t *testing.T) {
	t.Parallel()
	b := newBase(t, map[string]string{"0001_users.sql": users})
	b.Break(traffic.Fault{Method: "POST", Path: "/accounts/*/d1/database/*/query", Times: -1, Refusal: envelope.Fail(http.StatusForbidden, 10000, "Authentication error")})
	verdict, _, found := b.migrate()
	if verdict != pipeline.Failed || found[0].Rule != "missing-permission" || !strings.Contains(found[0].Hint, "D1:Edit") {
		t.Errorf("%s %+v", verdict, found)
	}
}

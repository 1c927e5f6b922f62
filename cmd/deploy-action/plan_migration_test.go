package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
)

// withMigrations gives the project the migrations of the nine Workers' monorepo.
func (g *ground) withMigrations() {
	g.t.Helper()
	folder := filepath.Join(g.dir, "migrations")
	if err := os.RemoveAll(folder); err != nil {
		g.t.Fatal(err)
	}
	if err := os.CopyFS(folder, os.DirFS("../../testdata/projects/tminus/migrations/d1-registry")); err != nil {
		g.t.Fatal(err)
	}
}

// holds sees that each part is in a text.
func holds(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

func TestAMigrationThatWouldBeRefusedFailsThePlanOfAPullRequest(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.onGitHub("checks:write", "pull-requests:write")
	g.withMigrations()
	g.promote(0, "--stage-only")
	g.write("migrations/0098_invites.sql", "CREATE TABLE invites (id INTEGER);\n\n  INSERT INTO invitees VALUES (1);\n")

	code, text := g.run("plan")
	const why = "no such table: invitees"
	if code != 1 {
		t.Errorf("exit %d", code)
	}
	for _, env := range []string{"staging", "production"} {
		holds(t, text,
			"✗ registry-"+env+": 0098_invites.sql would be refused at migrations/0098_invites.sql:3:15: "+why,
			"error migrations/0098_invites.sql:3:15 0098_invites.sql would be refused by registry-"+env+": "+why+" [migration]")
	}
	if d := g.account.Calls().Matching("POST", "/accounts/*/d1/database/*/query"); len(d) != 4 {
		t.Errorf("%d queries, want the ledger and the schema of two databases", len(d))
	}
	runs := g.hub.Runs("")
	plan := runs[len(runs)-1]
	if plan.Name != "Plan" || plan.Conclusion != "failure" || !strings.HasPrefix(plan.Title, "2 errors; ") {
		t.Errorf("the check run is %s, %s: %s", plan.Name, plan.Conclusion, plan.Title)
	}
	annotated := 0
	for _, a := range plan.Annotations {
		if a.Path == "migrations/0098_invites.sql" && a.StartLine == 3 && a.StartColumn != nil && *a.StartColumn == 15 && a.Level == "failure" && strings.Contains(a.Message, why) {
			annotated++
		}
	}
	if annotated != 2 {
		t.Errorf("%d annotations, want one of each database: %+v", annotated, plan.Annotations)
	}
	comment := g.hub.Comments(1)[0].Body
	holds(t, comment, "## ❌ Plan", "❌ Database `registry-staging` would refuse `0098_invites.sql` at `migrations/0098_invites.sql:3:15`: "+why+". Pending: `0098_invites.sql`.")
	holds(t, g.file("GITHUB_STEP_SUMMARY"), "❌ Database `registry-production` would refuse ", "Pending: `0001_users.sql`, ")
	if rows := g.ask(stagingDB, "SELECT count(*) FROM sqlite_master WHERE name = 'invites'"); rows[0][0] != int64(0) {
		t.Error("the plan applied a migration")
	}
	_, text = g.run("migrate", "--env", "staging")
	holds(t, text, "error migrations/0098_invites.sql:3:15 0098_invites.sql would be refused by registry-staging: "+why+" [migration]")

	g.write("migrations/0098_invites.sql", "CREATE TABLE invites (id INTEGER);\n")
	g.clear()
	if code, text = g.run("plan"); code != 0 {
		t.Errorf("exit %d\n%s", code, text)
	}
	holds(t, text, "✓ registry-staging: proven on a copy of the schema: ", "✓ registry-production: proven on an empty schema\n")
	holds(t, g.hub.Comments(1)[0].Body, "## ✅ Plan", "Database `registry-staging`: `0098_invites.sql` would be applied, proven on a copy of the schema: ")
}

func TestEachEnvironmentHasASchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.withMigrations()
	g.promote(0)
	g.ask(productionDB, "CREATE TABLE invites (id INTEGER)")
	g.write("migrations/0098_invites.sql", "CREATE TABLE invites (id INTEGER);\n")
	code, text := g.run("plan")
	if code != 1 {
		t.Errorf("exit %d", code)
	}
	holds(t, text, "✓ registry-staging: proven on a copy", "✗ registry-production: 0098_invites.sql would be refused at migrations/0098_invites.sql:1:14: table invites already exists")
	if strings.Contains(text, "refused by registry-staging") {
		t.Errorf("staging's schema is judged by production's\n%s", text)
	}
	if code, text := g.run("plan", "--env", "staging"); code != 0 {
		t.Errorf("exit %d\n%s", code, text)
	}
}

// What SQLite says of a statement may quote what stands in it.
func TestNoSecretIsSaidByARefusedMigration(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.onGitHub("checks:write", "pull-requests:write")
	g.promote(0)
	g.write("migrations/0002_leak.sql", "UPDATE first SET id = ["+jwtSecret+"];\n")
	for _, format := range []string{"text", "json"} {
		if code, text := g.run("plan", "--format", format); code != 1 || !strings.Contains(text, "no such column: ***") {
			t.Errorf("exit %d\n%s", code, text)
		}
	}
	holds(t, g.hub.Comments(1)[0].Body, "no such column: ")
}

func TestAPlanWithoutThePermissionToQuerySaysWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.account.Break(traffic.Fault{Method: "POST", Path: "/accounts/*/d1/database/" + productionDB + "/query", Times: -1, Refusal: envelope.Fail(403, 10000, "Authentication error")})
	code, text := g.run("plan", "--verbose")
	if code != 0 || strings.Contains(text, "production=sha256:") {
		t.Errorf("exit %d\n%s", code, text)
	}
	holds(t, text, "✓ registry-staging: proven on an empty schema", "· registry-production: which migrations are pending is not known", "--plan staging=sha256:",
		"notice workers/api/wrangler.toml:12:51 which migrations of registry-production are pending is not known, and none is proven: the API token is refused: ",
		`→ give the token the permission "D1:Edit"`)
}

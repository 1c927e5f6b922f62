package outlook_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/fakecloudflare/d1"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/preview"
)

// propose adds a migration to the files.
func (w *world) propose(name, sql string) {
	w.files["migrations/"+name] = &fstest.MapFile{Data: []byte(sql)}
}

// sql runs SQL on the account's database.
func (w *world) sql(text string) {
	w.t.Helper()
	db, err := w.D1.Find(databaseID)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := db.Batch([]d1.Statement{{SQL: text}}); err != nil {
		w.t.Fatal(err)
	}
}

// queries are how often the database was asked.
func (w *world) queries() int {
	return len(w.Calls().Matching("POST", queryPath))
}

const queryPath = "/accounts/*/d1/database/*/query"

// about are the findings of some rules, one a line.
func about(p preview.Plan, rules ...string) string {
	var lines []string
	for _, f := range p.Environments[0].Findings {
		if slices.Contains(rules, f.Rule) {
			lines = append(lines, fmt.Sprintf("%s %s %s", f.Severity, f.At, f.Message))
		}
	}
	return strings.Join(lines, "\n")
}

func TestPendingMigrationsAreProvenOnTheSchemaOfTheirDatabase(t *testing.T) {
	t.Parallel()
	const at = "error migrations/0002_next.sql:"
	refused := "0002_next.sql would be refused by registry-staging: "
	for name, one := range map[string]struct {
		account, sql string // what somebody did to the database, and the migration
		want, proof  string
		queries      int
	}{
		"one that passes": {"", "ALTER TABLE first ADD COLUMN more TEXT;", "", "proven on a copy of the schema: 2 tables, 2 of them with a row", 2},
		"SQL that is none": {"", "CREATE TABLE fine (x);\nCREAT TABLE a (b);", at + "2:1 " + refused + `near "CREAT": syntax error`,
			`0002_next.sql would be refused at migrations/0002_next.sql:2:1: near "CREAT": syntax error`, 2},
		"a table that is not there": {"", "INSERT INTO nowhere VALUES (1);", at + "1:13 " + refused + "no such table: nowhere",
			"0002_next.sql would be refused at migrations/0002_next.sql:1:13: no such table: nowhere", 2},
		"a table that only this account has": {"CREATE TABLE second (x)", "CREATE TABLE second (id INTEGER);", at + "1:14 " + refused + "table second already exists",
			"0002_next.sql would be refused at migrations/0002_next.sql:1:14: table second already exists", 2},
		"a column that rows cannot have": {"INSERT INTO first VALUES (1)", "ALTER TABLE first ADD COLUMN more TEXT NOT NULL;", at + "1:1 " + refused + "has rows: Cannot add a NOT NULL column with default value NULL",
			"0002_next.sql would be refused at migrations/0002_next.sql:1:1: has rows: Cannot add a NOT NULL column with default value NULL", 3},
		"a column that no row is without": {"", "ALTER TABLE first ADD COLUMN more TEXT NOT NULL;", "", "proven on a copy of the schema: 2 tables, 2 of them with a row", 3},
		"what the data decides": {"", "CREATE UNIQUE INDEX one ON first (id);", "notice migrations/0002_next.sql:1:1 whether the rows that are there are unique is not proven",
			"proven on a copy of the schema: 2 tables, 2 of them with a row", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustPromote()
			if one.account != "" {
				w.sql(one.account)
			}
			w.propose("0002_next.sql", one.sql)
			p := w.plan()
			if got := about(p, "migration", "unproven", "unproven-unique"); got != one.want {
				t.Errorf("the plan says %q, want %q", got, one.want)
			}
			if got := p.Environments[0].Databases[0].Proof(); got != one.proof {
				t.Errorf("the proof is %q, want %q", got, one.proof)
			}
			if n := w.queries(); n != one.queries {
				t.Errorf("%d queries, want %d", n, one.queries)
			}
		})
	}
}

func TestAProofIsOneCallMoreAndNoneWhenNothingIsPending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustPromote()
	p := w.plan()
	before := len(w.Calls())
	if d := p.Environments[0].Databases[0]; w.queries() != 1 || d.Proof() != "" {
		t.Errorf("%d queries, %q", w.queries(), d.Proof())
	}
	w.propose("0002_next.sql", "CREATE TABLE second (id INTEGER);")
	w.propose("0003_last.sql", "INSERT INTO second VALUES (1);")
	w.plan()
	if n := len(w.Calls()) - before; n != 1 {
		t.Errorf("%d calls more, want 1", n)
	}
	w.Forget()
	if _, err := w.look().Seen(context.Background()); err != nil || w.queries() != 1 {
		t.Errorf("what promote compares: %d queries, %v", w.queries(), err)
	}
}

// A database of a first release is made before it is migrated, and is empty then.
func TestADatabaseThatIsNotThereYetHasAnEmptySchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.D1.Delete(databaseID); err != nil {
		t.Fatal(err)
	}
	p := w.plan()
	want := "notice workers/api/wrangler.toml:12:51 the account has no D1 database registry-staging yet: its migrations are tried on an empty schema"
	if got := about(p, "missing-store", "migration"); got != want {
		t.Errorf("the plan says %q, want %q", got, want)
	}
	if d := p.Environments[0].Databases[0]; d.Proof() != "proven on an empty schema" || len(d.Pending) != 1 || d.ID != databaseID {
		t.Errorf("%+v", d)
	}
	w.propose("0002_next.sql", "ALTER TABLE first ADD COLUMN more TEXT NOT NULL;\nINSERT INTO second VALUES (1);")
	p = w.plan()
	if got := about(p, "migration"); got != "error migrations/0002_next.sql:2:13 0002_next.sql would be refused by registry-staging: no such table: second" {
		t.Errorf("the plan says %q", got)
	}
	if _, err := w.look().Seen(context.Background()); err == nil || finding.From(err, "", finding.Position{})[0].Severity != finding.Error {
		t.Errorf("a promotion may go on: %v", err)
	}
}

func TestASchemaThatCannotBeReadIsSaidAndFailsNothing(t *testing.T) {
	t.Parallel()
	refusal := envelope.Fail(403, 10000, "Authentication error")
	for name, one := range map[string]struct {
		fault       traffic.Fault
		want, proof string
		digest      bool
	}{
		"only the schema": {traffic.Fault{Method: "POST", Path: queryPath, Nth: 2, Times: -1, Refusal: refusal},
			"the migrations of registry-staging are not proven, for its schema could not be read: the API token is refused: ", "not proven", true},
		"a failure of the account": {traffic.Fault{Method: "POST", Path: queryPath, Nth: 2, Times: -1, Refusal: envelope.Fail(500, 7500, "internal")},
			"the migrations of registry-staging are not proven, for its schema could not be read: ", "not proven", true},
		"the ledger too": {traffic.Fault{Method: "POST", Path: queryPath, Times: -1, Refusal: refusal},
			"which migrations of registry-staging are pending is not known, and none is proven: the API token is refused: ", "which migrations are pending is not known", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Break(one.fault)
			p := w.plan()
			e := p.Environments[0]
			if got := about(p, "no-rehearsal", "missing-permission"); !strings.HasPrefix(got, "notice workers/api/wrangler.toml:12:51 "+one.want) {
				t.Errorf("the plan says %q", got)
			}
			if finding.Closes(e.Findings) || e.Databases[0].Proof() != one.proof || (p.Digest != "") != one.digest {
				t.Errorf("%q, digest %q, %v", e.Databases[0].Proof(), p.Digest, e.Findings)
			}
		})
	}
}

package proposal

import (
	"strings"
	"testing"

	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/preview"
)

func plan() preview.Plan {
	return preview.Plan{Digest: "staging=sha256:00", Environments: []preview.Environment{{
		Name: "staging",
		Workers: []preview.Worker{
			{Worker: "api", Way: preview.Changed, From: "sha256:1111111122222222", To: "sha256:3333333344444444",
				Vars:     []preview.Difference{{Op: preview.Change, Name: "MODE", From: "one", To: "two"}, {Op: preview.Change, Name: "API_KEY", Hidden: true}},
				Triggers: []preview.Trigger{{Kind: "route", Op: preview.Add, Subject: "api.tminus.ink/*", Owner: "billing"}, {Kind: "route", Op: preview.Remove, Subject: "old.tminus.ink/*"}}},
			{Worker: "cron", Way: preview.Unchanged},
			{Worker: "mcp", Way: preview.New, To: "sha256:5555555566666666", Bindings: []preview.Difference{{Op: preview.Add, Name: "A"}, {Op: preview.Add, Name: "B"}}},
		},
		Databases: []preview.Database{{Name: "registry", Proven: "proven on an empty schema", Pending: []preview.Migration{{Name: "0002_x.sql", File: "m/0002_x.sql", SQL: "CREATE TABLE x (id INTEGER);\n-- ``` </details>\n"}}}},
	}}}
}

func holds(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

func TestAPageSaysWhatWouldChange(t *testing.T) {
	t.Parallel()
	p := Page{Plan: plan(), Findings: []finding.Finding{finding.Warnf("no-dns-record", finding.Position{File: "w.toml", Line: 3}, "no record")}}
	if got, want := p.Title(), "2 of 3 Workers change, 1 migration, 2 routes"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	holds(t, p.Summary(),
		"| 🟡 | `api` | changed, sha256:11111111 → sha256:33333333 | ±2 | +1 −1 |",
		"| 🟢 | `mcp` | new, sha256:55555555 | +2 |  |",
		"Unchanged: `cron`.", "Database `registry`: `0002_x.sql` would be applied, proven on an empty schema.", "```\nstaging=sha256:00\n```")
	holds(t, p.Text(),
		"- ± var `MODE`: one → two", "- ± var `API_KEY`: its value is not shown", "- + route `api.tminus.ink/*`: taken from billing", "- − route `old.tminus.ink/*`",
		"<details><summary>0002_x.sql on registry</summary>\n\n````sql\nCREATE TABLE x (id INTEGER);\n-- ``` </details>\n````\n\n</details>",
		"⚠️ `w.toml:3` no record `no-dns-record`")
	holds(t, p.Whole("Plan"), "## ✅ Plan\n", p.Summary(), p.Text())
	if p.Failed() {
		t.Error("a warning fails the plan")
	}
}

func TestAMigrationThatWouldBeRefusedIsSaidOfItsDatabase(t *testing.T) {
	t.Parallel()
	p := plan()
	d := &p.Environments[0].Databases[0]
	d.Proven = ""
	holds(t, Page{Plan: p}.Summary(), "\nDatabase `registry`: `0002_x.sql` would be applied, not proven.\n")
	d.Pending[0].Refused, d.Pending[0].At = "no such table: *t*", finding.Position{File: "m/x.sql", Line: 3, Column: 2}
	holds(t, Page{Plan: p}.Summary(), "\n❌ Database `registry` would refuse `0002_x.sql` at `m/x.sql:3:2`: no such table: \\*t\\*. Pending: `0002_x.sql`.\n")
	d.Pending, d.Unread = nil, true
	holds(t, Page{Plan: p}.Summary(), "\nDatabase `registry`: which migrations are pending is not known.\n")
}

func TestATitleSaysErrorsFirst(t *testing.T) {
	t.Parallel()
	wrong := []finding.Finding{finding.Errorf("placeholder", finding.Position{}, "a placeholder")}
	for want, p := range map[string]Page{
		"No plan: a placeholder": {Findings: wrong},
		"No plan":                {},
		"1 error; 2 of 3 Workers change, 1 migration, 2 routes":                                     {Plan: plan(), Findings: wrong},
		"2 of 3 Workers change, 1 migration, 2 routes, and not all environments could be looked at": {Plan: plan(), Partial: true},
	} {
		if got := p.Title(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestWhatComesFromOutsideIsEscaped(t *testing.T) {
	t.Parallel()
	const evil = "</summary><script> @octocat **x** | `y`"
	p := plan()
	e := &p.Environments[0]
	e.Name = evil
	e.Workers[0].Why = evil
	e.Workers[0].Vars[0].To = evil
	e.Workers[0].Triggers[0].Owner = evil
	e.Databases[0].Pending[0].Name = evil
	e.Databases[0].Name = evil
	text := Page{Plan: p, Links: markdown.Links{}}.Whole(evil)
	inCode := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			inCode = !inCode
		}
		if inCode {
			continue
		}
		if strings.Contains(line, "<script>") && !strings.Contains(line, "`` </summary><script>") || strings.Contains(line, " @octocat **x**") && !strings.Contains(line, "``") {
			t.Errorf("not escaped: %s", line)
		}
	}
}

func TestALongMigrationIsCut(t *testing.T) {
	t.Parallel()
	p := plan()
	p.Environments[0].Databases[0].Pending[0].SQL = strings.Repeat("-- ä\n", sqlLimit)
	text := Page{Plan: p}.Text()
	if len(text) > sqlLimit+3000 || !strings.Contains(text, "cut: the file has the rest") || strings.Contains(text, "\ufffd") {
		t.Errorf("%d bytes", len(text))
	}
}

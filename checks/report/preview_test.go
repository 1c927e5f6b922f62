package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/preview"
)

func TestAPreviewOnATerminal(t *testing.T) {
	t.Parallel()
	p := preview.Plan{Digest: "staging=sha256:00", Environments: []preview.Environment{{
		Name: "staging",
		Workers: []preview.Worker{
			{Worker: "api", Way: preview.Changed, From: "sha256:1111111122222222", To: "sha256:3333333344444444",
				Vars: []preview.Difference{{Op: preview.Change, Name: "MODE", From: "one", To: "two"}}},
			{Worker: "cron", Way: preview.Unchanged},
			{Worker: "mcp", Way: preview.Unchanged, Triggers: []preview.Trigger{{Kind: "route", Op: preview.Remove, Subject: "mcp.tminus.ink/*"}}},
		},
		Databases: []preview.Database{{Name: "registry", Pending: []preview.Migration{{Name: "0002_x.sql", File: "m/0002_x.sql", SQL: "CREATE \x1b\rTABLE x (\n  id INTEGER);\n" + strings.Repeat("-- more\n", sqlLines)}}}},
	}}}
	var out bytes.Buffer
	WritePreview(&out, Style{}, p)
	want := `
staging  2 of 3 Workers change, 1 migration, 1 route
  ~ api                    changed, sha256:11111111 → sha256:33333333
      ~ var MODE  one → two
  ~ mcp                    unchanged
      - route mcp.tminus.ink/*
  unchanged: cron
  + migration 0002_x.sql of registry
      │ CREATE TABLE x (
      │   id INTEGER);
` + strings.Repeat("      │ -- more\n", sqlLines-2) + `      … 2 lines more in m/0002_x.sql
  · registry: not proven

2 of 3 Workers change, 1 migration, 1 route. Nothing was changed.
To promote this and nothing else: --plan staging=sha256:00
`
	if out.String() != want {
		t.Errorf("%s\nwant %s", out.String(), want)
	}
	out.Reset()
	WritePreview(&out, Style{Color: true}, p)
	if !strings.Contains(out.String(), "\x1b[33m~\x1b[0m api") || !strings.Contains(out.String(), "\x1b[31m-\x1b[0m route") {
		t.Errorf("no colours: %q", out.String())
	}
}

func TestWhetherMigrationsAreProvenStandsBelowThem(t *testing.T) {
	t.Parallel()
	pending := []preview.Migration{{Name: "0001_x.sql", SQL: "A;"}}
	refused := []preview.Migration{{Name: "0001_x.sql", SQL: "A;", Refused: "near \"A\": \x1bno", At: finding.Position{File: "m/0001_x.sql", Line: 1, Column: 1}}}
	for want, d := range map[string]preview.Database{
		"\nstaging  Nothing changes, 0 Workers\n\n":                                   {},
		"      │ A;\n  ✓ db: proven on an empty schema\n\n":                           {Pending: pending, Proven: "proven on an empty schema"},
		"      │ A;\n  · db: not proven\n\n":                                          {Pending: pending},
		"  · db: which migrations are pending is not known\n\n":                       {Unread: true},
		"  ✗ db: 0001_x.sql would be refused at m/0001_x.sql:1:1: near \"A\": no\n\n": {Pending: refused},
	} {
		d.Name = "db"
		var out bytes.Buffer
		WritePreview(&out, Style{}, preview.Plan{Environments: []preview.Environment{{Name: "staging", Databases: []preview.Database{d}}}})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %q", want, out.String())
		}
	}
}

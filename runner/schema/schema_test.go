package schema

import (
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/finding"
)

func TestAStatementIsEndedOnceAndOnlyIfItMust(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, sql, want string }{
		{"ended", "CREATE TABLE a(b);\n", "CREATE TABLE a(b);\n"},
		{"not ended", "CREATE TABLE a(b)", "CREATE TABLE a(b)\n;"},
		{"not ended, then a comment", "CREATE TABLE a(b) -- the; end;", "CREATE TABLE a(b) -- the; end;\n;"},
		{"ended, then a comment", "CREATE TABLE a(b); -- the end", "CREATE TABLE a(b); -- the end"},
		{"ended, then a block comment", "SELECT 1; /* ; \n */ ", "SELECT 1; /* ; \n */ "},
		{"a semicolon in a text ends nothing", "INSERT INTO a VALUES (';", "INSERT INTO a VALUES (';\n;"},
		{"a text at the end", "SELECT 'it''s;'", "SELECT 'it''s;'\n;"},
		{"a name in brackets", "SELECT [a;b]", "SELECT [a;b]\n;"},
		{"nothing but comments", "-- nothing; here\n/* or; here */", ""},
		{"nothing", " \n", ""},
		{"CRLF outside of quotes", "SELECT 1;\r\nSELECT 'a\r\nb';\r\n", "SELECT 1;\nSELECT 'a\r\nb';\n"},
		{"a byte order mark", "\ufeffSELECT 1;", "SELECT 1;"},
		{"a trigger", "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  UPDATE a SET b = 1;\nEND;", "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  UPDATE a SET b = 1;\nEND;"},
		{"an unfinished comment", "SELECT 1; /* never", "SELECT 1; /* never"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Statement(tt.sql); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// Nothing of a migration is changed but its line ends and its end.
func FuzzStatement(f *testing.F) {
	f.Add("CREATE TABLE a(b) -- x;")
	f.Add("SELECT 'a''b;' /* ; */")
	f.Fuzz(func(t *testing.T, sql string) {
		got := Statement(sql)
		if got == "" {
			return
		}
		same := func(s string) string { return strings.ReplaceAll(strings.TrimPrefix(s, "\ufeff"), "\r", "") }
		if same(got) != same(sql) && same(got) != same(sql+"\n;") {
			t.Fatalf("%q became %q", sql, got)
		}
		if at := Place("f", sql, `near "a": syntax error`); at.Line < 1 || at.Line > strings.Count(sql, "\n")+1 {
			t.Fatalf("%q: place %+v", sql, at)
		}
	})
}

func TestPendingIsWhatTheLedgerLacks(t *testing.T) {
	t.Parallel()
	name := func(file string) string { return strings.TrimPrefix(file, "m/") }
	files := []string{"m/0001_a.sql", "m/0002_b.sql", "m/0004_c.sql"}
	applied := []string{"0001_a.sql", "0004_c.sql", "0003_gone.sql"}
	if got := Pending(files, applied, name); !slices.Equal(got, []string{"m/0002_b.sql"}) {
		t.Errorf("pending %v", got)
	}
	if got := Unknown(files, applied, name); !slices.Equal(got, []string{"0003_gone.sql"}) {
		t.Errorf("unknown %v", got)
	}
}

func TestComplaintsOfADatabaseHaveTheirLine(t *testing.T) {
	t.Parallel()
	const sql = "-- CREAT is in a comment\nCREATE TABLE a(b);\nCREAT TABLE c(d);\nALTER TABLE users ADD COLUMN x;\n"
	tests := []struct {
		name, message string
		want          finding.Position
	}{
		{"near a word", `near "CREAT": syntax error at offset 0: SQLITE_ERROR`, finding.Position{File: "f", Line: 3, Column: 1, EndLine: 3, EndColumn: 6}},
		{"an offset that fits", `near "CREAT": syntax error at offset 44: SQLITE_ERROR`, finding.Position{File: "f", Line: 3, Column: 1, EndLine: 3, EndColumn: 6}},
		{"a table that is not there", "no such table: main.users: SQLITE_ERROR", finding.Position{File: "f", Line: 4, Column: 13, EndLine: 4, EndColumn: 18}},
		{"a table that is there", "table a already exists at offset 13: SQLITE_ERROR", finding.Position{File: "f", Line: 2, Column: 14, EndLine: 2, EndColumn: 15}},
		{"nothing to go by", "constraint failed", finding.Position{File: "f", Line: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Place("f", sql, tt.message); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

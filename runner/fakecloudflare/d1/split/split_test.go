package split_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/d1/split"
)

const trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n UPDATE a SET x = CASE WHEN 1 THEN 2 ELSE 3 END; DELETE FROM b;\nEND"

func TestSplitting(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, sql string
		want      []string
	}{
		{"nothing", " \n ", nil},
		{"one without its semicolon", "SELECT 1", []string{"SELECT 1"}},
		{"two", "SELECT 1; SELECT 2;", []string{"SELECT 1", "SELECT 2"}},
		{"a semicolon in a string", "SELECT 'a;''b';SELECT 2", []string{"SELECT 'a;''b'", "SELECT 2"}},
		{"a semicolon in a name", "SELECT \"a;b\", `c;d`;", []string{"SELECT \"a;b\", `c;d`"}},
		{"a semicolon in a comment", "SELECT 1 -- a; b\n; SELECT /* c; d */ 2", []string{"SELECT 1 -- a; b", "SELECT /* c; d */ 2"}},
		{"only comments", "-- nothing; here\n/* nor; here */;", nil},
		{"a comment that never ends", "SELECT 1; /* ", []string{"SELECT 1"}},
		{"a string that never ends", "SELECT 'a; b", []string{"SELECT 'a; b"}},
		{"a trigger", trigger + "; SELECT 1;", []string{trigger, "SELECT 1"}},
		{"a trigger after a comment", "-- why;\n" + trigger + ";", []string{"-- why;\n" + trigger}},
		{"a trigger with a lower-case begin is cut", "CREATE TRIGGER t AFTER INSERT ON a begin SELECT 1; end;", []string{"CREATE TRIGGER t AFTER INSERT ON a begin SELECT 1", "end"}},
		{"a trigger with carriage returns is cut", strings.ReplaceAll(trigger, "\n", "\r\n") + ";", []string{
			"CREATE TRIGGER t AFTER INSERT ON a BEGIN\r\n UPDATE a SET x = CASE WHEN 1 THEN 2 ELSE 3 END", "DELETE FROM b", "END"}},
		{"a column named trigger is no trigger", "CREATE TABLE a (trigger INT); SELECT 1", []string{"CREATE TABLE a (trigger INT)", "SELECT 1"}},
		{"BEGIN by itself is no body", "BEGIN TRANSACTION; SELECT 1; COMMIT", []string{"BEGIN TRANSACTION", "SELECT 1", "COMMIT"}},
		{"other scripts than ours", "SELECT 'é;ß'; SELECT 日本", []string{"SELECT 'é;ß'", "SELECT 日本"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := split.Statements(test.sql); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"", ";", "'", "--", "/*", "SELECT 1; SELECT ';'", trigger, "CREATE TEMP TRIGGER x BEGIN CASE"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		rest := sql
		for _, piece := range split.Statements(sql) {
			if strings.Trim(piece, " \t\r\n\f\v") == "" {
				t.Fatalf("an empty piece of %q", sql)
			}
			i := strings.Index(rest, piece)
			if i < 0 {
				t.Fatalf("piece %q is not in the rest of %q", piece, sql)
			}
			rest = rest[i+len(piece):]
			if again := split.Statements(piece); len(again) != 1 || again[0] != piece {
				t.Fatalf("piece %q of %q splits again into %q", piece, sql, again)
			}
		}
	})
}

package schema

import (
	"context"
	"strings"
)

// Object is one row of a database's schema.
type Object struct {
	Type  string `json:"type"` // table, index, view or trigger
	Name  string `json:"name"`
	Table string `json:"table"` // to which it belongs; the table itself for one
	SQL   string `json:"sql"`
}

// Internal tells whether a thing belongs to SQLite or to Cloudflare, by its name.
func Internal(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "sqlite_") || strings.HasPrefix(name, "_cf_")
}

// Structure reads the schema of a database in one call, without what belongs to
// SQLite or to Cloudflare.
func (l Ledger) Structure(ctx context.Context) ([]Object, error) {
	rows, err := l.Client.Query(ctx, l.Database, "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid;")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var all []Object
	for _, row := range rows[0] {
		text := func(key string) string { s, _ := row[key].(string); return s }
		o := Object{Type: text("type"), Name: text("name"), Table: text("tbl_name"), SQL: text("sql")}
		if !Internal(o.Name) && !Internal(o.Table) {
			all = append(all, o)
		}
	}
	return all, nil
}

// Inhabited tells whether a table has a row.
func (l Ledger) Inhabited(ctx context.Context, table string) (bool, error) {
	rows, err := l.Client.Query(ctx, l.Database, "SELECT EXISTS (SELECT 1 FROM "+Quote(table)+") AS inhabited;")
	if err != nil || len(rows) == 0 || len(rows[0]) == 0 {
		return false, err
	}
	n, _ := rows[0][0]["inhabited"].(float64)
	return n != 0, nil
}

// reverse is how a compensation begins, after the runbook's section 5.2.
const reverse = "-- Reverse migration "

// Reverses gives the number of the migration that a file reverses, by the comment
// with which it begins.
func Reverses(sql string) (number string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimLeft(strings.TrimPrefix(sql, "\ufeff"), " \t\r\n"), reverse)
	if !ok {
		return "", false
	}
	number, _, ok = strings.Cut(rest, ":")
	return number, ok && number != "" && !strings.ContainsAny(number, " \n")
}

// Reversal is the comment with which the compensation of a migration begins.
func Reversal(number, what string) string { return reverse + number + ": " + what + "\n" }

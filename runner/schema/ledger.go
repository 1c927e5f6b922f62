package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tminus/deploy-action/runner/cloudflare"
)

// Ledger is a database's table of applied migrations.
type Ledger struct {
	Client   *cloudflare.Client
	Database string // id
	Table    string // d1_migrations unless the configuration says otherwise
}

// Read gives the names of the applied migrations in the order in which they were
// applied, none when there is no ledger yet.
func (l Ledger) Read(ctx context.Context) ([]string, error) {
	rows, err := l.Client.Query(ctx, l.Database, "SELECT name FROM "+Quote(l.Table)+" ORDER BY id;")
	if noTable(err) {
		return nil, nil
	}
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	names := make([]string, 0, len(rows[0]))
	for _, row := range rows[0] {
		if name, ok := row["name"].(string); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// Entry is one row of a ledger.
type Entry struct {
	Name string
	// At is when it was applied, as the database wrote it: in UTC, without a zone.
	At string
}

// History gives the rows of the ledger in the order in which they were written,
// none when there is no ledger yet.
func (l Ledger) History(ctx context.Context) ([]Entry, error) {
	rows, err := l.Client.Query(ctx, l.Database, "SELECT * FROM "+Quote(l.Table)+" ORDER BY id;")
	if noTable(err) {
		return nil, nil
	}
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var all []Entry
	for _, row := range rows[0] {
		e := Entry{}
		e.Name, _ = row["name"].(string)
		e.At, _ = row["applied_at"].(string)
		all = append(all, e)
	}
	return all, nil
}

// noTable tells whether an error says that the ledger does not exist.
func noTable(err error) bool {
	return err != nil && strings.Contains(err.Error(), "no such table")
}

// Create makes the ledger if it is not there, in wrangler's form.
func (l Ledger) Create(ctx context.Context) error {
	_, err := l.Client.Query(ctx, l.Database, "CREATE TABLE IF NOT EXISTS "+Quote(l.Table)+`(
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	name       TEXT UNIQUE,
	applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);`)
	return err
}

// Apply applies one migration and its row in the ledger as one atomic request.
// When the answer is lost, the ledger tells whether it happened.
func (l Ledger) Apply(ctx context.Context, name, sql string) error {
	row := fmt.Sprintf("INSERT INTO %s (name) VALUES (%s);", Quote(l.Table), literal(name))
	_, err := l.Client.Query(ctx, l.Database, Statement(sql)+"\n"+row)
	if err == nil || refused(err) || ctx.Err() != nil {
		return err
	}
	applied, readErr := l.Read(ctx)
	if readErr != nil {
		return fmt.Errorf("whether %s was applied is not known: %w", name, errors.Join(err, readErr))
	}
	for _, there := range applied {
		if there == name {
			return nil
		}
	}
	return err
}

// refused tells whether the database itself said no, in which case nothing of
// the request is there.
func refused(err error) bool {
	if _, ok := errors.AsType[*cloudflare.QueryError](err); ok {
		return true
	}
	e, ok := errors.AsType[*cloudflare.Error](err)
	return ok && e.Status < 500 && len(e.Problems) > 0
}

// Pending are the files whose ledger names are not among the applied ones, in
// their order. A new file that sorts before applied ones is pending too, as it
// is for wrangler.
func Pending(files, applied []string, ledgerName func(string) string) []string {
	there := map[string]bool{}
	for _, name := range applied {
		there[name] = true
	}
	var pending []string
	for _, file := range files {
		if !there[ledgerName(file)] {
			pending = append(pending, file)
		}
	}
	return pending
}

// Unknown are the applied migrations that no file is there for any more.
func Unknown(files, applied []string, ledgerName func(string) string) []string {
	have := map[string]bool{}
	for _, file := range files {
		have[ledgerName(file)] = true
	}
	var unknown []string
	for _, name := range applied {
		if !have[name] {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// Quote makes an SQL identifier of a name.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal makes an SQL text.
func literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }

package d1

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tminus/deploy-action/runner/fakecloudflare/d1/split"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

// Statement is one statement with its parameters: nil, bool, int64, float64, string or []byte each.
type Statement struct {
	SQL    string
	Params []any
}

// SQLError is what D1 says of a statement it could not run, in workerd's words.
type SQLError struct{ Text string }

// Error returns the text.
func (e *SQLError) Error() string { return e.Text }

// Database is one database. It is safe for concurrent use; requests run one after another.
type Database struct {
	ID, Name, CreatedAt string

	mint *mint.Mint

	mu       sync.Mutex
	conn     *sqlite.Conn
	trusted  bool // our own statements may do what a caller's may not
	history  []moment
	writes   int // batches that changed something
	bookmark int // the value of writes at the newest moment
}

// open returns an empty database.
func open(m *mint.Mint, name string) (*Database, error) {
	conn, err := sqlite.OpenConn(":memory:", sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", name, err)
	}
	db := &Database{ID: m.UUID(), Name: name, CreatedAt: m.Stamp(), mint: m, conn: conn}
	if err := conn.SetAuthorizer(sqlite.AuthorizeFunc(db.authorize)); err != nil {
		return nil, fmt.Errorf("open database %s: %w", name, err)
	}
	// the version gives the file its first page: a file without pages has no image
	for _, sql := range []string{"PRAGMA foreign_keys = ON", "PRAGMA user_version = 1"} {
		if err := db.own(sql); err != nil {
			return nil, fmt.Errorf("open database %s: %w", name, err)
		}
	}
	return db, nil
}

// Close gives the memory back.
func (db *Database) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.conn.Close()
}

// Batch runs statements as one transaction and returns a result for each. If
// one fails, nothing of the batch stays and the error is an *SQLError.
func (db *Database) Batch(statements []Statement) ([]Result, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if len(statements) == 0 {
		return nil, &SQLError{"No SQL statements detected."}
	}
	if err := db.own("BEGIN"); err != nil {
		return nil, err
	}
	results, err := db.run(statements)
	if err != nil {
		return nil, errors.Join(err, db.own("ROLLBACK"))
	}
	if err := db.own("COMMIT"); err != nil {
		text := describe(err)
		return nil, errors.Join(text, db.own("ROLLBACK"))
	}
	for _, result := range results {
		if result.Meta.ChangedDB {
			db.writes++
			break
		}
	}
	return results, nil
}

func (db *Database) run(statements []Statement) ([]Result, error) {
	results := make([]Result, 0, len(statements))
	for _, statement := range statements {
		result, err := db.execute(statement)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

func (db *Database) execute(statement Statement) (_ Result, err error) {
	if transactional[split.FirstWord(statement.SQL)] {
		return Result{}, &SQLError{noTransactions}
	}
	began, before := time.Now(), db.version()
	stmt, _, err := db.conn.PrepareTransient(statement.SQL)
	if err != nil {
		return Result{}, describe(err)
	}
	defer func() { err = errors.Join(err, stmt.Finalize()) }()
	if err := bind(stmt, statement.Params); err != nil {
		return Result{}, err
	}
	result := Result{}
	for i := range stmt.ColumnCount() {
		result.Columns = append(result.Columns, stmt.ColumnName(i))
	}
	for {
		row, err := stmt.Step()
		if err != nil {
			_ = stmt.Reset() // says the same error again
			return Result{}, describe(err)
		}
		if !row {
			break
		}
		result.Rows = append(result.Rows, values(stmt))
	}
	result.Meta = db.meta(before, len(result.Rows), time.Since(began))
	return result, nil
}

// own runs one of our statements, which the rules for callers do not bind.
func (db *Database) own(sql string) (err error) {
	db.trusted = true
	defer func() { db.trusted = false }()
	stmt, _, err := db.conn.PrepareTransient(sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Finalize()) }()
	_, err = stmt.Step()
	return err
}

// ask returns the number that one of our queries answers with, 0 when it cannot be asked.
func (db *Database) ask(sql string) int64 {
	db.trusted = true
	defer func() { db.trusted = false }()
	stmt, _, err := db.conn.PrepareTransient(sql)
	if err != nil {
		return 0
	}
	defer func() { _ = stmt.Finalize() }() // only read
	if row, err := stmt.Step(); err != nil || !row {
		return 0
	}
	return stmt.ColumnInt64(0)
}

type version struct{ changes, schema int64 }

func (db *Database) version() version {
	return version{db.ask("SELECT total_changes()"), db.ask("PRAGMA schema_version")}
}

func (db *Database) meta(before version, rows int, took time.Duration) Meta {
	after := db.version()
	changes := after.changes - before.changes
	return Meta{
		ServedBy: "fake-prod", ServedByPrimary: true, Duration: float64(took.Microseconds()) / 1000,
		Changes: changes, LastRowID: db.conn.LastInsertRowID(), ChangedDB: after != before,
		SizeAfter: db.size(), RowsRead: int64(rows), RowsWritten: changes,
	}
}

func (db *Database) size() int64 { return db.ask("PRAGMA page_count") * db.ask("PRAGMA page_size") }

// Size returns the number of tables and of bytes.
func (db *Database) Size() (tables, bytes int64) {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.ask("SELECT count(*) FROM sqlite_master WHERE type = 'table'"), db.size()
}

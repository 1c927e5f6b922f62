package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver named sqlite
)

// What every connection to a file is told. The write lock is taken when a
// transaction begins, or two that read first would fail instead of waiting. Only
// [Ledger.Write] waits for the disk: what else is forgotten when the power fails, that
// a work was done, is done again.
const (
	writing = "_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
	reading = "_pragma=busy_timeout(5000)&_pragma=query_only(1)"
	readers = 4
)

// querier is what a database and a transaction of database/sql have in common.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func plain(q querier) statements {
	return statements{
		exec: func(ctx context.Context, query string, args ...any) (int64, error) {
			r, err := q.ExecContext(ctx, query, args...)
			if err != nil {
				return 0, err
			}
			return r.RowsAffected()
		},
		each: func(ctx context.Context, query string, args []any, row func(func(...any) error) error) error {
			r, err := q.QueryContext(ctx, query, args...)
			if err != nil {
				return err
			}
			return walk(r, func() { _ = r.Close() }, row)
		},
	}
}

// inTurn has statements wait for each other before they wait for the connection, so
// that of many lanes only one is ahead of a delivery.
func inTurn(s statements) statements {
	var turn sync.Mutex
	return statements{
		exec: func(ctx context.Context, query string, args ...any) (int64, error) {
			turn.Lock()
			defer turn.Unlock()
			return s.exec(ctx, query, args...)
		},
		each: func(ctx context.Context, query string, args []any, row func(func(...any) error) error) error {
			turn.Lock()
			defer turn.Unlock()
			return s.each(ctx, query, args, row)
		},
	}
}

func openFile(ctx context.Context, path string) (*Ledger, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Payloads are in it: nobody else reads them.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	alone, guard, err := sole(path + ".lock")
	if err != nil {
		return nil, err
	}
	file := (&url.URL{Scheme: "file", Path: path}).String()
	db, err := sql.Open("sqlite", file+"?"+writing)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	seen, err := sql.Open("sqlite", file+"?"+reading)
	if err != nil {
		return nil, err
	}
	seen.SetMaxOpenConns(readers)
	l := &Ledger{File: db, Alone: alone, do: inTurn(plain(db)), read: plain(seen), now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)"}
	l.close = []func() error{seen.Close, db.Close, guard.Close}
	l.lock = func(_ context.Context, do func() error) error { return do() }
	l.begin = func(ctx context.Context, do func(Tx) error) error { return durably(ctx, db, do) }
	return l, db.PingContext(ctx)
}

// durably does a transaction that is on the disk when it returns. The connection is
// as before afterwards, whatever happened, or it is not used again.
func durably(ctx context.Context, db *sql.DB, do func(Tx) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err := c.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
		return err
	}
	defer func() {
		if _, err := c.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous = NORMAL"); err != nil {
			_ = c.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(Tx{statements: plain(tx), SQL: tx}); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

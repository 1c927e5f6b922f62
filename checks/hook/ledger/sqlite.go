package ledger

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver named sqlite
)

// What every connection to a file is told. The write lock is taken when a transaction
// begins, or two that read first would fail instead of waiting. Whoever writes copies
// the log into the file when it has grown to 8 MB because nobody found the time before:
// deliveries wait for that, for some milliseconds. A log that may grow to much more is
// copied more rarely, but the one delivery in whose time it falls, and all that come
// meanwhile, then wait for a tenth of a second, and again for the log to be cut off.
const (
	writing = "_txlock=immediate&_pragma=page_size(8192)&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)" +
		"&_pragma=wal_autocheckpoint(1024)&_pragma=journal_size_limit(16777216)"
	reading = "_pragma=busy_timeout(5000)&_pragma=query_only(1)"
	readers = 4
)

// plain does statements as they come.
func plain(db querier) statements {
	return statements{
		exec: func(ctx context.Context, query string, args ...any) (int64, error) {
			r, err := db.ExecContext(ctx, query, args...)
			if err != nil {
				return 0, err
			}
			return r.RowsAffected()
		},
		each: func(ctx context.Context, query string, args []any, row func(func(...any) error) error) error {
			r, err := db.QueryContext(ctx, query, args...)
			if err != nil {
				return err
			}
			return walk(r, func() { _ = r.Close() }, row)
		},
	}
}

// querier is what a connection, a pool and a transaction of database/sql have in common.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// writer is who writes to a file: the ledger's connection, and that of the queue in the
// same file, one at a time.
type writer struct {
	// Deliveries wait for the file only, everything else first for its turn: of many
	// lanes, one at most is ahead of a delivery.
	file, turn sync.Mutex

	on   *sql.Conn
	full bool // every transaction waits for the disk
	// wrote counts what was written, and recorded the transactions that waited for the
	// disk.
	wrote, recorded atomic.Int64
	busy            atomic.Int64 // until when works stand back, in Unix nanoseconds
}

// whole are statements that are not ended in the middle: that a context ends is seen
// between them.
func whole(s statements) statements {
	return statements{
		exec: func(ctx context.Context, query string, args ...any) (int64, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return s.exec(context.WithoutCancel(ctx), query, args...)
		},
		each: func(ctx context.Context, query string, args []any, row func(func(...any) error) error) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return s.each(context.WithoutCancel(ctx), query, args, row)
		},
	}
}

// alone are statements that are transactions of their own, and do not wait for the
// disk: what is forgotten when the power fails, that a work was done, is done again.
func (w *writer) alone() statements {
	held := whole(plain(w.on))
	return statements{
		exec: func(ctx context.Context, query string, args ...any) (int64, error) {
			defer w.queue()()
			if err := w.wait(ctx, false); err != nil {
				return 0, err
			}
			return held.exec(ctx, query, args...)
		},
		each: func(ctx context.Context, query string, args []any, row func(func(...any) error) error) error {
			defer w.queue()()
			if err := w.wait(ctx, false); err != nil {
				return err
			}
			return held.each(ctx, query, args, row)
		},
	}
}

// While deliveries come, what else is written stands back for a moment each time: a
// delivery must be on the disk within seconds, works have minutes.
const (
	moments = 20 * time.Millisecond // after a delivery, for which more are expected
	back    = 10 * time.Millisecond
)

// queue waits for the turn and the file, and gives what ends both.
func (w *writer) queue() func() {
	w.wrote.Add(1)
	w.turn.Lock()
	if time.Now().UnixNano() < w.busy.Load() {
		time.Sleep(back)
	}
	w.file.Lock()
	return func() { w.file.Unlock(); w.turn.Unlock() }
}

// wait says whether what comes next waits for the disk.
func (w *writer) wait(ctx context.Context, full bool) error {
	if w.full == full {
		return nil
	}
	query := map[bool]string{true: "PRAGMA synchronous = FULL", false: "PRAGMA synchronous = NORMAL"}[full]
	_, err := w.on.ExecContext(context.WithoutCancel(ctx), query)
	if err == nil {
		w.full = full
	}
	return err
}

// durably does a transaction that is on the disk when it returns.
func (w *writer) durably(ctx context.Context, do func(Tx) error) error {
	w.file.Lock()
	defer w.file.Unlock()
	if err := w.wait(ctx, true); err != nil {
		return err
	}
	tx, err := w.on.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	if err := do(Tx{statements: whole(plain(w.on)), SQL: tx}); err != nil {
		_ = tx.Rollback() // which fails where the database has taken all of it back itself
		return err
	}
	err = tx.Commit()
	w.wrote.Add(1)
	w.recorded.Add(1)
	w.busy.Store(time.Now().Add(moments).UnixNano())
	return err
}

// The log is copied into the file beside the writing, when hardly anything is recorded:
// the two wait for the same disk.
const (
	copying = 250 * time.Millisecond
	hardly  = 5
)

// copies copies the log into the file until it is stopped.
func (w *writer) copies(on *sql.DB, stop <-chan struct{}) {
	copied, before := int64(0), int64(0)
	for {
		select {
		case <-stop:
			return
		case <-time.After(copying):
		}
		wrote, recorded := w.wrote.Load(), w.recorded.Load()
		if wrote != copied && recorded-before <= hardly {
			copied = wrote
			// What was not copied stays in the log: the next time, or whoever writes, does it.
			_, _ = on.Exec("PRAGMA wal_checkpoint(PASSIVE)")
		}
		before = recorded
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
	seen, err := sql.Open("sqlite", file+"?"+reading)
	if err != nil {
		return nil, err
	}
	seen.SetMaxOpenConns(readers)
	w := &writer{}
	db := connect(seen.Driver(), file+"?"+writing, nil)
	beside := connect(seen.Driver(), file+"?"+writing, w.queue)
	if w.on, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	l := &Ledger{File: beside, Alone: alone, do: w.alone(), read: plain(seen), begin: w.durably, now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)", id: "INTEGER PRIMARY KEY AUTOINCREMENT", key: "INTEGER PRIMARY KEY"}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { defer close(stopped); w.copies(seen, stop) }()
	l.close = []func() error{func() error { close(stop); <-stopped; return seen.Close() }, beside.Close, w.on.Close, db.Close, guard.Close}
	l.lock = func(_ context.Context, do func() error) error { return do() }
	return l, nil
}

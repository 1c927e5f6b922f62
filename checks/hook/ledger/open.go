package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Ledger is an open database. It may be used from several goroutines.
type Ledger struct {
	// Pool is set for Postgres, File for SQLite: for the queue in the same database.
	Pool *pgxpool.Pool
	File *sql.DB
	// Alone: no other server has the file open, so whatever looks like running work
	// was cut off. Never known of Postgres.
	Alone bool

	do    statements // outside of transactions
	read  statements // where reading does not hold up writing
	begin func(context.Context, func(Tx) error) error
	now   string
	lock  func(context.Context, func() error) error
	close []func() error
	// id is how a column is made that the database numbers, key one that it does not.
	id, key string
}

// statements are what a connection does.
type statements struct {
	exec func(ctx context.Context, query string, args ...any) (int64, error)
	each func(ctx context.Context, query string, args []any, row func(scan func(...any) error) error) error
}

// Tx is an open transaction. SQL or PGX is set, after the database.
type Tx struct {
	statements
	SQL *sql.Tx
	PGX pgx.Tx
}

// Do does a statement of somebody who keeps things of his own in the same database, and
// tells how many rows it changed. Arguments are written $1.
func (tx Tx) Do(ctx context.Context, query string, args ...any) (int64, error) {
	return tx.exec(ctx, query, args...)
}

// Open opens a database and makes its tables: a URL that begins with postgres:// or
// postgresql://, or the path of an SQLite file, which is made if it is not there.
func Open(ctx context.Context, database string) (*Ledger, error) {
	open := openFile
	switch {
	case database == "":
		return nil, errors.New("open database: no file and no URL is given")
	case strings.HasPrefix(database, "postgres://"), strings.HasPrefix(database, "postgresql://"):
		open = openPostgres
	}
	l, err := open(ctx, database)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := l.lock(ctx, func() error { return l.migrate(ctx) }); err != nil {
		return nil, errors.Join(fmt.Errorf("make tables: %w", err), l.Close())
	}
	return l, nil
}

// Close lets the database go.
func (l *Ledger) Close() error {
	var errs []error
	for _, f := range l.close {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// Write does several things or none of them.
func (l *Ledger) Write(ctx context.Context, do func(Tx) error) error { return l.begin(ctx, do) }

// Locked does what two servers must not do at the same time.
func (l *Ledger) Locked(ctx context.Context, do func() error) error { return l.lock(ctx, do) }

// Ready tells whether the database answers.
func (l *Ledger) Ready(ctx context.Context) error {
	_, err := one[int64](ctx, l.read, "SELECT 1")
	return err
}

// at writes a statement for the database: {now} is its clock in milliseconds.
func (l *Ledger) at(query string) string { return strings.ReplaceAll(query, "{now}", l.now) }

// one reads one value, zero if there is no row.
func one[T any](ctx context.Context, s statements, query string, args ...any) (T, error) {
	var value T
	err := s.each(ctx, query, args, func(scan func(...any) error) error { return scan(&value) })
	return value, err
}

// rows is what both databases give for a question.
type rows interface {
	Next() bool
	Scan(...any) error
	Err() error
}

func walk(r rows, end func(), row func(scan func(...any) error) error) error {
	defer end()
	for r.Next() {
		if err := row(r.Scan); err != nil {
			return err
		}
	}
	return r.Err()
}

// text is what both databases can keep of a text: Postgres knows no NUL.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

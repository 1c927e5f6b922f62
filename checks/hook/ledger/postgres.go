package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// making is the key of the lock under which tables are made.
const making = 0x7461_6b65

// asker is what a pool and a transaction of pgx have in common.
type asker interface {
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

func native(q asker) statements {
	return statements{
		exec: func(ctx context.Context, query string, args ...any) (int64, error) {
			tag, err := q.Exec(ctx, query, args...)
			return tag.RowsAffected(), err
		},
		each: func(ctx context.Context, query string, args []any, row func(func(...any) error) error) error {
			r, err := q.Query(ctx, query, args...)
			if err != nil {
				return err
			}
			return walk(r, r.Close, row)
		},
	}
}

func openPostgres(ctx context.Context, address string) (*Ledger, error) {
	pool, err := pgxpool.New(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	l := &Ledger{Pool: pool, do: native(pool), read: native(pool), now: "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint"}
	l.close = []func() error{func() error { pool.Close(); return nil }}
	l.begin = func(ctx context.Context, do func(Tx) error) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return do(Tx{statements: native(tx), PGX: tx}) })
	}
	l.lock = func(ctx context.Context, do func() error) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(making)); err != nil {
				return err
			}
			return do()
		})
	}
	return l, nil
}

package ledger

import (
	"context"
	"time"
)

// Take takes a lane's lease, unless it is another's and has not ended.
func (l *Ledger) Take(ctx context.Context, lane, owner string, lasts time.Duration) (bool, error) {
	n, err := l.do.exec(ctx, l.at(`INSERT INTO hook_leases (lane, owner, until) VALUES ($1, $2, {now} + $3)
		ON CONFLICT (lane) DO UPDATE SET owner = excluded.owner, until = excluded.until WHERE hook_leases.until <= {now}`),
		lane, owner, lasts.Milliseconds())
	return n == 1, err
}

// Renew makes a lease last again. False: it is another's by now.
func (l *Ledger) Renew(ctx context.Context, lane, owner string, lasts time.Duration) (bool, error) {
	n, err := l.do.exec(ctx, l.at("UPDATE hook_leases SET until = {now} + $3 WHERE lane = $1 AND owner = $2"), lane, owner, lasts.Milliseconds())
	return n == 1, err
}

// Release gives a lease up, unless a work of the lane is due. Kept says that this is
// so and the lease is still the owner's.
func (l *Ledger) Release(ctx context.Context, lane, owner string) (kept bool, err error) {
	n, err := l.do.exec(ctx, l.at(`DELETE FROM hook_leases WHERE lane = $1 AND owner = $2
		AND NOT EXISTS (SELECT 1 FROM hook_works WHERE ended_at = 0 AND lane = $1 AND state = 'queued' AND due_at <= {now})`), lane, owner)
	if err != nil || n == 1 {
		return false, err
	}
	held, err := one[int64](ctx, l.do, l.at("SELECT count(*) FROM hook_leases WHERE lane = $1 AND owner = $2 AND until > {now}"), lane, owner)
	return held == 1, err
}

const drop = "DELETE FROM hook_leases WHERE lane = $1 AND owner = $2"

// Drop gives a lease up in any case.
func (l *Ledger) Drop(ctx context.Context, lane, owner string) error {
	_, err := l.do.exec(ctx, drop, lane, owner)
	return err
}

// Leave gives a lease up in a transaction.
func (l *Ledger) Leave(ctx context.Context, tx Tx, lane, owner string) error {
	_, err := tx.exec(ctx, drop, lane, owner)
	return err
}

// Forget ends the leases of servers that are known to be gone.
func (l *Ledger) Forget(ctx context.Context) error {
	_, err := l.do.exec(ctx, "DELETE FROM hook_leases")
	return err
}

package ledger

import (
	"context"
	"fmt"
	"time"
)

// Noted is a line of the audit log: who did what, and what it was about.
type Noted struct {
	ID               int64
	At               time.Time
	Who, What, About string
}

// Note adds to the audit log. Nothing is ever taken from it.
func (l *Ledger) Note(ctx context.Context, who, what, about string) error {
	err := l.Write(ctx, func(tx Tx) error {
		_, err := tx.exec(ctx, l.at("INSERT INTO hook_audit (at, who, what, about) VALUES ({now}, $1, $2, $3)"), text(who), text(what), text(about))
		return err
	})
	if err != nil {
		return fmt.Errorf("note what %s did: %w", who, err)
	}
	return nil
}

// Audit is the newest of the audit log before a line, newest first; before zero
// means from the end.
func (l *Ledger) Audit(ctx context.Context, limit int, before int64) ([]Noted, error) {
	if before == 0 {
		before = 1 << 62
	}
	var all []Noted
	err := l.read.each(ctx, "SELECT id, at, who, what, about FROM hook_audit WHERE id < $1 ORDER BY id DESC LIMIT $2", []any{before, limit}, func(scan func(...any) error) error {
		var n Noted
		var ms int64
		err := scan(&n.ID, &ms, &n.Who, &n.What, &n.About)
		n.At = moment(ms)
		all = append(all, n)
		return err
	})
	return all, err
}

// Prune forgets deliveries and works that ended longer ago than they are kept. What
// waits, runs or is a dead letter stays, with the deliveries that told of it.
func (l *Ledger) Prune(ctx context.Context, before time.Time) (int64, error) {
	var forgotten int64
	err := l.Write(ctx, func(tx Tx) error {
		ms := before.UnixMilli()
		for _, query := range []string{
			"DELETE FROM hook_steps WHERE work IN (SELECT id FROM hook_works WHERE state = 'done' AND ended_at < $1)",
			"DELETE FROM hook_works WHERE state = 'done' AND ended_at < $1",
			"DELETE FROM hook_deliveries WHERE received_at < $1 AND NOT EXISTS (SELECT 1 FROM hook_works w WHERE w.id = hook_deliveries.work AND w.state <> 'done')",
		} {
			n, err := tx.exec(ctx, query, ms)
			if err != nil {
				return fmt.Errorf("prune: %w", err)
			}
			forgotten = n
		}
		return nil
	})
	return forgotten, err
}

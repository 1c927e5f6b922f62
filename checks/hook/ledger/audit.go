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

// atATime is how much is forgotten in one transaction: deliveries wait for it.
const atATime = 500

// Prune forgets deliveries and works that ended longer ago than they are kept, and says
// how many deliveries. What waits, runs or is a dead letter that nobody has dismissed
// stays, with the deliveries that told of it.
func (l *Ledger) Prune(ctx context.Context, before time.Time) (int64, error) {
	works, err := l.forget(ctx, "hook_works", "state IN ('done', 'dismissed') AND ended_at < $1", before, "DELETE FROM hook_steps WHERE work IN ")
	if err != nil {
		return works, err
	}
	return l.forget(ctx, "hook_deliveries",
		"received_at < $1 AND NOT EXISTS (SELECT 1 FROM hook_works w WHERE w.id = hook_deliveries.work AND w.state NOT IN ('done', 'dismissed'))", before, "DELETE FROM hook_payloads WHERE delivery IN ")
}

// forget takes old rows from a table, and first what belongs to them.
func (l *Ledger) forget(ctx context.Context, table, old string, before time.Time, belongings string) (int64, error) {
	them := "(SELECT id FROM " + table + " WHERE " + old + " ORDER BY id LIMIT $2)"
	for all := int64(0); ; {
		var n int64
		err := l.Write(ctx, func(tx Tx) error {
			_, err := tx.exec(ctx, belongings+them, before.UnixMilli(), atATime)
			if err == nil {
				n, err = tx.exec(ctx, "DELETE FROM "+table+" WHERE id IN "+them, before.UnixMilli(), atATime)
			}
			return err
		})
		if err != nil {
			return all, fmt.Errorf("prune: %w", err)
		}
		if all += n; n < atATime {
			return all, nil
		}
	}
}

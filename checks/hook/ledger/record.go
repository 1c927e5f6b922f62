package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/tminus/deploy-action/checks/hook"
)

// Job is a work that needs somebody to begin it, and the lane on which it waits.
type Job struct {
	Work      int64
	Key, Lane string
	GUID      string
}

// errRaced says that another server recorded the same delivery at the same moment.
var errRaced = errors.New("another server has just recorded it; try again")

// Record writes down a delivery and the work it asks for. A job is given when
// somebody must begin it: the work is new, or it had ended as a dead letter.
func (l *Ledger) Record(ctx context.Context, tx Tx, d hook.Delivery, c hook.Decision) (hook.Receipt, *Job, error) {
	c.Reason, c.Environment = text(c.Reason), text(c.Environment)
	known, work, before := false, int64(0), ""
	err := tx.each(ctx, "SELECT work, reason FROM hook_deliveries WHERE guid = $1", []any{d.GUID}, func(scan func(...any) error) error {
		known = true
		return scan(&work, &before)
	})
	if err != nil {
		return hook.Receipt{}, nil, fmt.Errorf("find delivery: %w", err)
	}
	if known {
		return l.repeated(ctx, tx, d, c, work, before)
	}
	receipt, job, err := l.Order(ctx, tx, d, c)
	if err != nil {
		return hook.Receipt{}, nil, err
	}
	// Without RETURNING, for which SQLite would keep a copy of every page it changes.
	n, err := tx.exec(ctx, `INSERT INTO hook_deliveries (guid, event, action, repository, environment, hook, received_at, attempts, decision, reason, work)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10) ON CONFLICT (guid) DO NOTHING`,
		d.GUID, d.Event, d.Action, d.Repository, c.Environment, d.Hook, d.Received.UnixMilli(), string(receipt.Outcome), receipt.Reason, receipt.Work)
	if err == nil && n == 0 {
		err = errRaced
	}
	if err == nil {
		// Beside it, or it would be written again with every change.
		_, err = tx.exec(ctx, "INSERT INTO hook_payloads (delivery, payload) VALUES ((SELECT id FROM hook_deliveries WHERE guid = $1), $2)", d.GUID, d.Payload)
	}
	if err != nil {
		return hook.Receipt{}, nil, fmt.Errorf("record delivery: %w", err)
	}
	return receipt, job, nil
}

// repeated judges a delivery that was recorded before. What was ignored then may be
// work now: what is allowed may have been changed.
func (l *Ledger) repeated(ctx context.Context, tx Tx, d hook.Delivery, c hook.Decision, work int64, before string) (hook.Receipt, *Job, error) {
	if _, err := tx.exec(ctx, "UPDATE hook_deliveries SET attempts = attempts + 1 WHERE guid = $1", d.GUID); err != nil {
		return hook.Receipt{}, nil, fmt.Errorf("record delivery: %w", err)
	}
	seen := hook.Receipt{Outcome: hook.Seen, Reason: "seen already: " + before, Work: work}
	if c.Order == nil {
		return seen, nil, nil
	}
	if work == 0 {
		receipt, job, err := l.Order(ctx, tx, d, c)
		if err == nil {
			_, err = tx.exec(ctx, "UPDATE hook_deliveries SET decision = $2, reason = $3, environment = $4, work = $5 WHERE guid = $1", d.GUID, string(receipt.Outcome), receipt.Reason, c.Environment, receipt.Work)
		}
		return receipt, job, err
	}
	job, err := l.Redrive(ctx, tx, work)
	if err != nil {
		return hook.Receipt{}, nil, err
	}
	if job != nil {
		return again(work), job, nil
	}
	return seen, nil, nil
}

func again(work int64) hook.Receipt {
	return hook.Receipt{Outcome: hook.Again, Reason: "the work had not succeeded and is done again", Work: work}
}

// Order writes down the work of a delivery, if it asks for any and it is not known
// under its key. The delivery itself is not written down.
func (l *Ledger) Order(ctx context.Context, tx Tx, d hook.Delivery, c hook.Decision) (hook.Receipt, *Job, error) {
	if c.Order == nil {
		return hook.Receipt{Outcome: hook.Ignored, Reason: c.Reason}, nil, nil
	}
	o := *c.Order
	o.Key, o.Lane = text(o.Key), text(o.Lane)
	if o.Lane == "" {
		o.Lane = o.Key
	}
	if len(o.Args) == 0 {
		o.Args = []byte("null")
	}
	n, err := tx.exec(ctx, l.at(`INSERT INTO hook_works (key, lane, guid, repository, environment, reason, args, state, owner, runs, tries, cuts, error, created_at, due_at, begun_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', '', 0, 0, 0, '', {now}, {now}, 0, 0)
		ON CONFLICT (key) DO NOTHING`),
		o.Key, o.Lane, d.GUID, d.Repository, c.Environment, c.Reason, string(o.Args))
	if err != nil {
		return hook.Receipt{}, nil, fmt.Errorf("record work: %w", err)
	}
	if n == 0 {
		return l.join(ctx, tx, o.Key)
	}
	id, err := one[int64](ctx, tx.statements, "SELECT id FROM hook_works WHERE key = $1", o.Key)
	if err != nil {
		return hook.Receipt{}, nil, fmt.Errorf("record work: %w", err)
	}
	return hook.Receipt{Outcome: hook.Queued, Reason: c.Reason, Work: id}, &Job{Work: id, Key: o.Key, Lane: o.Lane, GUID: d.GUID}, nil
}

// join finds the work that was told before under the same key.
func (l *Ledger) join(ctx context.Context, tx Tx, key string) (hook.Receipt, *Job, error) {
	var id int64
	var guid string
	err := tx.each(ctx, "SELECT id, guid FROM hook_works WHERE key = $1", []any{key}, func(scan func(...any) error) error { return scan(&id, &guid) })
	if err != nil {
		return hook.Receipt{}, nil, fmt.Errorf("find work: %w", err)
	}
	job, err := l.Redrive(ctx, tx, id)
	if err != nil {
		return hook.Receipt{}, nil, err
	}
	if job != nil {
		return again(id), job, nil
	}
	return hook.Receipt{Outcome: hook.Joined, Reason: "delivery " + guid + " told of the same work", Work: id}, nil, nil
}

// Redrive makes a dead letter a work that waits again, also one that was dismissed. It
// gives no job when the work is no dead letter.
func (l *Ledger) Redrive(ctx context.Context, tx Tx, work int64) (*Job, error) {
	var job *Job
	err := tx.each(ctx, l.at(`UPDATE hook_works SET state = 'queued', tries = 0, cuts = 0, owner = '', due_at = {now}, ended_at = 0
		WHERE id = $1 AND state IN ('dead', 'dismissed') RETURNING key, lane, guid`),
		[]any{work}, func(scan func(...any) error) error {
			job = &Job{Work: work}
			return scan(&job.Key, &job.Lane, &job.GUID)
		})
	if err != nil {
		return nil, fmt.Errorf("redrive work %d: %w", work, err)
	}
	return job, nil
}

// Dismiss makes a dead letter one that nobody has to look at any more. It gives no job
// when the work is no dead letter.
func (l *Ledger) Dismiss(ctx context.Context, tx Tx, work int64) (*Job, error) {
	var job *Job
	err := tx.each(ctx, l.at("UPDATE hook_works SET state = 'dismissed', ended_at = {now} WHERE id = $1 AND state = 'dead' RETURNING key, lane, guid"),
		[]any{work}, func(scan func(...any) error) error {
			job = &Job{Work: work}
			return scan(&job.Key, &job.Lane, &job.GUID)
		})
	if err != nil {
		return nil, fmt.Errorf("dismiss work %d: %w", work, err)
	}
	return job, nil
}

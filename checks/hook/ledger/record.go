package ledger

import (
	"context"
	"fmt"

	"github.com/tminus/deploy-action/checks/hook"
)

// Job is a work that needs somebody to begin it.
type Job struct {
	Work int64
	Key  string
	GUID string
}

// Record writes down a delivery and the work it asks for. A job is given when
// somebody must begin it: the work is new, or it had ended as a dead letter.
func (l *Ledger) Record(ctx context.Context, tx Tx, d hook.Delivery, c hook.Decision) (hook.Receipt, *Job, error) {
	c.Reason, c.Environment = text(c.Reason), text(c.Environment)
	outcome := hook.Queued
	if c.Order == nil {
		outcome = hook.Ignored
	}
	var attempts, work int64
	var before string
	err := tx.each(ctx, `INSERT INTO hook_deliveries (guid, event, action, repository, environment, hook, received_at, attempts, decision, reason, work, payload)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, 0, $10)
		ON CONFLICT (guid) DO UPDATE SET attempts = hook_deliveries.attempts + 1
		RETURNING attempts, work, reason`,
		[]any{d.GUID, d.Event, d.Action, d.Repository, c.Environment, d.Hook, d.Received.UnixMilli(), string(outcome), c.Reason, d.Payload},
		func(scan func(...any) error) error { return scan(&attempts, &work, &before) })
	if err != nil {
		return hook.Receipt{}, nil, fmt.Errorf("record delivery: %w", err)
	}
	first := attempts == 1
	switch {
	case c.Order == nil && first:
		return hook.Receipt{Outcome: hook.Ignored, Reason: c.Reason}, nil, nil
	case c.Order == nil || work != 0 && !first:
		return l.repeated(ctx, tx, d, c, work, before)
	}
	return l.order(ctx, tx, d, c)
}

// repeated judges a delivery that was recorded before.
func (l *Ledger) repeated(ctx context.Context, tx Tx, d hook.Delivery, c hook.Decision, work int64, before string) (hook.Receipt, *Job, error) {
	if c.Order != nil {
		job, err := l.Redrive(ctx, tx, work)
		if err != nil {
			return hook.Receipt{}, nil, err
		}
		if job != nil {
			return hook.Receipt{Outcome: hook.Again, Reason: "the work had not succeeded and is done again", Work: work}, job, nil
		}
	}
	return hook.Receipt{Outcome: hook.Seen, Reason: "seen already: " + before, Work: work}, nil, nil
}

// order writes down the work of a delivery, if it is not known under its key.
func (l *Ledger) order(ctx context.Context, tx Tx, d hook.Delivery, c hook.Decision) (hook.Receipt, *Job, error) {
	o := *c.Order
	o.Key, o.Lane = text(o.Key), text(o.Lane)
	if o.Lane == "" {
		o.Lane = o.Key
	}
	if len(o.Args) == 0 {
		o.Args = []byte("null")
	}
	id, err := one[int64](ctx, tx.statements, l.at(`INSERT INTO hook_works (key, lane, guid, repository, environment, reason, args, state, owner, job, runs, tries, cuts, error, created_at, due_at, begun_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', '', 0, 0, 0, 0, '', {now}, {now}, 0, 0)
		ON CONFLICT (key) DO NOTHING RETURNING id`),
		o.Key, o.Lane, d.GUID, d.Repository, c.Environment, c.Reason, string(o.Args))
	if err != nil {
		return hook.Receipt{}, nil, fmt.Errorf("record work: %w", err)
	}
	receipt := hook.Receipt{Outcome: hook.Queued, Reason: c.Reason, Work: id}
	job := &Job{Work: id, Key: o.Key, GUID: d.GUID}
	if id == 0 {
		receipt, job, err = l.join(ctx, tx, o.Key)
	}
	if err == nil {
		_, err = tx.exec(ctx, "UPDATE hook_deliveries SET decision = $2, reason = $3, environment = $4, work = $5 WHERE guid = $1", d.GUID, string(receipt.Outcome), receipt.Reason, c.Environment, receipt.Work)
	}
	return receipt, job, err
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
		return hook.Receipt{Outcome: hook.Again, Reason: "the work had not succeeded and is done again", Work: id}, job, nil
	}
	return hook.Receipt{Outcome: hook.Joined, Reason: "delivery " + guid + " told of the same work", Work: id}, nil, nil
}

// Redrive makes a dead letter a work that waits again. It gives no job when the work
// is no dead letter.
func (l *Ledger) Redrive(ctx context.Context, tx Tx, work int64) (*Job, error) {
	var job *Job
	err := tx.each(ctx, l.at("UPDATE hook_works SET state = 'queued', tries = 0, cuts = 0, owner = '', due_at = {now}, ended_at = 0 WHERE id = $1 AND state = 'dead' RETURNING key, guid"),
		[]any{work}, func(scan func(...any) error) error {
			job = &Job{Work: work}
			return scan(&job.Key, &job.GUID)
		})
	if err != nil {
		return nil, fmt.Errorf("redrive work %d: %w", work, err)
	}
	return job, nil
}

// Queued notes which job of the queue begins a work.
func (l *Ledger) Queued(ctx context.Context, tx Tx, work, job int64) error {
	_, err := tx.exec(ctx, "UPDATE hook_works SET job = $2 WHERE id = $1", work, job)
	return err
}

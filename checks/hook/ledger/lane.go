package ledger

import (
	"context"
	"time"
)

// Lane is one with something to do, and the queue's job that begins it; zero without.
type Lane struct {
	Name string
	Job  int64
}

// Want tells whether a lane needs a job that begins it: there is none yet, or only the
// one that is known to be of no use. Whoever begins the lane waits until the transaction
// has ended, and so sees the work because of which it was asked.
func (l *Ledger) Want(ctx context.Context, tx Tx, of Lane) (bool, error) {
	// Postgres locks the row also where there is nothing to update.
	n, err := tx.exec(ctx, `INSERT INTO hook_lanes (lane, job) VALUES ($1, 0)
		ON CONFLICT (lane) DO UPDATE SET job = 0 WHERE hook_lanes.job = $2`, of.Name, of.Job)
	return n == 1, err
}

// Wanted notes which job begins a lane.
func (l *Ledger) Wanted(ctx context.Context, tx Tx, of Lane) error {
	_, err := tx.exec(ctx, "UPDATE hook_lanes SET job = $2 WHERE lane = $1", of.Name, of.Job)
	return err
}

// Begun says that a lane's job begins: what is recorded from now on needs another one.
func (l *Ledger) Begun(ctx context.Context, lane string) error {
	_, err := l.do.exec(ctx, "DELETE FROM hook_lanes WHERE lane = $1", lane)
	return err
}

// Due gives lanes that nobody works on nor will, though they have a work to begin: one
// that has been due for longer than patience, or that was left running by a server that
// is gone. The lane whose work has waited longest comes first.
func (l *Ledger) Due(ctx context.Context, patience time.Duration, most int) ([]Lane, error) {
	var lanes []Lane
	err := l.read.each(ctx, l.at(`SELECT w.lane, COALESCE(h.job, 0)
		FROM (SELECT lane, min(due_at) AS due_at FROM hook_works WHERE ended_at = 0 AND (state = 'running' OR due_at <= {now} - $1) GROUP BY lane) w
		LEFT JOIN hook_lanes h ON h.lane = w.lane LEFT JOIN river_job j ON j.id = h.job
		WHERE NOT EXISTS (SELECT 1 FROM hook_leases l WHERE l.lane = w.lane AND l.until > {now})
		AND (j.id IS NULL OR j.state <> 'available')
		ORDER BY w.due_at, w.lane LIMIT $2`), []any{patience.Milliseconds(), most}, func(scan func(...any) error) error {
		var lane Lane
		err := scan(&lane.Name, &lane.Job)
		lanes = append(lanes, lane)
		return err
	})
	return lanes, err
}

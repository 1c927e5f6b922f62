package queue

import (
	"context"
	"time"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// glance is how often a server looks for lanes that have something to do and that
// nobody begins: their server is gone, or the job's time has come and there is no leader
// that says so. Source: river v0.43.0 elects one up to 16 s after the last one crashed,
// and has jobs wait for up to 5 s. patience is how long that is left to River.
const (
	glance   = time.Second
	patience = 500 * time.Millisecond
)

// many bounds how many lanes are taken note of at a time.
const many = 1000

// lookout looks for lanes that nobody begins, until the queue closes.
func (q *Queue) lookout() {
	blind := false
	for {
		select {
		case <-q.closing:
			return
		case <-time.After(min(glance, q.o.Lease/4)):
		}
		ctx, cancel := context.WithTimeout(q.ctx, writes)
		err := q.look(ctx, patience)
		cancel()
		if err != nil && !blind {
			q.o.Log.Warn("nobody knows whether there is work", "error", err)
		}
		blind = err != nil
	}
}

// look has the lanes begun that have been due for longer than somebody is patient.
func (q *Queue) look(ctx context.Context, patience time.Duration) error {
	lanes, err := q.Ledger.Due(ctx, patience, many)
	if err != nil || len(lanes) == 0 {
		return err
	}
	return q.Ledger.Write(ctx, func(tx ledger.Tx) error { return q.want(ctx, tx, lanes) })
}

// prune forgets what ended longer ago than it is kept.
func (q *Queue) prune(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-q.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	n, err := q.Ledger.Prune(ctx, time.Now().Add(-q.o.Keep))
	if n > 0 {
		q.o.Log.Info("old deliveries are forgotten", "count", n)
	}
	return err
}

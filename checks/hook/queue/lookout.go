package queue

import (
	"context"
	"time"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// lookout takes up works that were left by servers that are gone, until the queue
// closes.
func (q *Queue) lookout() {
	for {
		select {
		case <-q.closing:
			return
		case <-time.After(q.o.Lease / 4):
		}
		ctx, cancel := context.WithTimeout(q.ctx, writes)
		err := q.takeUp(ctx, q.o.Lease*3/2, false)
		cancel()
		if err != nil {
			q.o.Log.Warn("nobody knows whether works were left", "error", err)
		}
	}
}

// takeUp gives stranded works a new job each. Alone says that no other server lives.
func (q *Queue) takeUp(ctx context.Context, patience time.Duration, alone bool) error {
	var jobs []ledger.Job
	err := q.Ledger.Write(ctx, func(tx ledger.Tx) error {
		if alone {
			if err := q.Ledger.Forget(ctx, tx); err != nil {
				return err
			}
		}
		var err error
		if jobs, err = q.Ledger.Stranded(ctx, tx, patience, alone); err != nil {
			return err
		}
		return q.enqueue(ctx, tx, jobs)
	})
	if err != nil {
		return err
	}
	for _, j := range jobs {
		q.o.Log.Warn("work was cut off and is taken up", "delivery", j.GUID, "work", j.Work, "key", j.Key)
	}
	return nil
}

// prune forgets what ended longer ago than it is kept.
func (q *Queue) prune(ctx context.Context) error {
	n, err := q.Ledger.Prune(ctx, time.Now().Add(-q.o.Keep))
	if n > 0 {
		q.o.Log.Info("old deliveries are forgotten", "count", n)
	}
	return err
}

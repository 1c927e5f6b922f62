package queue

import (
	"context"
	"time"
)

// glance is how often a server looks for lanes with work that it was not told of: what
// another server recorded, had to try again later, or left behind.
const glance = time.Second

// many bounds how many lanes are taken note of at a time.
const many = 1000

// pruning is how often what is old enough is forgotten.
const pruning = time.Hour

// lookout looks for lanes with work until the queue closes.
func (q *Queue) lookout() {
	blind := false
	var pruned time.Time
	for {
		ctx, cancel := context.WithTimeout(q.ctx, writes)
		err := q.look(ctx)
		cancel()
		if err != nil && !blind {
			q.o.Log.Warn("nobody knows whether there is work", "error", err)
		}
		blind = err != nil
		if !blind && time.Since(pruned) > pruning {
			pruned = time.Now()
			q.prune()
		}
		select {
		case <-q.closing:
			return
		case <-time.After(min(glance, q.o.Lease/4)):
		}
	}
}

// look offers the lanes that have work and nobody who does it.
func (q *Queue) look(ctx context.Context) error {
	found, err := q.Ledger.Due(ctx, many)
	for _, lane := range found {
		q.lanes.offer(lane)
	}
	return err
}

// prune forgets what ended longer ago than it is kept.
func (q *Queue) prune() {
	ctx, cancel := context.WithTimeout(q.ctx, pruning)
	defer cancel()
	go func() {
		select {
		case <-q.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	n, err := q.Ledger.Prune(ctx, time.Now().Add(-q.o.Keep))
	if err != nil && !q.isClosing() {
		q.o.Log.Warn("old deliveries are not forgotten", "error", err)
	}
	if n > 0 {
		q.o.Log.Info("old deliveries are forgotten", "count", n)
	}
}

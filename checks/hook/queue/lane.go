package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

var errLost = errors.New("another server has the lane")

// mostCuts is how often a work may end with its server before it is taken for the
// cause.
const mostCuts = 20

// busy is how long a job waits whose lane is worked on. Whoever has the lane does the
// job's work too, so this only matters if that server falls silent. With a fifth more
// it is still below the 5 s from which river v0.43.0 leaves it to its leader's
// scheduler, and after a crash it takes a while until there is a leader again.
const busy = 4 * time.Second

// about spreads a time by a fifth, so that what failed together does not come back
// together.
func about(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// work is what a job does: it works on its lane, and comes back as long as its own
// work is not over.
func (q *Queue) work(ctx context.Context, t task) error {
	ctx = context.WithoutCancel(ctx)
	found, err := q.Ledger.Works(ctx, ledger.Filter{ID: t.Work})
	if err != nil || len(found) == 0 {
		return err
	}
	wait, over, err := q.Ledger.Wait(ctx, t.Work)
	if err != nil || over {
		return err
	}
	if wait > 0 {
		return river.JobSnooze(wait)
	}
	lane, owner := found[0].Lane, q.id+"/"+q.o.ID()
	mine, err := q.Ledger.Take(ctx, lane, owner, q.o.Lease)
	if err != nil {
		return fmt.Errorf("take lane %s: %w", lane, err)
	}
	if !mine {
		return river.JobSnooze(about(min(busy, q.o.Lease)))
	}
	if err := q.drain(ctx, lane, owner); err != nil {
		q.o.Log.Error("lane left", "delivery", t.Delivery, "lane", lane, "error", err)
	}
	wait, over, err = q.Ledger.Wait(ctx, t.Work)
	if err != nil || over {
		return err
	}
	return river.JobSnooze(wait)
}

// drain does the lane's works until none is due.
func (q *Queue) drain(ctx context.Context, lane, owner string) error {
	running, end := context.WithCancelCause(q.ctx)
	beat := make(chan struct{})
	go func() {
		defer close(beat)
		q.hold(running, lane, owner, end)
	}()
	defer func() { end(nil); <-beat }()
	for !q.isClosing() {
		w, ok, err := q.Ledger.Next(ctx, lane, owner)
		if err != nil {
			return errors.Join(err, q.Ledger.Drop(ctx, lane, owner))
		}
		if !ok {
			kept, err := q.Ledger.Release(ctx, lane, owner)
			if err != nil || !kept {
				return err
			}
			continue
		}
		if err := q.run(running, w, owner); err != nil {
			return errors.Join(err, q.Ledger.Drop(ctx, lane, owner))
		}
	}
	return q.Ledger.Drop(ctx, lane, owner)
}

// hold renews a lease until its context ends. If the lease is lost, or may be, it
// ends what is done under it.
func (q *Queue) hold(ctx context.Context, lane, owner string, end context.CancelCauseFunc) {
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(q.o.Lease / 4):
		}
		asked := time.Now()
		once, cancel := context.WithTimeout(ctx, q.o.Lease/4)
		mine, err := q.Ledger.Renew(once, lane, owner, q.o.Lease)
		cancel()
		switch {
		case err == nil && mine:
			last = asked
		case err == nil || time.Since(last) > q.o.Lease*3/4:
			end(errLost)
			return
		}
	}
}

// run does one work and writes down how it ended. An error says that this was not
// possible, or that the lane must be left.
func (q *Queue) run(ctx context.Context, w ledger.Work, owner string) error {
	log := q.o.Log.With("delivery", w.Delivery, "work", w.ID, "key", w.Key, "run", w.Runs)
	log.Info("work begins", "tries", w.Tries, "cuts", w.Cuts)
	q.watch.publish(Event{Work: w.ID, Key: w.Key, Lane: w.Lane, State: ledger.Running, At: w.Begun})
	began := time.Now()
	limited, cancel := context.WithTimeoutCause(ctx, q.o.Limit, fmt.Errorf("it took longer than %s", q.o.Limit))
	defer cancel()
	var err error
	if w.Cuts > mostCuts {
		err = fmt.Errorf("the server ended %d times while it ran", w.Cuts)
		w.Tries = len(q.o.Waits)
	} else {
		err = q.attempt(limited, w, owner)
	}
	log = log.With("took", time.Since(began))
	state, write := ledger.Waiting, func(c context.Context) error { return q.Ledger.HandBack(c, w.ID, owner) }
	cause := context.Cause(limited)
	switch {
	case err == nil:
		log.Info("work is done")
		state, write = ledger.Done, func(c context.Context) error { return q.Ledger.Succeed(c, w.ID, owner) }
	case errors.Is(cause, errLost):
		log.Warn("work is left to another server", "error", err)
		return errLost
	case errors.Is(cause, errStopped):
		log.Info("work is handed back", "error", err)
	case w.Tries >= len(q.o.Waits):
		log.Error("work is a dead letter", "error", err)
		state, write = ledger.Dead, func(c context.Context) error { return q.Ledger.Bury(c, w.ID, owner, text(err, cause)) }
	default:
		wait := about(q.o.Waits[w.Tries])
		log.Warn("work failed and is tried again", "error", err, "wait", wait)
		write = func(c context.Context) error { return q.Ledger.Retry(c, w.ID, owner, text(err, cause), wait) }
	}
	failed := err
	err = persist(ctx, write)
	if err == nil {
		q.o.After(w, state, time.Since(began), failed)
	}
	q.watch.publish(Event{Work: w.ID, Key: w.Key, Lane: w.Lane, State: state, At: time.Now()})
	return err
}

// text is an error as the ledger keeps it.
func text(err, cause error) string {
	if cause != nil && errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	s := err.Error()
	return s[:min(len(s), 4000)]
}

// persist writes an end down, again if it must: the work would be done once more.
func persist(ctx context.Context, write func(context.Context) error) error {
	var err error
	for range 3 {
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), writes)
		err = write(c)
		cancel()
		if err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// attempt calls whoever does the works. A panic is a failed try.
func (q *Queue) attempt(ctx context.Context, w ledger.Work, owner string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			q.o.Log.Error("work broke", "delivery", w.Delivery, "work", w.ID, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("it broke: %v", p)
		}
	}()
	return q.o.Do(ctx, w, func(step string) { q.say(ctx, w, step) })
}

// say writes a step down and tells it to whoever watches. That it could not be
// written is no reason to end the work.
func (q *Queue) say(ctx context.Context, w ledger.Work, step string) {
	at, err := q.Ledger.Say(context.WithoutCancel(ctx), w.ID, w.Runs, step)
	if err != nil {
		q.o.Log.Warn("step not written down", "delivery", w.Delivery, "work", w.ID, "error", err)
		at = time.Now()
	}
	q.watch.publish(Event{Work: w.ID, Key: w.Key, Lane: w.Lane, State: ledger.Running, Step: step, At: at})
}

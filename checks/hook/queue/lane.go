package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

var errLost = errors.New("another server has the lane")

// mostCuts is how often a work may end with its server before it is taken for the
// cause.
const mostCuts = 20

// late is how much later than a try is due somebody looks: the database's clock counts
// milliseconds, and the queue's may cut what is less.
const late = 2 * time.Millisecond

// about spreads a time by a fifth, so that what failed together does not come back
// together.
func about(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// tend does what is due in a lane, unless another server does: whoever has the lease
// looks again before it gives it up. The context says for how long works are begun.
func (q *Queue) tend(more context.Context, lane string) {
	ctx, owner := context.WithoutCancel(q.ctx), q.id+"/"+q.o.ID()
	mine, err := asked(ctx, func(c context.Context) (bool, error) {
		if err := q.Ledger.Begun(c, lane); err != nil {
			return false, err
		}
		return q.Ledger.Take(c, lane, owner, q.o.Lease)
	})
	if err == nil && mine {
		err = q.drain(ctx, more, lane, owner)
	}
	if err != nil {
		q.o.Log.Error("lane left", "lane", lane, "error", err)
	}
}

// asked asks the ledger no longer than an answer may take.
func asked[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	c, cancel := context.WithTimeout(ctx, writes)
	defer cancel()
	return ask(c)
}

// drain does the lane's works until none is due, or no more may be begun here.
func (q *Queue) drain(ctx, more context.Context, lane, owner string) error {
	running, end := context.WithCancelCause(q.ctx)
	beat := make(chan struct{})
	go func() {
		defer close(beat)
		q.hold(running, lane, owner, end)
	}()
	defer func() { end(nil); <-beat }()
	drop := func() error {
		_, err := asked(ctx, func(c context.Context) (bool, error) { return true, q.Ledger.Drop(c, lane, owner) })
		return err
	}
	for !q.isClosing() && more.Err() == nil {
		w, err := asked(ctx, func(c context.Context) (ledger.Work, error) { return q.Ledger.Next(c, lane, owner) })
		if err != nil {
			return errors.Join(err, drop())
		}
		if w.ID == 0 {
			kept, err := asked(ctx, func(c context.Context) (bool, error) { return q.Ledger.Release(c, lane, owner) })
			if err != nil || !kept {
				return err
			}
			continue
		}
		if err := q.run(running, w, owner); err != nil {
			return errors.Join(err, drop())
		}
	}
	return q.leave(ctx, lane, owner)
}

// leave gives a lane to whoever begins its next job.
func (q *Queue) leave(ctx context.Context, lane, owner string) error {
	_, err := asked(ctx, func(c context.Context) (bool, error) {
		return true, q.Ledger.Write(c, func(tx ledger.Tx) error {
			if err := q.Ledger.Leave(c, tx, lane, owner); err != nil {
				return err
			}
			return q.want(c, tx, []ledger.Lane{{Name: lane}})
		})
	})
	return err
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
	state, write := ledger.Waiting, func(c context.Context) error { return q.handBack(c, w, owner) }
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
		why := text(err, cause)
		write = func(c context.Context) error { return q.retry(c, w, owner, why, wait) }
	}
	failed := err
	err = persist(ctx, write)
	if err == nil {
		q.o.After(w, state, time.Since(began), failed)
	}
	q.watch.publish(Event{Work: w.ID, Key: w.Key, Lane: w.Lane, State: state, At: time.Now()})
	return err
}

// handBack has another server do a work.
func (q *Queue) handBack(ctx context.Context, w ledger.Work, owner string) error {
	return q.Ledger.Write(ctx, func(tx ledger.Tx) error {
		if err := q.Ledger.HandBack(ctx, tx, w.ID, owner); err != nil {
			return err
		}
		return q.want(ctx, tx, []ledger.Lane{{Name: w.Lane}})
	})
}

// retry has a work tried again after a while.
func (q *Queue) retry(ctx context.Context, w ledger.Work, owner, why string, wait time.Duration) error {
	return q.Ledger.Write(ctx, func(tx ledger.Tx) error {
		due, err := q.Ledger.Retry(ctx, tx, w.ID, owner, why, wait)
		if err != nil {
			return err
		}
		return q.later(ctx, tx, w.Lane, due.Add(late))
	})
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

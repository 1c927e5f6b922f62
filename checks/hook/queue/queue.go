package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// Do does a work. It must end soon when its context does, and may be called again for
// a work that was done in part or whole. Say writes down how far it is.
type Do func(ctx context.Context, w ledger.Work, say func(step string)) error

// Options open a Queue. What is zero is set to what is said.
type Options struct {
	// Database is a URL of Postgres or the path of an SQLite file.
	Database string
	Do       Do
	Log      *slog.Logger
	// Workers is how many lanes are worked on side by side here; 8.
	Workers int
	// Waits are the times between tries, give or take a fifth; 5 s, 30 s, 2 min and
	// 10 min. There is one try more than there are waits.
	Waits []time.Duration
	// Lease is how long a server that fell silent keeps a lane; 20 s.
	Lease time.Duration
	// Limit bounds one try; 15 min.
	Limit time.Duration
	// Grace is how long running works may go on when the server stops; 8 s.
	Grace time.Duration
	// Keep is how long deliveries and works that ended are remembered; 14 days. GitHub
	// can deliver again for 3 days, an Enterprise server for 7.
	Keep time.Duration
	// After is told of every try that came to its end here: with the state that follows
	// and the error of a try that failed. It must be quick. Nobody is told if it is nil.
	After func(w ledger.Work, next ledger.State, took time.Duration, err error)
	// ID makes ids that nobody else makes; random ones if it is nil.
	ID func() string
}

func (o *Options) complete() error {
	if o.Do == nil || o.Log == nil {
		return errors.New("open queue: want somebody to do the works and to log")
	}
	if o.Waits == nil {
		o.Waits = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}
	}
	if o.Workers == 0 {
		o.Workers = 8
	}
	for d, preset := range map[*time.Duration]time.Duration{&o.Lease: 20 * time.Second, &o.Limit: 15 * time.Minute, &o.Grace: 8 * time.Second, &o.Keep: 14 * 24 * time.Hour} {
		if *d == 0 {
			*d = preset
		}
	}
	if o.After == nil {
		o.After = func(ledger.Work, ledger.State, time.Duration, error) {}
	}
	if o.ID == nil {
		o.ID = rand.Text
	}
	return nil
}

// Queue is one server's share in the work.
type Queue struct {
	// Ledger is what was recorded, for reading and for notes.
	Ledger *ledger.Ledger

	o       Options
	id      string
	rail    rail
	asks    chan ask
	closing chan struct{} // closed when nothing new is begun
	ctx     context.Context
	cut     context.CancelCauseFunc // ends running works
	beside  sync.WaitGroup          // who records and who looks for lanes with work
	watch   watchers
	stop    sync.Once
	stopped error
}

// Open opens the database, takes up what was cut off, and begins to work.
func Open(ctx context.Context, o Options) (*Queue, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	l, err := ledger.Open(ctx, o.Database)
	if err != nil {
		return nil, err
	}
	q := &Queue{Ledger: l, o: o, id: o.ID(), asks: make(chan ask), closing: make(chan struct{})}
	q.ctx, q.cut = context.WithCancelCause(context.WithoutCancel(ctx))
	if err := q.begin(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return q, nil
}

func (q *Queue) begin(ctx context.Context) error {
	var err error
	if q.rail, err = q.lay(ctx); err != nil {
		return err
	}
	if q.Ledger.Alone {
		if err := q.Ledger.Forget(ctx); err != nil {
			return err
		}
		if err := q.look(ctx, 0); err != nil {
			return err
		}
	}
	if err := q.rail.start(q.ctx); err != nil {
		return fmt.Errorf("start queue: %w", err)
	}
	q.beside.Go(q.recorder)
	q.beside.Go(q.lookout)
	return nil
}

// errStopped ends works that outlast the grace.
var errStopped = errors.New("the server stops")

// Stop takes no more deliveries, lets running works end as long as the grace lasts,
// hands back those that did not, which is no failed try, and closes the database. An
// error says that a work did not end when it was told to: then the database is still
// open, and the work will be begun again as one that was cut off.
func (q *Queue) Stop(ctx context.Context) error {
	q.stop.Do(func() {
		close(q.closing)
		q.beside.Wait()
		grace, cancel := context.WithTimeout(ctx, q.o.Grace)
		defer cancel()
		err := q.rail.stop(grace)
		if err != nil {
			q.cut(errStopped)
			err = q.rail.stop(ctx)
		}
		q.cut(errStopped)
		q.watch.close()
		if err != nil {
			q.stopped = err
			return
		}
		q.stopped = q.Ledger.Close()
	})
	return q.stopped
}

func (q *Queue) isClosing() bool {
	select {
	case <-q.closing:
		return true
	default:
		return false
	}
}

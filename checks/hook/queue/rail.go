package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// rail is what is needed of the queue's library, whichever database it runs on.
type rail struct {
	start, stop func(context.Context) error
	insert      func(context.Context, ledger.Tx, []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
}

// task is the one kind of job that comes from deliveries. What it is about is in the
// ledger.
type task struct {
	Work     int64  `json:"work"`
	Key      string `json:"key"`
	Delivery string `json:"delivery"`
}

// Kind implements river.JobArgs.
func (task) Kind() string { return "work" }

// pruning is the periodic job that forgets what is old enough.
type pruning struct{}

// Kind implements river.JobArgs.
func (pruning) Kind() string { return "prune" }

// soon is when a job is begun again that could not reach the database.
type soon struct{}

// NextRetry implements river.ClientRetryPolicy.
func (soon) NextRetry(*rivertype.JobRow) time.Time { return time.Now().Add(2 * time.Second) }

// rescue bounds how long the queue's own row of a job that was cut off looks like
// running. The work itself does not wait for it.
const rescue = time.Hour

func (q *Queue) config() (*river.Config, error) {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, j *river.Job[task]) error { return q.work(ctx, j.Args) })); err != nil {
		return nil, err
	}
	if err := river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[pruning]) error { return q.prune(ctx) })); err != nil {
		return nil, err
	}
	prune := func() (river.JobArgs, *river.InsertOpts) { return pruning{}, nil }
	return &river.Config{
		ID:                          q.id,
		Logger:                      slog.New(quiet{q.o.Log.Handler()}),
		Workers:                     workers,
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: q.o.Workers}},
		FetchCooldown:               20 * time.Millisecond,
		FetchPollInterval:           time.Second,
		MaxAttempts:                 math.MaxInt16, // the ledger counts tries
		JobTimeout:                  rescue,
		RescueStuckJobsAfter:        rescue,
		RetryPolicy:                 soon{},
		CompletedJobRetentionPeriod: time.Hour, // the ledger remembers
		PeriodicJobs:                []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(time.Hour), prune, &river.PeriodicJobOpts{RunOnStart: true})},
	}, nil
}

// quiet lets through what somebody should look at: no news, and not that a stop
// interrupts the queue's own housekeeping.
type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	interrupted := false
	r.Attrs(func(a slog.Attr) bool {
		interrupted = interrupted || strings.Contains(a.Value.String(), context.Canceled.Error())
		return true
	})
	if interrupted {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

// lay makes the queue in the ledger's database.
func (q *Queue) lay(ctx context.Context) (rail, error) {
	config, err := q.config()
	if err != nil {
		return rail{}, err
	}
	if q.Ledger.Pool != nil {
		return laid(ctx, q.Ledger, riverpgxv5.New(q.Ledger.Pool), config, func(tx ledger.Tx) pgx.Tx { return tx.PGX })
	}
	return laid(ctx, q.Ledger, riversqlite.New(q.Ledger.File), config, func(tx ledger.Tx) *sql.Tx { return tx.SQL })
}

func laid[T any](ctx context.Context, l *ledger.Ledger, driver riverdriver.Driver[T], config *river.Config, of func(ledger.Tx) T) (rail, error) {
	tables, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: config.Logger})
	if err != nil {
		return rail{}, err
	}
	err = l.Locked(ctx, func() error {
		_, err := tables.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
	if err != nil {
		return rail{}, fmt.Errorf("make the queue's tables: %w", err)
	}
	client, err := river.NewClient(driver, config)
	if err != nil {
		return rail{}, fmt.Errorf("make queue: %w", err)
	}
	return rail{
		start: client.Start,
		stop:  client.Stop,
		insert: func(ctx context.Context, tx ledger.Tx, jobs []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
			return client.InsertManyTx(ctx, of(tx), jobs)
		},
	}, nil
}

// enqueue adds jobs to a transaction and tells the ledger which they are.
func (q *Queue) enqueue(ctx context.Context, tx ledger.Tx, jobs []ledger.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, j := range jobs {
		params[i].Args = task{Work: j.Work, Key: j.Key, Delivery: j.GUID}
	}
	added, err := q.rail.insert(ctx, tx, params)
	if err != nil {
		return fmt.Errorf("add jobs: %w", err)
	}
	for _, a := range added {
		var t task
		if err := json.Unmarshal(a.Job.EncodedArgs, &t); err != nil {
			return fmt.Errorf("add jobs: %w", err)
		}
		if err := q.Ledger.Queued(ctx, tx, t.Work, a.Job.ID); err != nil {
			return err
		}
	}
	return nil
}

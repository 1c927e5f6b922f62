package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
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

// rail is what is needed of River, whichever database it runs on.
type rail struct {
	start, stop func(context.Context) error
	insert      func(context.Context, ledger.Tx, []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
}

// tending is the job that begins a lane. There is one for a lane that has something to
// do and not one for each work: to insert a job takes longer than to record a work.
type tending struct {
	Lane string `json:"lane"`
}

// Kind implements river.JobArgs.
func (tending) Kind() string { return "lane" }

// pruning is the job that forgets what is old enough, on the server that leads.
type pruning struct{}

// Kind implements river.JobArgs.
func (pruning) Kind() string { return "prune" }

// How often River looks for jobs: at most, and at least. Of the jobs that several
// transactions insert within the first, River may tell only of the first one.
const (
	cooldown = 20 * time.Millisecond
	poll     = 200 * time.Millisecond
)

// shift is how long a job begins works of its lane; then it is another one's turn. With
// the last work it is over by the end of overtime, or its server is gone.
const shift = time.Hour

func (q *Queue) overtime() time.Duration { return shift + 2*q.o.Limit }

func (q *Queue) config() (*river.Config, error) {
	workers := river.NewWorkers()
	tend := func(ctx context.Context, j *river.Job[tending]) error { q.tend(ctx, j.Args.Lane); return nil }
	if err := river.AddWorkerSafely(workers, river.WorkFunc(tend)); err != nil {
		return nil, err
	}
	prune := func(ctx context.Context, _ *river.Job[pruning]) error { return q.prune(ctx) }
	if err := river.AddWorkerSafely(workers, river.WorkFunc(prune)); err != nil {
		return nil, err
	}
	prunes := func() (river.JobArgs, *river.InsertOpts) { return pruning{}, nil }
	return &river.Config{
		ID:                          q.id,
		Logger:                      slog.New(quiet{q.o.Log.Handler()}),
		Workers:                     workers,
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: q.o.Workers}},
		FetchCooldown:               cooldown,
		FetchPollInterval:           poll,
		JobTimeout:                  shift,
		JobStuckThreshold:           2 * q.o.Limit,
		RescueStuckJobsAfter:        q.overtime(),
		CompletedJobRetentionPeriod: time.Minute, // the ledger remembers
		PeriodicJobs:                []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(time.Hour), prunes, &river.PeriodicJobOpts{RunOnStart: true})},
	}, nil
}

// quiet lets through what somebody should look at: no news, and not that a stop
// interrupts River's own housekeeping.
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

// want adds to a transaction a job for each lane that has none which is still to begin.
// Two servers come to the lanes in the same order.
func (q *Queue) want(ctx context.Context, tx ledger.Tx, lanes []ledger.Lane) error {
	slices.SortFunc(lanes, func(a, b ledger.Lane) int { return strings.Compare(a.Name, b.Name) })
	var jobs []river.InsertManyParams
	for _, lane := range slices.Compact(lanes) {
		wanted, err := q.Ledger.Want(ctx, tx, lane)
		if err != nil {
			return fmt.Errorf("want lane %s: %w", lane.Name, err)
		}
		if wanted {
			jobs = append(jobs, river.InsertManyParams{Args: tending{lane.Name}})
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	added, err := q.rail.insert(ctx, tx, jobs)
	if err != nil {
		return fmt.Errorf("add jobs: %w", err)
	}
	for _, a := range added {
		var t tending
		if err := json.Unmarshal(a.Job.EncodedArgs, &t); err != nil {
			return fmt.Errorf("add jobs: %w", err)
		}
		if err := q.Ledger.Wanted(ctx, tx, ledger.Lane{Name: t.Lane, Job: a.Job.ID}); err != nil {
			return fmt.Errorf("want lane %s: %w", t.Lane, err)
		}
	}
	return nil
}

// later adds to a transaction a job that begins a lane at a time.
func (q *Queue) later(ctx context.Context, tx ledger.Tx, lane string, at time.Time) error {
	_, err := q.rail.insert(ctx, tx, []river.InsertManyParams{{Args: tending{lane}, InsertOpts: &river.InsertOpts{ScheduledAt: at}}})
	return err
}

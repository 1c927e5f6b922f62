package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// works are what a Work is read from.
const works = "id, key, lane, guid, repository, environment, reason, args, state, runs, tries, cuts, error, created_at, due_at, begun_at, ended_at"

// State is where a work stands.
type State string

// The states of a work.
const (
	Waiting State = "queued"
	Running State = "running"
	Done    State = "done"
	Dead    State = "dead" // it failed as often as it may, and is kept
	// Dismissed is a dead letter that somebody has seen and nobody has to look at.
	Dismissed State = "dismissed"
)

// Work is one piece of work and how far it is.
type Work struct {
	ID                      int64
	Key, Lane               string
	Delivery                string // the GUID of the first that told of it
	Repository, Environment string
	Reason                  string
	Args                    json.RawMessage
	State                   State
	// Runs counts how often it was begun, Tries how often it failed, Cuts how often it
	// ended with its server and without a word.
	Runs, Tries, Cuts int
	Error             string // of the last try
	// Due is when it may begin next. Begun and Ended are zero if it has not.
	Created, Due, Begun, Ended time.Time
}

func (w *Work) from(scan func(...any) error) error {
	var args, state string
	var created, due, begun, ended int64
	err := scan(&w.ID, &w.Key, &w.Lane, &w.Delivery, &w.Repository, &w.Environment, &w.Reason, &args, &state, &w.Runs, &w.Tries, &w.Cuts, &w.Error, &created, &due, &begun, &ended)
	w.Args, w.State = json.RawMessage(args), State(state)
	w.Created, w.Due, w.Begun, w.Ended = moment(created), moment(due), moment(begun), moment(ended)
	return err
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Next begins the lane's oldest work that another owner of the lane left running, or
// that is due. Without an ID: there is none, or the lease is not the owner's.
func (l *Ledger) Next(ctx context.Context, lane, owner string) (Work, error) {
	var w Work
	err := l.do.each(ctx, l.at(`UPDATE hook_works SET state = 'running', owner = $2, runs = runs + 1, begun_at = {now},
			cuts = cuts + CASE WHEN state = 'running' THEN 1 ELSE 0 END
		WHERE id = COALESCE((SELECT id FROM hook_works WHERE ended_at = 0 AND lane = $1 AND state = 'running' ORDER BY id LIMIT 1),
			(SELECT id FROM hook_works WHERE ended_at = 0 AND lane = $1 AND state = 'queued' AND due_at <= {now} ORDER BY id LIMIT 1))
		AND EXISTS (SELECT 1 FROM hook_leases WHERE lane = $1 AND owner = $2 AND until > {now})
		RETURNING `+works), []any{lane, owner}, w.from)
	return w, err
}

// end writes down how a run ended, if the work is still its owner's.
func (l *Ledger) end(ctx context.Context, on statements, work int64, owner, set string, args ...any) error {
	n, err := on.exec(ctx, l.at("UPDATE hook_works SET "+set+" WHERE id = $1 AND owner = $2 AND state = 'running'"), append([]any{work, owner}, args...)...)
	if err != nil {
		return fmt.Errorf("write down the end of work %d: %w", work, err)
	}
	if n == 0 {
		return fmt.Errorf("write down the end of work %d: it is no longer this server's", work)
	}
	return nil
}

// Succeed ends a work.
func (l *Ledger) Succeed(ctx context.Context, work int64, owner string) error {
	return l.end(ctx, l.do, work, owner, "state = 'done', error = '', ended_at = {now}")
}

// Retry has a work that failed wait for its next try, and says when that is due.
func (l *Ledger) Retry(ctx context.Context, tx Tx, work int64, owner, why string, wait time.Duration) (time.Time, error) {
	err := l.end(ctx, tx.statements, work, owner, "state = 'queued', tries = tries + 1, error = $3, due_at = {now} + $4", text(why), wait.Milliseconds())
	if err != nil {
		return time.Time{}, err
	}
	due, err := one[int64](ctx, tx.statements, "SELECT due_at FROM hook_works WHERE id = $1", work)
	return moment(due), err
}

// Bury makes a work that failed once too often a dead letter.
func (l *Ledger) Bury(ctx context.Context, work int64, owner, why string) error {
	return l.end(ctx, l.do, work, owner, "state = 'dead', tries = tries + 1, error = $3, ended_at = {now}", text(why))
}

// HandBack has a work that was interrupted wait for another server. It is no try.
func (l *Ledger) HandBack(ctx context.Context, tx Tx, work int64, owner string) error {
	return l.end(ctx, tx.statements, work, owner, "state = 'queued', due_at = {now}")
}

// Say writes down a step of a run.
func (l *Ledger) Say(ctx context.Context, work int64, run int, step string) (time.Time, error) {
	at, err := one[int64](ctx, l.do, l.at("INSERT INTO hook_steps (work, run, at, step) VALUES ($1, $2, {now}, $3) RETURNING at"), work, run, text(step))
	return moment(at), err
}

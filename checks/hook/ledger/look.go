package ledger

import (
	"context"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
)

// Entry is a delivery as it was recorded, without its payload.
type Entry struct {
	hook.Delivery
	Environment string
	Attempts    int // how often it came
	Decision    hook.Outcome
	Reason      string
	Work        int64 // zero without one
	State       State // of the work
}

// Place is where to go on reading deliveries: before the one it names. The zero
// Place is the newest.
type Place struct {
	Received time.Time
	GUID     string
}

// Deliveries are the newest deliveries before a place, newest first.
func (l *Ledger) Deliveries(ctx context.Context, limit int, before Place) ([]Entry, error) {
	ms := int64(1 << 62)
	if !before.Received.IsZero() {
		ms = before.Received.UnixMilli()
	}
	var all []Entry
	err := l.read.each(ctx, `SELECT d.guid, d.event, d.action, d.repository, d.environment, d.hook, d.received_at, d.attempts, d.decision, d.reason, d.work, COALESCE(w.state, '')
		FROM hook_deliveries d LEFT JOIN hook_works w ON w.id = d.work
		WHERE d.received_at < $1 OR d.received_at = $1 AND d.guid < $2
		ORDER BY d.received_at DESC, d.guid DESC LIMIT $3`, []any{ms, before.GUID, limit}, func(scan func(...any) error) error {
		var e Entry
		var ms int64
		var decision, state string
		err := scan(&e.GUID, &e.Event, &e.Action, &e.Repository, &e.Environment, &e.Hook, &ms, &e.Attempts, &decision, &e.Reason, &e.Work, &state)
		e.Received, e.Decision, e.State = moment(ms), hook.Outcome(decision), State(state)
		all = append(all, e)
		return err
	})
	return all, err
}

// Payload is a delivery's JSON as it was received, nil if the delivery is not known.
func (l *Ledger) Payload(ctx context.Context, guid string) ([]byte, error) {
	return one[[]byte](ctx, l.read, "SELECT p.payload FROM hook_payloads p JOIN hook_deliveries d ON d.id = p.delivery WHERE d.guid = $1", guid)
}

// Filter says which works are meant; what is empty does not matter.
type Filter struct {
	State                   State
	Lane                    string
	Key                     string
	Repository, Environment string
	ID                      int64
	Limit                   int // 100 if it is zero
}

// Works are works, newest first.
func (l *Ledger) Works(ctx context.Context, f Filter) ([]Work, error) {
	if f.Limit == 0 {
		f.Limit = 100
	}
	query, args := "SELECT "+works+" FROM hook_works WHERE id <> $1", []any{int64(0)}
	where := func(column string, value any) {
		args = append(args, value)
		query += " AND " + column + " = $" + string(rune('0'+len(args)))
	}
	for _, text := range [][2]string{{"state", string(f.State)}, {"lane", f.Lane}, {"key", f.Key}, {"repository", f.Repository}, {"environment", f.Environment}} {
		if text[1] != "" {
			where(text[0], text[1])
		}
	}
	if f.ID != 0 {
		where("id", f.ID)
	}
	args = append(args, f.Limit)
	var all []Work
	err := l.read.each(ctx, query+" ORDER BY id DESC LIMIT $"+string(rune('0'+len(args))), args, func(scan func(...any) error) error {
		var w Work
		err := w.from(scan)
		all = append(all, w)
		return err
	})
	return all, err
}

// Known is the work of a key, if it is known.
func (l *Ledger) Known(ctx context.Context, key string) (Work, bool, error) {
	found, err := l.Works(ctx, Filter{Key: key, Limit: 1})
	if err != nil || len(found) == 0 {
		return Work{}, false, err
	}
	return found[0], true, nil
}

// Step is something that a run said.
type Step struct {
	Work int64
	Run  int
	At   time.Time
	Text string
}

// Steps are what the runs of a work said, oldest first.
func (l *Ledger) Steps(ctx context.Context, work int64) ([]Step, error) {
	var all []Step
	err := l.read.each(ctx, "SELECT work, run, at, step FROM hook_steps WHERE work = $1 ORDER BY id", []any{work}, func(scan func(...any) error) error {
		var s Step
		var ms int64
		err := scan(&s.Work, &s.Run, &ms, &s.Text)
		s.At = moment(ms)
		all = append(all, s)
		return err
	})
	return all, err
}

// Stats are what is in the ledger now.
type Stats struct {
	Depth  int64         // works that wait or run
	Oldest time.Duration // since the oldest of those was recorded
	// Works counts by state, Decisions the deliveries that are kept by decision.
	Works     map[State]int64
	Decisions map[hook.Outcome]int64
}

// Stats counts.
func (l *Ledger) Stats(ctx context.Context) (Stats, error) {
	s := Stats{Works: map[State]int64{}, Decisions: map[hook.Outcome]int64{}}
	err := l.read.each(ctx, l.at("SELECT state, count(*), {now} - min(created_at) FROM hook_works GROUP BY state"), nil, func(scan func(...any) error) error {
		var state string
		var n, age int64
		err := scan(&state, &n, &age)
		s.Works[State(state)] = n
		if State(state) == Waiting || State(state) == Running {
			s.Depth += n
			s.Oldest = max(s.Oldest, time.Duration(age)*time.Millisecond)
		}
		return err
	})
	if err != nil {
		return s, err
	}
	err = l.read.each(ctx, "SELECT decision, count(*) FROM hook_deliveries GROUP BY decision", nil, func(scan func(...any) error) error {
		var decision string
		var n int64
		err := scan(&decision, &n)
		s.Decisions[hook.Outcome(decision)] = n
		return err
	})
	return s, err
}

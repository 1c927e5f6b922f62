package patrol

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/queue"
)

// Patrol goes rounds, one at a time.
type Patrol struct {
	// Rules say which repositories and environments are looked at, and whose releases.
	Rules  alarm.Rules
	Client func(repository string) (*github.Client, error)
	Queue  *queue.Queue
	// Order is the work that an alarm asks for.
	Order func(al alarm.Alarm, why string) (hook.Decision, error)
	// Grace is how long a run that is over may take to say how its release ended.
	Grace time.Duration
	// Window is how long ago something may have happened to matter still.
	Window  time.Duration
	Mailbox Mailbox
	Log     *slog.Logger

	said    map[string]bool      // what is said once
	healthy map[string]time.Time // by hook: until when no delivery is missing
	begun   map[string]time.Time // by place: since when watch is kept
}

// young is how long before the beginning of the watch a release may have failed. What
// failed earlier did so before this server was there to take it back, and somebody has
// chosen to live with it.
const young = time.Hour

// spare is the part of a rate limit that is left to others: a tenth.
const spare = 10

// Round asks once about everything. What goes wrong with one repository does not keep
// it from the others; a rate limit does, and the rest waits for the next round.
func (p *Patrol) Round(ctx context.Context) error {
	if p.said == nil {
		p.said, p.healthy, p.begun = map[string]bool{}, map[string]time.Time{}, map[string]time.Time{}
	}
	var errs []error
	for _, repository := range p.Rules.Repositories {
		err := p.repository(ctx, repository)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", repository, err))
		}
		if r, ok := errors.AsType[*github.Refusal](err); ok && r.Limit || ctx.Err() != nil {
			return errors.Join(errs...)
		}
	}
	if p.Mailbox.App != nil {
		if err := p.app(ctx); err != nil {
			errs = append(errs, fmt.Errorf("the App: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (p *Patrol) repository(ctx context.Context, repository string) error {
	c, err := p.Client(repository)
	if err != nil {
		return err
	}
	var errs []error
	for _, env := range p.Rules.Environments {
		if err := p.environment(ctx, c, env); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", env, err))
		}
	}
	if low(c) {
		p.Log.Warn("the rate limit is nearly used up; deliveries are not looked at this time", "repository", repository)
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, p.hooks(ctx, c))...)
}

// low tells whether so few calls are left that others need them more.
func low(c *github.Client) bool {
	r, known := c.Rate()
	return known && r.Remaining*spare < r.Limit && time.Now().Before(r.Reset)
}

// since is from when on something that happened in a place matters: not before the
// window, nor much before this server kept watch there for the first time, which is
// written down.
func (p *Patrol) since(ctx context.Context, place string) (time.Time, error) {
	const who, what = "patrol", "keeps watch from now on"
	begun, ok := p.begun[place]
	if !ok {
		notes, err := p.Queue.Ledger.Notes(ctx, who, place)
		if err != nil {
			return time.Time{}, err
		}
		begun = time.Now()
		if len(notes) > 0 {
			begun = notes[0].At
		} else if err := p.Queue.Ledger.Note(ctx, who, what, place); err != nil {
			return time.Time{}, err
		}
		p.begun[place] = begun
	}
	from := begun.Add(-young)
	if window := time.Now().Add(-p.Window); window.After(from) {
		return window, nil
	}
	return from, nil
}

// once says something the first time only.
func (p *Patrol) once(key, message string, args ...any) {
	if !p.said[key] {
		p.said[key] = true
		p.Log.Info(message, args...)
	}
}

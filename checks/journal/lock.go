package journal

import (
	"context"
	"time"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/finding"
)

// confirm looks once more after the deployment was made. Of two releases that
// began at the same time, the one whose deployment was made later gives way.
func (k *Keeper) confirm(ctx context.Context, p *place) {
	l := k.look(ctx, p)
	<-l.done
	if others := l.before(p.id); len(others) > 0 && k.Lose != nil {
		k.Lose(locked(p.env, others[0]))
	}
}

// settle says of what others left that it was taken back, or that it never served.
func (k *Keeper) settle(ctx context.Context, p *place, seen *look) {
	for _, h := range seen.left() {
		if h.Deployment.ID == p.id {
			continue
		}
		_ = k.Client.SetStatus(ctx, h.Deployment.ID, github.Status{State: github.Failure, LogURL: k.Run.URL, Description: "Its run ended without a verdict, and what it left was taken back"})
	}
}

// takeOver ends deployments whose runs are over, and says so.
func (k *Keeper) takeOver(ctx context.Context, p *place, seen *look) error {
	k.mu.Lock()
	done := p.tookOver
	p.tookOver = true
	k.mu.Unlock()
	if done {
		return nil
	}
	var notes []finding.Finding
	for _, h := range seen.open {
		if h.alive || h.Deployment.ID >= p.id { // a look that took long sees this very deployment too
			continue
		}
		notes = append(notes, finding.Notef("lock-taken-over", finding.Position{}, "%s was left in progress by %s, whose run is over", p.env, h.describe()).
			Hintf("what it may have left half done is replaced by this release"))
		k.beside.Go(func() {
			_ = k.Client.SetStatus(ctx, h.Deployment.ID, github.Status{State: github.Error, LogURL: k.Run.URL, Description: deployment.Abandoned})
		})
	}
	return finding.Join(notes)
}

// within tells whether the answer is there after a while.
func (l *look) within(wait time.Duration) bool {
	select {
	case <-l.done:
		return true
	case <-time.After(wait):
		return false
	}
}

// Look begins to look at an environment, beside whatever goes on.
func (k *Keeper) Look(ctx context.Context, env string) { k.look(ctx, k.at(env)) }

func locked(env string, h held) error {
	return finding.Errorf("locked", finding.Position{}, "%s is being changed by %s", env, h.describe()).
		Hintf("wait for it to end and run again; nothing of this release serves")
}

// Await implements release.Lock. It uses what is known, so that a slow GitHub does
// not hold up the run; only for the last environment of the road it waits until
// something is known.
func (k *Keeper) Await(ctx context.Context, env string, say func(string, ...any)) error {
	p := k.at(env)
	l := k.seen(p)
	if l == nil || !p.last && !l.over() {
		return nil
	}
	limit := k.Lock.Patience
	if limit == 0 {
		limit = 30 * time.Minute
	}
	again := k.Lock.Again
	if again == 0 {
		again = 10 * time.Second
	}
	end := time.Now().Add(limit)
	for {
		select {
		case <-l.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if l.err != nil {
			return unknown(env, l.err)
		}
		alive := l.before(k.IDs()[env])
		if len(alive) == 0 {
			return nil
		}
		if k.Lock.Refuse || time.Now().After(end) {
			return locked(env, alive[0])
		}
		say("%s is being changed by %s", env, alive[0].describe())
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return ctx.Err()
		}
		l = k.look(context.WithoutCancel(ctx), p)
	}
}

// unknown says that nobody knows whether another release is under way.
func unknown(env string, err error) error {
	f := finding.Warnf("lock-unknown", finding.Position{}, "GitHub does not say whether another release of %s is under way: %s", env, err).
		Hintf("a concurrency group in the workflow keeps two runs apart too")
	if _, denied := github.Denied(err); denied {
		f.Hint = "give the job the permission deployments: write; a concurrency group in the workflow keeps two runs apart too"
	}
	return f
}

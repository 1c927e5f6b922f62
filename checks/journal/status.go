package journal

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// say sets a status of an environment's deployment beside the run, and makes the
// deployment before if need be.
func (k *Keeper) say(ctx context.Context, p *place, s github.Status) {
	k.mu.Lock()
	p.closed = s.State
	k.mu.Unlock()
	s.LogURL, s.EnvironmentURL = k.Run.URL, k.URLs[p.env]
	p.lane.Set(ctx, func(ctx context.Context) error {
		if err := k.create(ctx, p); err != nil {
			return err
		}
		k.mu.Lock()
		id := p.id
		k.mu.Unlock()
		var both errgroup.Group
		both.Go(func() error { return k.Client.SetStatus(ctx, id, s) })
		if s.State == github.Success {
			both.Go(func() error { return k.retire(ctx, p) })
		}
		return both.Wait()
	})
}

// retire says of the deployments that were good until now that they are not in
// use any more.
func (k *Keeper) retire(ctx context.Context, p *place) error {
	l := k.seen(p)
	if l == nil {
		return nil
	}
	<-l.done
	for _, id := range l.active {
		if id != p.id {
			if err := k.Client.SetStatus(ctx, id, github.Status{State: github.Inactive, Description: "Replaced by release " + p.manifest.Release}); err != nil {
				return err
			}
		}
	}
	return nil
}

// finished says how the release goes on after a step of its environment.
func (k *Keeper) finished(ctx context.Context, p *place, f pipeline.Finished) {
	k.mu.Lock()
	i := slices.IndexFunc(p.steps, func(s pipeline.PlannedStep) bool { return s.ID == f.Step })
	step := p.steps[i]
	begun := p.begun
	open := p.closed == "" || p.closed == github.InProgress
	last := i == len(p.steps)-1
	k.mu.Unlock()
	if !begun || !open {
		return
	}
	switch f.Verdict {
	case pipeline.Failed:
		k.say(ctx, p, github.Status{State: github.Failure, Description: step.Title + " failed: " + cause(f)})
	case pipeline.Cancelled:
		k.say(ctx, p, github.Status{State: github.Error, Description: f.Reason})
	case pipeline.Passed, pipeline.Skipped:
		if last && !step.Elsewhere {
			k.say(ctx, p, github.Status{State: github.Success, Description: fmt.Sprintf("Release %s passed its gates", p.manifest.Release)})
		}
	}
}

// cause is the first error of a step in words.
func cause(f pipeline.Finished) string {
	for _, one := range f.Findings {
		if one.Severity == finding.Error {
			return one.Message
		}
	}
	return f.Reason
}

// Cancel says at once of every release under way that it was cancelled, while the
// run is still ending what it does. It does not wait.
func (k *Keeper) Cancel(ctx context.Context, reason string) {
	k.mu.Lock()
	places := slices.Clone(k.places)
	k.mu.Unlock()
	for _, p := range places {
		k.mu.Lock()
		open := p.begun && (p.closed == "" || p.closed == github.InProgress)
		p.cancelled = true
		k.mu.Unlock()
		if open {
			k.say(ctx, p, github.Status{State: github.Error, Description: "Cancelled: " + reason})
		}
	}
}

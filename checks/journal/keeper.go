package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/lane"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

// Keeper is a journal, a lock and an observer for one run.
type Keeper struct {
	Client *github.Client
	// SHA is the commit that is deployed.
	SHA string
	Run deployment.Run
	// Folder is the project's directory in the repository.
	Folder string
	// URLs are the addresses to look at, by environment.
	URLs map[string]string
	Lock Policy
	// Settles: a run that passes has taken back what others left without a verdict,
	// even if that meant to change nothing.
	Settles bool
	// Key signs payloads, for a server that believes nobody else; empty for no signature.
	Key string
	// Lose ends the run when another release turns out to have been first.
	Lose func(error)

	mu     sync.Mutex
	places []*place
	late   []error // what came of records that the run did not wait for
	beside sync.WaitGroup
}

// Policy says what to do when another release of the environment is under way.
type Policy struct {
	// Refuse: do not wait.
	Refuse bool
	// Patience is how long to wait; zero means for 30 minutes.
	Patience time.Duration
	// Again is how long to wait before the next question; zero means 10 s.
	Again time.Duration
}

// patience bounds what is asked beside the run, and the record that it waits for.
const patience = 15 * time.Second

// The time to say the last word, and after a cancellation: the runner kills a step
// 10 s after its first signal.
const (
	closing       = 30 * time.Second
	closingSooner = 5 * time.Second
)

// place is one environment on the road.
type place struct {
	env   string
	last  bool // of the road
	steps []pipeline.PlannedStep

	// Behind the keeper's lock.
	looks     []*look
	manifest  release.Manifest
	begun     bool // the release was recorded, or is being recorded
	id        int64
	closed    string // the last state that was set
	tookOver  bool   // what others left in progress was ended
	cancelled bool

	lane   lane.Lane
	making sync.Mutex // one deployment is made, whoever needs it first
}

// Observe implements pipeline.Observer. Only the last event waits for GitHub.
func (k *Keeper) Observe(ctx context.Context, e pipeline.Event) error {
	switch e := e.(type) {
	case pipeline.Planned:
		k.plan(ctx, e)
	case pipeline.Started:
		if p := k.of(e.Step); p != nil && e.Task == "" && p.first(e.Step) {
			k.look(ctx, p)
		}
	case pipeline.Finished:
		if p := k.of(e.Step); p != nil {
			k.finished(ctx, p, e)
		}
	case pipeline.Ended:
		return k.close(ctx, k.Settles && e.Verdict == pipeline.Passed)
	}
	return nil
}

func (k *Keeper) plan(ctx context.Context, planned pipeline.Planned) {
	for _, s := range planned.Steps {
		if s.Env == "" {
			continue
		}
		p := k.at(s.Env)
		p.steps = append(p.steps, s)
	}
	for i, p := range k.places {
		p.last = i == len(k.places)-1
		if slices.ContainsFunc(p.steps, func(s pipeline.PlannedStep) bool { return s.Skip == "" }) {
			k.look(ctx, p)
		}
	}
}

// at finds an environment, or begins it.
func (k *Keeper) at(env string) *place {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.places {
		if p.env == env {
			return p
		}
	}
	p := &place{env: env}
	k.places = append(k.places, p)
	return p
}

// of finds the environment of a step, nil if it has none.
func (k *Keeper) of(step string) *place {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.places {
		if slices.ContainsFunc(p.steps, func(s pipeline.PlannedStep) bool { return s.ID == step }) {
			return p
		}
	}
	return nil
}

// first tells whether a step is the first of its environment that is run here.
func (p *place) first(step string) bool {
	i := slices.IndexFunc(p.steps, func(s pipeline.PlannedStep) bool { return s.Skip == "" })
	return i >= 0 && p.steps[i].ID == step
}

func (k *Keeper) look(ctx context.Context, p *place) *look {
	l := k.begin(ctx, p.env)
	k.mu.Lock()
	defer k.mu.Unlock()
	p.looks = append(p.looks, l)
	return l
}

// seen is the newest look that has its answer, or the first one, which still waits
// for it; nil if nobody looked.
func (k *Keeper) seen(p *place) *look {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range slices.Backward(p.looks) {
		if l.over() {
			return l
		}
	}
	if len(p.looks) == 0 {
		return nil
	}
	return p.looks[0]
}

// IDs are the deployments that were made, by environment.
func (k *Keeper) IDs() map[string]int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	ids := map[string]int64{}
	for _, p := range k.places {
		if p.id != 0 {
			ids[p.env] = p.id
		}
	}
	return ids
}

// Resume goes on with a deployment that an earlier job made.
func (k *Keeper) Resume(env string, id int64, m release.Manifest) {
	p := k.at(env)
	k.mu.Lock()
	defer k.mu.Unlock()
	p.id, p.manifest, p.begun = id, m, true
}

// close waits until everything was said.
func (k *Keeper) close(ctx context.Context, settled bool) error {
	limit := closing
	k.mu.Lock()
	for _, p := range k.places {
		if p.cancelled {
			limit = closingSooner
		}
	}
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var errs []error
	for _, p := range k.places {
		if err := p.lane.Wait(ctx); err != nil {
			errs = append(errs, fmt.Errorf("the deployment to %s may not show how it ended: %w", p.env, err))
		}
	}
	for _, p := range k.places {
		if seen := k.seen(p); settled && seen != nil && seen.over() {
			k.settle(ctx, p, seen)
		}
	}
	done := make(chan struct{})
	go func() { k.beside.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return errors.Join(append(errs, k.late...)...)
}

package journal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/release"
)

// look is what GitHub said of an environment's deployments at one time.
type look struct {
	done chan struct{} // closed when the answer is there
	// open are our deployments without an end, active those that succeeded and were
	// not retired.
	open   []held
	active []int64
	// unjudged is the newest deployment of ours if it ended without a verdict: it was
	// cancelled, or killed.
	unjudged []held
	// good is the newest of those that were good, reason why the newest rollback was made.
	good   *release.Manifest
	reason *release.Back
	// replaced are values that secrets had before they were rotated.
	replaced []release.Replaced
	// held is who holds a release and why, in words, by the release.
	held map[string]string
	err  error
}

// held is a deployment that is still in progress.
type held struct {
	deployment.Record
	// alive: the run that made it is still going on, as far as is known.
	alive bool
}

// begin starts to look, beside whatever goes on.
func (k *Keeper) begin(ctx context.Context, env string) *look {
	l := &look{done: make(chan struct{})}
	go func() {
		defer close(l.done)
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		l.err = k.fill(ctx, env, l)
	}()
	return l
}

func (l *look) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// before are the deployments that keep one out: those that were made before it and
// whose runs are still going on. Zero stands for a deployment that is still to be made.
func (l *look) before(id int64) []held {
	return slices.DeleteFunc(slices.Clone(l.open), func(h held) bool { return !h.alive || id != 0 && h.Deployment.ID >= id })
}

// left are the deployments whose runs are over, and that nobody has judged.
func (l *look) left() []held {
	dead := slices.DeleteFunc(slices.Clone(l.open), func(h held) bool { return h.alive })
	return append(dead, l.unjudged...)
}

func (k *Keeper) fill(ctx context.Context, env string, l *look) error {
	all, err := deployment.Recent(ctx, k.Client, env)
	if err != nil {
		return err
	}
	if len(all) > 0 && all[0].State() == github.Error {
		l.unjudged = []held{{Record: all[0]}}
	}
	l.held = map[string]string{}
	for i, r := range all {
		l.judge(ctx, k, all, i)
		l.replaced = release.Merge(l.replaced, r.Manifest.Replaced)
		if words := r.Hold(); words != "" {
			l.held[r.Release] = words
			if r.Manifest.Back != nil {
				l.held[r.Manifest.Back.From] = words
			}
		}
	}
	return nil
}

// judge sorts one of the records by what was said of it, after those that are newer.
func (l *look) judge(ctx context.Context, k *Keeper, all []deployment.Record, i int) {
	r := all[i]
	if l.reason == nil {
		l.reason = r.Manifest.Back
	}
	switch {
	case r.State() == github.Success:
		l.active = append(l.active, r.Deployment.ID)
		taken := slices.ContainsFunc(all[:i], func(newer deployment.Record) bool { return newer.Takes(r.Release) })
		if l.good == nil && !r.Rollback() && !taken {
			l.good = &all[i].Manifest
		}
	case r.Open():
		l.open = append(l.open, held{Record: r, alive: k.alive(ctx, r.Run, r.Deployment.Created)})
	}
}

// alive tells whether the run that made a deployment is still going on.
func (k *Keeper) alive(ctx context.Context, r deployment.Run, made time.Time) bool {
	if r.ID == k.Run.ID && (r.ID != 0 || r.Job != "" && r.Job == k.Run.Job) {
		// What this very job made before is behind it. A server has no run, and does one
		// work of an environment at a time: what it left in progress was cut off.
		return r.Attempt == k.Run.Attempt && r.Job != k.Run.Job
	}
	over, _, _ := deployment.Over(ctx, k.Client, r, made) // a guess where GitHub does not answer
	return !over
}

// describe says who holds an environment.
func (h held) describe() string {
	if h.Run.URL != "" {
		return fmt.Sprintf("release %s (%s)", h.Release, h.Run.URL)
	}
	return "release " + h.Release
}

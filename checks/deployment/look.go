package deployment

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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
	id      int64
	release string
	run     Run
	// alive: the run that made it is still going on, as far as is known.
	alive bool
}

// The newest deployments that are looked at. One that is still in progress is
// among them, unless as many have been made since.
const newest = 10

// A run that cannot be asked for is taken to be over when it could not last longer.
// Source: the limits of GitHub Actions, 6 hours for a job on a hosted runner.
const longestRun = 6 * time.Hour

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
	return slices.DeleteFunc(slices.Clone(l.open), func(h held) bool { return !h.alive || id != 0 && h.id >= id })
}

// left are the deployments whose runs are over, and that nobody has judged.
func (l *look) left() []held {
	dead := slices.DeleteFunc(slices.Clone(l.open), func(h held) bool { return h.alive })
	return append(dead, l.unjudged...)
}

func (k *Keeper) fill(ctx context.Context, env string, l *look) error {
	found, err := k.Client.Deployments(ctx, url.Values{"environment": {env}}, newest)
	if err != nil {
		return err
	}
	states, words := make([]string, len(found)), make([]string, len(found))
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(5)
	for i, d := range found {
		if _, ours := ParsePayload(d.Payload); !ours {
			continue
		}
		group.Go(func() error {
			all, err := k.Client.Statuses(asking, d.ID)
			states[i] = github.Queued
			if len(all) > 0 {
				states[i], words[i] = all[0].State, all[0].Description
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	newest := slices.IndexFunc(states, func(s string) bool { return s != "" })
	if newest >= 0 && states[newest] == github.Error {
		p, _ := ParsePayload(found[newest].Payload)
		l.unjudged = []held{{id: found[newest].ID, release: p.Release, run: p.Run}}
	}
	l.judge(ctx, k, found, states)
	l.held = map[string]string{}
	for i, d := range found {
		p, _ := ParsePayload(d.Payload)
		l.replaced = release.Merge(l.replaced, p.Manifest.Replaced)
		if strings.HasPrefix(words[i], holding) {
			l.held[p.Release] = words[i]
			if p.Manifest.Back != nil {
				l.held[p.Manifest.Back.From] = words[i]
			}
		}
	}
	return nil
}

// judge sorts deployments of ours, the newest first, by their states.
func (l *look) judge(ctx context.Context, k *Keeper, found []github.Deployment, states []string) {
	taken := map[string]bool{}
	for i, d := range found {
		if p, ours := ParsePayload(d.Payload); ours && p.Manifest.Back != nil {
			taken[p.Manifest.Back.From] = true
			if l.reason == nil {
				l.reason = p.Manifest.Back
			}
		}
		switch states[i] {
		case github.Success:
			l.active = append(l.active, d.ID)
			if p, _ := ParsePayload(d.Payload); l.good == nil && p.Manifest.Back == nil && !taken[p.Release] {
				l.good = &p.Manifest
			}
		case github.Queued, github.InProgress, "pending":
			p, _ := ParsePayload(d.Payload)
			l.open = append(l.open, held{id: d.ID, release: p.Release, run: p.Run, alive: k.alive(ctx, p.Run, d.Created)})
		}
	}
}

// alive tells whether the run that made a deployment is still going on.
func (k *Keeper) alive(ctx context.Context, r Run, made time.Time) bool {
	if r.ID == k.Run.ID && (r.ID != 0 || r.Job != "" && r.Job == k.Run.Job) {
		// What this very job made before is behind it. A server has no run, and does one
		// work of an environment at a time: what it left in progress was cut off.
		return r.Attempt == k.Run.Attempt && r.Job != k.Run.Job
	}
	over, _, err := Over(ctx, k.Client, r, made)
	if err != nil {
		return time.Since(made) < longestRun
	}
	return !over
}

// describe says who holds an environment.
func (h held) describe() string {
	if h.run.URL != "" {
		return fmt.Sprintf("release %s (%s)", h.release, h.run.URL)
	}
	return "release " + h.release
}

// Sweep says of deployments that a job left in progress, because it was killed,
// that they ended, and tells which environments those were.
func Sweep(ctx context.Context, c *github.Client, job Run) ([]string, error) {
	found, err := c.Deployments(ctx, nil, 2*newest)
	if err != nil {
		return nil, err
	}
	var envs []string
	for _, d := range found {
		p, ours := ParsePayload(d.Payload)
		if !ours || p.Run.ID != job.ID || p.Run.Attempt != job.Attempt || p.Run.Job != job.Job {
			continue
		}
		all, err := c.Statuses(ctx, d.ID)
		if err != nil {
			return envs, err
		}
		if len(all) > 0 && all[0].State != github.InProgress {
			continue
		}
		if err := c.SetStatus(ctx, d.ID, github.Status{State: github.Error, LogURL: job.URL, Description: "The job was killed before the release came to its end"}); err != nil {
			return envs, err
		}
		envs = append(envs, d.Environment)
	}
	return envs, nil
}

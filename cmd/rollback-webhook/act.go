package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/journal"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
)

// actor changes environments: because a release failed, or because somebody asks.
type actor struct {
	// github makes the client of a repository.
	github func(repository string) (*github.Client, error)
	// project reads the project as it was in a release's commit.
	project func(ctx context.Context, c *github.Client, sha string, p deployment.Payload) reading
	// account makes the client of an account's API; an empty id means the server's own.
	account func(id string) (*cloudflare.Client, error)
	rules   alarm.Rules
	probe   *probe.Client
	redact  func(string) string
	log     *slog.Logger
	// patience is how long the job that failed may take to take its release back itself.
	patience time.Duration
	// hurried tells whether a person has asked for the same meanwhile, and waits for it;
	// nil if nobody can.
	hurried func(ctx context.Context, repository, env string) bool
	// try counts how often the work was begun: what an earlier try left open is closed.
	try int
	// dispatch takes releases back in place of this server; nil if it does so itself.
	dispatch *dispatcher
	// app is the App that the server is on GitHub, zero if it is none; page the address
	// of its status page, for links.
	app  int64
	page string
}

// act takes back the release of an alarm, if it still has to be, and gives how that
// ended. What is done is told to say. An error means that it has to be tried again.
func (a *actor) act(ctx context.Context, al alarm.Alarm, say func(string)) (outcome, error) {
	return settle(say, func() (outcome, error) { return a.takeBack(ctx, al, say) })
}

// settle turns what needed nothing to be done into an outcome, and says it.
func settle(say func(string), do func() (outcome, error)) (outcome, error) {
	o, err := do()
	if why, ok := errors.AsType[settled](err); ok {
		o, err = outcome{Kind: nothing, Text: string(why)}, nil
	}
	if done, ok := errors.AsType[before](err); ok {
		o, err = outcome(done), nil
	}
	if err == nil {
		say(o.Text)
	}
	return o, err
}

func (a *actor) takeBack(ctx context.Context, al alarm.Alarm, say func(string)) (outcome, error) {
	s, alive, err := a.approach(ctx, al)
	if err != nil {
		return outcome{}, err
	}
	if alive {
		a.card(ctx, s, "", say)
		say("the job that failed is still running, and may take its release back itself")
		if err := a.leave(ctx, s.client, al); err != nil {
			return outcome{}, err
		}
		if s, _, err = a.approach(ctx, al); err != nil {
			return outcome{}, err
		}
	}
	if err := s.believe(al); err != nil {
		return outcome{}, err
	}
	defer func() { a.card(ctx, s, "", say) }()
	if err := a.read(ctx, s); err != nil {
		return outcome{}, err
	}
	policy := s.settings.Rollback.Decide(first(al.Stage, "deploy"), al.Environment, nil)
	switch policy.Do {
	case project.RollBack:
		return a.bringBack(ctx, s, reason{By: itself, Why: al.Words}, say)
	case project.KeepOut:
		return a.hold(ctx, s, reason{By: "the policy", Why: al.Words}, say)
	}
	return outcome{Kind: left, Text: fmt.Sprintf("the policy says %s", policy.Do)}, nil
}

// approach asks GitHub side by side for all that is needed to take a release back: the
// records, the project as it was, who else is at work, and whether the job that failed
// is still running.
func (a *actor) approach(ctx context.Context, al alarm.Alarm) (s *scene, alive bool, err error) {
	c, err := a.github(al.Repository)
	if err != nil {
		return nil, false, err
	}
	keeper := &journal.Keeper{Client: c, Run: deployment.Run{Job: ownJob}, Settles: true}
	keeper.Look(ctx, al.Environment)
	var ahead reading
	group, asking := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s, err = a.look(asking, al.Repository, al.Environment)
		return err
	})
	group.Go(func() error {
		ahead = a.project(asking, c, al.SHA, al.Payload)
		return nil // who needs them asks again
	})
	group.Go(func() error {
		alive = a.patience > 0 && runs(asking, c, al)
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, false, err
	}
	s.keeper, s.ahead = keeper, ahead
	return s, alive, nil
}

// runs tells whether the job that failed is still running, as far as GitHub knows.
func runs(ctx context.Context, c *github.Client, al alarm.Alarm) bool {
	run := al.Payload.Run
	if run.ID == 0 {
		return false
	}
	now, err := c.WorkflowRun(ctx, run.ID)
	return err == nil && !now.Over(run.Attempt)
}

// leave gives the job that failed the time to take its release back itself, unless a
// person does not want to wait.
func (a *actor) leave(ctx context.Context, c *github.Client, al alarm.Alarm) error {
	for end := time.Now().Add(a.patience); time.Now().Before(end); {
		select {
		case <-time.After(min(5*time.Second, a.patience/4)):
		case <-ctx.Done():
			return ctx.Err()
		}
		if !runs(ctx, c, al) {
			return nil // gone, or nobody to wait for
		}
		if a.hurried != nil && a.hurried(ctx, al.Repository, al.Environment) {
			return nil
		}
	}
	return nil
}

// believe holds an alarm against GitHub's own records: what a delivery says is only
// the reason to look.
func (s *scene) believe(al alarm.Alarm) error {
	r := s.release()
	known := false
	for _, one := range s.records {
		known = known || one.Deployment.ID == al.Deployment
	}
	switch {
	case !known:
		return settled("GitHub has no such deployment")
	case r.Deployment.ID != al.Deployment:
		return settled("superseded by release " + r.Release)
	case r.State() == github.Success:
		return settled("the release has passed since")
	case r.Release != al.Payload.Release:
		return settled("GitHub's record is of another release")
	}
	if done := s.taken(); done != nil {
		already := outcome{Kind: rolledBack, To: done.Manifest.Back.To, Text: "taken back already, as " + done.Release}
		if done.Manifest.Back.By == itself {
			return before(already)
		}
		return settled(already.Text)
	}
	return nil
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

package patrol

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook"
)

// Inquire looks after a run that is said to have died: what it left in progress ended
// with an error, and what failed is an alarm. The GUID is of the delivery that told. An
// error means that it has to be done again.
func (p *Patrol) Inquire(ctx context.Context, d alarm.Death, guid string, say func(string)) error {
	c, err := p.Client(d.Repository)
	if err != nil {
		return err
	}
	run, err := c.WorkflowRun(ctx, d.Run)
	if r, ok := errors.AsType[*github.Refusal](err); ok && r.Status == http.StatusNotFound {
		say("the run was deleted")
	} else if err != nil {
		return err
	} else if !run.Over(d.Attempt) {
		return fmt.Errorf("run %d is %s, GitHub says", d.Run, run.Status)
	}
	left, err := p.settled(ctx, c, d, say)
	if err != nil {
		return err
	}
	found := false
	for _, r := range left {
		alarmed, err := p.bury(ctx, c, r, guid, say)
		if err != nil {
			return err
		}
		found = found || alarmed
	}
	if !found {
		say("no release of ours was in progress, or failed")
	}
	return nil
}

// settled are the releases that the run made, once it has said of each how it ended, or
// has had the time to.
func (p *Patrol) settled(ctx context.Context, c *github.Client, d alarm.Death, say func(string)) ([]deployment.Record, error) {
	told := false
	for end := time.Now().Add(p.Grace); ; {
		left, err := p.made(ctx, c, d)
		if err != nil || !slices.ContainsFunc(left, deployment.Record.Open) || !time.Now().Before(end) {
			return left, err
		}
		if !told {
			say("the run left a release in progress; its last part may be closing it")
			told = true
		}
		select {
		case <-time.After(max(min(2*time.Second, p.Grace/4), time.Millisecond)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// made are the releases of the run that something may be done about.
func (p *Patrol) made(ctx context.Context, c *github.Client, d alarm.Death) ([]deployment.Record, error) {
	var all []deployment.Record
	for _, env := range p.Rules.Environments {
		found, err := deployment.OfRun(ctx, c, env, d.Run, d.Attempt)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if why := p.Rules.Refuses(c.Repository(), r); why == "" {
				all = append(all, r)
			}
		}
	}
	return all, nil
}

// bury ends one release, and tells whether there was something to be done.
func (p *Patrol) bury(ctx context.Context, c *github.Client, r deployment.Record, guid string, say func(string)) (bool, error) {
	was := r.Open()
	if was {
		var err error
		if r, err = deployment.Abandon(ctx, c, r); err != nil {
			return false, err
		}
		say(fmt.Sprintf("%s was left in progress: release %s", r.Deployment.Environment, r.Release))
	}
	if !r.Failed() || r.Rollback() {
		return was, nil
	}
	al, why, ok := p.Rules.Failed(c.Repository(), r)
	if !ok {
		say(fmt.Sprintf("release %s is left as it is: %s", r.Release, why))
		return true, nil
	}
	decision, err := p.Order(al, why)
	if err != nil {
		return false, err
	}
	receipt, err := p.Queue.Add(ctx, hook.Delivery{GUID: guid, Repository: c.Repository()}, decision)
	if err != nil {
		return false, fmt.Errorf("record what was found: %w", err)
	}
	say(fmt.Sprintf("release %s: %s, %s", r.Release, receipt.Outcome, receipt.Reason))
	return true, nil
}

package deployment

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/checks/github"
)

// Standing is a release as it stands on GitHub.
type Standing struct {
	github.Deployment
	Ours Payload
	// Said is what was said of it, the newest first.
	Said []github.Status
}

// State is the last that was said of it; queued if nothing was.
func (s Standing) State() string {
	if len(s.Said) == 0 {
		return github.Queued
	}
	return s.Said[0].State
}

// Open tells whether nobody has said yet how it ended.
func (s Standing) Open() bool {
	switch s.State() {
	case github.Queued, github.InProgress, "pending":
		return true
	}
	return false
}

// Failed tells whether it failed, or ended without a verdict.
func (s Standing) Failed() bool { return s.State() == github.Failure || s.State() == github.Error }

// Verdict is the last that was said of it, hold or no hold; the zero Status if nothing
// was.
func (s Standing) Verdict() github.Status {
	for _, one := range s.Said {
		if !Aside(one.Description) {
			return one
		}
	}
	return github.Status{}
}

// Since is when its verdict was said, or it was made.
func (s Standing) Since() time.Time {
	if v := s.Verdict(); !v.Created.IsZero() {
		return v.Created
	}
	return s.Created
}

// Hold says who holds it and why; empty if nobody does.
func (s Standing) Hold() string {
	if len(s.Said) > 0 && strings.HasPrefix(s.Said[0].Description, holding) {
		return s.Said[0].Description
	}
	return ""
}

// Rollback tells whether it takes another release back.
func (s Standing) Rollback() bool { return s.Task != TaskDeploy || s.Ours.Back != nil }

// looked is among how many deployments of an environment standings are looked for.
const looked = 30

// Newest are an environment's newest release, and before it the rollbacks that were
// begun since. There may be none.
func Newest(ctx context.Context, c *github.Client, env string) ([]Standing, error) {
	all, err := standings(ctx, c, env)
	if err != nil {
		return nil, err
	}
	for i, s := range all {
		if !s.Rollback() {
			all = all[:i+1]
			break
		}
	}
	return all, ask(ctx, c, all)
}

// OfRun are the releases and rollbacks that a workflow's run made, up to an attempt,
// the newest first.
func OfRun(ctx context.Context, c *github.Client, env string, run int64, attempt int) ([]Standing, error) {
	all, err := standings(ctx, c, env)
	if err != nil {
		return nil, err
	}
	var found []Standing
	for _, s := range all {
		if s.Ours.Run.ID == run && s.Ours.Run.Attempt <= attempt {
			found = append(found, s)
		}
	}
	return found, ask(ctx, c, found)
}

// standings are ours among an environment's newest deployments.
func standings(ctx context.Context, c *github.Client, env string) ([]Standing, error) {
	found, err := c.Deployments(ctx, url.Values{"environment": {env}}, looked)
	var all []Standing
	for _, d := range found {
		if p, ours := ParsePayload(d.Payload); ours {
			all = append(all, Standing{Deployment: d, Ours: p})
		}
	}
	return all, err
}

// ask fills in what was said.
func ask(ctx context.Context, c *github.Client, all []Standing) error {
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(5)
	for i := range all {
		group.Go(func() (err error) {
			all[i].Said, err = c.Statuses(asking, all[i].ID)
			return err
		})
	}
	return group.Wait()
}

// TakenBack is the good rollback of the newest release, which is the last of the
// standings; empty if there is none.
func TakenBack(all []Standing) string {
	if len(all) == 0 {
		return ""
	}
	last := all[len(all)-1]
	for _, s := range all[:len(all)-1] {
		if s.Ours.Back != nil && s.Ours.Back.From == last.Ours.Release && s.State() == github.Success {
			return s.Ours.Release
		}
	}
	return ""
}

// Abandon says of a release that was left in progress that its run is over, and gives
// it as it stands then.
func Abandon(ctx context.Context, c *github.Client, s Standing) (Standing, error) {
	err := c.SetStatus(ctx, s.ID, github.Status{State: github.Error, LogURL: s.Ours.Run.URL, Description: abandoned})
	if err != nil {
		return s, err
	}
	s.Said, err = c.Statuses(ctx, s.ID)
	return s, err
}

const abandoned = "Its run ended without a verdict"

// Over tells whether the run that made a deployment has come to its end, and since
// when, as far as that is known. A run that cannot be asked for is taken to be over
// when it could not last longer. An error says that GitHub does not answer.
func Over(ctx context.Context, c *github.Client, r Run, made time.Time) (bool, time.Time, error) {
	end := made.Add(longestRun)
	if r.ID == 0 {
		return !time.Now().Before(end), end, nil
	}
	run, err := c.WorkflowRun(ctx, r.ID)
	if refusal, denied := github.Denied(err); denied {
		if refusal.Status == http.StatusNotFound {
			return true, made, nil // the run was deleted
		}
		return !time.Now().Before(end), end, nil
	}
	switch {
	case err != nil:
		return false, time.Time{}, err
	case run.Attempt > r.Attempt:
		return true, made, nil // it was begun again since
	}
	return run.Over(r.Attempt), run.Updated, nil
}

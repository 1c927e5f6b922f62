package deployment

import (
	"context"
	"net/http"
	"time"

	"github.com/tminus/deploy-action/checks/github"
)

// longestRun is how long a run may last. Source: the limits of GitHub Actions, 6 hours
// for a job on a hosted runner.
const longestRun = 6 * time.Hour

// Over tells whether the run that made a deployment has come to its end, and since
// when, as far as that is known. A run that cannot be asked for is taken to be over
// when it could not last longer. An error says that GitHub does not answer; the same
// is assumed then.
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
		return !time.Now().Before(end), end, err
	case run.Attempt > r.Attempt:
		return true, made, nil // it was begun again since
	}
	return run.Over(r.Attempt), run.Updated, nil
}

// Abandoned is what is said of a release that was left in progress.
const Abandoned = "Its run ended without a verdict"

// Abandon says of a release that was left in progress that its run is over, and gives
// it as it stands then.
func Abandon(ctx context.Context, c *github.Client, r Record) (Record, error) {
	err := c.SetStatus(ctx, r.Deployment.ID, github.Status{State: github.Error, LogURL: r.Run.URL, Description: Abandoned})
	if err != nil {
		return r, err
	}
	now := []Record{r}
	err = ask(ctx, c, now)
	return now[0], err
}

// Sweep says of deployments that a job left in progress, because it was killed,
// that they ended, and tells which environments those were.
func Sweep(ctx context.Context, c *github.Client, job Run) ([]string, error) {
	found, err := find(ctx, c, "", 2*newest)
	if err != nil {
		return nil, err
	}
	var envs []string
	for i, r := range found {
		if r.Run.ID != job.ID || r.Run.Attempt != job.Attempt || r.Run.Job != job.Job {
			continue
		}
		if err := ask(ctx, c, found[i:i+1]); err != nil {
			return envs, err
		}
		if !found[i].Open() {
			continue
		}
		if err := c.SetStatus(ctx, r.Deployment.ID, github.Status{State: github.Error, LogURL: job.URL, Description: "The job was killed before the release came to its end"}); err != nil {
			return envs, err
		}
		envs = append(envs, r.Deployment.Environment)
	}
	return envs, nil
}

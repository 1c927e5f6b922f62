package checkrun

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// Mark begins the external ids of our check runs, by which they are known among
// those of others.
const Mark = "tminus/deploy-action:"

// externalID names a stage of a job, so that its run is found again.
func (o Owner) externalID(step string) string {
	return fmt.Sprintf("%s%d/%d/%s/%s", Mark, o.Run, o.Attempt, o.Job, step)
}

// owner reads an external id back.
func owner(external string) (Owner, bool) {
	rest, ours := strings.CutPrefix(external, Mark)
	parts := strings.Split(rest, "/")
	if !ours || len(parts) < 4 {
		return Owner{}, false
	}
	run, err := strconv.ParseInt(parts[0], 10, 64)
	attempt, err2 := strconv.Atoi(parts[1])
	return Owner{Run: run, Attempt: attempt, Job: parts[2]}, err == nil && err2 == nil
}

// tidy closes runs on this commit that an earlier run of the workflow left open,
// because it was killed. What cannot be closed is left to GitHub, which calls it
// stale after two weeks.
func (k *Keeper) tidy(ctx context.Context) {
	over := map[int64]bool{}
	_, _ = sweep(ctx, k.Client, k.SHA, func(o Owner) bool {
		return (o.Run != k.Owner.Run || o.Attempt < k.Owner.Attempt) && k.over(ctx, o, over)
	})
}

// Sweep closes what a job left open because it was killed, and tells how many runs
// that were.
func Sweep(ctx context.Context, c *github.Client, sha string, job Owner) (int, error) {
	return sweep(ctx, c, sha, func(o Owner) bool { return o.Run == job.Run && o.Attempt == job.Attempt && o.Job == job.Job })
}

// sweep closes open runs of the jobs that are meant.
func sweep(ctx context.Context, c *github.Client, sha string, meant func(Owner) bool) (int, error) {
	closed := 0
	for _, status := range []string{github.Queued, github.InProgress} {
		found, err := c.Runs(ctx, sha, url.Values{"status": {status}, "filter": {"all"}})
		if err != nil {
			return closed, err
		}
		for _, f := range found {
			if o, ours := owner(f.ExternalID); !ours || !meant(o) {
				continue
			}
			err := c.UpdateRun(ctx, f.ID, github.CheckRun{
				Name: f.Name, Status: github.Completed, Conclusion: github.Cancelled, Completed: time.Now(),
				Output: github.Output{Title: "Cancelled: the run ended without saying so", Summary: "The job was killed before this stage came to its end."},
			})
			if err != nil {
				return closed, err
			}
			closed++
		}
	}
	return closed, nil
}

// amend replaces a check that failed before an earlier run could begin: this run
// has begun, so what it said holds no longer.
func (k *Keeper) amend(ctx context.Context) {
	r := &row{keeper: k, step: pipeline.PlannedStep{ID: "check", Title: CheckTitle}}
	found, err := k.Client.Runs(ctx, k.SHA, url.Values{"check_name": {r.name()}})
	failed := slices.ContainsFunc(found, func(f github.FoundRun) bool {
		_, ours := owner(f.ExternalID)
		return ours && f.Conclusion == github.Failure
	})
	if err != nil || !failed {
		return
	}
	r.finished = &pipeline.Finished{Verdict: pipeline.Passed, Time: time.Now(), Took: time.Millisecond}
	_ = r.send(ctx) // an old failure that stays says nothing of this run
}

// over tells whether the run of a workflow has ended. One that cannot be asked for
// is taken to be alive.
func (k *Keeper) over(ctx context.Context, o Owner, known map[int64]bool) bool {
	if o.Run == k.Owner.Run {
		return o.Attempt < k.Owner.Attempt
	}
	if over, ok := known[o.Run]; ok {
		return over
	}
	run, err := k.Client.WorkflowRun(ctx, o.Run)
	known[o.Run] = err == nil && run.Over(o.Attempt)
	return known[o.Run]
}

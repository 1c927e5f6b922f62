package checkrun

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/github"
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
	for _, status := range []string{github.Queued, github.InProgress} {
		found, err := k.Client.Runs(ctx, k.SHA, url.Values{"status": {status}, "filter": {"all"}})
		if err != nil {
			return
		}
		for _, f := range found {
			o, ours := owner(f.ExternalID)
			if !ours || o.Run == k.Owner.Run && o.Attempt >= k.Owner.Attempt || !k.over(ctx, o, over) {
				continue
			}
			_ = k.Client.UpdateRun(ctx, f.ID, github.CheckRun{
				Name: f.Name, Status: github.Completed, Conclusion: github.Cancelled, Completed: time.Now(),
				Output: github.Output{Title: "Cancelled: the run ended without saying so", Summary: "The job was killed before this stage came to its end. A later run found this check run open and closed it."},
			})
		}
	}
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

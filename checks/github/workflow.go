package github

import (
	"context"
	"net/http"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// WorkflowRun is how a run of a workflow stands.
type WorkflowRun struct {
	ID         int64
	Attempt    int
	Status     string // queued, in_progress, completed, ...
	Conclusion string // of a completed one
	URL        string // of its page
	// Title is what the workflow says the run is called, or the workflow's name.
	Title string
	// Created is when it was asked for, Updated when it last changed.
	Created, Updated time.Time
}

// Over tells whether an attempt of the run has come to its end.
func (r WorkflowRun) Over(attempt int) bool { return r.Status == Completed || r.Attempt > attempt }

// WorkflowRun asks how a run stands. It wants the permission "actions: read".
func (c *Client) WorkflowRun(ctx context.Context, id int64) (WorkflowRun, error) {
	var run gh.WorkflowRun
	if _, err := c.call(ctx, c.safe, "read workflow run", http.MethodGet, c.repo("actions/runs/%d", id), nil, &run); err != nil {
		return WorkflowRun{}, err
	}
	return workflowRun(&run), nil
}

func workflowRun(r *gh.WorkflowRun) WorkflowRun {
	return WorkflowRun{
		ID: r.GetID(), Attempt: r.GetRunAttempt(), Status: r.GetStatus(), Conclusion: r.GetConclusion(), URL: r.GetHTMLURL(),
		Title: r.GetDisplayTitle(), Created: r.GetCreatedAt().Time, Updated: r.GetUpdatedAt().Time,
	}
}

package github

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

// DefaultBranch is the branch on which workflows must be to be dispatched.
func (c *Client) DefaultBranch(ctx context.Context) (string, error) {
	var repo gh.Repository
	_, err := c.call(ctx, c.safe, "read repository", http.MethodGet, strings.TrimSuffix(c.repo(""), "/"), nil, &repo)
	return repo.GetDefaultBranch(), err
}

// Dispatch starts a workflow by the name of its file and gives the run's id, zero if
// the server is one that does not tell it. It wants the permission "actions: write".
// An error that is no [Refusal] below 500 leaves open whether a run was started.
func (c *Client) Dispatch(ctx context.Context, workflow, ref string, inputs map[string]string) (int64, error) {
	const op = "dispatch workflow"
	path := c.repo("actions/workflows/%s/dispatches", url.PathEscape(workflow))
	body := map[string]any{"ref": ref, "inputs": inputs, "return_run_details": true}
	var made struct {
		Run int64 `json:"workflow_run_id"`
	}
	_, err := c.call(ctx, c.once, op, http.MethodPost, path, body, &made)
	if r, ok := errors.AsType[*Refusal](err); ok && r.Status == http.StatusUnprocessableEntity && strings.Contains(r.Message, "return_run_details") {
		delete(body, "return_run_details") // an Enterprise server that has not heard of it
		_, err = c.call(ctx, c.once, op, http.MethodPost, path, body, nil)
	}
	return made.Run, err
}

// WorkflowRuns lists the newest runs of a workflow, at most a hundred. The query is
// GitHub's: event, status, branch. It wants the permission "actions: read".
func (c *Client) WorkflowRuns(ctx context.Context, workflow string, query url.Values, atMost int) ([]WorkflowRun, error) {
	q := url.Values{"per_page": {strconv.Itoa(min(atMost, 100))}}
	for name, v := range query {
		q[name] = v
	}
	var list gh.WorkflowRuns
	path := c.repo("actions/workflows/%s/runs?%s", url.PathEscape(workflow), q.Encode())
	if _, err := c.call(ctx, c.safe, "list workflow runs", http.MethodGet, path, nil, &list); err != nil {
		return nil, err
	}
	var all []WorkflowRun
	for _, r := range list.WorkflowRuns {
		all = append(all, workflowRun(r))
	}
	return all, nil
}

// Doubtful tells whether what was asked for may have been done although it failed.
func Doubtful(err error) bool { return unanswered(err) }

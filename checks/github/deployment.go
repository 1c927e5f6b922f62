package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// The states of a deployment that are set here, besides InProgress, Success and Failure.
const (
	Error    = "error"
	Inactive = "inactive"
)

// Deployment is the record of a release to one environment.
type Deployment struct {
	ID          int64
	SHA         string // of the commit
	Task        string // deploy or rollback
	Environment string
	Description string
	// Payload is a JSON object.
	Payload json.RawMessage
	Created time.Time
	// Creator is the login of who made it.
	Creator string
}

// descriptionLimit is how many characters a deployment and a status may say.
const descriptionLimit = 140

// CreateDeployment records a deployment and gives its id. It merges nothing and
// waits for no other check: the gates before it have judged. When the answer is
// lost it looks for a deployment with the same payload before it makes another.
func (c *Client) CreateDeployment(ctx context.Context, d Deployment) (int64, error) {
	const op = "create deployment"
	body := map[string]any{
		"ref": d.SHA, "task": d.Task, "environment": d.Environment, "description": fitCharacters(d.Description, descriptionLimit),
		"payload": d.Payload, "auto_merge": false, "required_contexts": []string{},
	}
	var made gh.Deployment
	_, err := c.call(ctx, c.once, op, http.MethodPost, c.repo("deployments"), body, &made)
	if unanswered(err) {
		found, lookErr := c.Deployments(ctx, url.Values{"environment": {d.Environment}, "task": {d.Task}}, 10)
		if lookErr != nil {
			return 0, errors.Join(err, lookErr)
		}
		for _, f := range found {
			if sameJSON(f.Payload, d.Payload) {
				return f.ID, nil
			}
		}
		_, err = c.call(ctx, c.once, op, http.MethodPost, c.repo("deployments"), body, &made)
	}
	if accepted := (*gh.AcceptedError)(nil); errors.As(err, &accepted) {
		return 0, fmt.Errorf("%s: GitHub merged in place of deploying: %s", op, accepted.Raw)
	}
	if err != nil {
		return 0, err
	}
	return made.GetID(), nil
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, errP := json.Marshal(x)
	q, errQ := json.Marshal(y)
	return errP == nil && errQ == nil && string(p) == string(q)
}

// Deployments lists the newest deployments, at most a number of them. The query is
// GitHub's: environment, task, sha, ref.
func (c *Client) Deployments(ctx context.Context, query url.Values, atMost int) ([]Deployment, error) {
	q := url.Values{"per_page": {fmt.Sprint(min(atMost, 100))}}
	for name, v := range query {
		q[name] = v
	}
	var all []Deployment
	for page := 1; page > 0 && len(all) < atMost; {
		q.Set("page", fmt.Sprint(page))
		var list []*gh.Deployment
		res, err := c.call(ctx, c.safe, "list deployments", http.MethodGet, c.repo("deployments?%s", q.Encode()), nil, &list)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			all = append(all, Deployment{
				ID: d.GetID(), SHA: d.GetSHA(), Task: d.GetTask(), Environment: d.GetEnvironment(), Description: d.GetDescription(),
				Payload: object(d.Payload), Created: d.GetCreatedAt().Time, Creator: d.GetCreator().GetLogin(),
			})
		}
		page = res.NextPage
	}
	return all[:min(len(all), atMost)], nil
}

// object is a payload as an object: GitHub gives back a text if one was sent.
func object(raw json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return json.RawMessage(text)
	}
	return raw
}

// Status is what is said of a deployment.
type Status struct {
	ID             int64
	State          string
	Description    string
	LogURL         string
	EnvironmentURL string
	Created        time.Time
}

// Open tells whether the state says no end yet.
func (s Status) Open() bool {
	return s.State == Queued || s.State == InProgress || s.State == "pending"
}

// Failed tells whether the state says a failure, or an end without a verdict.
func (s Status) Failed() bool { return s.State == Failure || s.State == Error }

// SetStatus says something of a deployment. Other deployments are left as they are.
func (c *Client) SetStatus(ctx context.Context, deployment int64, s Status) error {
	body := map[string]any{"state": s.State, "description": fitCharacters(s.Description, descriptionLimit), "auto_inactive": false}
	if s.LogURL != "" {
		body["log_url"] = s.LogURL
	}
	if s.EnvironmentURL != "" {
		body["environment_url"] = s.EnvironmentURL
	}
	_, err := c.call(ctx, c.safe, "set deployment status", http.MethodPost, c.repo("deployments/%d/statuses", deployment), body, nil)
	return err
}

// Statuses lists what was said of a deployment, the newest first.
func (c *Client) Statuses(ctx context.Context, deployment int64) ([]Status, error) {
	var list []*gh.DeploymentStatus
	if _, err := c.call(ctx, c.safe, "list deployment statuses", http.MethodGet, c.repo("deployments/%d/statuses?per_page=30", deployment), nil, &list); err != nil {
		return nil, err
	}
	var all []Status
	for _, s := range list {
		all = append(all, Status{ID: s.GetID(), State: s.GetState(), Description: s.GetDescription(), LogURL: s.GetLogURL(), EnvironmentURL: s.GetEnvironmentURL(), Created: s.GetCreatedAt().Time})
	}
	return all, nil
}

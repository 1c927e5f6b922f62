package alarm

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/checks/deployment"
)

// Rules say what a delivery may be about.
type Rules struct {
	// Repositories are owner/name, as GitHub writes them.
	Repositories []string
	Environments []string
	// Scripts are patterns, as in path.Match, that every script of a release must fit.
	Scripts []string
	// Creators are the logins whose deployments are believed, such as
	// github-actions[bot].
	Creators []string
	// Keys are what payloads may be signed with, which makes them believed whoever made
	// the deployment. A signature that fits none of them makes them believed never.
	Keys []string
}

// Alarm is a release that has failed.
type Alarm struct {
	Repository  string             `json:"repository"`
	Environment string             `json:"environment"`
	Deployment  int64              `json:"deployment"`
	SHA         string             `json:"sha"`
	Payload     deployment.Payload `json:"payload"`
	// Stage is the stage that failed, as far as the status says so: health, smoke.
	Stage string `json:"stage,omitempty"`
	// Words are what the status says.
	Words string `json:"words,omitempty"`
}

// Key names the work that an alarm is about: one release of one environment.
func (a Alarm) Key() string { return a.Lane() + " " + a.Payload.Release }

// Lane names what only one work at a time may change.
func (a Alarm) Lane() string { return strings.ToLower(a.Repository) + " " + a.Environment }

// delivery is what is read of a delivery about a deployment's status.
type delivery struct {
	Action string `json:"action"`
	Status struct {
		State       string `json:"state"`
		Description string `json:"description"`
	} `json:"deployment_status"`
	Deployment struct {
		ID          int64           `json:"id"`
		SHA         string          `json:"sha"`
		Task        string          `json:"task"`
		Environment string          `json:"environment"`
		Payload     json.RawMessage `json:"payload"`
		Creator     struct {
			Login string `json:"login"`
		} `json:"creator"`
	} `json:"deployment"`
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
}

// Judge reads a delivery. The text is the reason, whatever the answer.
func (r Rules) Judge(event string, body []byte) (Alarm, string, bool) {
	if event != "deployment_status" {
		return Alarm{}, "event " + event + " is not about a deployment's status", false
	}
	var d delivery
	if err := json.Unmarshal(body, &d); err != nil {
		return Alarm{}, "the payload cannot be read: " + err.Error(), false
	}
	return r.judge(d)
}

// judge judges what was read, from a delivery or from GitHub itself.
func (r Rules) judge(d delivery) (Alarm, string, bool) {
	p, ours := deployment.ParsePayload(d.Deployment.Payload)
	a := Alarm{Repository: d.Repository.FullName, Environment: d.Deployment.Environment, Deployment: d.Deployment.ID, SHA: d.Deployment.SHA, Payload: p, Words: d.Status.Description}
	switch {
	case d.Status.State != "failure" && d.Status.State != "error":
		return a, "the deployment is " + d.Status.State, false
	case deployment.Aside(d.Status.Description):
		return a, "the status is about a hold", false
	case !ours:
		return a, "the deployment is not of this action", false
	case d.Deployment.Task != deployment.TaskDeploy || p.Manifest.Back != nil:
		return a, "the deployment is a rollback itself", false
	}
	if why := r.refuses(a, d); why != "" {
		return a, why, false
	}
	a.Stage = stage(d.Status.Description)
	return a, fmt.Sprintf("release %s failed: %s", p.Release, d.Status.Description), true
}

// refuses says why a delivery is not believed, or not allowed to be acted on.
func (r Rules) refuses(a Alarm, d delivery) string {
	fold := func(all []string, one string) bool {
		return slices.ContainsFunc(all, func(s string) bool { return strings.EqualFold(s, one) })
	}
	signed := slices.ContainsFunc(r.Keys, func(key string) bool { return deployment.Signed(d.Deployment.Payload, a.Repository, key) })
	switch {
	case !fold(r.Repositories, a.Repository):
		return fmt.Sprintf("repository %q is not allowed", a.Repository)
	case !slices.Contains(r.Environments, a.Environment):
		return fmt.Sprintf("environment %q is not allowed", a.Environment)
	case a.Payload.Environment != a.Environment:
		return fmt.Sprintf("the payload is of %q and the deployment of %q", a.Payload.Environment, a.Environment)
	case len(r.Keys) > 0 && a.Payload.Signature != "" && !signed:
		return "the payload's signature is wrong"
	case !signed && !fold(r.Creators, d.Deployment.Creator.Login):
		return fmt.Sprintf("the deployment was made by %q, who is not allowed, and is not signed", d.Deployment.Creator.Login)
	}
	for _, w := range a.Payload.Workers {
		if !slices.ContainsFunc(r.Scripts, func(pattern string) bool { ok, err := path.Match(pattern, w.Script); return ok && err == nil }) {
			return fmt.Sprintf("script %q is not allowed", w.Script)
		}
	}
	return ""
}

// stage is the stage that a description of ours names: "Smoke production failed: …".
func stage(words string) string {
	title, _, ok := strings.Cut(words, " failed: ")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(title, " ")
	return strings.ToLower(first)
}

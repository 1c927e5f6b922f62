package alarm

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
)

// Rules say what a delivery may be about.
type Rules struct {
	// Repositories are owner/name, as GitHub writes them.
	Repositories []string
	Environments []string
	// Scripts are patterns, as in path.Match, that every script of a release must fit.
	Scripts []string
	// Hosts are patterns that every host must fit which is asked whether it is well;
	// none means that any may be asked.
	Hosts []string
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
	repository string
	deployed   github.Deployment
	said       github.Status
}

// Judge reads a delivery, which is JSON. The text is the reason, whatever the answer.
// Most deliveries tell of no failure: the release in them is not read, [Release] does.
func (r Rules) Judge(event string, body []byte) (Alarm, string, bool) {
	if event != "deployment_status" {
		return Alarm{}, "event " + event + " is not about a deployment's status", false
	}
	d, err := read(body)
	if err != nil {
		return Alarm{}, "the payload cannot be read: " + err.Error(), false
	}
	if why := harmless(d.said); why != "" {
		return d.alarm(), why, false
	}
	of, ours := deployment.Read(d.deployed, d.said)
	if !ours {
		return d.alarm(), "the deployment is not of this action", false
	}
	return r.Failed(d.repository, of)
}

// Release reads of a delivery about a deployment's status which release it is about,
// whatever became of it; false if it is none of this action.
func Release(body []byte) (Alarm, bool) {
	d, err := read(body)
	if err != nil {
		return Alarm{}, false
	}
	a := d.alarm()
	of, ours := deployment.Read(d.deployed)
	a.Payload = of.Payload
	return a, ours
}

// alarm is what a delivery is about, without the release.
func (d delivery) alarm() Alarm {
	return Alarm{Repository: d.repository, Environment: d.deployed.Environment, Deployment: d.deployed.ID, SHA: d.deployed.SHA, Words: d.said.Description}
}

// read reads of a delivery what matters. GitHub sends a hundred fields beside those, and
// to decode all of them would take longer than everything else.
func read(body []byte) (delivery, error) {
	var deployed, said, repository gjson.Result
	walk(gjson.ParseBytes(body), map[string]*gjson.Result{"deployment": &deployed, "deployment_status": &said, "repository": &repository})
	var state, words, sha, task, env, login, name, id, payload, creator gjson.Result
	walk(said, map[string]*gjson.Result{"state": &state, "description": &words})
	walk(deployed, map[string]*gjson.Result{"sha": &sha, "task": &task, "environment": &env, "creator": &creator, "id": &id, "payload": &payload})
	walk(creator, map[string]*gjson.Result{"login": &login})
	walk(repository, map[string]*gjson.Result{"full_name": &name})
	var errs []error
	for _, field := range []struct {
		name string
		is   gjson.Result
	}{
		{"deployment_status.state", state},
		{"deployment_status.description", words},
		{"deployment.sha", sha},
		{"deployment.task", task},
		{"deployment.environment", env},
		{"deployment.creator.login", login},
		{"repository.full_name", name},
	} {
		if field.is.Type != gjson.String && field.is.Type != gjson.Null {
			errs = append(errs, fmt.Errorf("%s is no text", field.name))
		}
	}
	var number int64
	if id.Exists() {
		if err := json.Unmarshal([]byte(id.Raw), &number); err != nil {
			errs = append(errs, fmt.Errorf("deployment.id: %w", err))
		}
	}
	return delivery{
		repository: name.Str,
		deployed:   github.Deployment{ID: number, SHA: sha.Str, Task: task.Str, Environment: env.Str, Payload: json.RawMessage(payload.Raw), Creator: login.Str},
		said:       github.Status{State: state.Str, Description: words.Str},
	}, errors.Join(errs...)
}

// walk goes through an object once, however many of its fields are wanted, and ends
// with the last of them.
func walk(of gjson.Result, wanted map[string]*gjson.Result) {
	if !of.IsObject() {
		return
	}
	left := len(wanted)
	of.ForEach(func(key, value gjson.Result) bool {
		if into := wanted[key.Str]; into != nil && !into.Exists() {
			*into, left = value, left-1
		}
		return left > 0
	})
}

// harmless says why a status does not mean that something has failed; empty if it does.
func harmless(said github.Status) string {
	switch {
	case !said.Failed():
		return "the deployment is " + said.State
	case deployment.Aside(said.Description):
		return "the status is about a hold"
	}
	return ""
}

// Failed judges a release by the last verdict on it, whoever told of that. The text is
// the reason, whatever the answer.
func (r Rules) Failed(repository string, of deployment.Record) (Alarm, string, bool) {
	said := of.Verdict()
	a := delivery{repository, of.Deployment, said}.alarm()
	if why := harmless(said); why != "" {
		return a, why, false
	}
	a.Payload = of.Payload
	if of.Rollback() {
		return a, "the deployment is a rollback itself", false
	}
	if why := r.Refuses(repository, of); why != "" {
		return a, why, false
	}
	a.Stage = stage(said.Description)
	return a, fmt.Sprintf("release %s failed: %s", of.Release, said.Description), true
}

// Refuses says why nothing may be done about a release, whatever became of it, because
// it is not believed or not allowed to be acted on; empty if something may.
func (r Rules) Refuses(repository string, of deployment.Record) string {
	at := of.Deployment.Environment
	if why := r.Outside(repository, at, of.Payload); why != "" {
		return why
	}
	if of.Environment != at {
		return fmt.Sprintf("the payload is of %q and the deployment of %q", of.Environment, at)
	}
	return r.Doubt(repository, of)
}

// Doubt says why a record is not believed, empty if it is: because of who made the
// deployment, or because its payload is signed.
func (r Rules) Doubt(repository string, of deployment.Record) string {
	signed := slices.ContainsFunc(r.Keys, func(key string) bool { return deployment.Signed(of.Deployment.Payload, repository, key) })
	switch {
	case len(r.Keys) > 0 && of.Signature != "" && !signed:
		return "the payload's signature is wrong"
	case !signed && !fold(r.Creators, of.Deployment.Creator):
		return fmt.Sprintf("the deployment was made by %q, who is not allowed, and is not signed", of.Deployment.Creator)
	}
	return ""
}

// Outside says why a release is none that may be touched, empty if it may be: by its
// repository, its environment and its scripts.
func (r Rules) Outside(repository, environment string, p deployment.Payload) string {
	if why := r.Place(repository, environment); why != "" {
		return why
	}
	for _, w := range p.Workers {
		if !r.Script(w.Script) {
			return fmt.Sprintf("script %q is not allowed", w.Script)
		}
	}
	return ""
}

// Place says why an environment of a repository may not be touched, empty if it may.
func (r Rules) Place(repository, environment string) string {
	switch {
	case !fold(r.Repositories, repository):
		return fmt.Sprintf("repository %q is not allowed", repository)
	case !slices.Contains(r.Environments, environment):
		return fmt.Sprintf("environment %q is not allowed", environment)
	}
	return ""
}

// Script tells whether a script may be touched.
func (r Rules) Script(name string) bool { return fits(r.Scripts, name) }

// Host tells whether a host may be asked.
func (r Rules) Host(name string) bool { return len(r.Hosts) == 0 || fits(r.Hosts, name) }

func fits(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { ok, err := path.Match(pattern, name); return ok && err == nil })
}

// fold tells whether a name is among others, as GitHub compares names.
func fold(all []string, one string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return strings.EqualFold(s, one) })
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

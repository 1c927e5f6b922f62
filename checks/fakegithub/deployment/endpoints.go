package deployment

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tminus/deploy-action/checks/fakegithub/hook"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// MaxDescription is the longest description of a status, in characters.
const MaxDescription = 140

// Endpoints are those of the Deployments API.
func (ds *Deployments) Endpoints() []wire.Endpoint {
	const all, read, write = "/repos/{owner}/{repo}/deployments", "deployments:read", "deployments:write"
	return []wire.Endpoint{
		{Method: "POST", Path: all, Needs: write, Do: ds.create},
		{Method: "GET", Path: all, Needs: read, Do: ds.list},
		{Method: "GET", Path: all + "/{deployment}", Needs: read, Do: ds.get},
		{Method: "DELETE", Path: all + "/{deployment}", Needs: write, Do: ds.remove},
		{Method: "POST", Path: all + "/{deployment}/statuses", Needs: write, Do: ds.createStatus},
		{Method: "GET", Path: all + "/{deployment}/statuses", Needs: read, Do: ds.statuses},
		{Method: "GET", Path: all + "/{deployment}/statuses/{status}", Needs: read, Do: ds.getStatus},
	}
}

func (ds *Deployments) list(c *wire.Call) (wire.Answer, error) {
	var found []*Deployment
	for _, d := range slices.Backward(ds.All) {
		fits := func(name, value string) bool { q := c.Query(name); return q == "" || q == "none" || q == value }
		if fits("sha", d.SHA) && fits("ref", d.Ref) && fits("task", d.Task) && fits("environment", d.Environment) {
			found = append(found, d)
		}
	}
	return wire.List(c, found, func(d *Deployment) wire.Object { return ds.Body(c.Links, d) })
}

func (ds *Deployments) one(c *wire.Call) (*Deployment, error) {
	if d, ok := ds.ByID(c.ID("deployment")); ok {
		return d, nil
	}
	return nil, wire.NotFound()
}

func (ds *Deployments) get(c *wire.Call) (wire.Answer, error) {
	d, err := ds.one(c)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(ds.Body(c.Links, d)), nil
}

func (ds *Deployments) remove(c *wire.Call) (wire.Answer, error) {
	d, err := ds.one(c)
	if err != nil {
		return wire.Answer{}, err
	}
	if d.State() == "success" && len(ds.All) > 1 {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "We cannot delete an active deployment unless it is the only deployment in a given repository.")
	}
	ds.All = slices.DeleteFunc(ds.All, func(o *Deployment) bool { return o == d })
	return wire.None(), nil
}

var states = []string{"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}

type statusInput struct {
	State          *string `json:"state"`
	TargetURL      *string `json:"target_url"`
	LogURL         *string `json:"log_url"`
	Description    *string `json:"description"`
	Environment    *string `json:"environment"`
	EnvironmentURL *string `json:"environment_url"`
	AutoInactive   *bool   `json:"auto_inactive"`
}

func (in statusInput) check() error {
	bad := func(field, format string, args ...any) error {
		return wire.Invalid("DeploymentStatus", field, "custom", format, args...)
	}
	switch {
	case in.State == nil:
		return wire.Missing("state")
	case !slices.Contains(states, *in.State):
		return wire.Invalid("DeploymentStatus", "state", "invalid", "state must be one of %s, not %q", strings.Join(states, ", "), *in.State)
	case in.Description != nil && utf8.RuneCountInString(*in.Description) > MaxDescription:
		return bad("description", "description is too long (maximum is %d characters)", MaxDescription)
	case in.Environment != nil && *in.Environment == "":
		return bad("environment", "environment can't be blank")
	}
	for _, f := range []struct {
		name string
		text *string
	}{{"target_url", in.TargetURL}, {"log_url", in.LogURL}, {"environment_url", in.EnvironmentURL}} {
		if f.text == nil || *f.text == "" {
			continue
		}
		if u, err := url.Parse(*f.text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return bad(f.name, "%s must use http(s) scheme", f.name)
		}
	}
	return nil
}

func (ds *Deployments) createStatus(c *wire.Call) (wire.Answer, error) {
	d, err := ds.one(c)
	if err != nil {
		return wire.Answer{}, err
	}
	var in statusInput
	if err := c.Decode(&in); err != nil {
		return wire.Answer{}, err
	}
	if err := in.check(); err != nil {
		return wire.Answer{}, err
	}
	s := &Status{
		State: *in.State, Description: wire.Or(in.Description, ""), Environment: wire.Or(in.Environment, d.Environment),
		LogURL: wire.Or(in.LogURL, wire.Or(in.TargetURL, "")), EnvironmentURL: wire.Or(in.EnvironmentURL, ""), By: ds.Who.Who(c).Actor,
	}
	ds.add(c.Links, d, s, wire.Or(in.AutoInactive, true))
	return wire.Created(ds.StatusBody(c.Links, d, s)), nil
}

func (ds *Deployments) statuses(c *wire.Call) (wire.Answer, error) {
	d, err := ds.one(c)
	if err != nil {
		return wire.Answer{}, err
	}
	newest := slices.Clone(d.Statuses)
	slices.Reverse(newest)
	return wire.List(c, newest, func(s *Status) wire.Object { return ds.StatusBody(c.Links, d, s) })
}

func (ds *Deployments) getStatus(c *wire.Call) (wire.Answer, error) {
	d, err := ds.one(c)
	if err != nil {
		return wire.Answer{}, err
	}
	for _, s := range d.Statuses {
		if s.ID == c.ID("status") {
			return wire.OK(ds.StatusBody(c.Links, d, s)), nil
		}
	}
	return wire.Answer{}, wire.NotFound()
}

func (ds *Deployments) told(c *wire.Call, d *Deployment) {
	ds.Tell(c.Links, hook.Event{
		Name: "deployment", Action: "created", Sender: d.By.User,
		Body: wire.Object{"deployment": ds.Body(c.Links, d), "workflow": nil, "workflow_run": nil},
	})
}

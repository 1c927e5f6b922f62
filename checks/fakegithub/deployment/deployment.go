package deployment

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/hook"
	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/repository"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Status is one word about a deployment.
type Status struct {
	ID                     int64
	State, Description     string
	Environment            string
	LogURL, EnvironmentURL string
	By                     identity.Actor
	At                     time.Time
}

// Deployment is a request to put a commit somewhere. Statuses are oldest first.
type Deployment struct {
	ID                            int64
	SHA, Ref, Task                string
	Payload                       json.RawMessage // an object or a string, as it was sent
	Environment, FirstEnvironment string
	Description                   *string
	Transient, Production         bool
	By                            identity.Actor
	Made                          time.Time
	Statuses                      []*Status
}

// State is that of the last status; empty when there is none.
func (d *Deployment) State() string {
	if len(d.Statuses) == 0 {
		return ""
	}
	return d.Statuses[len(d.Statuses)-1].State
}

func (d *Deployment) changed() time.Time {
	if len(d.Statuses) == 0 {
		return d.Made
	}
	return d.Statuses[len(d.Statuses)-1].At
}

// Deployments are all deployments, in the order they were made. Contexts tells
// how the checks of a commit stand: success, failure or pending.
type Deployments struct {
	All      []*Deployment
	Repo     *repository.Repo
	Who      *identity.Directory
	Contexts func(sha string) map[string]string
	Tell     func(wire.Links, hook.Event)
}

// ByID finds a deployment.
func (ds *Deployments) ByID(id int64) (*Deployment, bool) {
	for _, d := range ds.All {
		if d.ID == id {
			return d, true
		}
	}
	return nil, false
}

func (ds *Deployments) url(l wire.Links, d *Deployment) string {
	return fmt.Sprintf("%s/deployments/%d", ds.Repo.API(l), d.ID)
}

// Body shows a deployment.
func (ds *Deployments) Body(l wire.Links, d *Deployment) wire.Object {
	url := ds.url(l, d)
	return wire.Object{
		"url": url, "id": d.ID, "node_id": fmt.Sprintf("DE_kwDO%08x", d.ID), "sha": d.SHA, "ref": d.Ref, "task": d.Task, "payload": d.Payload,
		"original_environment": d.FirstEnvironment, "environment": d.Environment, "description": d.Description, "creator": d.By.Body(l),
		"created_at": wire.Time(d.Made), "updated_at": wire.Time(d.changed()), "statuses_url": url + "/statuses", "repository_url": ds.Repo.API(l),
		"transient_environment": d.Transient, "production_environment": d.Production, "performed_via_github_app": d.By.Through(l),
	}
}

// StatusBody shows a status.
func (ds *Deployments) StatusBody(l wire.Links, d *Deployment, s *Status) wire.Object {
	url := ds.url(l, d)
	return wire.Object{
		"url": fmt.Sprintf("%s/statuses/%d", url, s.ID), "id": s.ID, "node_id": fmt.Sprintf("DES_kwDO%08x", s.ID), "state": s.State,
		"creator": s.By.Body(l), "description": s.Description, "environment": s.Environment, "target_url": s.LogURL, "log_url": s.LogURL,
		"environment_url": s.EnvironmentURL, "created_at": wire.Time(s.At), "updated_at": wire.Time(s.At), "deployment_url": url,
		"repository_url": ds.Repo.API(l), "performed_via_github_app": s.By.Through(l),
	}
}

// add appends a status and retires what it replaces.
func (ds *Deployments) add(l wire.Links, d *Deployment, s *Status, retire bool) {
	s.ID, s.At = ds.Who.NewID(), ds.Who.Now()
	d.Statuses = append(d.Statuses, s)
	d.Environment = s.Environment
	if s.State == "success" && retire {
		for _, prior := range ds.All {
			if prior.ID < d.ID && prior.Environment == d.Environment && prior.State() == "success" && !prior.Transient && !prior.Production {
				prior.Statuses = append(prior.Statuses, &Status{
					ID: ds.Who.NewID(), At: s.At, State: "inactive", Environment: prior.Environment, By: s.By,
				})
			}
		}
	}
	if s.State != "inactive" {
		ds.Tell(l, hook.Event{Name: "deployment_status", Action: "created", Sender: s.By.User, Body: wire.Object{
			"deployment": ds.Body(l, d), "deployment_status": ds.StatusBody(l, d, s), "check_run": nil, "workflow": nil, "workflow_run": nil,
		}})
	}
}

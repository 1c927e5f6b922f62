package fakegithub

import (
	"slices"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/check"
	"github.com/tminus/deploy-action/checks/fakegithub/deployment"
)

// Run is a check run as it stands.
type Run struct {
	ID                   int64
	Name, App            string // the App's slug
	SHA, ExternalID      string
	Status, Conclusion   string
	Started, Completed   time.Time
	Title, Summary, Text string
	Annotations          []check.Annotation
	Actions              []check.Action
	Updates              int
}

// Runs lists the check runs of a commit, oldest first; empty means of all commits.
func (s *Server) Runs(sha string) []Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Run
	for _, r := range s.checks.All {
		if sha != "" && r.SHA != sha {
			continue
		}
		all = append(all, Run{
			ID: r.ID, Name: r.Name, App: r.App.Slug, SHA: r.SHA, ExternalID: r.ExternalID, Status: r.Status, Conclusion: r.Conclusion,
			Started: r.Started, Completed: r.Completed, Title: text(r.Title), Summary: text(r.Summary), Text: text(r.Text),
			Annotations: slices.Clone(r.Annotations), Actions: slices.Clone(r.Actions), Updates: r.Updates,
		})
	}
	return all
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// Deployment is a deployment as it stands, its statuses oldest first.
type Deployment struct {
	ID                          int64
	SHA, Ref, Task, Environment string
	Payload                     string // JSON
	Description, Creator        string
	State                       string // of the last status; empty when there is none
	Transient, Production       bool
	Made                        time.Time
	Statuses                    []Status
}

// Status is one status of a deployment.
type Status struct {
	State, Description, LogURL, EnvironmentURL string
	Creator                                    string
	At                                         time.Time
}

// Deployments lists the deployments to an environment, oldest first; empty means all.
func (s *Server) Deployments(environment string) []Deployment {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Deployment
	for _, d := range s.deployments.All {
		if environment == "" || d.Environment == environment {
			all = append(all, snapshot(d))
		}
	}
	return all
}

func snapshot(d *deployment.Deployment) Deployment {
	shown := Deployment{
		ID: d.ID, SHA: d.SHA, Ref: d.Ref, Task: d.Task, Environment: d.Environment, Payload: string(d.Payload), Description: text(d.Description),
		Creator: d.By.Login, State: d.State(), Transient: d.Transient, Production: d.Production, Made: d.Made,
	}
	for _, st := range d.Statuses {
		shown.Statuses = append(shown.Statuses, Status{
			State: st.State, Description: st.Description, LogURL: st.LogURL, EnvironmentURL: st.EnvironmentURL, Creator: st.By.Login, At: st.At,
		})
	}
	return shown
}

// Comment is a comment as it stands: under a pull request, or a commit when Pull is 0.
type Comment struct {
	ID            int64
	Pull          int
	SHA           string
	Author, Body  string
	Made, Changed time.Time
}

// Comments lists the comments under a pull request, oldest first; 0 means those under commits.
func (s *Server) Comments(pull int) []Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Comment
	for _, c := range s.comments.All {
		if c.Pull == int64(pull) {
			all = append(all, Comment{ID: c.ID, Pull: pull, SHA: c.SHA, Author: c.By.Login, Body: c.Body, Made: c.Made, Changed: c.Changed})
		}
	}
	return all
}

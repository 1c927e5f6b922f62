package check

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/tminus/deploy-action/checks/fakegithub/hook"
	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

func (r *Runs) suiteOf(c *wire.Call) (*Suite, error) {
	for _, s := range r.Suites {
		if s.ID == c.ID("suite") {
			return s, nil
		}
	}
	return nil, wire.NotFound()
}

func (r *Runs) getSuite(c *wire.Call) (wire.Answer, error) {
	s, err := r.suiteOf(c)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(r.SuiteBody(c.Links, s)), nil
}

func (r *Runs) suitesForRef(c *wire.Call) (wire.Answer, error) {
	commit, ok := r.Repo.Resolve(c.Param("ref"))
	if !ok {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", c.Param("ref"))
	}
	var found []*Suite
	for _, s := range r.Suites {
		app, name := c.Query("app_id"), c.Query("check_name")
		_, _, runs := r.outcome(s)
		named := name == "" || slices.ContainsFunc(runs, func(run *Run) bool { return run.Name == name })
		if s.SHA == commit.SHA && named && (app == "" || app == strconv.FormatInt(s.App.ID, 10)) {
			found = append(found, s)
		}
	}
	return wire.Named(c, "check_suites", found, func(s *Suite) wire.Object { return r.SuiteBody(c.Links, s) })
}

func (r *Runs) rerequestSuite(c *wire.Call) (wire.Answer, error) {
	s, err := r.suiteOf(c)
	if err != nil {
		return wire.Answer{}, err
	}
	s.requeued = true
	return wire.Answer{Status: http.StatusCreated, Body: wire.Object{}}, nil
}

// Payload shows a run as deliveries do: with its whole suite, and never without a beginning.
func (r *Runs) Payload(l wire.Links, run *Run) wire.Object {
	body := r.Body(l, run)
	suite := r.SuiteBody(l, r.suite(run.App, run.SHA))
	for _, key := range []string{"head_commit", "latest_check_runs_count", "check_runs_url", "rerequestable", "runs_rerequestable"} {
		delete(suite, key)
	}
	body["check_suite"] = suite
	return body
}

func (r *Runs) tell(c *wire.Call, action string, run *Run) {
	r.Tell(c.Links, hook.Event{
		Name: "check_run", Action: action, Sender: r.Who.Who(c).Actor.User, Body: wire.Object{"check_run": r.Payload(c.Links, run)},
	})
}

// Job adds the run that Actions itself makes for a job of a workflow. It is in
// progress, and its state is nobody's to change through the API.
func (r *Runs) Job(sha, name string) *Run {
	suite := r.suite(r.Who.Apps[identity.Actions], sha)
	run := &Run{ID: r.Who.NewID(), Suite: suite.ID, App: suite.App, SHA: sha, Name: name, Status: "in_progress", Started: r.Who.Now(), job: true}
	r.All = append(r.All, run)
	return run
}

// Press is a person who presses a run's button: the owning App alone is told.
// It refuses a run that is not completed, and a button that is not there.
func (r *Runs) Press(l wire.Links, id int64, identifier string, who *identity.User) error {
	run, ok := r.ByID(id)
	switch {
	case !ok:
		return wire.NotFound()
	case run.Status != "completed":
		return wire.Fail(http.StatusUnprocessableEntity, "press %q of check run %d: its buttons are not shown before it is completed", identifier, id)
	case !slices.ContainsFunc(run.Actions, func(a Action) bool { return a.Identifier == identifier }):
		return wire.Fail(http.StatusUnprocessableEntity, "press %q of check run %d: it has no such button", identifier, id)
	}
	r.Tell(l, hook.Event{
		Name: "check_run", Action: "requested_action", Only: run.App.ID, Sender: who,
		Body: wire.Object{"check_run": r.Payload(l, run), "requested_action": wire.Object{"identifier": identifier}},
	})
	return nil
}

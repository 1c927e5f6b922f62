package check

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/hook"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Endpoints are those of the Checks API.
func (r *Runs) Endpoints() []wire.Endpoint {
	const repo, read, write = "/repos/{owner}/{repo}", "checks:read", "checks:write"
	return []wire.Endpoint{
		{Method: "POST", Path: repo + "/check-runs", Needs: write, Do: r.create},
		{Method: "PATCH", Path: repo + "/check-runs/{run}", Needs: write, Do: r.update},
		{Method: "GET", Path: repo + "/check-runs/{run}", Needs: read, Do: r.get},
		{Method: "GET", Path: repo + "/check-runs/{run}/annotations", Needs: read, Do: r.annotations},
		{Method: "POST", Path: repo + "/check-runs/{run}/rerequest", Needs: write, Do: r.rerequest},
		{Method: "GET", Path: repo + "/commits/{ref...}/check-runs", Needs: read, Do: r.forRef},
		{Method: "GET", Path: repo + "/commits/{ref...}/check-suites", Needs: read, Do: r.suitesForRef},
		{Method: "GET", Path: repo + "/check-suites/{suite}", Needs: read, Do: r.getSuite},
		{Method: "GET", Path: repo + "/check-suites/{suite}/check-runs", Needs: read, Do: r.forSuite},
		{Method: "POST", Path: repo + "/check-suites/{suite}/rerequest", Needs: write, Do: r.rerequestSuite},
	}
}

func (r *Runs) create(c *wire.Call) (wire.Answer, error) {
	var in creation
	if err := c.Decode(&in); err != nil {
		return wire.Answer{}, err
	}
	switch {
	case in.Name == nil:
		return wire.Answer{}, wire.Missing("name")
	case in.HeadSHA == nil:
		return wire.Answer{}, wire.Missing("head_sha")
	}
	if err := in.check(); err != nil {
		return wire.Answer{}, err
	}
	if _, ok := r.Repo.BySHA(*in.HeadSHA); !ok {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", *in.HeadSHA)
	}
	token := r.Who.Who(c)
	suite := r.suite(token.Actor.App, *in.HeadSHA)
	run := &Run{ID: r.Who.NewID(), Suite: suite.ID, App: suite.App, SHA: suite.SHA, Status: "queued", Started: r.Who.Now()}
	r.All = append(r.All, run)
	r.apply(run, in.change)
	r.tell(c, "created", run)
	if run.Status == "completed" {
		r.tell(c, "completed", run)
	}
	return wire.Created(r.Body(c.Links, run)), nil
}

func (r *Runs) update(c *wire.Call) (wire.Answer, error) {
	run, err := r.run(c)
	if err != nil {
		return wire.Answer{}, err
	}
	var in change
	if err := c.Decode(&in); err != nil {
		return wire.Answer{}, err
	}
	if app := r.Who.Who(c).Actor.App; app != run.App {
		return wire.Answer{}, wire.Fail(http.StatusForbidden, "Invalid app_id %d - check run can only be modified by the GitHub App that created it.", app.ID)
	}
	if err := in.check(); err != nil {
		return wire.Answer{}, err
	}
	if run.job && (in.Status != nil || in.Conclusion != nil) { // since 2025-03-31
		return wire.Answer{}, wire.Fail(http.StatusForbidden, "Check run status and conclusions can only be updated internally by GitHub Actions.")
	}
	before := run.Status
	r.apply(run, in)
	run.Updates++
	if before != "completed" && run.Status == "completed" {
		r.tell(c, "completed", run)
	}
	return wire.OK(r.Body(c.Links, run)), nil
}

// apply writes a request that was found good into the run.
func (r *Runs) apply(run *Run, in change) {
	run.Name = wire.Or(in.Name, run.Name)
	run.DetailsURL = wire.Or(in.DetailsURL, run.DetailsURL)
	run.ExternalID = wire.Or(in.ExternalID, run.ExternalID)
	run.Started = timeOr(in.StartedAt, run.Started)
	if in.Status != nil && *in.Status != "completed" {
		run.Status, run.Conclusion, run.Completed = *in.Status, "", time.Time{}
	}
	if in.Conclusion != nil {
		run.Status, run.Conclusion, run.Completed = "completed", *in.Conclusion, timeOr(in.CompletedAt, r.Who.Now())
	}
	if o := in.Output; o != nil {
		run.Title, run.Summary = o.Title, o.Summary
		if o.Text != nil {
			run.Text = o.Text
		}
		run.Annotations = append(run.Annotations, o.Annotations...)
	}
	if in.Actions != nil {
		run.Actions = *in.Actions
	}
	suite := r.suite(run.App, run.SHA)
	suite.requeued, suite.Changed = false, r.Who.Now()
}

func timeOr(text *string, otherwise time.Time) time.Time {
	if text == nil {
		return otherwise
	}
	t, err := time.Parse(time.RFC3339, *text)
	if err != nil {
		return otherwise // refused before it comes here
	}
	return t
}

func (r *Runs) run(c *wire.Call) (*Run, error) {
	if run, ok := r.ByID(c.ID("run")); ok {
		return run, nil
	}
	return nil, wire.NotFound()
}

func (r *Runs) get(c *wire.Call) (wire.Answer, error) {
	run, err := r.run(c)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(r.Body(c.Links, run)), nil
}

func (r *Runs) annotations(c *wire.Call) (wire.Answer, error) {
	run, err := r.run(c)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.List(c, run.Annotations, annotationBody(r.Repo.Web(c.Links)+"/blob/"+run.SHA+"/"))
}

// rerequest asks the owning App to run again: the suite is queued, the run stays as it is.
func (r *Runs) rerequest(c *wire.Call) (wire.Answer, error) {
	run, err := r.run(c)
	if err != nil {
		return wire.Answer{}, err
	}
	if run.Status != "completed" {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "This check run is not rerequestable")
	}
	r.suite(run.App, run.SHA).requeued = true
	r.Tell(c.Links, hook.Event{
		Name: "check_run", Action: "rerequested", Only: run.App.ID, Sender: r.Who.Who(c).Actor.User, Body: wire.Object{"check_run": r.Payload(c.Links, run)},
	})
	return wire.Answer{Status: http.StatusCreated, Body: wire.Object{}}, nil
}

func (r *Runs) forRef(c *wire.Call) (wire.Answer, error) {
	commit, ok := r.Repo.Resolve(c.Param("ref"))
	if !ok {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", c.Param("ref"))
	}
	return r.list(c, r.On(commit.SHA))
}

func (r *Runs) forSuite(c *wire.Call) (wire.Answer, error) {
	suite, err := r.suiteOf(c)
	if err != nil {
		return wire.Answer{}, err
	}
	_, _, runs := r.outcome(suite)
	return r.list(c, runs)
}

// list shows runs, newest first, filtered as the call asks.
func (r *Runs) list(c *wire.Call, runs []*Run) (wire.Answer, error) {
	filter, err := c.Choice("filter", "latest", "all")
	if err != nil {
		return wire.Answer{}, err
	}
	status, err := c.Choice("status", append([]string{""}, statuses...)...)
	if err != nil {
		return wire.Answer{}, err
	}
	type key struct {
		app  int64
		name string
	}
	seen := map[key]bool{}
	var found []*Run
	for _, run := range slices.Backward(runs) {
		k := key{run.App.ID, run.Name}
		latest := filter == "all" || !seen[k]
		seen[k] = true
		name, app := c.Query("check_name"), c.Query("app_id")
		if latest && (status == "" || status == run.Status) && (name == "" || name == run.Name) && (app == "" || app == strconv.FormatInt(run.App.ID, 10)) {
			found = append(found, run)
		}
	}
	return wire.Named(c, "check_runs", found, func(run *Run) wire.Object { return r.Body(c.Links, run) })
}

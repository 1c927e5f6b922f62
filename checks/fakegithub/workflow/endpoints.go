package workflow

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Endpoints are those of GitHub Actions.
func (r *Runs) Endpoints() []wire.Endpoint {
	const actions, read, write = "/repos/{owner}/{repo}/actions", "actions:read", "actions:write"
	return []wire.Endpoint{
		{Method: "GET", Path: actions + "/runs", Needs: read, Do: r.list},
		{Method: "GET", Path: actions + "/runs/{run}", Needs: read, Do: r.get},
		{Method: "POST", Path: actions + "/runs/{run}/cancel", Needs: write, Do: r.cancel},
		{Method: "GET", Path: actions + "/workflows/{workflow}", Needs: read, Do: r.getWorkflow},
		{Method: "GET", Path: actions + "/workflows/{workflow}/runs", Needs: read, Do: r.list},
		{Method: "POST", Path: actions + "/workflows/{workflow}/dispatches", Needs: write, Do: r.dispatch},
	}
}

func (r *Runs) get(c *wire.Call) (wire.Answer, error) {
	run, ok := r.ByID(c.ID("run"))
	if !ok {
		return wire.Answer{}, wire.NotFound()
	}
	return wire.OK(r.Body(c.Links, run)), nil
}

func (r *Runs) getWorkflow(c *wire.Call) (wire.Answer, error) {
	name, main, err := r.find(c.Param("workflow"))
	if err != nil {
		return wire.Answer{}, err
	}
	file, err := read(main, name)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(r.workflow(c.Links, file)), nil
}

// list shows runs, newest first: of one workflow when the path names it.
func (r *Runs) list(c *wire.Call) (wire.Answer, error) {
	file := ""
	if name := c.Param("workflow"); name != "" {
		var err error
		if file, _, err = r.find(name); err != nil {
			return wire.Answer{}, err
		}
	}
	var found []*Run
	for _, run := range slices.Backward(r.All) {
		fits := func(name string, values ...string) bool {
			q := c.Query(name)
			return q == "" || slices.Contains(values, q)
		}
		if (file == "" || run.File.Path == file) && fits("status", run.Status, run.Conclusion) && fits("branch", run.Branch) &&
			fits("event", run.Event) && fits("head_sha", run.SHA) && fits("actor", run.By.Login) {
			found = append(found, run)
		}
	}
	return wire.Named(c, "workflow_runs", found, func(run *Run) wire.Object { return r.Body(c.Links, run) })
}

func (r *Runs) cancel(c *wire.Call) (wire.Answer, error) {
	run, ok := r.ByID(c.ID("run"))
	switch {
	case !ok:
		return wire.Answer{}, wire.NotFound()
	case run.Status == "completed":
		return wire.Answer{}, wire.Fail(http.StatusConflict, "Cannot cancel a workflow run that is completed.")
	}
	return wire.Answer{Status: http.StatusAccepted, Body: wire.Object{}}, r.Set(c.Links, run.ID, "completed", "cancelled")
}

func (r *Runs) dispatch(c *wire.Call) (wire.Answer, error) {
	name, _, err := r.find(c.Param("workflow"))
	if err != nil {
		return wire.Answer{}, err
	}
	var in struct {
		Ref     *string        `json:"ref"`
		Inputs  map[string]any `json:"inputs"`
		Details *bool          `json:"return_run_details"`
	}
	if err := c.Decode(&in); err != nil {
		return wire.Answer{}, err
	}
	if in.Ref == nil {
		return wire.Answer{}, wire.Missing("ref")
	}
	ref, ok := r.Repo.Ref(*in.Ref)
	if !ok {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "No ref found for: %s", *in.Ref)
	}
	commit, _ := r.Repo.Resolve(ref)
	file, err := read(commit, name)
	if err != nil {
		return wire.Answer{}, err
	}
	if !file.Dispatch {
		return wire.Answer{}, wire.Fail(http.StatusUnprocessableEntity, "Workflow does not have 'workflow_dispatch' trigger")
	}
	inputs, err := file.fill(in.Inputs)
	if err != nil {
		return wire.Answer{}, err
	}
	_, short, _ := strings.Cut(ref, "/")
	run := r.Start(c.Links, file, "workflow_dispatch", short, commit.SHA, inputs, r.Who.Who(c).Actor.User)
	if r.Dispatched != nil {
		go r.Dispatched(*run)
	}
	if !wire.Or(in.Details, false) {
		return wire.None(), nil
	}
	body := r.Body(c.Links, run)
	return wire.OK(wire.Object{"workflow_run_id": run.ID, "run_url": body["url"], "html_url": body["html_url"]}), nil
}

package workflow

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/hook"
	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/repository"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Run is one run of a workflow.
type Run struct {
	ID, Suite, Workflow int64
	Number              int
	File                File
	Event               string
	SHA, Branch         string
	Status, Conclusion  string
	Inputs              map[string]string // of a dispatch
	By                  *identity.User
	Made, Changed       time.Time
}

// Runs are all runs, in the order they were made. Dispatched, when set, is
// called with each run that a dispatch made, in a goroutine of its own.
type Runs struct {
	All        []*Run
	Repo       *repository.Repo
	Who        *identity.Directory
	Tell       func(wire.Links, hook.Event)
	Dispatched func(Run)
	ids        map[string]int64 // of workflows, by path
}

// id is the number of a workflow.
func (r *Runs) id(path string) int64 {
	if r.ids == nil {
		r.ids = map[string]int64{}
	}
	if r.ids[path] == 0 {
		r.ids[path] = r.Who.NewID()
	}
	return r.ids[path]
}

// find returns the path of the workflow that a name or number means, if the default branch has it.
func (r *Runs) find(name string) (string, *repository.Commit, error) {
	main, ok := r.Repo.Resolve("heads/" + r.Repo.Main)
	if !ok {
		return "", nil, wire.NotFound()
	}
	for _, file := range files(main) {
		if path.Base(file) == name || file == name || fmt.Sprint(r.id(file)) == name {
			return file, main, nil
		}
	}
	return "", nil, wire.NotFound()
}

// Start adds a run of a workflow and tells that it was requested.
func (r *Runs) Start(l wire.Links, file File, event, branch, sha string, inputs map[string]string, by *identity.User) *Run {
	number := 1
	for _, other := range r.All {
		if other.File.Path == file.Path {
			number++
		}
	}
	now := r.Who.Now()
	run := &Run{
		ID: r.Who.NewID(), Suite: r.Who.NewID(), Workflow: r.id(file.Path), Number: number, File: file, Event: event, SHA: sha, Branch: branch,
		Status: "queued", Inputs: inputs, By: by, Made: now, Changed: now,
	}
	r.All = append(r.All, run)
	r.tell(l, "requested", run)
	return run
}

// Begin adds a run for an event other than a dispatch; the workflow's file must be in the repository.
func (r *Runs) Begin(l wire.Links, workflow, event, ref string, by *identity.User) (*Run, error) {
	name, main, err := r.find(workflow)
	if err != nil {
		return nil, err
	}
	file, err := read(main, name)
	if err != nil {
		return nil, err
	}
	commit, ok := r.Repo.Resolve(ref)
	if !ok {
		return nil, wire.Fail(422, "No ref found for: %s", ref)
	}
	return r.Start(l, file, event, ref, commit.SHA, nil, by), nil
}

var statuses = []string{"queued", "in_progress", "completed"}

// Set gives a run a state, and tells of it when it changed. Conclusion is empty but for completed.
func (r *Runs) Set(l wire.Links, id int64, status, conclusion string) error {
	run, ok := r.ByID(id)
	switch {
	case !ok:
		return wire.NotFound()
	case !slices.Contains(statuses, status) || (status == "completed") != (conclusion != ""):
		return wire.Fail(422, "a run cannot be %q with conclusion %q", status, conclusion)
	}
	changed := run.Status != status
	run.Status, run.Conclusion, run.Changed = status, conclusion, r.Who.Now()
	if changed && status != "queued" {
		r.tell(l, status, run)
	}
	return nil
}

// ByID finds a run.
func (r *Runs) ByID(id int64) (*Run, bool) {
	for _, run := range r.All {
		if run.ID == id {
			return run, true
		}
	}
	return nil, false
}

func (r *Runs) tell(l wire.Links, action string, run *Run) {
	r.Tell(l, hook.Event{Name: "workflow_run", Action: action, Sender: run.By, Body: wire.Object{"workflow": r.workflow(l, run.File), "workflow_run": r.Body(l, run)}})
}

func (r *Runs) workflow(l wire.Links, f File) wire.Object {
	id := r.id(f.Path)
	return wire.Object{
		"id": id, "node_id": fmt.Sprintf("W_kwDO%08x", id), "name": f.Name, "path": f.Path, "state": "active", "created_at": wire.Time(r.Repo.Made),
		"updated_at": wire.Time(r.Repo.Made), "url": fmt.Sprintf("%s/actions/workflows/%d", r.Repo.API(l), id),
		"html_url":  r.Repo.Web(l) + "/blob/" + r.Repo.Main + "/" + f.Path,
		"badge_url": r.Repo.Web(l) + "/workflows/" + strings.ReplaceAll(f.Name, " ", "%20") + "/badge.svg",
	}
}

// Body shows a run.
func (r *Runs) Body(l wire.Links, run *Run) wire.Object {
	url := fmt.Sprintf("%s/actions/runs/%d", r.Repo.API(l), run.ID)
	var conclusion, branch any
	if run.Conclusion != "" {
		conclusion = run.Conclusion
	}
	if run.Branch != "" {
		branch = run.Branch
	}
	return wire.Object{
		"id": run.ID, "name": run.File.Name, "node_id": fmt.Sprintf("WFR_kwDO%08x", run.ID), "head_branch": branch, "head_sha": run.SHA,
		"path": run.File.Path, "display_title": run.File.title(run.Inputs), "run_number": run.Number, "event": run.Event, "status": run.Status,
		"conclusion": conclusion, "workflow_id": run.Workflow, "check_suite_id": run.Suite, "check_suite_node_id": fmt.Sprintf("CS_kwDO%08x", run.Suite),
		"url": url, "html_url": fmt.Sprintf("%s/actions/runs/%d", r.Repo.Web(l), run.ID), "pull_requests": r.Repo.PullsOf(l, run.SHA),
		"created_at": wire.Time(run.Made), "updated_at": wire.Time(run.Changed), "run_started_at": wire.Time(run.Made), "run_attempt": 1,
		"actor": run.By.Body(l), "triggering_actor": run.By.Body(l), "referenced_workflows": []any{}, "previous_attempt_url": nil,
		"jobs_url": url + "/jobs", "logs_url": url + "/logs", "check_suite_url": fmt.Sprintf("%s/check-suites/%d", r.Repo.API(l), run.Suite),
		"artifacts_url": url + "/artifacts", "cancel_url": url + "/cancel", "rerun_url": url + "/rerun",
		"workflow_url": fmt.Sprintf("%s/actions/workflows/%d", r.Repo.API(l), run.Workflow), "head_commit": r.Repo.HeadCommit(run.SHA),
		"repository": r.Repo.Minimal(l), "head_repository": r.Repo.Minimal(l),
	}
}

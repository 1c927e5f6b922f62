package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/hook"
	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/repository"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Annotation is a remark on lines of a file.
type Annotation struct {
	Path        string  `json:"path"`
	StartLine   int     `json:"start_line"`
	EndLine     int     `json:"end_line"`
	StartColumn *int    `json:"start_column"`
	EndColumn   *int    `json:"end_column"`
	Level       string  `json:"annotation_level"` // notice, warning or failure
	Message     string  `json:"message"`
	Title       *string `json:"title"`
	RawDetails  *string `json:"raw_details"`
}

// Action is a button. The API takes it and never gives it back.
type Action struct {
	Label       string `json:"label"`
	Description string `json:"description"`
	Identifier  string `json:"identifier"`
}

// Run is one check run. Title, Summary and Text are nil as long as nobody gave them.
type Run struct {
	ID, Suite            int64
	App                  *identity.App
	SHA, Name            string
	ExternalID           string
	DetailsURL           string
	Status, Conclusion   string
	Started, Completed   time.Time
	Title, Summary, Text *string
	Annotations          []Annotation
	Actions              []Action
	Updates              int // how many times it was changed after it was made
	job                  bool
}

// Suite is what one App has to say about one commit.
type Suite struct {
	ID            int64
	App           *identity.App
	SHA           string
	Made, Changed time.Time
	requeued      bool
}

// Runs are all check runs, in the order they were made.
type Runs struct {
	All    []*Run
	Suites []*Suite
	Repo   *repository.Repo
	Who    *identity.Directory
	Tell   func(wire.Links, hook.Event)
}

// suite returns the App's suite for a commit, made when there is none.
func (r *Runs) suite(app *identity.App, sha string) *Suite {
	for _, s := range r.Suites {
		if s.App == app && s.SHA == sha {
			return s
		}
	}
	s := &Suite{ID: r.Who.NewID(), App: app, SHA: sha, Made: r.Who.Now()}
	r.Suites = append(r.Suites, s)
	return s
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

// On lists the runs of a commit, oldest first.
func (r *Runs) On(sha string) []*Run {
	var found []*Run
	for _, run := range r.All {
		if run.SHA == sha {
			found = append(found, run)
		}
	}
	return found
}

// Contexts tells of each name among the runs of a commit how its latest run
// stands: success, failure or pending.
func (r *Runs) Contexts(sha string) map[string]string {
	states := map[string]string{}
	for _, run := range r.On(sha) {
		switch {
		case run.Status != "completed":
			states[run.Name] = "pending"
		case slices.Contains([]string{"success", "neutral", "skipped"}, run.Conclusion):
			states[run.Name] = "success"
		default:
			states[run.Name] = "failure"
		}
	}
	return states
}

var fromWorst = []string{"failure", "timed_out", "action_required", "cancelled", "stale", "neutral", "success", "skipped"}

// outcome is the state of a suite: that of its runs together.
func (r *Runs) outcome(s *Suite) (status string, conclusion any, runs []*Run) {
	worst, done := len(fromWorst), 0
	for _, run := range r.All {
		if run.Suite != s.ID {
			continue
		}
		runs = append(runs, run)
		if run.Status == "completed" {
			done++
			worst = min(worst, slices.Index(fromWorst, run.Conclusion))
		}
	}
	switch {
	case s.requeued || len(runs) == 0:
		return "queued", nil, runs
	case done == len(runs):
		return "completed", fromWorst[worst], runs
	case done > 0 || slices.ContainsFunc(runs, func(run *Run) bool { return run.Status == "in_progress" }):
		return "in_progress", nil, runs
	}
	return "queued", nil, runs
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Body shows a run. Buttons are left out, as GitHub leaves them out.
func (r *Runs) Body(l wire.Links, run *Run) wire.Object {
	url := fmt.Sprintf("%s/check-runs/%d", r.Repo.API(l), run.ID)
	return wire.Object{
		"id": run.ID, "name": run.Name, "node_id": fmt.Sprintf("CR_kwDO%08x", run.ID), "head_sha": run.SHA, "external_id": run.ExternalID,
		"url": url, "html_url": r.page(l, run), "details_url": r.details(l, run), "status": run.Status, "conclusion": orNull(run.Conclusion),
		"started_at": wire.Time(run.Started), "completed_at": wire.Time(run.Completed),
		"output": wire.Object{
			"title": run.Title, "summary": run.Summary, "text": run.Text, "annotations_count": len(run.Annotations), "annotations_url": url + "/annotations",
		},
		"check_suite": wire.Object{"id": run.Suite}, "app": run.App.Body(l), "pull_requests": r.Repo.PullsOf(l, run.SHA),
	}
}

func (r *Runs) page(l wire.Links, run *Run) string {
	return fmt.Sprintf("%s/runs/%d", r.Repo.Web(l), run.ID)
}

// details is the run's own page for runs of a workflow's token, whatever it asked for.
func (r *Runs) details(l wire.Links, run *Run) string {
	if run.DetailsURL == "" || run.App.ID == identity.Actions {
		return r.page(l, run)
	}
	return run.DetailsURL
}

// SuiteBody shows a suite.
func (r *Runs) SuiteBody(l wire.Links, s *Suite) wire.Object {
	status, conclusion, runs := r.outcome(s)
	url := fmt.Sprintf("%s/check-suites/%d", r.Repo.API(l), s.ID)
	changed := s.Made
	if s.Changed.After(changed) {
		changed = s.Changed
	}
	return wire.Object{
		"id": s.ID, "node_id": fmt.Sprintf("CS_kwDO%08x", s.ID), "head_branch": orNull(r.Repo.Branch(s.SHA)), "head_sha": s.SHA, "status": status,
		"conclusion": conclusion, "url": url, "before": nil, "after": s.SHA, "pull_requests": r.Repo.PullsOf(l, s.SHA), "app": s.App.Body(l),
		"repository": r.Repo.Minimal(l), "created_at": wire.Time(s.Made), "updated_at": wire.Time(changed), "head_commit": r.Repo.HeadCommit(s.SHA),
		"latest_check_runs_count": len(runs), "check_runs_url": url + "/check-runs", "rerequestable": true, "runs_rerequestable": true,
	}
}

func annotationBody(href string) func(Annotation) wire.Object {
	return func(a Annotation) wire.Object {
		return wire.Object{
			"path": a.Path, "start_line": a.StartLine, "end_line": a.EndLine, "start_column": a.StartColumn, "end_column": a.EndColumn,
			"annotation_level": a.Level, "title": wire.Or(a.Title, ""), "message": a.Message, "raw_details": wire.Or(a.RawDetails, ""),
			"blob_href": href + a.Path,
		}
	}
}

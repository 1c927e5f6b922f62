package alarm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Death is the end of a workflow's run that may have left a release in progress.
type Death struct {
	Repository string `json:"repository"`
	Run        int64  `json:"run"`
	Attempt    int    `json:"attempt"`
}

// Key names the work that a death is about: one attempt of one run.
func (d Death) Key() string {
	return fmt.Sprintf("%s run %d/%d", strings.ToLower(d.Repository), d.Run, d.Attempt)
}

// Lane is no environment's: whoever looks after a death changes none.
func (d Death) Lane() string { return "died " + d.Key() }

// deaths are the conclusions of a run with which it may not have ended what it began.
var deaths = []string{"cancelled", "failure", "timed_out", "startup_failure", "stale"}

// Died reads a delivery about a workflow's run. Most runs of a repository make no
// releases, which the delivery cannot tell; whoever does the work asks. The text is the
// reason, whatever the answer.
func (r Rules) Died(event string, body []byte) (Death, string, bool) {
	if event != "workflow_run" {
		return Death{}, "event " + event + " is not about a workflow's run", false
	}
	var d struct {
		Action string `json:"action"`
		Run    struct {
			ID         int64  `json:"id"`
			Attempt    int    `json:"run_attempt"`
			Name       string `json:"name"`
			Conclusion string `json:"conclusion"`
		} `json:"workflow_run"`
		Repository struct {
			FullName string `json:"full_name"`
		} `json:"repository"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return Death{}, "the payload cannot be read: " + err.Error(), false
	}
	switch {
	case d.Action != "completed":
		return Death{}, "the run is " + d.Action, false
	case !slices.Contains(deaths, d.Run.Conclusion):
		return Death{}, "the run ended with " + d.Run.Conclusion, false
	case !slices.ContainsFunc(r.Repositories, func(one string) bool { return strings.EqualFold(one, d.Repository.FullName) }):
		return Death{}, fmt.Sprintf("repository %q is not allowed", d.Repository.FullName), false
	case d.Run.ID <= 0 || d.Run.Attempt <= 0:
		return Death{}, "the run has no number", false
	}
	return Death{Repository: d.Repository.FullName, Run: d.Run.ID, Attempt: d.Run.Attempt},
		fmt.Sprintf("run %d of workflow %q ended with %s, and may have left a release in progress", d.Run.ID, d.Run.Name, d.Run.Conclusion), true
}

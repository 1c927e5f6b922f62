package actions

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Where is what the runner says of the run. Source: the default variables of
// GitHub Actions and the event's payload.
type Where struct {
	Repository string // owner/name
	// SHA is the commit that a reader looks at: on a pull request its head, not the
	// merge commit that is checked out.
	SHA    string
	Event  string // push, pull_request, workflow_dispatch, ...
	Actor  string // the login of who started the run
	Run    Run
	Server Server
	// PullRequest is the number of the pull request, zero if there is none.
	PullRequest int
	// Fork tells that the pull request comes from a fork, so that the token may only read.
	Fork bool
}

// Run names a run of a workflow.
type Run struct {
	ID      int64
	Attempt int // from 1
	Job     string
	URL     string
}

// Server is where GitHub is.
type Server struct {
	URL string // of pages, without a slash at the end
	API string // of the REST API, without a slash at the end
	// Workspace is the directory into which repositories are checked out.
	Workspace string
}

// payload is the part of an event that says which commit is meant.
type payload struct {
	PullRequest *struct {
		Number int `json:"number"`
		Head   struct {
			SHA  string `json:"sha"`
			Repo *struct {
				FullName string `json:"full_name"`
			} `json:"repo"`
		} `json:"head"`
	} `json:"pull_request"`
}

// ReadWhere reads the runner's variables and the event. What is missing is empty.
func ReadWhere(getenv func(string) string) Where {
	w := Where{
		Repository: getenv("GITHUB_REPOSITORY"), SHA: getenv("GITHUB_SHA"), Event: getenv("GITHUB_EVENT_NAME"), Actor: getenv("GITHUB_ACTOR"),
		Server: Server{URL: strings.TrimRight(getenv("GITHUB_SERVER_URL"), "/"), API: strings.TrimRight(getenv("GITHUB_API_URL"), "/"), Workspace: getenv("GITHUB_WORKSPACE")},
	}
	w.Run.ID, _ = strconv.ParseInt(getenv("GITHUB_RUN_ID"), 10, 64)
	w.Run.Attempt, _ = strconv.Atoi(getenv("GITHUB_RUN_ATTEMPT"))
	w.Run.Attempt = max(w.Run.Attempt, 1)
	w.Run.Job = getenv("GITHUB_JOB")
	if w.Server.URL == "" {
		w.Server.URL = "https://github.com"
	}
	if w.Server.API == "" {
		w.Server.API = "https://api.github.com"
	}
	if w.Run.ID > 0 {
		w.Run.URL = fmt.Sprintf("%s/%s/actions/runs/%d", w.Server.URL, w.Repository, w.Run.ID)
		if w.Run.Attempt > 1 {
			w.Run.URL += fmt.Sprintf("/attempts/%d", w.Run.Attempt)
		}
	}
	w.event(getenv("GITHUB_EVENT_PATH"))
	return w
}

// event takes the pull request from the event's payload, if it is about one.
func (w *Where) event(path string) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return
	}
	var p payload
	if json.Unmarshal(raw, &p) != nil || p.PullRequest == nil {
		return
	}
	w.PullRequest = p.PullRequest.Number
	if p.PullRequest.Head.SHA != "" {
		w.SHA = p.PullRequest.Head.SHA
	}
	// A fork that was deleted has no repository any more.
	w.Fork = p.PullRequest.Head.Repo == nil || !strings.EqualFold(p.PullRequest.Head.Repo.FullName, w.Repository)
}

package github

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// failed are the deliveries of a hook that did not arrive, page by page.
func (s *stand) failed(t *testing.T, h Hook) []Delivery {
	t.Helper()
	var all []Delivery
	for cursor := ""; ; {
		page, next, err := s.Deliveries(t.Context(), h, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			if !d.OK {
				all = append(all, d)
			}
		}
		if cursor = next; cursor == "" {
			return all
		}
	}
}

func TestDeliveriesAreListedAndSentAgain(t *testing.T) {
	t.Parallel()
	s := open(t, "repository-hooks:write", "deployments:write", "actions:read")
	var refusing atomic.Bool
	refusing.Store(true)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if refusing.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer receiver.Close()
	id := s.hub.Hook(receiver.URL+"/webhook", "secret", "deployment", "deployment_status")
	hooks, err := s.Hooks(t.Context())
	if err != nil || len(hooks) != 1 || hooks[0].ID != id || hooks[0].URL != receiver.URL+"/webhook" || !hooks[0].Active || len(hooks[0].Events) != 2 {
		t.Fatalf("%+v, %v", hooks, err)
	}
	const more = 120 // than one page
	for i := range more {
		if _, err := s.CreateDeployment(t.Context(), Deployment{SHA: s.sha, Task: "deploy", Environment: "production", Payload: fmt.Appendf(nil, `{"n":%d}`, i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.hub.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	failed := s.failed(t, hooks[0])
	if len(failed) != more+1 || failed[0].Event != "deployment" || failed[0].Code != 503 || failed[0].At.IsZero() || failed[len(failed)-1].Event != "ping" {
		t.Fatalf("%d failed, the newest %+v", len(failed), failed[0])
	}
	refusing.Store(false)
	if err := s.Redeliver(t.Context(), hooks[0], failed[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := s.hub.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, _, err := s.Deliveries(t.Context(), hooks[0], "")
	if err != nil || page[0].GUID != failed[0].GUID || !page[0].OK {
		t.Errorf("%+v, %v", page[0], err)
	}
	weak := client(t, s.url, s.hub.WorkflowToken("deployments:write"))
	if _, err := weak.Hooks(t.Context()); !denied(err, "repository_hooks: read") {
		t.Errorf("without the permission: %v", err)
	}
	if rate, ok := weak.Rate(); !ok || rate.Limit == 0 || rate.Remaining >= rate.Limit || rate.Reset.Before(time.Now()) {
		t.Errorf("%+v, %v", rate, ok)
	}
}

func denied(err error, permission string) bool {
	r, ok := Denied(err)
	return ok && r.Permission == permission
}

const workflow = `name: Rollback
run-name: Rollback of ${{ inputs.environment }} (${{ inputs.reason }})
on:
  workflow_dispatch:
    inputs:
      environment: {type: choice, options: [production, staging], default: production}
      reason: {required: true}
jobs: {}
`

func TestAWorkflowIsDispatchedAndFound(t *testing.T) {
	t.Parallel()
	s := open(t, "actions:write", "contents:read")
	s.hub.Commit("main", "workflows", map[string]string{".github/workflows/rollback.yml": workflow})
	branch, err := s.DefaultBranch(t.Context())
	if err != nil || branch != "main" {
		t.Fatalf("%q, %v", branch, err)
	}
	run, err := s.Dispatch(t.Context(), "rollback.yml", branch, map[string]string{"environment": "staging", "reason": "it failed"})
	if err != nil || run == 0 {
		t.Fatalf("%d, %v", run, err)
	}
	found, err := s.WorkflowRuns(t.Context(), "rollback.yml", url.Values{"event": {"workflow_dispatch"}}, 10)
	if err != nil || len(found) != 1 || found[0].ID != run || found[0].Title != "Rollback of staging (it failed)" || found[0].Created.IsZero() || found[0].Updated.IsZero() || found[0].Over(1) {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := s.Dispatch(t.Context(), "rollback.yml", branch, map[string]string{"environment": "moon"}); err == nil || Doubtful(err) {
		t.Errorf("a wrong input: %v", err)
	}
	// An older server does not know what is asked for, and does not say which run it is.
	s.hub.Break(traffic.Fault{Method: "POST", Path: "/repos/*/*/actions/workflows/*/dispatches", Refusal: wire.Fail(422, `Invalid request. "return_run_details" is not a permitted key.`)})
	if run, err := s.Dispatch(t.Context(), "rollback.yml", branch, map[string]string{"reason": "once more"}); err != nil || run != 0 {
		t.Errorf("an older server: %d, %v", run, err)
	}
	// What may have been done is not done again.
	s.hub.Break(traffic.Fault{Method: "POST", Path: "/repos/*/*/actions/workflows/*/dispatches", After: true, Refusal: traffic.Unavailable()})
	if _, err := s.Dispatch(t.Context(), "rollback.yml", branch, map[string]string{"reason": "a third time"}); !Doubtful(err) {
		t.Errorf("without an answer: %v", err)
	}
	if all := s.hub.WorkflowRuns(); len(all) != 3 {
		t.Errorf("%d runs", len(all))
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, want := range []string{"admin", "write", "read", "none"} {
		s.hub.User("ann", want)
		if got, err := s.Permission(t.Context(), "ann"); err != nil || got != want {
			t.Errorf("%q, want %q, %v", got, want, err)
		}
	}
	if r, ok := Denied(func() error { _, err := s.Permission(t.Context(), "no/body"); return err }()); !ok || r.Status != 404 {
		t.Errorf("nobody: %v", r)
	}
}

func TestThePullRequestsOfACommit(t *testing.T) {
	t.Parallel()
	s := open(t)
	topic := s.hub.Commit("topic", "Work", map[string]string{"a": "1"})
	number := s.hub.Pull("Add a", "topic", "main")
	if got, err := s.PullsOf(t.Context(), topic); err != nil || !slices.Equal(got, []int{number}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := s.PullsOf(t.Context(), s.sha); err != nil || len(got) != 0 {
		t.Errorf("a commit without one: %v, %v", got, err)
	}
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `[{"number":1,"state":"closed","merged_at":null},{"number":2,"state":"closed","merged_at":"2026-01-02T03:04:05Z"},{"number":3,"state":"open","merged_at":null}]`)
	}))
	defer closed.Close()
	if got, err := client(t, closed.URL, "t").PullsOf(t.Context(), topic); err != nil || !slices.Equal(got, []int{2, 3}) {
		t.Errorf("closed and merged: %v, %v", got, err)
	}
}

func TestOneCommentUnderACommit(t *testing.T) {
	t.Parallel()
	s := open(t, "contents:write")
	for i := range 3 {
		if err := s.KeepCommitComment(t.Context(), s.sha, "<!-- rollback -->", fmt.Sprintf("turn %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.KeepCommitComment(t.Context(), s.sha, "<!-- other -->", "another"); err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for _, c := range s.hub.Comments(0) {
		bodies = append(bodies, c.Body)
	}
	if want := []string{"<!-- rollback -->\nturn 2", "<!-- other -->\nanother"}; !slices.Equal(bodies, want) {
		t.Errorf("%q", bodies)
	}
	if err := client(t, s.url, s.hub.WorkflowToken("contents:read")).KeepCommitComment(t.Context(), s.sha, "<!-- x -->", strings.Repeat("x", 9)); !denied(err, "contents: write") {
		t.Errorf("without the permission: %v", err)
	}
}

package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/contract"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// described is GitHub's own description, to which all calls of these tests are held.
var described = sync.OnceValues(func() (*contract.Description, error) { return contract.Open(context.Background()) })

// stand is a repository and a client of it.
type stand struct {
	*Client
	hub *fakegithub.Server
	url string
	sha string
}

func open(t *testing.T, permissions ...string) *stand {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	if len(permissions) == 0 {
		permissions = []string{"checks:write", "deployments:write", "actions:read", "pull-requests:write", "contents:read"}
	}
	s := &stand{hub: fakegithub.New(fakegithub.Options{})}
	server := httptest.NewServer(d.Wrap(s.hub, func(diff contract.Difference) { t.Error(diff) }))
	t.Cleanup(func() { server.Close(); s.hub.Close() })
	s.hub.Reached(server.URL)
	s.url, s.sha = server.URL, s.hub.Head("main")
	s.Client = client(t, server.URL, s.hub.WorkflowToken(permissions...))
	return s
}

func client(t *testing.T, base, token string) *Client {
	t.Helper()
	c, err := New(Options{BaseURL: base, Token: token, Repository: "acme/site", UserAgent: "test", Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *stand) queued() CheckRun {
	return CheckRun{Name: "Promote / 1 Build", SHA: s.sha, ExternalID: "tminus/deploy-action:1/1/job/build", Status: Queued, Output: Output{Title: "Waiting", Summary: "s"}}
}

func TestACheckRunWithMoreAnnotationsThanOneCallTakes(t *testing.T) {
	t.Parallel()
	s := open(t)
	run := s.queued()
	id, err := s.CreateRun(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	run.Status, run.Conclusion, run.Started, run.Completed = Completed, Failure, time.Now().Add(-time.Minute), time.Now()
	run.Output = Output{Title: strings.Repeat("ä", 300), Summary: strings.Repeat("ä", 40000), Text: strings.Repeat("€", 30000) + "\xff"}
	for i := range 120 {
		run.Output.Annotations = append(run.Output.Annotations, Annotation{Path: "workers/api/wrangler.toml", Level: "failure", Title: strings.Repeat("t", 300), Message: strings.Repeat("é", 40000), Line: i + 1, Column: 3, EndColumn: 9})
	}
	run.Output.Annotations[0].EndLine = 7 // over several lines columns are not allowed
	if err := s.UpdateRun(t.Context(), id, run); err != nil {
		t.Fatal(err)
	}
	got := s.hub.Runs(s.sha)[0]
	if got.Status != Completed || got.Conclusion != Failure || len(got.Annotations) != 120 || got.Updates != 3 || got.Started.IsZero() {
		t.Errorf("%s %s, %d annotations in %d updates, started %s", got.Status, got.Conclusion, len(got.Annotations), got.Updates, got.Started)
	}
	if len(got.Summary) > 65535 || len(got.Summary) < 65000 || !strings.HasSuffix(got.Summary, cutMark) || len(got.Text) > 65535 {
		t.Errorf("summary of %d bytes, text of %d", len(got.Summary), len(got.Text))
	}
}

func TestALostAnswerMakesNoSecondOne(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]traffic.Fault{
		"the connection was cut after the effect":        {Method: "POST", After: true, Drop: true},
		"GitHub failed after the effect":                 {Method: "POST", After: true, Refusal: traffic.Unavailable()},
		"GitHub failed before the effect":                {Method: "POST", Refusal: traffic.Unavailable()},
		"the connection was cut before the effect":       {Method: "POST", Drop: true},
		"a secondary limit ends soon, before the effect": {Method: "POST", Refusal: &wire.Error{Status: 429, Raw: []byte(`{"message":"slow down"}`), Header: http.Header{"Retry-After": {"1"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.hub.Break(fault)
			id, err := s.CreateRun(t.Context(), s.queued())
			if runs := s.hub.Runs(s.sha); err != nil || len(runs) != 1 || runs[0].ID != id {
				t.Errorf("run %d, %v; there are %d", id, err, len(runs))
			}
			s.hub.Mend()
			s.hub.Break(fault)
			id, err = s.CreateDeployment(t.Context(), Deployment{SHA: s.sha, Task: "deploy", Environment: "staging", Payload: json.RawMessage(`{"release":"r1","by":"x"}`)})
			if all := s.hub.Deployments("staging"); err != nil || len(all) != 1 || all[0].ID != id {
				t.Errorf("deployment %d, %v; there are %d", id, err, len(all))
			}
		})
	}
}

func TestWhatMayBeDoneTwiceIsRepeated(t *testing.T) {
	t.Parallel()
	s := open(t)
	id, err := s.CreateRun(t.Context(), s.queued())
	if err != nil {
		t.Fatal(err)
	}
	s.hub.Break(traffic.Fault{Method: "PATCH", Refusal: traffic.Unavailable(), Times: 2})
	run := s.queued()
	run.Status = InProgress
	if err := s.UpdateRun(t.Context(), id, run); err != nil || s.hub.Runs(s.sha)[0].Status != InProgress {
		t.Errorf("%v, %+v", err, s.hub.Runs(s.sha)[0])
	}
	s.hub.Break(traffic.Fault{Method: "GET", Drop: true})
	if _, err := s.Client.Runs(t.Context(), s.sha, nil); err != nil {
		t.Error(err)
	}
}

func TestRefusalsNameTheirReason(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		before     func(s *stand)
		denied     bool
		says, need string
	}{
		{"a token that only reads", func(s *stand) { s.Client = client(t, s.url, s.hub.WorkflowToken("checks:read", "contents:read")) }, true, "Resource not accessible by integration", "checks: write"},
		{"a token that nobody knows", func(s *stand) { s.Client = client(t, s.url, "ghs_nobody") }, true, "Bad credentials", ""},
		{"a commit that is not there", func(s *stand) { s.sha = strings.Repeat("0", 40) }, false, "No commit found", ""},
		{"a primary limit", func(s *stand) { s.hub.Leave(0, 403) }, false, "rate limit", ""},
		{"a primary limit told as 429", func(s *stand) { s.hub.Leave(0, 429) }, false, "rate limit", ""},
		{"a secondary limit that lasts", func(s *stand) {
			s.hub.Break(traffic.Fault{Method: "POST", Times: -1, Refusal: &wire.Error{Status: 403, Raw: []byte(`{"message":"You have exceeded a secondary rate limit","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`), Header: http.Header{"Retry-After": {"600"}}}})
		}, false, "secondary rate limit", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			tt.before(s)
			_, err := s.CreateRun(t.Context(), s.queued())
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(tt.says)) {
				t.Fatalf("got %v, want %q", err, tt.says)
			}
			r, denied := Denied(err)
			if denied != tt.denied || r != nil && r.Permission != tt.need {
				t.Errorf("denied %v, permission %+v", denied, r)
			}
			if strings.Contains(err.Error(), "ghs_") || strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

func TestADeadNetworkIsAnErrorInTime(t *testing.T) {
	t.Parallel()
	c := client(t, "http://127.0.0.1:1/", "x")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := c.CreateRun(ctx, CheckRun{Name: "x", SHA: "y"}); err == nil || ctx.Err() != nil {
		t.Errorf("got %v, %v", err, ctx.Err())
	}
}

func TestADeploymentAndItsStatuses(t *testing.T) {
	t.Parallel()
	s := open(t)
	payload := json.RawMessage(`{"by":"x","release":"r1","workers":[{"a":1}]}`)
	id, err := s.CreateDeployment(t.Context(), Deployment{SHA: s.sha, Task: "deploy", Environment: "production", Description: strings.Repeat("ü", 200), Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{InProgress, Success} {
		if err := s.SetStatus(t.Context(), id, Status{State: state, Description: strings.Repeat("x", 200), LogURL: "https://example.com/log", EnvironmentURL: "https://api.example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Client.Deployments(t.Context(), url.Values{"environment": {"production"}}, 10)
	if err != nil || len(got) != 1 || got[0].ID != id || !sameJSON(got[0].Payload, payload) || got[0].SHA != s.sha || got[0].Creator == "" {
		t.Errorf("%+v, %v", got, err)
	}
	all, err := s.Statuses(t.Context(), id)
	if err != nil || len(all) != 2 || all[0].State != Success || all[0].EnvironmentURL != "https://api.example.com" || len(all[0].Description) > 145 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestARunOfAWorkflowIsOverOrNot(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.hub.Commit("main", "workflow", map[string]string{".github/workflows/promote.yml": "on: push\njobs: {}\n"})
	run, err := s.hub.StartRun("promote.yml", "push", "main")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.WorkflowRun(t.Context(), run.ID)
	if err != nil || got.Over(1) || got.ID != run.ID || got.URL == "" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.hub.SetRun(run.ID, "completed", "cancelled"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.WorkflowRun(t.Context(), run.ID); err != nil || !got.Over(1) || got.Conclusion != "cancelled" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.WorkflowRun(t.Context(), 12345); err == nil {
		t.Error("a run that is not there was found")
	}
}

func TestOneCommentIsKeptInItsPlace(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.hub.Commit("feature", "change", map[string]string{"a": "b"})
	pull := s.hub.Pull("A change", "feature", "main")
	for i := range 3 {
		if err := s.KeepComment(t.Context(), pull, "<!-- plan -->", fmt.Sprintf("plan %d %s", i, strings.Repeat("ä", 70000))); err != nil {
			t.Fatal(err)
		}
	}
	all := s.hub.Comments(pull)
	if len(all) != 1 || !strings.HasPrefix(all[0].Body, "<!-- plan -->\nplan 2") {
		t.Errorf("%d comments", len(all))
	}
}

func TestAnEnterpriseServerIsAskedBelowItsPath(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := client(t, s.url+"/api/v3", s.hub.WorkflowToken("checks:write"))
	if _, err := c.CreateRun(t.Context(), s.queued()); err != nil {
		t.Error(err)
	}
	for _, o := range []Options{{Repository: "site"}, {Repository: "a/b/c"}, {Repository: "a/b", BaseURL: "localhost"}, {Repository: "a/b", BaseURL: "ftp://x"}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestACancelledCallEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.hub.SetLatency(time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.CreateRun(ctx, s.queued()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

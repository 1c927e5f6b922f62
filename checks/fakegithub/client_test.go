package fakegithub_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
)

// client is go-github as it is, pointed at the house.
func (h *house) client(httpClient *http.Client) *github.Client {
	h.t.Helper()
	c := github.NewClient(httpClient)
	if httpClient == nil {
		c = c.WithAuthToken(h.token)
	}
	base, err := url.Parse(h.url + "/")
	if err != nil {
		h.t.Fatal(err)
	}
	c.BaseURL = base
	return c
}

func TestGoGitHubReportsARelease(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	ctx, c, sha := t.Context(), h.client(nil), h.Head("main")
	run, _, err := c.Checks.CreateCheckRun(ctx, "acme", "site", github.CreateCheckRunOptions{
		Name: "lint", HeadSHA: sha, Status: github.String("in_progress"), StartedAt: &github.Timestamp{Time: time.Now()}, ExternalID: github.String("1/1/lint"),
	})
	if err != nil {
		t.Fatal(err)
	}
	update := github.UpdateCheckRunOptions{
		Name: "lint", Conclusion: github.String("success"), Output: &github.CheckRunOutput{
			Title: github.String("t"), Summary: github.String("s"), Annotations: []*github.CheckRunAnnotation{{
				Path: github.String("a"), StartLine: github.Int(1), EndLine: github.Int(1), AnnotationLevel: github.String("warning"), Message: github.String("m"),
			}},
		},
	}
	if run, _, err = c.Checks.UpdateCheckRun(ctx, "acme", "site", run.GetID(), update); err != nil || run.GetConclusion() != "success" || run.GetOutput().GetAnnotationsCount() != 1 {
		t.Fatalf("updated to %v (%v)", run, err)
	}
	update.Name = ""
	var refusal *github.ErrorResponse
	if _, _, err = c.Checks.UpdateCheckRun(ctx, "acme", "site", run.GetID(), update); !errors.As(err, &refusal) || refusal.Response.StatusCode != 422 || refusal.Errors[0].Field != "name" {
		t.Errorf("an update that forgets the name: %v", err)
	}
	d, _, err := c.Repositories.CreateDeployment(ctx, "acme", "site", &github.DeploymentRequest{
		Ref: github.String(sha), AutoMerge: github.Bool(false), RequiredContexts: &[]string{}, Payload: map[string]int{"schema": 1}, Environment: github.String("production"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Repositories.CreateDeploymentStatus(ctx, "acme", "site", d.GetID(), &github.DeploymentStatusRequest{State: github.String("failure"), LogURL: github.String("https://example.com/")}); err != nil {
		t.Error(err)
	}
	if list, _, err := c.Checks.ListCheckRunsForRef(ctx, "acme", "site", "main", &github.ListCheckRunsOptions{Filter: github.String("all")}); err != nil || list.GetTotal() != 1 {
		t.Errorf("listed %v (%v)", list, err)
	}
	if file, _, _, err := c.Repositories.GetContents(ctx, "acme", "site", "README.md", nil); err != nil || file == nil {
		t.Error(err)
	}
	h.Commit("topic", "Work", nil)
	if _, _, err := c.Issues.CreateComment(ctx, "acme", "site", h.Pull("t", "topic", "main"), &github.IssueComment{Body: github.String("hello")}); err != nil {
		t.Error(err)
	}
	if _, _, err := c.PullRequests.ListPullRequestsWithCommit(ctx, "acme", "site", h.Head("topic"), nil); err != nil {
		t.Error(err)
	}
}

func TestGoGitHubSeesRefusalsAsItsOwnErrors(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	ctx := t.Context()
	h.Commit("topic", "Work", map[string]string{"a": "1"})
	h.Commit("main", "More", map[string]string{"b": "1"})
	var accepted *github.AcceptedError
	if _, _, err := h.client(nil).Repositories.CreateDeployment(ctx, "acme", "site", &github.DeploymentRequest{Ref: github.String("topic")}); !errors.As(err, &accepted) || !strings.Contains(string(accepted.Raw), "Auto-merged") {
		t.Errorf("a merge instead of a deployment: %v", err)
	}
	h.Leave(0, 403)
	var limited *github.RateLimitError
	if _, _, err := h.client(nil).Repositories.Get(ctx, "acme", "site"); !errors.As(err, &limited) {
		t.Errorf("the hourly limit: %v", err)
	}
	h.Leave(-1, 0)
	h.Break(traffic.Fault{Path: "/repos/acme/site", Refusal: traffic.TooOften(403, time.Minute)})
	var abuse *github.AbuseRateLimitError
	if _, _, err := h.client(nil).Repositories.Get(ctx, "acme", "site"); !errors.As(err, &abuse) || abuse.GetRetryAfter() != time.Minute {
		t.Errorf("the secondary limit: %v", err)
	}
}

func TestGoGitHubThroughAnInstallation(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	app := h.app()
	r := receive(t)
	h.AppHook(app, r.url, secret, "deployment")
	r.take(h)
	transport, err := ghinstallation.New(http.DefaultTransport, app.ID, app.Installation, privatePEM())
	if err != nil {
		t.Fatal(err)
	}
	transport.BaseURL = h.url
	c := h.client(&http.Client{Transport: transport})
	run, _, err := c.Checks.CreateCheckRun(t.Context(), "acme", "site", github.CreateCheckRunOptions{
		Name: "roll back", HeadSHA: h.Head("main"), Conclusion: github.String("action_required"),
		Actions: []*github.CheckRunAction{{Label: "Roll back", Description: "d", Identifier: "rollback"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Press(run.GetID(), "rollback", "ann"); err != nil {
		t.Fatal(err)
	}
	got := r.take(h)
	if names(got) != "check_run.created check_run.completed check_run.requested_action" {
		t.Fatalf("heard %s", names(got))
	}
	req, _ := http.NewRequest("POST", "/", strings.NewReader(string(got[2].body)))
	req.Header = got[2].header
	body, err := github.ValidatePayload(req, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	event, err := github.ParseWebHook("check_run", body)
	if err != nil {
		t.Fatal(err)
	}
	if e := event.(*github.CheckRunEvent); e.GetRequestedAction().Identifier != "rollback" || e.GetSender().GetLogin() != "ann" || e.GetInstallation().GetID() != app.Installation {
		t.Errorf("the event is %v", e)
	}
	appTransport, err := ghinstallation.NewAppsTransport(http.DefaultTransport, app.ID, privatePEM())
	if err != nil {
		t.Fatal(err)
	}
	appTransport.BaseURL = h.url
	apps := h.client(&http.Client{Transport: appTransport})
	list, _, err := apps.Apps.ListHookDeliveries(t.Context(), &github.ListCursorOptions{PerPage: 2})
	if err != nil || len(list) != 2 {
		t.Fatalf("deliveries %v (%v)", list, err)
	}
	var accepted *github.AcceptedError
	if _, _, err := apps.Apps.RedeliverHookDelivery(t.Context(), list[0].GetID()); err != nil && !errors.As(err, &accepted) {
		t.Errorf("redelivery: %v", err)
	}
	if again := r.take(h); len(again) != 1 || again[0].guid != list[0].GetGUID() {
		t.Errorf("sent again %v", again)
	}
	_, err = h.client(nil).Actions.CreateWorkflowDispatchEventByFileName(t.Context(), "acme", "site", "none.yml", github.CreateWorkflowDispatchEventRequest{Ref: "main"})
	if err == nil || !strings.Contains(fmt.Sprint(err), "404") {
		t.Errorf("a dispatch of nothing: %v", err)
	}
}

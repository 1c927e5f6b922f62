package fakegithub_test

import (
	"fmt"
	"strings"
	"testing"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
)

func TestThePageOfACommit(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	sha, app := h.Head("main"), h.app()
	r := receive(t)
	h.AppHook(app, r.url, secret)
	page := "GET /acme/site/commit/" + sha + "/checks"
	visitor := h.as("")
	if got := visitor.must(200, page, ""); !strings.Contains(got.Raw, "No check runs yet") || !strings.Contains(got.Raw, `http-equiv="refresh"`) {
		t.Errorf("an empty page is %s", got.Raw)
	}
	h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"Pages gate / lint","head_sha":%q,"conclusion":"success","output":{"title":"Fine","summary":"all fine"}}`, sha))
	d := h.deploy(`,"environment":"staging"`)
	h.must(201, "POST R/deployments/"+d+"/statuses", `{"state":"failure","description":"health said no","environment_url":"https://staging.example.com"}`)
	made := h.installed(app).must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"health","head_sha":%q,"conclusion":"failure","actions":[{"label":"Roll back","description":"d","identifier":"rollback"}],
		"output":{"title":"Not <well>","summary":"| a | b |\n|---|---|\n| 1 | 2 |\n\n<script>alert(1)</script> [x](javascript:alert(1))","text":"**bold**",
		"annotations":[{"path":"w/a.toml","start_line":3,"end_line":4,"annotation_level":"failure","message":"no <b> binding"}]}}`, sha))
	got := visitor.must(200, page, "")
	for _, want := range []string{
		"Pages gate / lint", "Not &lt;well&gt;", "<td>1</td>", "<strong>bold</strong>", "w/a.toml:3-4", "no &lt;b&gt; binding", "Roll back", "health said no",
		"https://staging.example.com", `class="mark failure"`, `class="mark success"`, "prefers-color-scheme: dark",
	} {
		if !strings.Contains(got.Raw, want) {
			t.Errorf("the page does not show %s", want)
		}
	}
	for _, never := range []string{"<script>", "javascript:", `http-equiv="refresh"`, "all fine"} {
		if strings.Contains(got.Raw, never) {
			t.Errorf("the page shows %s", never)
		}
	}
	lint := fmt.Sprint(h.Runs(sha)[0].ID)
	if got := visitor.must(200, page+"?check_run_id="+lint, ""); !strings.Contains(got.Raw, "all fine") || strings.Contains(got.Raw, "Not &lt;well") {
		t.Error("the run that was asked for is not the one shown")
	}
	if to := visitor.must(303, "GET /acme/site/runs/"+lint, "").Header.Get("Location"); !strings.HasSuffix(to, "check_run_id="+lint) {
		t.Errorf("a run's page leads to %s", to)
	}
	r.take(h)
	press := "POST /acme/site/runs/" + made.text("id") + "/press"
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	visitor.must(403, press, "identifier=rollback", append(form, "Origin", "https://evil.example")...)
	visitor.must(422, press, "identifier=other", form...)
	visitor.must(303, press, "identifier=rollback", form...)
	if got := r.take(h); names(got) != "check_run.requested_action" || got[0].text("sender.login") != "octocat" {
		t.Errorf("the App heard %s", names(got))
	}
	h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"smoke","head_sha":%q,"status":"in_progress"}`, sha))
	if got := visitor.must(200, page, ""); !strings.Contains(got.Raw, `http-equiv="refresh"`) {
		t.Error("a page with a run in progress does not ask again")
	}
	visitor.must(404, "GET /acme/site/commit/nowhere/checks", "")
	visitor.must(404, "GET /acme/site/runs/1", "")
}

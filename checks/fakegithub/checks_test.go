package fakegithub_test

import (
	"fmt"
	"strings"
	"testing"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
)

func TestARunFromQueuedToCompleted(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	sha := h.Head("main")
	r := h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"lint","head_sha":%q,"external_id":"7/1/lint","details_url":"https://example.com/x"}`, sha))
	id := r.text("id")
	if r.text("status") != "queued" || r.text("app.id") != "15368" || !strings.HasSuffix(r.text("details_url"), "/runs/"+id) {
		t.Errorf("made %s", r.Raw)
	}
	h.must(200, "PATCH R/check-runs/"+id, `{"status":"in_progress","output":{"title":"T","summary":"S","annotations":[{"path":"a.toml","start_line":1,"end_line":1,"start_column":2,"end_column":3,"annotation_level":"failure","message":"M"}]}}`)
	r = h.must(200, "PATCH R/check-runs/"+id, `{"conclusion":"failure","output":{"title":"T","summary":"S2","text":"X","annotations":[{"path":"b.toml","start_line":1,"end_line":3,"annotation_level":"warning","message":"M","title":"Q","raw_details":"D"}]},"actions":[{"label":"Fix","description":"Fix it","identifier":"fix"}]}`)
	if r.text("status") != "completed" || r.text("output.annotations_count") != "2" || strings.Contains(r.Raw, `"actions"`) {
		t.Errorf("completed as %s", r.Raw)
	}
	if got := h.must(200, "GET R/check-runs/"+id, ""); got.text("output.summary") != "S2" || got.text("completed_at") == "null" {
		t.Errorf("read back %s", got.Raw)
	}
	if list := h.must(200, "GET R/check-runs/"+id+"/annotations", "").List; len(list) != 2 || list[1]["path"] != "b.toml" {
		t.Errorf("annotations %v", list)
	}
	suite := h.must(200, "GET R/check-suites/"+r.text("check_suite.id"), "")
	if suite.text("conclusion") != "failure" || suite.text("status") != "completed" {
		t.Errorf("the suite is %s", suite.Raw)
	}
	h.must(200, "GET R/check-suites/"+r.text("check_suite.id")+"/check-runs", "")
	h.must(200, "GET R/commits/main/check-suites", "")
	runs := h.Runs(sha)
	if len(runs) != 1 || runs[0].Conclusion != "failure" || len(runs[0].Actions) != 1 || runs[0].Updates != 2 || runs[0].ExternalID != "7/1/lint" {
		t.Errorf("snapshot %+v", runs)
	}
}

func TestTheRunOfAJobIsActionsOwn(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	id := h.Job(h.Head("main"), "deploy")
	one := fmt.Sprintf("R/check-runs/%d", id)
	if r := h.must(403, "PATCH "+one, `{"conclusion":"success"}`); !strings.Contains(r.text("message"), "internally by GitHub Actions") {
		t.Errorf("said %s", r.Raw)
	}
	h.must(200, "PATCH "+one, `{"output":{"title":"t","summary":"s"}}`)
	h.must(409, "POST R/deployments", `{"ref":"main"}`)
}

func TestAskingASuiteAgain(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	made := h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"n","head_sha":%q,"conclusion":"failure"}`, h.Head("main")))
	suite := "R/check-suites/" + made.text("check_suite.id")
	h.must(201, "POST "+suite+"/rerequest", "")
	if r := h.must(200, "GET "+suite, ""); r.text("status") != "queued" || r.text("conclusion") != "null" {
		t.Errorf("the suite is %s", r.Raw)
	}
	if r := h.must(200, "GET R/check-runs/"+made.text("id"), ""); r.text("conclusion") != "failure" {
		t.Errorf("the run became %s", r.Raw)
	}
	h.must(404, "GET R/check-suites/1", "")
	open := h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"m","head_sha":%q}`, h.Head("main"))).text("id")
	h.must(422, "POST R/check-runs/"+open+"/rerequest", "")
}

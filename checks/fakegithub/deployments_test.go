package fakegithub_test

import (
	"fmt"
	"strings"
	"testing"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
)

const plain = `,"auto_merge":false,"required_contexts":[]`

func (h *house) deploy(more string) string {
	h.t.Helper()
	return h.must(201, "POST R/deployments", `{"ref":"main"`+plain+more+`}`).text("id")
}

func TestADeploymentIsShownAsItWasAsked(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	r := h.must(201, "POST R/deployments", `{"ref":"main","task":"t","environment":"staging","description":"d","payload":{"a":[1]}`+plain+`}`)
	for path, want := range map[string]string{
		"sha": h.Head("main"), "ref": "main", "task": "t", "environment": "staging", "original_environment": "staging", "payload": `{"a":[1]}`,
		"creator.login": "github-actions[bot]", "performed_via_github_app.id": "15368", "production_environment": "false", "transient_environment": "false",
	} {
		if got := r.text(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if got := h.must(200, "GET R/deployments/"+r.text("id"), "").text("description"); got != "d" {
		t.Errorf("read back %s", got)
	}
	if r := h.must(201, "POST R/deployments", `{"ref":"`+h.Head("main")+`","payload":"words"`+plain+`}`); r.text("payload") != "words" || r.text("environment") != "production" || r.text("production_environment") != "true" || r.text("task") != "deploy" {
		t.Errorf("defaults are %s", r.Raw)
	}
	if r := h.as(h.User("ann", "write")).must(201, "POST R/deployments", `{"ref":"main"`+plain+`}`); r.text("creator.login") != "ann" || r.text("performed_via_github_app") != "null" {
		t.Errorf("made by %s", r.Raw)
	}
}

func TestDeploymentsThatAreRefused(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	id := h.deploy("")
	for _, test := range []struct{ name, line, body, want string }{
		{"no ref", "R/deployments", `{}`, `"ref" wasn't supplied`},
		{"an unknown ref", "R/deployments", `{"ref":"nowhere"}`, "No ref found for: nowhere"},
		{"a list as payload", "R/deployments", `{"ref":"main","payload":[1]}`, "not an object or a string"},
		{"an unknown field", "R/deployments", `{"ref":"main","env":"x"}`, "not a permitted key"},
		{"an empty environment", "R/deployments", `{"ref":"main","environment":""}`, "can't be blank"},
		{"no state", "R/deployments/ID/statuses", `{}`, `"state" wasn't supplied`},
		{"an unknown state", "R/deployments/ID/statuses", `{"state":"done"}`, "not \\\"done\\\""},
		{"a state only GitHub sets", "R/deployments/ID/statuses", `{"state":"waiting"}`, "state must be one of"},
		{"a long description", "R/deployments/ID/statuses", `{"state":"success","description":"` + strings.Repeat("é", 141) + `"}`, "maximum is 140"},
		{"an address that is none", "R/deployments/ID/statuses", `{"state":"success","log_url":"logs"}`, "log_url must use http"},
		{"an environment's address that is none", "R/deployments/ID/statuses", `{"state":"success","environment_url":"ftp://x/"}`, "environment_url must use http"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r := h.must(422, "POST "+strings.Replace(test.line, "ID", id, 1), test.body); !strings.Contains(r.Raw+r.message(), test.want) {
				t.Errorf("said %s, want %s", r.Raw, test.want)
			}
		})
	}
	h.must(404, "POST R/deployments/1/statuses", `{"state":"success"}`)
	h.must(201, "POST R/deployments/"+id+"/statuses", `{"state":"success","description":"`+strings.Repeat("é", 140)+`"}`)
}

func TestADeploymentWaitsForChecksUnlessToldNotTo(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	run := h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"lint","head_sha":%q}`, h.Head("main"))).text("id")
	if r := h.must(409, "POST R/deployments", `{"ref":"main"}`); !strings.Contains(r.Raw, "Commit status checks failed for main") || !strings.Contains(r.Raw, "lint") {
		t.Errorf("said %s", r.Raw)
	}
	h.must(409, "POST R/deployments", `{"ref":"main","required_contexts":["lint"]}`)
	if r := h.must(409, "POST R/deployments", `{"ref":"main","required_contexts":["other"]}`); !strings.Contains(r.Raw, "context other is pending") {
		t.Errorf("said %s", r.Raw)
	}
	h.deploy("")
	h.must(200, "PATCH R/check-runs/"+run, `{"conclusion":"failure"}`)
	h.must(409, "POST R/deployments", `{"ref":"main"}`)
	h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"lint","head_sha":%q,"conclusion":"neutral"}`, h.Head("main")))
	h.must(201, "POST R/deployments", `{"ref":"main"}`)
	if n := len(h.Deployments("")); n != 2 {
		t.Errorf("%d deployments, want 2", n)
	}
}

func TestABranchBehindIsMergedInsteadOfDeployed(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	behind := h.Commit("topic", "Work", map[string]string{"a": "1"})
	h.Commit("main", "More", map[string]string{"b": "2"})
	r := h.must(202, "POST R/deployments", `{"ref":"topic"}`)
	if r.text("message") != "Auto-merged main into topic on deployment." || len(h.Deployments("")) != 0 || h.Head("topic") == behind {
		t.Errorf("said %s, topic is %s", r.Raw, h.Head("topic"))
	}
	h.must(201, "POST R/deployments", `{"ref":"topic"}`)
	h.must(201, "POST R/deployments", `{"ref":"`+behind+`"}`)
}

func TestASuccessRetiresThoseBeforeIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, first, status, want string }{
		{"of the same environment", `,"environment":"staging"`, ``, "inactive"},
		{"not when told not to", `,"environment":"staging"`, `,"auto_inactive":false`, "success"},
		{"not one in production", `,"environment":"staging","production_environment":true`, ``, "success"},
		{"not a transient one", `,"environment":"staging","transient_environment":true`, ``, "success"},
		{"not one elsewhere", `,"environment":"other"`, ``, "success"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, fake.Options{})
			first, second := h.deploy(test.first), h.deploy(`,"environment":"staging"`)
			h.must(201, "POST R/deployments/"+first+"/statuses", `{"state":"success"}`)
			h.must(201, "POST R/deployments/"+second+"/statuses", `{"state":"in_progress"}`)
			h.must(201, "POST R/deployments/"+second+"/statuses", `{"state":"success"`+test.status+`}`)
			if got := h.Deployments("")[0].State; got != test.want {
				t.Errorf("the first is %s, want %s", got, test.want)
			}
		})
	}
}

func TestListingAndDeletingDeployments(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	a := h.deploy(`,"environment":"staging","task":"deploy"`)
	h.must(201, "POST R/deployments/"+a+"/statuses", `{"state":"success","log_url":"https://example.com/l","environment":"qa"}`)
	b := h.deploy(`,"environment":"staging","task":"rollback"`)
	for query, want := range map[string]string{
		"": b + " " + a, "?environment=staging": b, "?environment=qa": a, "?task=deploy": a, "?ref=main&per_page=1": b, "?sha=" + h.Head("main"): b + " " + a, "?sha=1": "",
	} {
		var ids []string
		for _, d := range h.must(200, "GET R/deployments"+query, "").List {
			ids = append(ids, fmt.Sprintf("%.0f", d["id"]))
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%q lists %s, want %s", query, got, want)
		}
	}
	h.must(422, "DELETE R/deployments/"+a, "")
	statuses := h.must(200, "GET R/deployments/"+a+"/statuses", "").List
	h.must(200, fmt.Sprintf("GET R/deployments/%s/statuses/%.0f", a, statuses[0]["id"]), "")
	h.must(404, "GET R/deployments/"+a+"/statuses/1", "")
	h.must(201, "POST R/deployments/"+a+"/statuses", `{"state":"inactive"}`)
	if got := h.must(200, "GET R/deployments/"+a+"/statuses", "").List; got[0]["state"] != "inactive" || got[1]["log_url"] != "https://example.com/l" {
		t.Errorf("statuses %v", got)
	}
	h.must(204, "DELETE R/deployments/"+a, "")
	h.must(404, "GET R/deployments/"+a, "")
	h.must(201, "POST R/deployments/"+b+"/statuses", `{"state":"success"}`)
	h.must(204, "DELETE R/deployments/"+b, "")
}

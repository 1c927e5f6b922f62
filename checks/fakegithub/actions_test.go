package fakegithub_test

import (
	"fmt"
	"strings"
	"testing"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
)

const rollback = `name: Roll back
on:
  push: {}
  workflow_dispatch:
    inputs:
      deployment: {required: true, description: which}
      environment: {type: choice, options: [staging, production], default: production}
      dry: {type: boolean, default: false}
      note: {}
jobs: {}
`

func withWorkflows(t *testing.T) *house {
	t.Helper()
	h := open(t, fake.Options{})
	h.Commit("main", "Add workflows", map[string]string{
		".github/workflows/rollback.yml": rollback, ".github/workflows/push.yml": "on: [push]\n", ".github/workflows/short.yaml": "on: workflow_dispatch\n",
		".github/workflows/named.yml":  "name: Named\nrun-name: Back to ${{ inputs.to }}, ${{inputs.why}}!\non:\n  workflow_dispatch:\n    inputs: {to: {}, why: {}}\n",
		".github/workflows/broken.yml": "on: {workflow_dispatch: {inputs: 3}}\n",
	})
	return h
}

func TestADispatchMakesARun(t *testing.T) {
	t.Parallel()
	h := withWorkflows(t)
	seen := make(chan fake.WorkflowRun, 1)
	h.OnDispatch(func(r fake.WorkflowRun) { seen <- r })
	h.must(204, "POST R/actions/workflows/rollback.yml/dispatches", `{"ref":"main","inputs":{"deployment":"7"}}`)
	run := <-seen
	if run.Inputs["deployment"] != "7" || run.Inputs["environment"] != "production" || run.Inputs["dry"] != "false" || run.SHA != h.Head("main") || run.Status != "queued" {
		t.Errorf("the run is %+v", run)
	}
	id := fmt.Sprint(run.ID)
	for _, state := range []string{"queued null", "in_progress null", "completed success"} {
		status, conclusion, _ := strings.Cut(state, " ")
		if err := h.SetRun(run.ID, status, strings.TrimPrefix(conclusion, "null")); err != nil {
			t.Fatal(err)
		}
		if r := h.must(200, "GET R/actions/runs/"+id, ""); r.text("status") != status || r.text("conclusion") != conclusion {
			t.Errorf("the run is %s, want %s", r.Raw, state)
		}
	}
	h.must(409, "POST R/actions/runs/"+id+"/cancel", "")
	r := h.must(200, "POST R/actions/workflows/rollback.yml/dispatches", `{"ref":"refs/heads/main","inputs":{"deployment":"8","dry":true},"return_run_details":true}`)
	h.must(202, "POST R/actions/runs/"+r.text("workflow_run_id")+"/cancel", "")
	if all := h.WorkflowRuns(); len(all) != 2 || all[1].Conclusion != "cancelled" || all[1].Inputs["dry"] != "true" {
		t.Errorf("runs %+v", all)
	}
	for query, want := range map[string]string{"": "2", "?status=success": "1", "?event=push": "0", "?branch=main&per_page=1": "2"} {
		if got := h.must(200, "GET R/actions/workflows/rollback.yml/runs"+query, "").text("total_count"); got != want {
			t.Errorf("%q lists %s, want %s", query, got, want)
		}
	}
	h.must(200, "GET R/actions/runs", "")
	h.must(200, "GET R/actions/workflows/"+h.must(200, "GET R/actions/workflows/rollback.yml", "").text("id"), "")
}

func TestARunIsCalledAsItsWorkflowSays(t *testing.T) {
	t.Parallel()
	h := withWorkflows(t)
	for file, want := range map[string]string{"named.yml": "Back to r1, !", "short.yaml": ".github/workflows/short.yaml"} {
		inputs := `{}`
		if file == "named.yml" {
			inputs = `{"to":"r1"}`
		}
		h.must(204, "POST R/actions/workflows/"+file+"/dispatches", `{"ref":"main","inputs":`+inputs+`}`)
		if r := h.must(200, "GET R/actions/workflows/"+file+"/runs", ""); !strings.Contains(r.Raw, `"display_title":"`+want+`"`) {
			t.Errorf("%s: %s", file, r.Raw)
		}
	}
}

func TestDispatchesThatAreRefused(t *testing.T) {
	t.Parallel()
	h := withWorkflows(t)
	many := ""
	for i := range 26 {
		many += fmt.Sprintf(`,"k%d":"v"`, i)
	}
	for _, test := range []struct {
		name, file, body string
		status           int
		want             string
	}{
		{"a workflow that is not there", "nothing.yml", `{"ref":"main"}`, 404, "Not Found"},
		{"a workflow without the trigger", "push.yml", `{"ref":"main"}`, 422, "does not have 'workflow_dispatch' trigger"},
		{"a workflow that does not read", "broken.yml", `{"ref":"main"}`, 422, "is not valid"},
		{"no ref", "short.yaml", `{}`, 422, "wasn't supplied"},
		{"an unknown ref", "short.yaml", `{"ref":"nowhere"}`, 422, "No ref found for: nowhere"},
		{"a commit for a ref", "short.yaml", `{"ref":"SHA"}`, 422, "No ref found for"},
		{"inputs nobody declared", "rollback.yml", `{"ref":"main","inputs":{"deployment":"7","b":"1","a":"1"}}`, 422, `Unexpected inputs provided: [\"a\", \"b\"]`},
		{"inputs of a workflow that takes none", "short.yaml", `{"ref":"main","inputs":{"a":"1"}}`, 422, `Unexpected inputs provided`},
		{"a required input that is missing", "rollback.yml", `{"ref":"main"}`, 422, "Required input 'deployment' not provided"},
		{"a choice that is none", "rollback.yml", `{"ref":"main","inputs":{"deployment":"7","environment":"moon"}}`, 422, "not in the list of allowed values"},
		{"too many inputs", "rollback.yml", `{"ref":"main","inputs":{"deployment":"7"` + many + `}}`, 422, "No more than 25 properties"},
		{"inputs too large", "rollback.yml", `{"ref":"main","inputs":{"deployment":"` + strings.Repeat("x", 65536) + `"}}`, 422, "too large"},
		{"an unknown field", "rollback.yml", `{"ref":"main","input":{}}`, 422, "permitted key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := h.must(test.status, "POST R/actions/workflows/"+test.file+"/dispatches", strings.ReplaceAll(test.body, "SHA", h.Head("main")))
			if !strings.Contains(r.Raw, test.want) {
				t.Errorf("said %s, want %s", r.Raw, test.want)
			}
		})
	}
	if n := len(h.WorkflowRuns()); n != 0 {
		t.Errorf("%d runs were made all the same", n)
	}
	if err := h.SetRun(1, "completed", "success"); err == nil {
		t.Error("a run that is not there was set")
	}
	run, err := h.StartRun("push.yml", "push", "main")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SetRun(run.ID, "completed", ""); err == nil {
		t.Error("a run was completed without a conclusion")
	}
}

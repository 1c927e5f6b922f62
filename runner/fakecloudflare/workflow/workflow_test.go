package workflow_test

import (
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/ask"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/workflow"
)

func TestWorkflows(t *testing.T) {
	t.Parallel()
	ws := workflow.New(mint.New(nil, 1), func(script, class string) (bool, bool) { return script == "w" || script == "v", class == "C" })
	room := ask.Room{T: t, Endpoints: ws.Endpoints()}
	const one = "/accounts/a/workflows/f"
	for _, test := range []struct {
		name, line, body string
		status, code     int
	}{
		{"missing", "GET " + one, "", 404, 10200},
		{"of no script", "PUT " + one, `{"script_name":"nope","class_name":"C"}`, 404, 10007},
		{"of no class", "PUT " + one, `{"script_name":"w","class_name":"X"}`, 400, 1001},
		{"made", "PUT " + one, `{"script_name":"w","class_name":"C"}`, 200, 0},
		{"with a schedule", "PUT " + one, `{"script_name":"w","class_name":"C","schedules":[{"cron":"* * * * *"}]}`, 403, 10208},
		{"taken over", "PUT " + one, `{"script_name":"v","class_name":"C"}`, 200, 0},
	} {
		if reply := room.Do(test.line, test.body); reply.Status != test.status || reply.Code != test.code {
			t.Errorf("%s: %d %d %s, want %d %d", test.name, reply.Status, reply.Code, reply.Message, test.status, test.code)
		}
	}
	var list []workflow.Workflow
	if room.Must("GET /accounts/a/workflows", "", &list); len(list) != 1 || list[0].Script != "v" {
		t.Errorf("listed %+v", list)
	}
	room.Must("DELETE "+one, "", nil)
	if reply := room.Do("DELETE "+one, ""); reply.Code != 10200 {
		t.Errorf("deleted twice: %d", reply.Code)
	}
}

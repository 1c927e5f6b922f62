package alarm

import (
	"strings"
	"testing"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
)

func run(changes ...string) []byte {
	text := `{"action":"completed","workflow_run":{"id":30,"run_attempt":2,"name":"promote","conclusion":"cancelled"},"repository":{"full_name":"TMinus/app"}}`
	return []byte(strings.NewReplacer(changes...).Replace(text))
}

func TestARunThatEndedBadlyIsADeath(t *testing.T) {
	t.Parallel()
	for _, conclusion := range []string{"cancelled", "failure", "timed_out", "startup_failure", "stale"} {
		d, why, ok := rules.Died("workflow_run", run("cancelled", conclusion))
		if !ok || d.Key() != "tminus/app run 30/2" || d.Lane() != "died tminus/app run 30/2" || d.Repository != "TMinus/app" || !strings.Contains(why, conclusion) {
			t.Errorf("%s: %+v, %q, %v", conclusion, d, why, ok)
		}
	}
	for _, tt := range []struct {
		name, event string
		body        []byte
		says        string
	}{
		{"another event", "deployment_status", run(), "not about"},
		{"no JSON", "workflow_run", []byte("{"), "cannot be read"},
		{"a run that begins", "workflow_run", run("completed", "requested"), "is requested"},
		{"a run that went well", "workflow_run", run("cancelled", "success"), "ended with success"},
		{"a run that waits for a person", "workflow_run", run("cancelled", "action_required"), "ended with action_required"},
		{"another repository", "workflow_run", run("TMinus/app", "evil/app"), "repository"},
		{"no number", "workflow_run", run(`"id":30`, `"id":0`), "no number"},
		{"no attempt", "workflow_run", run(`"run_attempt":2,`, ``), "no number"},
	} {
		if _, why, ok := rules.Died(tt.event, tt.body); ok || !strings.Contains(why, tt.says) {
			t.Errorf("%s: %v, %q", tt.name, ok, why)
		}
	}
}

func TestARecordIsJudgedAsADeliveryIs(t *testing.T) {
	t.Parallel()
	payload := `{"by":"tminus/deploy-action","schema":1,"release":"r1","environment":"production","workers":[{"script":"tminus-api-production"}]}`
	good := github.Deployment{ID: 7, SHA: "abc", Task: "deploy", Environment: "production", Creator: "github-actions[bot]", Payload: []byte(payload)}
	failed := github.Status{State: "failure", Description: "Health production failed: it is silent"}
	record := func(d github.Deployment, said ...github.Status) deployment.Record {
		r, ours := deployment.Read(d, said...)
		if !ours {
			t.Fatalf("%s is not of this action", d.Payload)
		}
		return r
	}
	a, why, ok := rules.Failed("tminus/app", record(good, failed))
	told, _, _ := rules.Judge("deployment_status", body())
	if !ok || a.Key() != told.Key() || a.Lane() != told.Lane() || a.Stage != "health" || a.Deployment != 7 || a.SHA != "abc" || !strings.Contains(why, "it is silent") || rules.Refuses("tminus/app", record(good)) != "" {
		t.Errorf("%+v, %q, %v", a, why, ok)
	}
	for name, said := range map[string][]github.Status{"one that passed": {{State: "success"}, failed}, "one of which nobody asked": nil} {
		if _, _, ok := rules.Failed("tminus/app", record(good, said...)); ok {
			t.Errorf("%s is an alarm", name)
		}
	}
	if _, _, ok := rules.Failed("tminus/app", record(good, github.Status{State: "failure", Description: "Hold lifted by ann: done"}, failed)); !ok {
		t.Error("a hold hides a failure")
	}
	for name, change := range map[string]func(*github.Deployment){
		"who is not allowed": func(d *github.Deployment) { d.Creator = "mallory" },
		"environment":        func(d *github.Deployment) { d.Environment = "staging" },
		"script":             func(d *github.Deployment) { d.Payload = []byte(strings.Replace(payload, "tminus-api", "other", 1)) },
	} {
		d := good
		change(&d)
		if why := rules.Refuses("tminus/app", record(d)); !strings.Contains(why, name) {
			t.Errorf("%s: %q", name, why)
		}
		if _, why, ok := rules.Failed("tminus/app", record(d, failed)); ok || !strings.Contains(why, name) {
			t.Errorf("%s: %v, %q", name, ok, why)
		}
	}
	if why := rules.Refuses("evil/app", record(good)); !strings.Contains(why, "evil/app") {
		t.Errorf("another repository: %q", why)
	}
	rollback := good
	rollback.Task = "rollback"
	if _, why, ok := rules.Failed("tminus/app", record(rollback, failed)); ok || !strings.Contains(why, "rollback itself") {
		t.Errorf("a rollback: %v, %q", ok, why)
	}
}

func FuzzDied(f *testing.F) {
	f.Add("workflow_run", run())
	f.Fuzz(func(t *testing.T, event string, b []byte) {
		d, why, ok := rules.Died(event, b)
		if why == "" {
			t.Fatal("there is no reason")
		}
		if ok && (!strings.EqualFold(d.Repository, "tminus/app") || d.Run <= 0 || d.Attempt <= 0) {
			t.Fatalf("%+v got through", d)
		}
	})
}

package main

import (
	"strings"
	"testing"
)

// nowhere keeps every question to a Worker on this machine, where nobody answers.
var nowhere = []string{"--resolve", "*:443:127.0.0.1:1"}

func TestADoctorsTopicsAreCheckRuns(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.onGitHub("contents:read", "checks:write", "actions:read", "deployments:read")
	code, text := g.run(append([]string{"doctor", "--env", "staging"}, nowhere...)...)
	if code != 1 {
		t.Fatalf("exit %d\n%s", code, text)
	}
	ended := map[string]string{}
	for _, r := range g.hub.Runs("") {
		_, topic, _ := strings.Cut(strings.TrimPrefix(r.Name, "Doctor / "), " ") // behind its number
		ended[topic] = r.Conclusion
		if strings.HasSuffix(r.Name, "Deployments") && (len(r.Annotations) != 2 || !strings.HasPrefix(r.Annotations[0].Path, "workers/")) {
			t.Errorf("%+v", r)
		}
	}
	for topic, want := range map[string]string{"Account": "success", "Token": "success", "Code": "success", "Deployments": "failure", "Smoke": "failure", "Drift": "success", "Queues": "skipped"} {
		if got := ended[topic]; got != want {
			t.Errorf("%s is %q, want %s: %v", topic, got, want, ended)
		}
	}
	if !strings.Contains(text, " questions: ") || !strings.Contains(text, "not-deployed") {
		t.Errorf("the log is\n%s", text)
	}
}

func TestADoctorInATerminalWritesABoard(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	code, text := g.run(append([]string{"doctor"}, nowhere...)...)
	for _, part := range []string{"\nAccount\n  ✓ Is the account reached", "✗ Does a release serve tminus-api-production  broken\n      workers/api/wrangler.toml:", "→ deploy it: deploy-action promote --env production --worker api"} {
		if code != 1 || !strings.Contains(text, part) {
			t.Errorf("exit %d, %q is not in\n%s", code, part, text)
		}
	}
	if code, text := g.run(append([]string{"doctor", "--env", "staging", "--worker", "mcp", "--format", "json"}, nowhere...)...); code != 1 || !strings.Contains(text, `"event":"answer","topic":"Deployments","question":"Does a release serve tminus-mcp-staging","mark":"broken"`) {
		t.Errorf("exit %d\n%s", code, text)
	}
	if code, text := g.run("doctor", "--worker", "apii"); code != 2 || !strings.Contains(text, `there is no Worker "apii"`) {
		t.Errorf("exit %d\n%s", code, text)
	}
	g.env["CLOUDFLARE_API_TOKEN"] = "wrong-token-of-the-test"
	if code, text := g.run(append([]string{"doctor", "--env", "staging"}, nowhere...)...); code != 1 || !strings.Contains(text, "Cloudflare does not know the API token") || strings.Contains(text, "wrong-token-of-the-test") {
		t.Errorf("exit %d\n%s", code, text)
	}
}

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// happens sends an event of api on staging as soon as somebody listens.
func (g *ground) happens(stop <-chan struct{}, version string) {
	for !g.account.Tails.Watched("tminus-api-staging") {
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond):
		}
	}
	if err := g.account.Tails.Send("tminus-api-staging", version, map[string]any{
		"outcome": "exception", "eventTimestamp": 1700000000000,
		"event":      map[string]any{"request": map[string]any{"url": "https://api-staging.tminus.ink/v1/me?token=" + jwtSecret, "method": "GET", "headers": map[string]any{"cookie": "sid=very-secret"}}},
		"logs":       []any{map[string]any{"level": "log", "message": []any{"signs with", jwtSecret}, "timestamp": 1700000000000}},
		"exceptions": []any{map[string]any{"name": "Error", "message": "no " + jwtSecret, "stack": "Error: no " + jwtSecret + "\n    at fetch (index.js:4:12)", "timestamp": 1700000000000}},
	}); err != nil {
		g.t.Error(err)
	}
}

func TestLogsShowWhereItHappenedAndNoSecret(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	if code, text := g.run("promote", "--stage-only", "--skip-build", "--skip-smoke"); code != 0 {
		t.Fatalf("exit %d\n%s", code, text)
	}
	code, status := g.run("status", "--env", "staging", "--format", "json")
	var line struct {
		Versions []struct{ Version string }
	}
	if first, _, _ := strings.Cut(status, "\n"); code != 0 || json.Unmarshal([]byte(first), &line) != nil || len(line.Versions) != 1 {
		t.Fatalf("exit %d\n%s", code, status)
	}
	follow := func(args ...string) (int, string) {
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() { defer close(done); g.happens(stop, line.Versions[0].Version) }()
		code, text := g.run(append([]string{"logs", "--env", "staging", "--for", "2s"}, args...)...)
		close(stop)
		<-done
		return code, text
	}
	for _, one := range []struct {
		name, edit string
		args, want []string
	}{
		{"text", "", nil, []string{"  api  exception  GET /v1/me?token=***\n", "    log   signs with ***\n", "    error Error: no ***\n            at fetch (workers/api/index.js:1:"}},
		{"JSON", "", []string{"--format", "json"}, []string{`{"event":"invocation","environment":"staging","worker":"api"`, `"at":{"file":"workers/api/index.js","line":1,`}},
		{"another checkout", "export default { fetch() { return new Response('api 2') } }\n", nil, []string{"at fetch (index.js:4:12)", "was built from other code than this checkout; check out commit aaaaaaa"}},
		{"a checkout that is broken", "export default {", nil, []string{"at fetch (index.js:4:12)", "this checkout does not bundle: "}},
	} {
		if one.edit != "" {
			g.write("workers/api/index.js", one.edit)
		}
		code, text := follow(one.args...)
		if code != 0 {
			t.Errorf("%s: exit %d", one.name, code)
		}
		for _, want := range one.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in\n%s", one.name, want, text)
			}
		}
		made, deleted := len(g.account.Calls().Matching("POST", "/accounts/*/workers/scripts/*/tails")), len(g.account.Calls().Matching("DELETE", "/accounts/*/workers/scripts/*/tails/*"))
		if made != 2 || deleted != 2 || len(g.account.Calls().Writes()) != 0 {
			t.Errorf("%s: %d tails made, %d deleted, %d writes", one.name, made, deleted, len(g.account.Calls().Writes()))
		}
	}
	for _, secret := range []string{jwtSecret, apiToken, "very-secret"} {
		if strings.Contains(g.said, secret) {
			t.Errorf("%s was said", secret)
		}
	}
}

func TestLogsThatCannotBeginSayWhy(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for _, one := range []struct {
		name string
		env  map[string]string
		args []string
		want string
	}{
		{"nothing is deployed", nil, []string{"--env", "staging"}, "workers/api/wrangler.toml:5:6 tminus-api-staging is not on the account [not-deployed]"},
		{"a Worker that is none", nil, []string{"--worker", "apl"}, `there is no Worker "apl" in production`},
		{"a share that is none", nil, []string{"--sampling", "2"}, "--sampling: 2 is no share"},
		{"a status that is none", nil, []string{"--status", "bad"}, `--status must be one of "ok","error","canceled"`},
		{"an unknown token", map[string]string{"CLOUDFLARE_API_TOKEN": "who"}, nil, "[wrong-token]"},
		{"no token", map[string]string{"CLOUDFLARE_API_TOKEN": ""}, nil, "CLOUDFLARE_API_TOKEN is not set"},
		{"no end in a workflow", map[string]string{"GITHUB_ACTIONS": "true"}, nil, "in a workflow, logs would only end when the job is cut off"},
	} {
		before := map[string]string{}
		for name, v := range one.env {
			before[name], g.env[name] = g.env[name], v
		}
		code, text := g.run(append([]string{"logs"}, one.args...)...)
		if code != exitCannotBegin || !strings.Contains(text, one.want) {
			t.Errorf("%s: exit %d, want %q in\n%s", one.name, code, one.want, text)
		}
		for name, v := range before {
			g.env[name] = v
		}
	}
}

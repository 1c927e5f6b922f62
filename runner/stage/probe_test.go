package stage_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/stage"
)

// asked is a Worker called api on staging, played by a function. Its certificate
// is for example.com, so that is its host.
func asked(t *testing.T, answer http.HandlerFunc) (*probe.Client, project.Target) {
	t.Helper()
	s := httptest.NewTLSServer(answer)
	t.Cleanup(s.Close)
	r, err := probe.ParseResolve("example.com:443:" + s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := probe.New(probe.Options{Resolve: []probe.Resolve{r}, CACert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := project.Load(fstest.MapFS{"workers/api/wrangler.toml": {Data: []byte("name = \"tminus-api\"\nmain = \"i.js\"\ncompatibility_date = \"2026-03-17\"\n[env.staging]\nroutes = [\"example.com/*\"]\n")}})
	if err != nil {
		t.Fatal(err)
	}
	target, err := loaded.In("staging")
	if err != nil {
		t.Fatal(err)
	}
	return c, target
}

func health(status, env, worker string) string {
	return fmt.Sprintf(`{"ok":%v,"data":{"status":%q,"environment":%q,"worker":%q,"bindings":[],"version":"0f8fad5b-d9cb-469f-a165-70867728950e"}}`, status != "unhealthy", status, env, worker)
}

func TestAHealthAnswerIsHeldAgainstTheRunbook(t *testing.T) {
	t.Parallel()
	const good, other = "0f8fad5b-d9cb-469f-a165-70867728950e", "11111111-1111-4111-8111-111111111111"
	tests := []struct {
		name    string
		status  int
		body    string
		version string
		says    string // empty: it passes
		hint    string
	}{
		{"healthy", 200, health("healthy", "staging", "tminus-api"), good, "", ""},
		{"degraded", 200, health("degraded", "staging", "tminus-api"), "", "", ""},
		{"called by its short name", 200, health("healthy", "staging", "api"), "", "", ""},
		{"unhealthy", 200, health("unhealthy", "staging", "tminus-api"), "", `that it is "unhealthy"`, "binding"},
		{"another environment", 200, health("healthy", "production", "tminus-api"), "", `as environment "production"`, "ENVIRONMENT"},
		{"another Worker", 200, health("healthy", "staging", "tminus-mcp"), "", `as Worker "tminus-mcp"`, "route"},
		{"the version before", 200, health("healthy", "staging", "tminus-api"), other, "from version 0f8fad5b, not 11111111", "everywhere"},
		{"the legacy format", 200, `{"status":"ok"}`, "", "legacy format", "old version"},
		{"not JSON", 200, "<html>hello</html>", "", "no JSON", "route"},
		{"it threw", 500, "error code: 1101", "", "500, not 200", "1101"},
		{"nothing behind the name", 522, "error code: 522", "", "522, not 200", "proxied"},
		{"another path", 404, "no", "", "404, not 200", "route"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, target := asked(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})
			verdict, _, found := run(t, context.Background(), pipeline.Step{KeepGoing: true, Stage: stage.Health{
				Probe: c, Target: target, Path: "/health", Patience: time.Millisecond, Version: func(string) string { return tt.version },
			}})
			if tt.says == "" {
				if verdict != pipeline.Passed {
					t.Errorf("%s %v", verdict, found)
				}
				return
			}
			if verdict != pipeline.Failed || len(found) != 1 || !strings.Contains(found[0].Message, tt.says) || !strings.Contains(found[0].Hint, tt.hint) || found[0].At.Line != 5 {
				t.Errorf("%s %+v", verdict, found)
			}
		})
	}
}

func TestHealthAsksAgainUntilTheNewVersionAnswers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	n := 0
	c, target := asked(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if n++; n < 3 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, health("healthy", "staging", "tminus-api"))
	})
	verdict, outcome, found := run(t, context.Background(), pipeline.Step{Stage: stage.Health{Probe: c, Target: target, Path: "/health", Patience: 20 * time.Second}})
	if verdict != pipeline.Passed || n != 3 || !strings.Contains(outcome, "healthy") {
		t.Errorf("%s after %d questions: %q %v", verdict, n, outcome, found)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	c, target := asked(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	verdict, _, found := run(t, context.Background(), pipeline.Step{Stage: stage.Health{Probe: c, Target: target, Path: "/health", Patience: time.Millisecond}})
	if verdict != pipeline.Failed || found[0].Rule != "unreachable" || found[0].Hint == "" {
		t.Errorf("%s %+v", verdict, found)
	}
}

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

// shop is a Worker that does what the smoke test asks for, but for one defect.
func shop(defect string) http.HandlerFunc {
	var password string
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		answer := func(status int, text string) { w.WriteHeader(status); fmt.Fprint(w, text) }
		switch call := r.Method + " " + r.URL.Path; {
		case call == "GET /health":
			answer(200, health("healthy", "staging", "tminus-api"))
		case call == "GET /v1/events" && r.Header.Get("Authorization") != "Bearer "+jwt && defect != "open":
			answer(401, `{"ok":false}`)
		case call == "GET /v1/events" && defect == "closed":
			answer(401, `{"ok":false,"token":"`+jwt+`"}`)
		case call == "GET /v1/events":
			answer(200, `{"ok":true,"data":[]}`)
		case call == "POST /v1/auth/register" && defect == "register":
			answer(500, `{"ok":false,"error":"cannot store `+string(body)+`"}`)
		case call == "POST /v1/auth/register":
			password = string(body)
			answer(201, `{"ok":true,"data":{"user":{"id":"u"},"token":"`+jwt+`"}}`)
		case call == "POST /v1/auth/login" && defect == "tokenless":
			answer(200, `{"ok":true,"data":{"version":"1.22.333","session":"abc"}}`)
		case call == "POST /v1/auth/login" && string(body) == password:
			answer(200, `{"ok":true,"data":{"access_token":"`+jwt+`"}}`)
		default:
			answer(404, call)
		}
	}
}

func smokeOf(t *testing.T, defect string) (pipeline.Verdict, string, []finding.Finding) {
	t.Helper()
	c, target := asked(t, shop(defect))
	loaded, err := project.Load(fstest.MapFS{"workers/api/wrangler.toml": {Data: []byte("name = \"a\"\nmain = \"i\"\n")}})
	if err != nil {
		t.Fatal(err)
	}
	return run(t, context.Background(), pipeline.Step{Stage: stage.Smoke{Probe: c, Target: target, Scenario: loaded.Settings.Smoke}})
}

func TestTheSmokeTestIsTheRunbooks(t *testing.T) {
	t.Parallel()
	if verdict, outcome, found := smokeOf(t, ""); verdict != pipeline.Passed || strings.Count(outcome, "\n") != 4 {
		t.Errorf("%s %q %v", verdict, outcome, found)
	}
	tests := []struct{ defect, says, hint string }{
		{"open", "GET https://example.com/v1/events answered 200, not 401", "without a login"},
		{"register", "POST https://example.com/v1/auth/register answered 500, not 200 or 201", "JWT_SECRET"},
		{"tokenless", "answered 200 without a token", "JWT_SECRET"},
		{"closed", "GET https://example.com/v1/events answered 401, not 200", "D1 binding"},
	}
	for _, tt := range tests {
		t.Run(tt.defect, func(t *testing.T) {
			t.Parallel()
			verdict, _, found := smokeOf(t, tt.defect)
			if verdict != pipeline.Failed || len(found) != 1 || !strings.Contains(found[0].Message, tt.says) || !strings.Contains(found[0].Hint, tt.hint) || found[0].At.Line != 5 {
				t.Fatalf("%s %+v", verdict, found)
			}
			if strings.Contains(found[0].Message, jwt) || strings.Contains(found[0].Message, `"password":"`) && !strings.Contains(found[0].Message, "***") {
				t.Errorf("a token or password is told: %s", found[0].Message)
			}
		})
	}
}

func TestAScenarioWithoutItsWorkerIsSaid(t *testing.T) {
	t.Parallel()
	_, target := asked(t, shop(""))
	s := stage.Smoke{Target: target, Scenario: project.Smoke{Worker: "shop", Steps: []project.Question{{}}}}
	if got := s.Missing(); !strings.Contains(got, `"shop"`) {
		t.Errorf("missing %q", got)
	}
	s.Scenario.Worker = "api"
	if got := s.Missing(); got != "" {
		t.Errorf("missing %q", got)
	}
}

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
)

// bare is a world without the runtime: an account's API and a project.
func bare(t *testing.T, edit func(dir string)) (*world, string) {
	t.Helper()
	binary, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	dir := copyOf(t, bundled())
	if edit != nil {
		edit(dir)
	}
	tmp := t.TempDir()
	account := fakecloudflare.New(fakecloudflare.Options{Token: "sandbox-token", Zones: []fakecloudflare.Zone{{Name: "tminus.ink"}},
		Tokens: []identity.Token{{Secret: "weak-token", ID: "1", Permissions: []string{"Account Settings:Read", "Workers Scripts:Edit"}}}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := serveOn(listener, account)
	t.Cleanup(func() { server.Close(); account.Close() })
	w := &world{Running: &fakecloudflare.Running{Server: account, API: "http://" + listener.Addr().String() + "/client/v4", Edge: "127.0.0.1:1"},
		dir: dir, tmp: tmp, token: "sandbox-token", secrets: map[string]string{}}
	return w, binary
}

// try runs the program with a changed environment and gives its exit code and
// everything that it printed.
func try(t *testing.T, w *world, binary string, env []string, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(w.env(), env...)
	cmd.Dir = w.dir
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestBadInputIsToldInOneSentenceAndChangesNothing(t *testing.T) {
	t.Parallel()
	toml := func(dir string) string { return filepath.Join(dir, "workers", "mcp", "wrangler.toml") }
	nodeless := "PATH=/nowhere"
	tests := []struct {
		name  string
		edit  func(dir string)
		env   []string
		args  []string
		says  []string // what must be printed
		token string   // what must not
	}{
		{name: "no wrangler file", args: []string{"--project", "migrations"}, says: []string{"no wrangler file was found", "--project"}},
		{name: "no such directory", args: []string{"--project", "nowhere"}, says: []string{"there is no directory nowhere"}},
		{name: "a syntax error in TOML", edit: func(dir string) { write(t, toml(dir), "name = \"x\"\nmain = \n") }, says: []string{"workers/mcp/wrangler.toml:2:8", "not valid TOML"}},
		{name: "a syntax error in JSONC", edit: func(dir string) {
			os.Remove(toml(dir))
			write(t, filepath.Join(dir, "workers", "mcp", "wrangler.jsonc"), "{\n  \"name\": \n}\n")
		}, says: []string{"workers/mcp/wrangler.jsonc:3:1", "not valid JSON"}},
		{name: "a syntax error in tminus.yaml", edit: func(dir string) { write(t, filepath.Join(dir, "tminus.yaml"), "build: [\n") }, says: []string{"tminus.yaml:", "not valid YAML"}},
		{name: "an unknown environment", args: []string{"--env", "stagin"}, says: []string{`no environment "stagin"`, "staging, production"}},
		{name: "an unknown Worker", args: []string{"--worker", "apii"}, says: []string{`there is no Worker "apii"`, "api, sync-consumer"}},
		{name: "no token", env: []string{"CLOUDFLARE_API_TOKEN="}, says: []string{"CLOUDFLARE_API_TOKEN is not set", "dash.cloudflare.com"}},
		{name: "no account", env: []string{"CLOUDFLARE_ACCOUNT_ID="}, says: []string{"CLOUDFLARE_ACCOUNT_ID is not set"}},
		{name: "a wrong token", env: []string{"CLOUDFLARE_API_TOKEN=never-heard-of-it"}, says: []string{"Cloudflare does not know the API token", "nothing was changed"}, token: "never-heard-of-it"},
		{name: "a token without the right", env: []string{"CLOUDFLARE_API_TOKEN=weak-token"}, says: []string{"the API token is refused", `"D1:Read"`, `"Queues:Read"`}, token: "weak-token"},
		{name: "an account that does not exist", env: []string{"CLOUDFLARE_ACCOUNT_ID=00000000000000000000000000000001"}, says: []string{"no access to the account", "CLOUDFLARE_ACCOUNT_ID"}},
		{name: "a bad flag", args: []string{"--skip-tests"}, says: []string{"--skip-tests", "--help"}},
		{name: "a bad value", args: []string{"--bundler", "webpack"}, says: []string{"--bundler", "auto"}},
		{name: "a bad input", env: []string{"INPUT_BUNDLER=webpack"}, says: []string{"--bundler", "auto"}},
		{name: "a bad command in an input", env: []string{"INPUT_COMMAND=promot"}, says: []string{"promot"}},
		{name: "a bad --resolve", args: []string{"--resolve", "api"}, says: []string{"HOST:PORT:ADDR"}},
		{name: "a CA bundle that is none", args: []string{"--cacert", "package.json"}, says: []string{"--cacert package.json", "no certificate"}},
		{name: "two flags that exclude each other", args: []string{"--stage-only", "--prod-only"}, says: []string{"exclude each other"}},
		{name: "a migrations directory that is missing", edit: func(dir string) { os.RemoveAll(filepath.Join(dir, "migrations")) }, says: []string{"wrangler-d1.toml:8:18", "migrations/d1-registry is not there"}},
		{name: "a build command that is not there", edit: func(dir string) { write(t, filepath.Join(dir, "tminus.yaml"), "build: gulp everything\n") }, says: []string{"tminus.yaml:1:8", "gulp"}},
		{name: "no Node.js", env: []string{nodeless}, says: []string{"Node.js is not on this machine", "install Node.js 20"}},
		{name: "migrate without an environment", args: []string{"migrate"}, says: []string{"does not guess the environment"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, binary := bare(t, tt.edit)
			code, text := try(t, w, binary, tt.env, tt.args...)
			if code != 2 {
				t.Errorf("exit %d, want 2\n%s", code, text)
			}
			for _, want := range tt.says {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not said in\n%s", want, text)
				}
			}
			if tt.token != "" && strings.Contains(text, tt.token) || strings.Contains(text, w.token) {
				t.Errorf("a token is printed:\n%s", text)
			}
			if strings.Contains(text, "goroutine") || strings.Contains(text, "panic") {
				t.Errorf("it broke:\n%s", text)
			}
			if writes := w.Calls().Writes(); len(writes) != 0 {
				t.Errorf("%d writes", len(writes))
			}
		})
	}
}

func TestACheckThatFindsErrorsClosesTheGateBeforeAnythingIsQueued(t *testing.T) {
	t.Parallel()
	w, binary := bare(t, nil) // the account has none of what the configuration names
	code, text := try(t, w, binary, nil, "promote")
	if code != 1 || !strings.Contains(text, "[missing-store]") || strings.Contains(text, "Build\n") {
		t.Errorf("exit %d\n%s", code, text)
	}
	if writes := w.Calls().Writes(); len(writes) != 0 {
		t.Errorf("%d writes", len(writes))
	}
}

func TestADeadAPIEndsInAnErrorThatNamesTheCall(t *testing.T) {
	t.Parallel()
	w, binary := bare(t, nil)
	code, text := try(t, w, binary, []string{"CLOUDFLARE_API_BASE_URL=http://127.0.0.1:1/client/v4"}, "promote")
	if code != 2 || !strings.Contains(text, "connection refused") || !strings.Contains(text, "GET /") {
		t.Errorf("exit %d\n%s", code, text)
	}
}

func TestAFlakyAPIIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := newStand(t, "", "")
	for _, path := range []string{"/accounts/*/workers/scripts", "/accounts/*/queues", "/zones"} {
		s.Break(traffic.Fault{Method: "GET", Path: path, Refusal: traffic.Unknown()})
	}
	s.Break(traffic.Fault{Method: "PUT", Path: "/accounts/*/workers/scripts/tminus-mcp-staging/schedules", Refusal: traffic.TooMany(time.Second)})
	if r := s.run("promote", "--skip-build", "--stage-only"); r.code != 0 {
		t.Errorf("exit %d\n%s", r.code, r.text)
	}
}

func TestAnInterruptInAnyStageLeavesNothingHalfSwitched(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"build", "migrate-staging", "deploy-staging", "health-staging"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, "", "")
			if r := s.run("promote", "--skip-build", "--stage-only"); r.code != 0 {
				t.Fatalf("exit %d\n%s", r.code, r.text)
			}
			before := s.serving()
			for _, w := range s.loaded.Workers {
				if err := change(s.dir, filepath.Join(w.Dir, w.File.Top.Module.Main.V), func(old string) (string, bool) { return old + "\n(globalThis as { x?: number }).x = 1;\n", true }); err != nil {
					t.Fatal(err)
				}
			}
			args := []string{"promote", "--stage-only"}
			if step != "build" {
				args = append(args, "--skip-build")
			}
			if step == "health-staging" {
				s.Break(traffic.Fault{}) // nothing: the interrupt comes while the new versions start
			}
			s.SetLatency(300 * time.Millisecond)
			wait, cmd := s.startCommand(args...)
			s.interruptAt(cmd, step)
			r := wait()
			s.SetLatency(0)
			if r.code != 130 {
				t.Fatalf("exit %d\n%s", r.code, r.text)
			}
			after := s.serving()
			if step == "health-staging" {
				if !strings.Contains(r.text, "unverified") {
					t.Errorf("it is not said that the new release serves unverified:\n%s", r.text)
				}
				return
			}
			if !slices.Equal(before, after) {
				t.Errorf("serving\n%v\nbefore\n%v\n%s", after, before, r.text)
			}
		})
	}
}

// serving is every staging script with the version that serves it.
func (s *stand) serving() []string {
	var all []string
	for _, script := range s.Scripts.All() {
		if len(script.Deployments) > 0 {
			all = append(all, fmt.Sprint(script.Name, script.Deployments[len(script.Deployments)-1].Shares))
		}
	}
	slices.Sort(all)
	return all
}

// interruptAt sends SIGINT to the program when a stage is under way.
func (s *stand) interruptAt(cmd *exec.Cmd, step string) {
	s.t.Helper()
	begun := func() bool {
		switch calls := s.Calls(); step {
		case "build":
			return cmd.Process != nil && len(calls.Matching("GET", "/accounts/*/workers/scripts")) > 0
		case "migrate-staging":
			return len(calls.Matching("GET", "/accounts/*/d1/database")) > 1
		case "deploy-staging":
			return len(calls.Matching("POST", "/accounts/*/workers/scripts/*/deployments")) > 1
		default:
			return len(calls.Matching("POST", "/accounts/*/workers/scripts/*/deployments")) >= 9
		}
	}
	s.Forget()
	deadline := time.Now().Add(time.Minute)
	for !begun() {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s was never reached", step)
		}
		time.Sleep(2 * time.Millisecond)
	}
	if step == "build" {
		time.Sleep(500 * time.Millisecond) // the command is running
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		s.t.Fatal(err)
	}
}

func serveOn(l net.Listener, h http.Handler) *http.Server {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // returns when closed
	return server
}

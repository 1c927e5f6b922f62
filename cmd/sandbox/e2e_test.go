package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/finding"
)

// The end-to-end tests run the real program against an account of this process
// whose Workers run in real workerd. They need Node.js 20, npm and the registry's
// packages, and fail without them.

// tools are what every end-to-end test needs, made once: the bundled monorepo
// installed and built, and the program.
var tools = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := install(ctx, bundled()); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "deploy-action-")
	if err != nil {
		return "", err
	}
	binary, err := buildBinary(ctx, dir, "deploy-action")
	if err != nil {
		return "", err
	}
	// What the Workers import of the packages is made once, so that runs that break
	// something else need not build.
	cmd := exec.CommandContext(ctx, "npx", "--yes", "pnpm@9.15.9", "run", "build:packages")
	cmd.Dir = bundled()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the packages: %w\n%s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := tools(); err == nil {
		os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// slots keeps the machine from running more fleets at once than it has cores for.
var slots = make(chan struct{}, 2)

// stand is a world of a test.
type stand struct {
	*world
	t      *testing.T
	binary string
}

func newStand(t *testing.T, project, gate string) *stand {
	t.Helper()
	binary, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	slots <- struct{}{}
	t.Cleanup(func() { <-slots })
	if project == "" {
		project = copyOf(t, bundled())
	}
	w, err := ready(t.Context(), commonFlags{Project: project}, gate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return &stand{world: w, t: t, binary: binary}
}

// copyOf is a copy of a project that a test may change.
func copyOf(t *testing.T, project string) string {
	t.Helper()
	dir := t.TempDir()
	if err := copyProject(project, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// event is what the tests read of an event.
type event struct {
	Event    string
	Step     string
	Task     string
	Verdict  string
	Outcome  string
	Reason   string
	Findings []finding.Finding
	// of a finding that belongs to no stage
	Rule, Message, Hint string
	At                  finding.Position
	// of a line of status
	Script, Release string
	Versions        []struct{ Version string }
}

// ran is how a run of the program ended.
type ran struct {
	code   int
	text   string // everything that was printed
	events []event
}

// finished are the verdicts of the stages, in order, as "step verdict".
func (r ran) finished() []string {
	var all []string
	for _, e := range r.events {
		if e.Event == "finished" && e.Step != "check" {
			all = append(all, e.Step+" "+e.Verdict)
		}
	}
	return all
}

// errors are the error-level findings.
func (r ran) errors() []finding.Finding {
	var all []finding.Finding
	for _, e := range r.events {
		if e.Event == "finished" {
			for _, f := range e.Findings {
				if f.Severity == finding.Error {
					all = append(all, f)
				}
			}
		}
	}
	return all
}

// run runs the program with JSON events.
func (s *stand) run(args ...string) ran {
	s.t.Helper()
	return s.start(args...)()
}

// start starts the program and gives what waits for it.
func (s *stand) start(args ...string) func() ran {
	s.t.Helper()
	wait, _ := s.startCommand(args...)
	return wait
}

func (s *stand) startCommand(args ...string) (func() ran, *exec.Cmd) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	cmd := s.deployAction(ctx, s.binary, append(args, "--format", "json")...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func() ran {
		defer cancel()
		_ = cmd.Wait()
		r := ran{code: cmd.ProcessState.ExitCode(), text: out.String()}
		lines := bufio.NewScanner(strings.NewReader(r.text))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				r.events = append(r.events, e)
			}
		}
		return r
	}, cmd
}

var nine = []string{
	"build", "migrate-staging", "deploy-staging", "health-staging", "smoke-staging",
	"migrate-production", "deploy-production", "health-production", "smoke-production",
}

func passedAll() []string {
	var all []string
	for _, step := range nine {
		all = append(all, step+" passed")
	}
	return all
}

func TestNineWorkersGoThroughNineGatesInRealWorkerd(t *testing.T) {
	t.Parallel()
	s := newStand(t, "", "")
	first := s.run("promote")
	if first.code != 0 || !slices.Equal(first.finished(), passedAll()) {
		t.Fatalf("exit %d, %v\n%s", first.code, first.finished(), first.text)
	}
	for name, value := range s.secrets {
		if strings.Contains(first.text, value) {
			t.Errorf("the value of %s was printed", name)
		}
	}
	if strings.Contains(first.text, s.token) {
		t.Error("the API token was printed")
	}
	if failures := s.Fleet.Failures(); len(failures) != 0 {
		t.Errorf("scripts that did not start: %v", failures)
	}

	s.Forget()
	second := s.run("promote", "--skip-build")
	if second.code != 0 || !slices.Equal(second.finished(), passedAll()) {
		t.Fatalf("again: exit %d, %v\n%s", second.code, second.finished(), second.text)
	}
	for _, call := range s.Calls().Writes() {
		if !strings.HasSuffix(call.Path, "/query") || bytes.Contains(bytes.ToUpper(call.Body), []byte("INSERT")) {
			t.Errorf("unchanged code made a write: %s %s", call.Method, call.Path)
		}
	}

	status := s.run("status", "--env", "production")
	if status.code != 0 || len(status.events) != 9 {
		t.Fatalf("status: exit %d\n%s", status.code, status.text)
	}
	for _, e := range status.events {
		if e.Release == "" || len(e.Versions) != 1 {
			t.Errorf("status of %s: %+v", e.Script, e)
		}
	}
	for _, command := range []string{"validate", "smoke", "check"} {
		if r := s.run(command, "--env", "staging"); r.code != 0 {
			t.Errorf("%s: exit %d\n%s", command, r.code, r.text)
		}
	}
}

// where tells on which line each broken gate must be reported, and by which rule.
var where = map[string]string{
	"build":              "workers/cron/src/schedules.ts:1:14 typescript",
	"migrate-staging":    "migrations/d1-registry/0099_labels.sql:3:17 migration",
	"deploy-staging":     "workers/mcp/wrangler.toml:41:15 trigger-taken",
	"health-staging":     "workers/oauth/wrangler.toml:49:11 health",
	"smoke-staging":      "workers/api/wrangler.toml:53:23 smoke",
	"migrate-production": "migrations/d1-registry/0099_labels.sql:1:14 migration",
	"deploy-production":  "workers/mcp/wrangler.toml:73:15 trigger-taken",
	"health-production":  "workers/oauth/wrangler.toml:95:11 health",
	"smoke-production":   "workers/api/wrangler.toml:108:23 smoke",
}

func TestEachGateCloses(t *testing.T) {
	t.Parallel()
	for i, gate := range nine {
		t.Run(gate, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, "", gate)
			patience := "30s" // of Workers that are well, on a machine that is busy
			if strings.HasPrefix(gate, "health") {
				patience = "6s"
			}
			args := []string{"promote", "--health-timeout", patience, "--on-failure", "stop"}
			if gate != "build" {
				args = append(args, "--skip-build")
			}
			r := s.run(args...)
			var want []string
			for j, step := range nine {
				want = append(want, step+" "+[]string{"passed", "failed", "blocked"}[compare(j, i)])
			}
			if r.code != 1 || !slices.Equal(r.finished(), want) {
				t.Fatalf("exit %d, %v\n%s", r.code, r.finished(), r.text)
			}
			var got []string
			for _, f := range r.errors() {
				got = append(got, f.At.String()+" "+f.Rule)
				if f.Hint == "" {
					t.Errorf("no hint says what to do about %s", f.Message)
				}
			}
			if !slices.Equal(got, []string{where[gate]}) {
				t.Errorf("reported %v, want %s\n%s", got, where[gate], r.text)
			}
			unverified := ""
			for _, e := range r.events {
				if e.Event == "finding" && e.Rule == "unverified" {
					unverified += e.Message[:strings.IndexByte(e.Message, ' ')]
				}
			}
			probed, env, _ := strings.Cut(gate, "-")
			if want := map[bool]string{true: env}[probed == "health" || probed == "smoke"]; unverified != want {
				t.Errorf("said to serve unverified: %q, want %q", unverified, want)
			}
		})
	}
}

// compare gives 0, 1 or 2 for before, at and behind.
func compare(j, i int) int {
	switch {
	case j < i:
		return 0
	case j == i:
		return 1
	}
	return 2
}

func TestOneWorkerIsDeployedAndEverythingValidated(t *testing.T) {
	t.Parallel()
	s := newStand(t, "", "")
	if r := s.run("promote", "--skip-build", "--stage-only"); r.code != 0 {
		t.Fatalf("exit %d\n%s", r.code, r.text)
	}
	if err := change(s.dir, "workers/mcp/src/index.ts", func(old string) (string, bool) { return old + "\n(globalThis as { x?: number }).x = 1;\n", true }); err != nil {
		t.Fatal(err)
	}
	s.Forget()
	r := s.run("promote", "--skip-build", "--stage-only", "--worker", "mcp")
	if r.code != 0 {
		t.Fatalf("exit %d\n%s", r.code, r.text)
	}
	var deployed []string
	for _, call := range s.Calls().Matching("POST", "/accounts/*/workers/scripts/*/deployments") {
		deployed = append(deployed, strings.Split(call.Path, "/")[5])
	}
	if !slices.Equal(deployed, []string{"tminus-mcp-staging"}) {
		t.Errorf("deployed %v", deployed)
	}
	asked := 0
	for _, e := range r.events {
		if e.Event == "did" && e.Step == "health-staging" && e.Verdict == "passed" {
			asked++
		}
	}
	if asked != 5 {
		t.Errorf("%d Workers were asked for their health, want all five", asked)
	}
	if !strings.Contains(r.text, "partial-release") || !strings.Contains(r.text, "only mcp of 9 Workers go to staging") {
		t.Errorf("that only one Worker goes is not said:\n%s", r.text)
	}
	want := []string{"build passed", "migrate-staging passed", "deploy-staging passed", "health-staging passed", "smoke-staging passed",
		"migrate-production skipped", "deploy-production skipped", "health-production skipped", "smoke-production skipped"}
	if !slices.Equal(r.finished(), want) {
		t.Errorf("stages %v", r.finished())
	}
}

func TestWhatWranglerBundlesBehavesAlike(t *testing.T) {
	t.Parallel()
	s := newStand(t, "", "")
	r := s.run("promote", "--skip-build", "--stage-only", "--bundler", "wrangler")
	if r.code != 0 {
		t.Fatalf("exit %d\n%s", r.code, r.text)
	}
	if !strings.Contains(r.text, "by wrangler") {
		t.Errorf("it is not said who bundled:\n%s", r.text)
	}
}

func TestWranglerAndThisToolMigrateInTurn(t *testing.T) {
	t.Parallel()
	s := newStand(t, "", "")
	home := t.TempDir()
	wrangler := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join(bundle.WranglerDir(bundled()), "bin", "wrangler.js")}, args...)...)
		cmd.Dir = s.dir
		cmd.Env = append(s.env(), "CI=1", "WRANGLER_SEND_METRICS=false", "WRANGLER_HIDE_BANNER=true", "HOME="+home, "XDG_CONFIG_HOME="+home)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	apply := []string{"d1", "migrations", "apply", "tminus-registry", "--remote", "--config", "wrangler-d1.toml"}
	// wrangler stops at the file whose last statement has no semicolon.
	if out, err := wrangler(apply...); err == nil {
		t.Fatalf("wrangler got past the unended statement:\n%s", out)
	}
	r := s.run("migrate", "--env", "production")
	if r.code != 0 || !strings.Contains(r.text, "1 applied: 0013_tool_calls.sql") {
		t.Fatalf("exit %d\n%s", r.code, r.text)
	}
	if out, err := wrangler(apply...); err != nil || !strings.Contains(out, "No migrations to apply") {
		t.Errorf("wrangler: %v\n%s", err, out)
	}
}

func TestAWorkerInJSONCIsPromotedToo(t *testing.T) {
	t.Parallel()
	s := newStand(t, copyOf(t, filepath.Join(bundled(), "..", "jsonc")), "")
	r := s.run("promote")
	want := []string{"build passed", "migrate-staging passed", "deploy-staging passed", "health-staging passed", "smoke-staging skipped",
		"migrate-production passed", "deploy-production passed", "health-production passed", "smoke-production skipped"}
	if r.code != 0 || !slices.Equal(r.finished(), want) {
		t.Errorf("exit %d, %v\n%s", r.code, r.finished(), r.text)
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
)

// step is a stand whose program runs as a step of a job on GitHub.
type step struct {
	*stand
	hub *hub
}

func newStep(t *testing.T, gate string) *step {
	t.Helper()
	s := &step{stand: newStand(t, "", gate)}
	h, err := openHub(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	s.hub = h
	return s
}

// ended is how a step ended.
type ended struct {
	job
	code int
	log  string
}

// begin starts the program as a step of a new job and gives what waits for it.
func (s *step) begin(vars []string, args ...string) (func() ended, *exec.Cmd) {
	s.t.Helper()
	j, err := s.hub.job(s.dir, vars...)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	cmd := s.deployAction(ctx, s.binary, append([]string{"promote", "--skip-build"}, args...)...)
	cmd.Env = append(cmd.Env, j.env...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func() ended {
		defer cancel()
		_ = cmd.Wait()
		e := ended{job: j, code: cmd.ProcessState.ExitCode(), log: log.String()}
		conclusion := map[bool]string{true: "success", false: "failure"}[e.code == 0]
		if err := s.hub.SetRun(j.run, "completed", conclusion); err != nil {
			s.t.Error(err)
		}
		s.noSecrets(e)
		return e
	}, cmd
}

func (s *step) promote(args ...string) ended {
	s.t.Helper()
	wait, _ := s.begin(nil, args...)
	return wait()
}

// noSecrets looks for secrets in everything that a step leaves behind.
func (s *step) noSecrets(e ended) {
	s.t.Helper()
	left := map[string]string{"the log": regexp.MustCompile(`(?m)^::add-mask::.*$`).ReplaceAllString(e.log, "")}
	for _, path := range []string{e.output, e.summary} {
		raw, _ := os.ReadFile(path)
		left[filepath.Base(path)] = string(raw)
	}
	for _, c := range s.hub.Calls() {
		left["a call of GitHub"] += string(c.Body)
	}
	secrets := []string{s.token, s.hub.token}
	for _, v := range s.secrets {
		secrets = append(secrets, v)
	}
	for where, text := range left {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				s.t.Errorf("%s holds a secret", where)
			}
		}
	}
}

// conclusions are the check runs, the newest of each name, as "name conclusion".
func (s *step) conclusions() []string {
	latest := map[string]fakegithub.Run{}
	var names []string
	for _, r := range s.hub.Runs(s.hub.sha) {
		if _, ok := latest[r.Name]; !ok {
			names = append(names, r.Name)
		}
		latest[r.Name] = r
	}
	var all []string
	for _, name := range names {
		all = append(all, strings.TrimPrefix(name, "Promote / ")+" "+latest[name].Conclusion)
	}
	slices.Sort(all) // a slow machine may post them in another order
	return all
}

var nineRuns = []string{
	"1 Build", "2 Migrate staging", "3 Deploy staging", "4 Health staging", "5 Smoke staging",
	"6 Migrate production", "7 Deploy production", "8 Health production", "9 Smoke production",
}

func concluded(conclusions ...string) []string {
	all := slices.Clone(nineRuns)
	for i := range all {
		all[i] += " " + conclusions[min(i, len(conclusions)-1)]
	}
	return all
}

func (s *step) states(env string) string {
	var all []string
	for _, d := range s.hub.Deployments(env) {
		all = append(all, d.State)
	}
	return strings.Join(all, " ")
}

func TestAPromotionIsSeenOnTheCommit(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	e := s.promote()
	if e.code != 0 || !slices.Equal(s.conclusions(), concluded("success")) {
		t.Fatalf("exit code %d, %q\n%s", e.code, s.conclusions(), e.log)
	}
	if s.states("staging") != "success" || s.states("production") != "success" {
		t.Errorf("staging %s, production %s", s.states("staging"), s.states("production"))
	}
	d := s.hub.Deployments("production")[0]
	if !strings.Contains(d.Payload, `"by":"tminus/deploy-action"`) || d.Statuses[len(d.Statuses)-1].EnvironmentURL != "https://api.tminus.ink" {
		t.Errorf("%+v", d)
	}
	out, err := e.outputs()
	if err != nil {
		t.Fatal(err)
	}
	var versions map[string]map[string]string
	if err := json.Unmarshal([]byte(out["versions"]), &versions); err != nil || len(versions["production"]) != 9 {
		t.Errorf("versions %s", out["versions"])
	}
	if out["verdict"] != "passed" || out["release"] == "" || out["deployment-id"] != fmt.Sprint(d.ID) || out["production-url"] != "https://api.tminus.ink" || out["staging-url"] != "https://api-staging.tminus.ink" {
		t.Errorf("outputs %v", out)
	}
	if _, err := os.Stat(filepath.Join(s.dir, out["manifest"])); err != nil {
		t.Error(err)
	}
	summary, _ := os.ReadFile(e.summary)
	for _, want := range []string{"## ✅ Promotion passed", "```mermaid\ngantt", "| `tminus-api-production` |", "9.\u00a0Smoke\u00a0production"} {
		if !strings.Contains(string(summary), want) {
			t.Errorf("the summary lacks %q", want)
		}
	}
	if n := s.hub.Calls().Count("", "/repos/*/*/check-runs") + s.hub.Calls().Count("", "/repos/*/*/check-runs/*"); n > 3*9 {
		t.Errorf("%d calls for the check runs of nine stages", n)
	}
	s.again()
}

// again promotes the same commit once more: nothing changes, the good one before is retired.
func (s *step) again() {
	s.t.Helper()
	s.Forget()
	e := s.promote()
	for _, c := range s.Calls().Writes() {
		if !strings.HasSuffix(c.Path, "/query") { // the ledger is read so
			s.t.Errorf("a write: %s %s", c.Method, c.Path)
		}
	}
	if e.code != 0 {
		s.t.Errorf("exit code %d\n%s", e.code, e.log)
	}
	if got := s.states("production"); got != "inactive success" {
		s.t.Errorf("production %s", got)
	}
	if runs := s.hub.Runs(s.hub.sha); len(runs) != 18 {
		s.t.Errorf("%d check runs", len(runs))
	}
}

func TestAFailedGateIsSeenAtTheLineAtFault(t *testing.T) {
	t.Parallel()
	s := newStep(t, "smoke-production")
	e := s.promote("--on-failure", "stop")
	if e.code != 1 || !slices.Equal(s.conclusions(), concluded("success", "success", "success", "success", "success", "success", "success", "success", "failure")) {
		t.Fatalf("exit code %d, %q\n%s", e.code, s.conclusions(), e.log)
	}
	if s.states("staging") != "success" || s.states("production") != "failure" {
		t.Errorf("staging %s, production %s", s.states("staging"), s.states("production"))
	}
	runs := s.hub.Runs(s.hub.sha)
	last := runs[len(runs)-1]
	if len(last.Annotations) == 0 || last.Annotations[0].Path != "workers/api/wrangler.toml" || last.Annotations[0].Level != "failure" || !strings.Contains(last.Annotations[0].Message, "→") {
		t.Errorf("%+v", last)
	}
	line := strings.Split(read(t, filepath.Join(s.dir, "workers/api/wrangler.toml")), "\n")[last.Annotations[0].StartLine-1]
	if !strings.Contains(line, "api.tminus.ink") {
		t.Errorf("the annotation stands on %q", line)
	}
	if out, _ := e.outputs(); out["verdict"] != "failed" {
		t.Errorf("outputs %v", out)
	}
}

// A first release has nothing to go back to: the rollback refuses, and it is said
// that production serves what nobody has found good.
func TestAFirstReleaseCannotBeTakenBackAndThatIsSaid(t *testing.T) {
	t.Parallel()
	s := newStep(t, "smoke-production")
	e := s.promote()
	if e.code != 1 || !strings.Contains(e.log, "[one-way]") || !strings.Contains(e.log, "[unverified]") || !s.closed() {
		t.Errorf("exit code %d, %q\n%s", e.code, s.conclusions(), e.log)
	}
	if s.states("production") != "failure" {
		t.Errorf("production %s", s.states("production"))
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestWhatCheckFindsIsOneFailedRunAndNoStage(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	toml := filepath.Join(s.dir, "workers/push/wrangler.toml")
	if err := os.WriteFile(toml, []byte(strings.Replace(read(t, toml), `main = "src/`, `main = "nowhere/`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	e := s.promote()
	runs := s.hub.Runs(s.hub.sha)
	if e.code == 0 || len(runs) != 1 || runs[0].Name != "Promote / Check" || runs[0].Conclusion != "failure" || len(runs[0].Annotations) == 0 || runs[0].Annotations[0].Path != "workers/push/wrangler.toml" {
		t.Errorf("exit code %d, %+v\n%s", e.code, runs, e.log)
	}
	if !strings.Contains(read(t, e.summary), "did not begin") {
		t.Error("the summary does not say that nothing began")
	}
}

func TestACancelledJobLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"3 Deploy staging", "7 Deploy production", "8 Health production"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, "")
			s.SetLatency(150 * time.Millisecond)
			wait, cmd := s.begin(nil)
			s.until(func(r fakegithub.Run) bool { return r.Name == "Promote / "+at && r.Status == "in_progress" })
			began := time.Now()
			signals := []error{cmd.Process.Signal(syscall.SIGINT)}
			time.AfterFunc(2*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
			for time.Since(began) < 10*time.Second && !s.closed() {
				time.Sleep(20 * time.Millisecond)
			}
			if took := time.Since(began); took > 7*time.Second {
				t.Errorf("open for %s after the signal", took)
			}
			e := wait()
			if e.code != 130 || signals[0] != nil || !s.closed() {
				t.Errorf("exit code %d, %q, %v\n%s", e.code, s.conclusions(), signals, e.log)
			}
			for _, d := range s.hub.Deployments("") {
				if d.State == "in_progress" || d.State == "" {
					t.Errorf("the deployment to %s is %q", d.Environment, d.State)
				}
			}
		})
	}
}

// until waits for a check run that is as wanted.
func (s *step) until(is func(fakegithub.Run) bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if slices.ContainsFunc(s.hub.Runs(s.hub.sha), is) {
			return
		}
	}
	s.t.Fatalf("it never came to that: %q", s.conclusions())
}

// closed tells whether no check run and no deployment is open.
func (s *step) closed() bool {
	open := slices.ContainsFunc(s.hub.Runs(s.hub.sha), func(r fakegithub.Run) bool { return r.Status != "completed" })
	return !open && !slices.ContainsFunc(s.hub.Deployments(""), func(d fakegithub.Deployment) bool { return d.State == "in_progress" || d.State == "" })
}

func TestAGitHubThatRefusesStopsNothing(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	tests := []struct {
		name  string
		token string
		do    func()
		says  []string
	}{
		{"down for the whole run", s.hub.token, func() { s.hub.SetDown(true) }, []string{"could not be reported", "unrecorded"}},
		{"a token that may only read", s.hub.WorkflowToken("contents:read"), func() {}, []string{"::warning title=no-check-runs::", "checks: write", "deployments: write"}},
		{"a token that nobody knows", "ghs_0000000000000000", func() {}, []string{"no valid token"}},
		{"too many calls", s.hub.token, func() { s.hub.Leave(3, 429) }, []string{"could not be reported", "rate limit"}},
	}
	for _, tt := range tests {
		s.hub.SetDown(false)
		tt.do()
		wait, _ := s.begin([]string{"INPUT_GITHUB-TOKEN=" + tt.token})
		e := wait()
		if e.code != 0 {
			t.Errorf("%s: exit code %d\n%s", tt.name, e.code, e.log)
		}
		for _, want := range tt.says {
			if !strings.Contains(e.log, want) {
				t.Errorf("%s: the log lacks %q\n%s", tt.name, want, e.log)
			}
		}
		if out, _ := e.outputs(); out["verdict"] != "passed" || !strings.Contains(read(t, e.summary), "Promotion passed") {
			t.Errorf("%s: outputs %v", tt.name, out)
		}
	}
}

// The container may be killed, as by the system when memory runs out. The post part
// of the action closes what it left open.
func TestAKilledJobIsClosedByThePostPart(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	s.SetLatency(150 * time.Millisecond)
	wait, cmd := s.begin(nil)
	s.until(func(r fakegithub.Run) bool {
		return r.Name == "Promote / 8 Health production" && r.Status == "in_progress"
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	e := wait()
	if s.closed() {
		t.Fatal("nothing was left open, so there is nothing to test")
	}
	if log := s.post(e); !s.closed() || !strings.Contains(log, "title=killed::") || s.states("production") != "error" {
		t.Errorf("%q, production %s\n%s", s.conclusions(), s.states("production"), log)
	}
	// After a job that came to its end there is nothing to do.
	e = s.promote()
	s.hub.Forget()
	if log := s.post(e); len(s.hub.Calls()) != 0 || strings.Contains(log, "killed") {
		t.Errorf("%d calls\n%s", len(s.hub.Calls()), log)
	}
}

// post runs the post part of a job.
func (s *step) post(e ended) string {
	s.t.Helper()
	state, err := values(e.state)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(s.t.Context(), s.binary)
	cmd.Env = append(s.env(), e.env...)
	for name, v := range state {
		cmd.Env = append(cmd.Env, "STATE_"+name+"="+v)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Errorf("the post part: %v\n%s", err, out)
	}
	return string(out)
}

package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/hook"
)

// vigil is a step beside which the server keeps watch, after a good release.
type vigil struct {
	*step
	binary   string // the server's
	database string
	good     map[string]string
}

func newVigil(t *testing.T) *vigil {
	t.Helper()
	s := &vigil{step: newStep(t, ""), database: filepath.Join(t.TempDir(), "server.db")}
	var err error
	if s.binary, err = buildBinary(t.Context(), t.TempDir(), "rollback-webhook"); err != nil {
		t.Fatal(err)
	}
	s.hub.token = s.hub.WorkflowToken(append(slices.Clone(promoting), "repository-hooks:write", "actions:write")...)
	s.commitConfiguration()
	if e := s.promote("--prod-only"); e.code != 0 {
		t.Fatalf("the good release: exit code %d\n%s", e.code, e.log)
	}
	s.good = s.servingIn("production")
	return s
}

// bad promotes a release that fails and that its job does not take back.
func (s *vigil) bad() {
	s.t.Helper()
	if err := s.spoil("smoke-production"); err != nil {
		s.t.Fatal(err)
	}
	if e := s.promote("--prod-only", "--on-failure", "stop"); e.code != 1 {
		s.t.Fatalf("the bad release: exit code %d\n%s", e.code, e.log)
	}
}

// end stops a server.
func (s *vigil) end(g *guard) {
	s.t.Helper()
	if err := g.stop(); err != nil {
		s.t.Errorf("the server ended with %v\n%s", err, read(s.t, g.log))
	}
}

// said counts the lines of the log with a message and, if one is named, an attribute.
func (g *guard) said(message, attribute, value string) int {
	n := 0
	for line := range g.lines() {
		if line["msg"] == message && (attribute == "" || line[attribute] == value) {
			n++
		}
	}
	return n
}

// backOnce wants that production serves what it did, by so many rollbacks in all.
func (s *vigil) backOnce(g *guard, rollbacks int) {
	s.t.Helper()
	count := func() (begun, good int) {
		for _, d := range s.hub.Deployments("production") {
			if d.Task == "rollback" {
				begun++
				if slices.ContainsFunc(d.Statuses, func(st fakegithub.Status) bool { return st.State == "success" }) {
					good++
				}
			}
		}
		return begun, good
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, good := count(); good == rollbacks {
			break
		}
	}
	time.Sleep(2 * time.Second) // in which whoever else tells of it would begin
	if begun, good := count(); begun != rollbacks || good != rollbacks {
		s.t.Errorf("%d rollbacks, %d good, want %d: %s\n%s", begun, good, rollbacks, s.states("production"), read(s.t, g.log))
	}
	if d := differing(s.good, s.servingIn("production")); len(d) != 0 {
		s.t.Errorf("production serves other versions of %v", d)
	}
	if !s.closed() {
		s.t.Errorf("something is left in progress: %s", s.states("production"))
	}
}

// The server is down when GitHub tells that a release failed. When it comes back, it
// finds that by itself, and has what was told sent again, which tells the same.
func TestAServerThatWasDownTakesBackWhatFailedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newVigil(t)
	g := s.guarded(s.binary, s.database, "--reconcile", "1s")
	address := g.address
	hook := s.hub.Hook("http://"+address+"/webhook", hookSecret, "deployment_status", "workflow_run")
	if err := s.hub.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.end(g)
	s.bad()
	if n := len(s.hub.Deployments("production")); n != 2 {
		t.Fatalf("%d deployments", n)
	}
	g = s.guarded(s.binary, s.database, "--listen", address, "--reconcile", "1s", "--public-url", "http://"+address)
	s.backOnce(g, 1)
	if n := g.said("a failed release was found that nobody told of", "", ""); n != 1 {
		t.Errorf("found %d times\n%s", n, read(t, g.log))
	}
	arrived := map[string]bool{}
	for _, d := range s.hub.Deliveries(hook) {
		arrived[d.GUID] = arrived[d.GUID] || d.Status == "OK"
	}
	for _, d := range s.hub.Deliveries(hook) {
		wanted := d.Event == "deployment_status" || d.Event == "workflow_run" && d.Action == "completed"
		if wanted && !arrived[d.GUID] {
			t.Errorf("%s %s never arrived", d.Event, d.Action)
		}
	}
	if g.said("delivery", "decision", "joined") == 0 {
		t.Errorf("nobody else told of it\n%s", read(t, g.log))
	}
}

// The runner is killed while production serves what nobody has found good.
func TestARunnerThatDiesIsMadeGood(t *testing.T) {
	t.Parallel()
	s := newVigil(t)
	for i, test := range []struct {
		name string
		args []string
		tell func(hook.Parcel) hook.Fate
		says string
	}{
		{"GitHub tells that the run ended", []string{"--reconcile", "0", "--grace", "1s"}, nil, "work is done"},
		{"nobody tells", []string{"--reconcile", "1s", "--grace", "1s"}, func(hook.Parcel) hook.Fate { return hook.Fate{Lose: true} }, "a release was left in progress by a run that is over"},
	} {
		g := s.guarded(s.binary, s.database, test.args...)
		s.hub.Network(test.tell)
		s.hub.Hook("http://"+g.address+"/webhook", hookSecret, "deployment_status", "workflow_run")
		s.changeCode("api", `"`+test.name+`"`)
		s.die()
		s.backOnce(g, i+1)
		if g.said(test.says, "", "") == 0 {
			t.Errorf("%s: the log lacks %q\n%s", test.name, test.says, read(t, g.log))
		}
		s.end(g)
	}
}

// die promotes a release whose runner is killed before the verdict.
func (s *vigil) die() {
	s.t.Helper()
	before := len(s.hub.Runs(s.hub.sha))
	s.SetLatency(100 * time.Millisecond)
	defer s.SetLatency(0)
	wait, cmd := s.begin(nil, "--prod-only")
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if slices.ContainsFunc(s.hub.Runs(s.hub.sha)[before:], func(r fakegithub.Run) bool {
			return strings.HasSuffix(r.Name, " Health production") && r.Status == "in_progress"
		}) {
			break
		}
		if time.Now().After(end) {
			s.t.Fatalf("it never came to that: %q", s.conclusions())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	if e := wait(); !strings.Contains(s.states("production"), "in_progress") {
		s.t.Fatalf("nothing was left in progress: %s\n%s", s.states("production"), e.log)
	}
}

// The server has no token of Cloudflare, and has the repository's workflow act.
func TestAReleaseIsTakenBackByTheRepositorysWorkflow(t *testing.T) {
	t.Parallel()
	s := newVigil(t)
	_, file, _, _ := runtime.Caller(0)
	s.hub.sha = s.hub.Commit("main", "The workflow", map[string]string{
		".github/workflows/rollback.yml": read(t, filepath.Join(filepath.Dir(file), "..", "..", ".github", "workflows", "rollback.yml")),
	})
	s.hub.OnDispatch(s.asWorkflow)
	tokenless := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(tokenless, []byte("#!/bin/sh\nunset CLOUDFLARE_API_TOKEN\nexec '"+s.binary+"' \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	g := s.guarded(tokenless, s.database, "--executor", "dispatch", "--reconcile", "0")
	s.hub.Hook("http://"+g.address+"/webhook", hookSecret, "deployment_status", "workflow_run")
	s.bad()
	s.untilSaid(g, "work is done")
	s.backOnce(g, 1)
	var runs []fakegithub.WorkflowRun
	for _, r := range s.hub.WorkflowRuns() {
		if r.Event == "workflow_dispatch" {
			runs = append(runs, r)
		}
	}
	if len(runs) != 1 || runs[0].Conclusion != "success" || runs[0].Inputs["environment"] != "production" || runs[0].Inputs["release"] == "" || !strings.Contains(runs[0].Inputs["reason"], "Smoke production failed") {
		t.Errorf("runs %+v", runs)
	}
}

// asWorkflow does what rollback.yml says.
func (s *vigil) asWorkflow(r fakegithub.WorkflowRun) {
	in := r.Inputs
	e := s.command("rollback", "--env", in["environment"], "--release", in["release"], "--reason", in["reason"])
	conclusion := "success"
	if e.code != 0 {
		conclusion = "failure"
		s.t.Errorf("the workflow: exit code %d\n%s", e.code, e.log)
	}
	if err := s.hub.SetRun(r.ID, "completed", conclusion); err != nil {
		s.t.Error(err)
	}
}

func (s *vigil) untilSaid(g *guard, message string) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); g.said(message, "", "") == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("nobody says %q\n%s", message, read(s.t, g.log))
		}
	}
}

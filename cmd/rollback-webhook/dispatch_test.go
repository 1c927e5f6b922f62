package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/contract"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook/ledger"
	"github.com/tminus/deploy-action/runner/release"
)

const (
	dispatched = "/repos/*/*/actions/workflows/*/dispatches"
	inputs     = "on:\n  workflow_dispatch:\n    inputs: {environment: {}, release: {}, reason: {required: true}}\njobs: {}\n"
	named      = "name: Rollback\nrun-name: \"Rollback of ${{ inputs.environment }}: ${{ inputs.reason }}\"\n" + inputs
	nameless   = "name: Rollback\n" + inputs
)

var description = sync.OnceValues(func() (*contract.Description, error) { return contract.Open(context.Background()) })

// office is a repository with a workflow, and a dispatcher.
type office struct {
	*dispatcher
	t      *testing.T
	hub    *fakegithub.Server
	client *github.Client
	alarm  alarm.Alarm
	// ends are how the runs end, one after another; one without an end goes on.
	mu   sync.Mutex
	ends []string
	// takes: a run that succeeds leaves the record of a rollback.
	takes bool
}

func open(t *testing.T, workflow string, ends ...string) *office {
	t.Helper()
	d, err := description()
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, hub: fakegithub.New(fakegithub.Options{}), ends: ends}
	server := httptest.NewServer(d.Wrap(o.hub, func(diff contract.Difference) { t.Error(diff) }))
	t.Cleanup(func() { server.Close(); o.hub.Close() })
	o.hub.Reached(server.URL)
	o.hub.Commit("main", "The workflow", map[string]string{".github/workflows/rollback.yml": workflow})
	o.hub.OnDispatch(o.run)
	if o.client, err = github.New(github.Options{BaseURL: server.URL, Token: o.hub.WorkflowToken("actions:write", "deployments:write", "contents:read"), Repository: "acme/site", Retries: -1}); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	o.dispatcher = &dispatcher{workflow: "rollback.yml", ledger: l, redact: func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") }, again: 5 * time.Millisecond, find: 100 * time.Millisecond}
	o.alarm = alarm.Alarm{Repository: "acme/site", Environment: "production", Words: "Smoke production failed: hunter2", Payload: o.record("r2", "")}
	return o
}

// record records a release, or the rollback of another.
func (o *office) record(name, from string) deployment.Payload {
	p := deployment.Payload{By: deployment.Mark, Manifest: release.Manifest{Schema: release.Schema, Release: name, Environment: "production"}}
	state, task := github.Failure, deployment.TaskDeploy
	if from != "" {
		p.Back = &release.Back{From: from}
		state, task = github.Success, deployment.TaskRollback
	}
	raw, err := json.Marshal(p)
	if err != nil {
		o.t.Fatal(err)
	}
	id, err := o.client.CreateDeployment(context.Background(), github.Deployment{SHA: o.hub.Head("main"), Task: task, Environment: "production", Payload: raw})
	if err == nil {
		err = o.client.SetStatus(context.Background(), id, github.Status{State: state})
	}
	if err != nil {
		o.t.Error(err)
	}
	return p
}

// run is what a runner does.
func (o *office) run(r fakegithub.WorkflowRun) {
	o.mu.Lock()
	end := ""
	if len(o.ends) > 0 {
		end, o.ends = o.ends[0], o.ends[1:]
	}
	o.mu.Unlock()
	if o.takes && end == "success" {
		o.record("b2", "r2")
	}
	err := o.hub.SetRun(r.ID, "in_progress", "")
	if err == nil && end != "" {
		err = o.hub.SetRun(r.ID, "completed", end)
	}
	if err != nil {
		o.t.Error(err)
	}
}

// try is one try of the work.
func (o *office) try() (outcome, error) {
	ctx, cancel := context.WithTimeout(o.t.Context(), 20*time.Second)
	defer cancel()
	return o.dispatcher.run(ctx, o.client, o.alarm, "r1", func(string) {})
}

// cutOff is a try that comes to its end while it follows the run.
func (o *office) cutOff() {
	o.t.Helper()
	ctx, cancel := context.WithCancel(o.t.Context())
	defer cancel()
	if _, err := o.dispatcher.run(ctx, o.client, o.alarm, "r1", func(string) { cancel() }); err == nil {
		o.t.Fatal("it ended before its run")
	}
}

func (o *office) reasons() []string {
	var all []string
	for _, r := range o.hub.WorkflowRuns() {
		all = append(all, r.Inputs["reason"])
	}
	return all
}

func TestAWorkflowTakesAReleaseBack(t *testing.T) {
	t.Parallel()
	o := open(t, named, "success")
	out, err := o.try()
	if err != nil || out.Kind != rolledBack || out.To != "r1" || !strings.Contains(out.Text, "/actions/runs/") {
		t.Errorf("%+v, %v", out, err)
	}
	runs := o.hub.WorkflowRuns()
	if len(runs) != 1 || runs[0].Inputs["environment"] != "production" || runs[0].Inputs["release"] != "r1" || runs[0].Inputs["reason"] != mark("acme/site production r2", 0)+": release r2 failed: Smoke production failed: ***" {
		t.Errorf("%+v", runs)
	}
	// Once more, as after a crash: the same run is looked at.
	if out, err := o.try(); err != nil || out.Kind != rolledBack || len(o.hub.WorkflowRuns()) != 1 {
		t.Errorf("again: %+v, %v, %d runs", out, err, len(o.hub.WorkflowRuns()))
	}
}

func TestAWorkflowThatFailsIsStartedAgainByTheNextTry(t *testing.T) {
	t.Parallel()
	o := open(t, named, "failure", "cancelled", "success")
	for i, want := range []string{"failure", "cancelled"} {
		if _, err := o.try(); err == nil || !strings.Contains(err.Error(), "ended with "+want) || !strings.Contains(err.Error(), "/actions/runs/") || len(o.hub.WorkflowRuns()) != i+1 {
			t.Errorf("%s: %v, %d runs", want, err, len(o.hub.WorkflowRuns()))
		}
	}
	if _, err := o.try(); err != nil {
		t.Error(err)
	}
	for i, reason := range o.reasons() {
		if !strings.HasPrefix(reason, mark("acme/site production r2", i)+":") {
			t.Errorf("run %d: %s", i, reason)
		}
	}
}

func TestATryThatRunsOutIsFollowedByTheNext(t *testing.T) {
	t.Parallel()
	o := open(t, named)
	o.cutOff()
	o.hub.Break(traffic.Fault{Path: "/repos/*/*/actions/runs/*", Refusal: traffic.Unavailable()})
	if _, err := o.try(); err == nil {
		t.Error("GitHub does not answer, and nobody says so")
	}
	if err := o.hub.SetRun(o.hub.WorkflowRuns()[0].ID, "completed", "success"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.try(); err != nil || len(o.hub.WorkflowRuns()) != 1 {
		t.Errorf("%v, %d runs", err, len(o.hub.WorkflowRuns()))
	}
}

// Without a run-name, the next try knows the run by what was written down.
func TestTheNextTryFollowsTheSameRun(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"whose number GitHub told": false, "which may be somebody else's": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t, nameless, "", "success")
			if lost {
				o.hub.Break(traffic.Fault{Method: "POST", Path: dispatched, After: true, Refusal: traffic.Unavailable()})
			}
			o.cutOff()
			if _, err := o.client.Dispatch(t.Context(), "rollback.yml", "main", map[string]string{"reason": "somebody's"}); err != nil {
				t.Fatal(err)
			}
			if err := o.hub.SetRun(o.hub.WorkflowRuns()[0].ID, "completed", "success"); err != nil {
				t.Fatal(err)
			}
			out, err := o.try()
			if lost && (err == nil || !strings.Contains(err.Error(), "no rollback")) || !lost && err != nil {
				t.Errorf("%+v, %v", out, err)
			}
			if first := fmt.Sprint(o.hub.WorkflowRuns()[0].ID); !lost && !strings.HasSuffix(out.Text, first) {
				t.Errorf("followed %s, want %s", out.Text, first)
			}
		})
	}
}

// An answer may be lost, by the network, by a crash, or because an older server gives none.
func TestARunIsFoundWithoutItsNumber(t *testing.T) {
	t.Parallel()
	silent := traffic.Fault{Method: "POST", Path: dispatched, After: true, Refusal: traffic.Unavailable()}
	tests := []struct {
		name     string
		workflow string
		do       func(*office)
		errs     []string // of each try
		runs     int
	}{
		{"the answer is lost", named, func(o *office) { o.hub.Break(silent) }, []string{""}, 1},
		{"the answer and the list are lost, as in a crash", named, func(o *office) {
			o.hub.Break(silent)
			o.hub.Break(traffic.Fault{Path: "/repos/*/*/actions/workflows/*/runs", Refusal: traffic.Unavailable()})
		}, []string{"503", ""}, 1},
		{"the call is lost", named, func(o *office) {
			o.hub.Break(traffic.Fault{Method: "POST", Path: dispatched, Refusal: traffic.Unavailable()})
		}, []string{"does not list", ""}, 1},
		{"a workflow without a run-name", nameless, func(o *office) { o.hub.Break(silent); o.takes = true }, []string{""}, 1},
		{"somebody else's run, that takes nothing back", nameless, func(o *office) {
			if _, err := o.client.Dispatch(o.t.Context(), "rollback.yml", "main", map[string]string{"reason": "somebody's"}); err != nil {
				o.t.Error(err)
			}
			o.hub.Break(traffic.Fault{Method: "POST", Path: dispatched, Refusal: traffic.Unavailable()})
		}, []string{"no rollback", ""}, 2},
		{"somebody else's run, that has another name", named, func(o *office) {
			if _, err := o.client.Dispatch(o.t.Context(), "rollback.yml", "main", map[string]string{"reason": "webhook-for another"}); err != nil {
				o.t.Error(err)
			}
			o.hub.Break(silent)
		}, []string{""}, 2},
		{"somebody else's run, that has another name, and the call is lost", named, func(o *office) {
			if _, err := o.client.Dispatch(o.t.Context(), "rollback.yml", "main", map[string]string{"reason": "webhook-for another"}); err != nil {
				o.t.Error(err)
			}
			o.hub.Break(traffic.Fault{Method: "POST", Path: dispatched, Refusal: traffic.Unavailable()})
		}, []string{"does not list", ""}, 2},
		{"there is no such workflow", named, func(o *office) { o.dispatcher.workflow = "nothing.yml" }, []string{"404"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := open(t, tt.workflow, "success", "success")
			tt.do(o)
			for i, want := range tt.errs {
				if _, err := o.try(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("try %d: %v, want %q", i, err, want)
				}
			}
			if n := len(o.hub.WorkflowRuns()); n != tt.runs {
				t.Errorf("%d runs, want %d", n, tt.runs)
			}
		})
	}
}

func TestMarksDiffer(t *testing.T) {
	t.Parallel()
	var all []string
	for _, key := range []string{"a", "b"} {
		for turn := range 12 {
			all = append(all, mark(key, turn))
		}
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 24 || !strings.HasPrefix(mark("a", 0), marking) {
		t.Errorf("%d marks, %s", n, fmt.Sprint(all))
	}
}

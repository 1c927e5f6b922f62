package patrol

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/contract"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
	"github.com/tminus/deploy-action/checks/hook/queue"
	"github.com/tminus/deploy-action/runner/release"
)

var described = sync.OnceValues(func() (*contract.Description, error) { return contract.Open(context.Background()) })

// world is a repository, a queue that notes what it is told to do, and a patrol.
type world struct {
	t      *testing.T
	hub    *fakegithub.Server
	url    string
	queue  *queue.Queue
	patrol *Patrol
	log    *said
	client *github.Client // as the action, whose deployments are believed
	past   atomic.Int64   // how long ago it is at GitHub

	mu    sync.Mutex
	done  []string // keys of works
	fails error    // what works fail with
}

// said is a log.
type said struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.Write(p)
}

func (s *said) count(words string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.all.String(), words)
}

var acting = []string{"deployments:write", "actions:read", "repository-hooks:write"}

func open(t *testing.T, permissions ...string) *world {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, log: &said{}}
	w.hub = fakegithub.New(fakegithub.Options{Clock: func() time.Time { return time.Now().Add(-time.Duration(w.past.Load())) }})
	server := httptest.NewServer(d.Wrap(w.hub, func(diff contract.Difference) { t.Error(diff) }))
	t.Cleanup(func() { server.Close(); w.hub.Close() })
	w.url = server.URL
	w.hub.Reached(w.url)
	w.hub.Commit("main", "workflow", map[string]string{".github/workflows/promote.yml": "on: push\njobs: {}\n"})
	w.client = w.as(w.hub.WorkflowToken("deployments:write", "actions:read"))
	log := slog.New(slog.NewTextHandler(w.log, nil))
	w.queue, err = queue.Open(t.Context(), queue.Options{
		Database: filepath.Join(t.TempDir(), "db"), Log: slog.New(slog.DiscardHandler), Do: w.work, Waits: []time.Duration{},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.queue.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if len(permissions) == 0 {
		permissions = acting
	}
	own := w.as(w.hub.WorkflowToken(permissions...))
	w.patrol = &Patrol{
		Rules:  alarm.Rules{Repositories: []string{"acme/site"}, Environments: []string{"production"}, Scripts: []string{"api-*"}, Creators: []string{"github-actions[bot]"}},
		Client: func(string) (*github.Client, error) { return own, nil },
		Queue:  w.queue, Order: order, Window: 72 * time.Hour, Log: log,
		Mailbox: Mailbox{Wants: func(event, _ string) bool { return event == "deployment_status" }, Interval: time.Minute},
	}
	return w
}

func order(al alarm.Alarm, why string) (hook.Decision, error) {
	return hook.Decision{Environment: al.Environment, Reason: why, Order: &hook.Order{Key: al.Key(), Lane: al.Lane()}}, nil
}

func (w *world) work(_ context.Context, one ledger.Work, _ func(string)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, one.Key)
	return w.fails
}

func (w *world) as(token string) *github.Client {
	w.t.Helper()
	c, err := github.New(github.Options{BaseURL: w.url, Token: token, Repository: "acme/site", UserAgent: "test", Retries: -1})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// release records a release, or with a < the rollback of another, and what was said of it.
func (w *world) release(name string, run int64, states ...string) int64 {
	w.t.Helper()
	return w.releaseBy(w.client, "api-production", name, run, states...)
}

func (w *world) releaseBy(c *github.Client, script, name string, run int64, states ...string) int64 {
	w.t.Helper()
	name, from, back := strings.Cut(name, "<")
	m := release.Manifest{Schema: release.Schema, Release: name, Environment: "production", Workers: []release.Placed{{Script: script, Version: "v"}}}
	task := deployment.TaskDeploy
	if back {
		m.Back, task = &release.Back{From: from}, deployment.TaskRollback
	}
	raw, err := json.Marshal(deployment.Payload{By: deployment.Mark, Run: deployment.Run{ID: run, Attempt: 1, Job: "promote"}, Manifest: m})
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := c.CreateDeployment(w.t.Context(), github.Deployment{SHA: w.hub.Head("main"), Task: task, Environment: "production", Payload: raw})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, state := range states {
		if err := c.SetStatus(w.t.Context(), id, github.Status{State: state, Description: "Smoke production failed: it answered 500"}); err != nil {
			w.t.Fatal(err)
		}
	}
	return id
}

// run is a run of the workflow in a state: alive, or a conclusion.
func (w *world) run(how string) int64 {
	w.t.Helper()
	run, err := w.hub.StartRun("promote.yml", "push", "main")
	if err == nil {
		err = w.hub.SetRun(run.ID, "in_progress", "")
	}
	if err == nil && how != "alive" {
		err = w.hub.SetRun(run.ID, "completed", how)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return run.ID
}

// ago has the rest happen some time ago at GitHub.
func (w *world) ago(d time.Duration) { w.past.Store(int64(d)) }

func (w *world) round() {
	w.t.Helper()
	if err := w.patrol.Round(w.t.Context()); err != nil {
		w.t.Error(err)
	}
}

// worked waits until the queue has nothing to do, and gives what it did, sorted.
func (w *world) worked() []string {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s, err := w.queue.Ledger.Stats(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if s.Depth == 0 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Sorted(slices.Values(w.done))
		}
	}
	w.t.Fatal("the queue does not come to its end")
	return nil
}

func (w *world) state(id int64) string {
	for _, d := range w.hub.Deployments("") {
		if d.ID == id {
			return d.State
		}
	}
	return fmt.Sprint("there is no ", id)
}

package patrol

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/github"
)

// inquire looks after a run, and gives what was said.
func (w *world) inquire(run int64, heard ...func(string)) (string, error) {
	var all []string
	err := w.patrol.Inquire(w.t.Context(), alarm.Death{Repository: "acme/site", Run: run, Attempt: 1}, "d-1", func(s string) {
		all = append(all, s)
		for _, hear := range heard {
			hear(s)
		}
	})
	return strings.Join(all, "; "), err
}

func TestARunThatDied(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		make   func(*world) int64
		states string
		works  []string
		says   string
	}{
		{"it left a release in progress", func(w *world) int64 {
			run := w.run("cancelled")
			w.release("r2", run, "in_progress")
			return run
		}, "error", []string{ofR2}, "production was left in progress: release r2; release r2: queued"},
		{"it left one of which nothing was said", func(w *world) int64 {
			run := w.run("failure")
			w.release("r2", run)
			return run
		}, "error", []string{ofR2}, "release r2: queued"},
		{"it said itself that its release failed", func(w *world) int64 {
			run := w.run("failure")
			w.release("r2", run, "in_progress", "failure")
			return run
		}, "failure", []string{ofR2}, "release r2: queued, release r2 failed: Smoke production failed"},
		{"its release passed", func(w *world) int64 {
			run := w.run("failure")
			w.release("r2", run, "in_progress", "success")
			return run
		}, "success", []string{}, "no release of ours was in progress"},
		{"it left a rollback in progress", func(w *world) int64 {
			run := w.run("cancelled")
			w.release("r2", w.run("success"), "success")
			w.release("b2<r2", run, "in_progress")
			return run
		}, "success error", []string{}, "production was left in progress: release b2"},
		{"it made none", func(w *world) int64 {
			w.release("r2", w.run("alive"), "in_progress")
			return w.run("failure")
		}, "in_progress", []string{}, "no release of ours was in progress"},
		{"it was deleted", func(w *world) int64 {
			w.release("r2", 7, "in_progress")
			return 7
		}, "error", []string{ofR2}, "the run was deleted"},
		{"it left somebody else's release", func(w *world) int64 {
			run := w.run("cancelled")
			w.releaseBy(w.as(w.hub.User("mallory", "write")), "api-production", "r2", run, "in_progress")
			return run
		}, "in_progress", []string{}, "no release of ours"},
		{"it left one of a script that is not allowed", func(w *world) int64 {
			run := w.run("cancelled")
			w.releaseBy(w.client, "other-production", "r2", run, "in_progress")
			return run
		}, "in_progress", []string{}, "no release of ours"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			w.patrol.Grace = 30 * time.Millisecond
			run := tt.make(w)
			for range 2 {
				said, err := w.inquire(run)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(said, tt.says) && tt.says != "" {
					t.Errorf("said %q, want %q", said, tt.says)
				}
				tt.says = ""
			}
			if got := w.worked(); !slices.Equal(got, tt.works) || w.states() != tt.states {
				t.Errorf("works %q, want %q; deployments %s, want %s", got, tt.works, w.states(), tt.states)
			}
		})
	}
}

// The last part of the action may be closing what the first one left.
func TestARunThatClosesWhatItLeft(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.patrol.Grace = 10 * time.Second
	run := w.run("cancelled")
	id := w.release("r2", run, "in_progress")
	closed := false
	said, err := w.inquire(run, func(step string) {
		if closed || !strings.Contains(step, "may be closing it") {
			return
		}
		closed = true
		if err := w.client.SetStatus(w.t.Context(), id, github.Status{State: github.Success}); err != nil {
			t.Error(err)
		}
	})
	if err != nil || strings.Count(said, "may be closing it") != 1 || w.state(id) != "success" || len(w.worked()) != 0 {
		t.Errorf("%q, %v, works %q, %s", said, err, w.worked(), w.state(id))
	}
}

func TestADeathThatGitHubDoesNotConfirm(t *testing.T) {
	t.Parallel()
	w := open(t)
	alive := w.run("alive")
	id := w.release("r2", alive, "in_progress")
	if _, err := w.inquire(alive); err == nil || !strings.Contains(err.Error(), "in_progress") || w.state(id) != "in_progress" {
		t.Errorf("alive: %v, %s", err, w.state(id))
	}
	if err := w.hub.SetRun(alive, "completed", "cancelled"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/repos/*/*/actions/runs/*", "/repos/*/*/deployments", "/repos/*/*/deployments/*/statuses"} {
		w.hub.Break(traffic.Fault{Path: path, Refusal: traffic.Unavailable()})
		if _, err := w.inquire(alive); err == nil {
			t.Errorf("%s does not answer, and nobody says so", path)
		}
	}
	if _, err := w.inquire(alive); err != nil || w.state(id) != "error" || !slices.Equal(w.worked(), []string{ofR2}) {
		t.Errorf("%v, %s, works %q", err, w.state(id), w.worked())
	}
}

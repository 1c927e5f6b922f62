package patrol

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

const ofR2 = "acme/site production r2"

func TestWhatNobodyToldOfIsFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		make  func(*world)
		found bool
		says  string
	}{
		{"a release that failed", func(w *world) { w.release("r2", w.run("failure"), "in_progress", "failure") }, true, "nobody told"},
		{"one without a verdict", func(w *world) { w.release("r2", w.run("cancelled"), "in_progress", "error") }, true, "nobody told"},
		{"one whose rollback failed", func(w *world) {
			w.release("r2", w.run("failure"), "failure")
			w.release("b2<r2", w.run("failure"), "in_progress", "failure")
		}, true, "nobody told"},
		{"one left in progress", func(w *world) { w.release("r2", w.run("cancelled"), "in_progress") }, true, "left in progress by a run that is over"},
		{"one of which nothing was said", func(w *world) { w.release("r2", w.run("failure")) }, true, "left in progress by a run that is over"},
		{"one left in progress by a run that was deleted", func(w *world) { w.release("r2", 7, "in_progress") }, true, "left in progress"},
		{"one that failed half an hour before the watch", func(w *world) {
			w.ago(30 * time.Minute)
			w.release("r2", w.run("failure"), "failure")
		}, true, "nobody told"},

		{"one that is under way", func(w *world) { w.release("r2", w.run("alive"), "in_progress") }, false, ""},
		{"one that a server takes back just now", func(w *world) {
			w.release("r2", w.run("failure"), "failure")
			w.release("b2<r2", 0, "in_progress")
		}, true, "nobody told"}, // which joins that server's work, or waits for it
		{"one that passed", func(w *world) { w.release("r2", w.run("success"), "in_progress", "success") }, false, ""},
		{"one that was taken back", func(w *world) {
			w.release("r2", w.run("failure"), "failure")
			w.release("b2<r2", w.run("success"), "in_progress", "success")
		}, false, ""},
		{"one that was superseded", func(w *world) {
			w.release("r2", w.run("failure"), "failure")
			w.release("r3", w.run("success"), "success")
		}, false, ""},
		{"one that failed before the watch", func(w *world) {
			w.ago(2 * time.Hour)
			w.release("r2", w.run("failure"), "failure")
		}, false, "failed before watch was kept"},
		{"one left in progress before the watch", func(w *world) {
			w.ago(2 * time.Hour)
			w.release("r2", w.run("failure"), "in_progress")
		}, false, "left in progress before watch was kept"},
		{"somebody else's", func(w *world) {
			w.releaseBy(w.as(w.hub.User("mallory", "write")), "api-production", "r2", w.run("failure"), "failure")
		}, false, "mallory"},
		{"somebody else's, left in progress", func(w *world) {
			w.releaseBy(w.as(w.hub.User("mallory", "write")), "api-production", "r2", w.run("failure"), "in_progress")
		}, false, "mallory"},
		{"one of a script that is not allowed", func(w *world) { w.releaseBy(w.client, "other-production", "r2", w.run("failure"), "failure") }, false, "other-production"},
		{"one that somebody holds", func(w *world) {
			w.release("r2", w.run("failure"), "failure")
			if err := deployment.Held(w.t.Context(), w.client, "production", "octocat", "we look at it"); err != nil {
				w.t.Error(err)
			}
		}, false, "Held by octocat"},
		{"one that somebody held before the watch", func(w *world) {
			w.ago(2 * time.Hour)
			w.release("r2", w.run("failure"), "failure")
			w.ago(0)
			if err := errors.Join(deployment.Held(w.t.Context(), w.client, "production", "octocat", "we look at it"), deployment.Lifted(w.t.Context(), w.client, "production", "octocat", "done")); err != nil {
				w.t.Error(err)
			}
		}, false, "failed before watch was kept"},
		{"one whose hold was lifted", func(w *world) {
			w.release("r2", w.run("failure"), "failure")
			if err := errors.Join(deployment.Held(w.t.Context(), w.client, "production", "octocat", "we look at it"), deployment.Lifted(w.t.Context(), w.client, "production", "octocat", "done")); err != nil {
				w.t.Error(err)
			}
		}, true, "nobody told: release r2 failed: Smoke"},
		{"a rollback alone", func(w *world) { w.release("b2<r2", w.run("failure"), "failure") }, false, ""},
		{"nothing", func(*world) {}, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			tt.make(w)
			w.ago(0)
			before := w.states()
			w.round()
			if !tt.found && w.states() != before {
				t.Errorf("deployments %s, before %s", w.states(), before)
			}
			want := []string{}
			if tt.found {
				want = []string{ofR2}
			}
			if got := w.worked(); !slices.Equal(got, want) {
				t.Errorf("works %q, want %q", got, want)
			}
			if tt.says != "" && w.log.count(tt.says) == 0 {
				t.Errorf("the log lacks %q:\n%s", tt.says, w.log.all.String())
			}
			lines := w.log.count("\n")
			states := w.states()
			w.round()
			if got := w.worked(); len(got) != len(want) || w.log.count("\n") != lines || w.states() != states {
				t.Errorf("the second round: works %q, %s\n%s", got, w.states(), w.log.all.String())
			}
		})
	}
}

func (w *world) states() string {
	var all []string
	for _, d := range w.hub.Deployments("") {
		all = append(all, d.State)
	}
	return strings.Join(all, " ")
}

func TestWhatIsFoundIsSeenAmongTheDeliveries(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.release("r2", w.run("cancelled"), "in_progress")
	w.round()
	all, err := w.queue.Ledger.Deliveries(t.Context(), 10, ledger.Place{})
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	if d := all[0]; d.Event != Event || d.Repository != "acme/site" || d.Environment != "production" || d.Decision != hook.Queued || !strings.Contains(d.Reason, "nobody told: release r2 failed: Its run ended without a verdict") {
		t.Errorf("%+v", d)
	}
	if w.state(id) != "error" {
		t.Errorf("the deployment is %s", w.state(id))
	}
}

// A run that has just ended may be saying how its release ended.
func TestARunIsGivenTimeToSayHowItEnded(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.patrol.Grace = time.Minute
	id := w.release("r2", w.run("cancelled"), "in_progress")
	w.round()
	if got := w.worked(); len(got) != 0 || w.state(id) != "in_progress" {
		t.Errorf("works %q, the deployment is %s", got, w.state(id))
	}
}

func TestWhatHappenedBeforeTheWindowStays(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.round() // the watch begins
	w.ago(30 * time.Minute)
	w.release("r2", w.run("failure"), "failure")
	w.ago(0)
	w.patrol.Window = 10 * time.Minute
	w.round()
	if got := w.worked(); len(got) != 0 {
		t.Errorf("works %q", got)
	}
	w.patrol.Window = time.Hour
	w.round()
	if got := w.worked(); !slices.Equal(got, []string{ofR2}) {
		t.Errorf("works %q", got)
	}
}

// A server that was down for longer remembers since when it has kept watch.
func TestTheWatchGoesOnAfterTheServerWasDown(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.round()
	place := "acme/site production"
	notes, err := w.queue.Ledger.Notes(t.Context(), "patrol", place)
	if err != nil || len(notes) != 1 {
		t.Fatalf("%+v, %v", notes, err)
	}
	w.patrol.said = nil // another server's
	w.round()
	from, err := w.patrol.since(t.Context(), place)
	if again, _ := w.queue.Ledger.Notes(t.Context(), "patrol", place); err != nil || len(again) != 1 || !from.Equal(notes[0].At.Add(-young)) {
		t.Errorf("%s, %d notes, %v", from, len(again), err)
	}
}

// What was told is not found again, even if the work came to nothing.
func TestWhatIsKnownIsNotFound(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]error{"done": nil, "a dead letter": context.DeadlineExceeded} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			w.fails = fails
			w.release("r2", w.run("failure"), "failure")
			w.tell("d-1")
			w.worked()
			w.round()
			w.round()
			if got := w.worked(); !slices.Equal(got, []string{ofR2}) {
				t.Errorf("works %q", got)
			}
		})
	}
}

// tell records what a delivery of GitHub would.
func (w *world) tell(guid string) {
	d, err := order(alarm.Alarm{Repository: "acme/site", Environment: "production", Payload: w.payload()}, "told")
	if err == nil {
		_, err = w.queue.Record(w.t.Context(), hook.Delivery{GUID: guid, Event: "deployment_status", Received: time.Now(), Payload: []byte("{}")}, d)
	}
	if err != nil {
		w.t.Error(err)
	}
}

func (w *world) payload() deployment.Payload {
	p, _ := deployment.ParsePayload([]byte(w.hub.Deployments("production")[0].Payload))
	return p
}

func TestToldAndFoundAtOnceIsDoneOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.release("r2", w.run("failure"), "failure")
	var all sync.WaitGroup
	for _, guid := range []string{"d-1", "d-2", "d-3"} {
		all.Go(func() { w.tell(guid) })
	}
	all.Go(w.round)
	all.Wait()
	if got := w.worked(); !slices.Equal(got, []string{ofR2}) {
		t.Errorf("works %q", got)
	}
}

func TestARoundWithoutGitHubIsMadeGoodByTheNext(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.patrol.Rules.Repositories = []string{"acme/site", "acme/site"}
	token := w.hub.WorkflowToken(acting...)
	w.patrol.Client = func(string) (*github.Client, error) { return w.as(token), nil } // a client remembers a limit
	id := w.release("r2", w.run("cancelled"), "in_progress")
	for name, do := range map[string]func(){
		"down":              func() { w.hub.SetDown(true) },
		"the limit is used": func() { w.hub.Leave(0, 429) },
		"the status is lost": func() {
			w.hub.Break(traffic.Fault{Method: "POST", Path: "/repos/*/*/deployments/*/statuses", Refusal: traffic.Unavailable(), Times: 2})
		},
		"runs are not told": func() {
			w.hub.Break(traffic.Fault{Path: "/repos/*/*/actions/runs/*", Refusal: traffic.Unavailable(), Times: 2})
		},
		"calls are too often": func() {
			w.hub.Break(traffic.Fault{Path: "/repos/*/*/deployments", Refusal: traffic.TooOften(403, time.Second)})
		},
	} {
		w.hub.Forget()
		do()
		err := w.patrol.Round(t.Context())
		if err == nil || len(w.worked()) != 0 || w.state(id) != "in_progress" {
			t.Fatalf("%s: %v, works %q", name, err, w.worked())
		}
		if n := w.hub.Calls().Count("GET", "/repos/*/*/deployments"); (name == "the limit is used" || name == "calls are too often") && n != 1 {
			t.Errorf("%s: asked %d times", name, n)
		}
		w.hub.SetDown(false)
		w.hub.Leave(-1, 0)
	}
	w.round()
	if got := w.worked(); !slices.Equal(got, []string{ofR2}) || w.state(id) != "error" {
		t.Errorf("works %q, the deployment is %s", got, w.state(id))
	}
}

func TestOneRepositoryDoesNotKeepAnotherWaiting(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.patrol.Rules.Repositories = []string{"acme/broken", "acme/site"}
	good := w.patrol.Client
	w.patrol.Client = func(repository string) (*github.Client, error) {
		if repository == "acme/broken" {
			return nil, errors.New("no key")
		}
		return good(repository)
	}
	w.release("r2", w.run("failure"), "failure")
	if err := w.patrol.Round(t.Context()); err == nil || !strings.Contains(err.Error(), "acme/broken: no key") {
		t.Errorf("%v", err)
	}
	if got := w.worked(); !slices.Equal(got, []string{ofR2}) {
		t.Errorf("works %q", got)
	}
}

// What is left of the rate limit is for those who deploy.
func TestDeliveriesWaitWhenFewCallsAreLeft(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.receiver()
	w.release("r2", w.run("failure"), "failure")
	w.hub.Leave(2, 429)
	w.round()
	if n := w.hub.Calls().Count("GET", "/repos/*/*/hooks"); n != 0 || w.log.count("nearly used up") != 1 || len(w.worked()) != 1 {
		t.Errorf("asked %d times, works %q\n%s", n, w.worked(), w.log.all.String())
	}
}

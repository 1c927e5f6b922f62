package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
	"github.com/tminus/deploy-action/checks/notice"
)

func sample() notice.News {
	return notice.News{Kind: notice.Held, Repository: "acme/site", Environment: "production", Title: "production is held", Text: "by somebody with " + cloudToken, Delivery: "guid-1"}
}

func TestNewsArriveOnceAlthoughTheReceiverIsDown(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(c *config) { c.destinations = c.destinations[1:] })
	s.news.answering(func(n int, w http.ResponseWriter, r *http.Request, raw []byte) bool {
		switch n {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
			return true
		case 2: // it takes them, and nobody learns of that
			s.news.take(raw, r)
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return true
			}
			c.Close()
			return true
		}
		return false
	})
	for range 3 {
		s.tell(t.Context(), sample())
	}
	s.settled()
	if s.news.asked != 3 || len(s.news.all()) != 1 {
		t.Errorf("asked %d times, %d news", s.news.asked, len(s.news.all()))
	}
	if got := s.works(); len(got) != 1 || got[0].State != ledger.Done || got[0].Tries != 2 || got[0].Lane != "tell webhook" || got[0].Delivery != "guid-1" || !strings.HasPrefix(got[0].Key, "tell webhook acme/site production held news_") {
		t.Errorf("works %+v", got)
	}
}

func TestNewsThatWereNotSentAreSentByTheNextServer(t *testing.T) {
	t.Parallel()
	s := newPatientStand(t, 2*time.Second, func(c *config) { c.destinations = c.destinations[1:] })
	s.news.answering(func(_ int, w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	c := s.config
	s.tell(t.Context(), sample())
	s.until("it was tried", func() bool { got := s.works(); return len(got) == 1 && got[0].Tries > 0 })
	s.stop()
	s.news.answering(nil)
	s.begin(c)
	s.tell(t.Context(), sample())
	s.until("the news arrive", func() bool { return len(s.news.all()) == 1 })
	s.settled()
	if got := s.works(); len(got) != 1 || got[0].Tries != 1 {
		t.Errorf("works %+v", got)
	}
}

func TestWhatCannotBeToldMakesNoNews(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.news.answering(func(_ int, w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	s.tell(t.Context(), sample())
	s.until("they are dead letters", func() bool {
		got := s.works()
		return len(got) == 2 && got[0].State == ledger.Dead && got[1].State == ledger.Dead
	})
	time.Sleep(100 * time.Millisecond)
	if got := s.works(); len(got) != 2 || !strings.Contains(got[0].Error, "it answered 404") || s.news.asked != 8 {
		t.Errorf("%d works, asked %d times: %+v", len(got), s.news.asked, got)
	}
}

func TestADestinationThatIsGoneIsNotTriedForEver(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	raw, _ := json.Marshal(message{To: "somebody-else", News: sample()})
	var said string
	if err := s.tellWork(t.Context(), ledger.Work{}, raw, func(text string) { said = text }); err != nil || !strings.Contains(said, "somebody-else") {
		t.Errorf("%q, %v", said, err)
	}
}

// A rollback that fails is told at its first try and when it is given up, and not in
// between; what it is about is in the news.
func TestARollbackThatFailsIsToldTwice(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.deployed("deploy", "r1", "success", nil)
	s.hooked()
	// The project's files are missing: the rollback cannot know where to.
	s.deployed("deploy", "r2", "failure", map[string]any{"run": map[string]any{"url": "https://github.com/acme/site/actions/runs/9"}})
	s.until("it is given up", func() bool { return len(s.news.all()) == 2 })
	s.settled()
	all := s.news.all()
	for i, want := range []string{"retrying", "gave-up"} {
		n := all[i]
		if n.Kind != notice.RollbackFailed || n.Outcome != want || n.Repository != "acme/site" || n.Environment != "production" || n.Release != "r2" || n.Commit != s.hub.Head("main") ||
			n.Work == 0 || n.Delivery == "" || n.At.IsZero() || n.URL != "https://github.com/acme/site/actions/runs/9" || !strings.Contains(n.Text, "Release r2 failed: Smoke production failed") {
			t.Errorf("%+v", n)
		}
	}
	s.news.mu.Lock()
	defer s.news.mu.Unlock()
	if len(s.news.slack) != 2 || !strings.HasPrefix(s.news.slack[0], "*the rollback of production of acme/site failed*\n") || !strings.Contains(s.news.slack[0], "&lt;500&gt;") {
		t.Errorf("Slack was told %q", s.news.slack)
	}
}

func TestWhatThePolicyLeavesIsTold(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.hub.Commit("main", "project", map[string]string{
		"tminus.yaml":               "rollback:\n  policy:\n    - do: fix-forward\n",
		"workers/api/wrangler.toml": "name = \"tminus-api\"\nmain = \"index.ts\"\ncompatibility_date = \"2026-01-01\"\n[env.production]\nname = \"tminus-api-production\"\n",
	})
	s.deployed("deploy", "r1", "success", nil)
	s.hooked()
	s.deployed("deploy", "r2", "failure", nil)
	s.until("it is told", func() bool { return len(s.news.all()) == 1 })
	s.settled()
	if n := s.news.all()[0]; n.Kind != notice.Left || n.Outcome != "left" || !strings.Contains(n.Text, "the policy says fix-forward") || n.Title != "production of acme/site needs you" {
		t.Errorf("%+v", n)
	}
}

// The server was cut off between the rollback and the news: the next try finds it done,
// by itself, and tells. What a job took back itself it tells itself.
func TestARollbackThatWasDoneBeforeIsToldOnce(t *testing.T) {
	t.Parallel()
	for by, told := range map[string]int{itself: 1, "somebody else": 0} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, nil)
			s.deployed("deploy", "r1", "success", nil)
			s.hooked()
			bad := s.deployed("deploy", "r2", "in_progress", nil)
			s.deployed("rollback", "r3", "success", map[string]any{"back": map[string]any{"from": "r2", "to": "r1", "by": by}})
			for range 2 {
				s.post(fmt.Sprintf("/deployments/%d/statuses", bad), map[string]any{"state": "failure", "description": "Smoke production failed: x", "auto_inactive": false})
			}
			s.until("it is settled", func() bool { return strings.Contains(s.log.String(), `"msg":"work is done"`) })
			s.settled()
			all := s.news.all()
			if len(all) != told {
				t.Fatalf("%d news: %+v", len(all), all)
			}
			if told == 1 && (all[0].Kind != notice.RolledBack || all[0].To != "r1" || !strings.Contains(all[0].Text, "Release r1 serves again")) {
				t.Errorf("%+v", all[0])
			}
		})
	}
}

func TestADeadLetterOfAnotherTradeIsTold(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	o, err := order("no-such-trade", "something acme/site", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.queue.Add(t.Context(), hook.Delivery{GUID: "guid-7", Repository: "acme/site"}, hook.Decision{Order: o, Environment: "production"}); err != nil {
		t.Fatal(err)
	}
	s.until("it is told", func() bool { return len(s.news.all()) == 1 })
	s.settled()
	if n := s.news.all()[0]; n.Kind != notice.DeadLetter || n.Delivery != "guid-7" || n.Repository != "acme/site" || !strings.Contains(n.Text, "nobody here does") {
		t.Errorf("%+v", n)
	}
}

// Wherever the server leaves something, none of its secrets is in it.
func TestNoSecretIsLeftAnywhere(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.news.answering(func(n int, w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if n > 3 {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, r.URL.Path)
		return true
	})
	s.tell(t.Context(), sample())
	s.server.log.Error("from elsewhere", "error", fmt.Errorf("ask %s: no", s.news.URL+newsPath), "header", map[string]string{"Authorization": "Bearer " + s.token})
	s.hooked()
	s.deployed("deploy", "r2", "failure", nil)
	s.until("much has happened", func() bool { return len(s.news.all()) == 3 })
	_, metrics := s.get("/metrics")
	var shown strings.Builder
	s.config.origins = map[string]string{}
	s.config.show(&shown)
	s.stop()
	left := map[string]string{"the log": s.log.String(), "the metrics": metrics, "what is shown": shown.String(), "the news": fmt.Sprint(s.news.all(), s.news.slack)}
	files, err := filepath.Glob(s.config.Database + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the database: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		left[filepath.Base(file)] = string(raw)
	}
	for where, text := range left {
		for _, secret := range []string{hookSecret, newsPath, newsKey, cloudToken, s.token, "notForAnybodysEyes"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %s", secret, where)
			}
		}
	}
	if !strings.Contains(left["server.db"], "production is held") {
		t.Error("the file of the database does not hold the news: nothing was looked at")
	}
}

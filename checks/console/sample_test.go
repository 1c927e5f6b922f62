package console

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// sample is a view in which everything happens.
func sample() View {
	at := func(minutes float64) time.Time { return noon.Add(-time.Duration(minutes * float64(time.Minute))) }
	const bad, good, older = "20261121T115401Z-4be91c7", "20261121T090212Z-d881ac3", "20261120T161145Z-09f3e2a"
	running := Work{
		ID: 41, Title: "Take release " + bad + " back from production", Reason: "release " + bad + " failed: Smoke production failed: POST /v1/auth/login answered 500, not 200",
		Repository: "tminus/app", Environment: "production", Delivery: "7d1f6c2e-c6f0-11f0-9b1a-0242ac120002", State: Running, Runs: 1, Created: at(0.4), Begun: at(0.38),
		Steps: []Step{{1, at(0.37), "the job that failed is still running, and may take its release back itself"}, {1, at(0.2), "Rollback production passed"}, {1, at(0.05), "Health production passed"}},
	}
	dead := Work{
		ID: 33, Title: "Take release 20261119T080000Z-aa00bb1 back from staging", Reason: "release 20261119T080000Z-aa00bb1 failed: Health staging failed", Repository: "tminus/app", Environment: "staging",
		Delivery: "11aa", State: Dead, Runs: 5, Tries: 5, Error: "the rollback of release 20261119T080000Z-aa00bb1 failed: tminus-api-staging: the version that served before is gone", Created: at(700), Begun: at(610), Ended: at(600),
	}
	done := Work{
		ID: 38, Title: "Take release 20261118T101500Z-c0ffee1 back from production", Reason: "release failed", Repository: "tminus/app", Environment: "production", State: Done, Runs: 1, Created: at(4000), Begun: at(4000), Ended: at(3999.8),
		Steps: []Step{{1, at(3999.9), "9 Workers went back to release 20261117T120000Z-beef001 in 1.4 s"}},
	}
	waiting := Work{
		ID: 42, Title: "Take release 20261121T115800Z-1234abc back from staging", Reason: "release 20261121T115800Z-1234abc failed: Health staging failed", Repository: "tminus/app", Environment: "staging",
		State: Waiting, Tries: 1, Runs: 1, Error: "GitHub answered 502", Created: at(2), Due: noon.Add(30 * time.Second),
	}
	var workers []Worker
	for _, name := range []string{"api", "app-gateway", "cron", "mcp", "oauth", "push", "sync-consumer", "webhook", "workflows"} {
		w := Worker{Worker: name, Script: "tminus-" + name + "-production", Version: "cb60b3c2-4c1e-4a53-9a5e-1f2d3c4b5a69", Release: good, Since: at(178), Share: 100}
		if name == "mcp" {
			w.Release, w.Since = older, at(1190)
		}
		workers = append(workers, w)
	}
	split := workers[0]
	workers[0].Share, split.Share, split.Version, split.Release = 90, 10, "1f2d3c4b-4c1e-4a53-9a5e-cb60b3c25a69", bad
	workers = append(workers[:1], append([]Worker{split}, workers[1:]...)...)
	staging := Environment{
		Repository: "tminus/app", Name: "staging", Live: bad, Known: at(0.3), Workers: []Worker{{Worker: "api", Script: "tminus-api-staging", Version: "77aabbcc-1", Release: bad, Since: at(9), Share: 100}},
		Releases: []Release{{Name: bad, Commit: "4be91c7d881ac3", URL: "https://github.com/tminus/app/commit/4be91c7", Verdict: Mark{Good, "passed"}, Words: "2 of 9 Workers changed", Created: at(9)}},
	}
	production := Environment{
		Repository: "tminus/app", Name: "production", Live: bad, Known: at(0.3), Workers: workers,
		Releases: []Release{
			{Name: "20261121T115455Z-4be91c7-rollback", Commit: "4be91c7d881ac3", URL: "https://github.com/tminus/app/commit/4be91c7", Verdict: Mark{Busy, "going back"}, Words: "takes back " + bad + ", back to " + good + ": Smoke production failed (the webhook server)", Created: at(0.3), Back: bad},
			{Name: bad, Commit: "4be91c7d881ac3", URL: "https://github.com/tminus/app/commit/4be91c7", Verdict: Mark{Bad, "failed"}, Words: "2 of 9 Workers changed, 1 migration", Created: at(6)},
			{Name: good, Commit: "d881ac34be91c7", URL: "https://github.com/tminus/app/commit/d881ac3", Verdict: Mark{Good, "passed"}, Words: "8 of 9 Workers changed", Created: at(178)},
			{Name: older, Commit: "09f3e2a4be91c7", URL: "javascript:alert(1)", Verdict: Mark{Plain, "replaced"}, Words: "9 of 9 Workers changed", Created: at(1190)},
		},
		Hold: &Hold{From: bad, By: "the webhook server", Why: "Smoke production failed: POST /v1/auth/login answered 500, not 200", Since: at(0.2)},
	}
	return View{
		Environments: []Environment{production, staging}, Works: []Work{waiting, running, done}, Dead: []Work{dead},
		Deliveries: []Delivery{
			{GUID: "7d1f6c2e-c6f0-11f0-9b1a-0242ac120002", Event: "deployment_status", Action: "created", Repository: "tminus/app", Environment: "production", Received: at(0.4), Times: 1, Decision: "queued", Reason: running.Reason, Work: 41},
			{GUID: "7d1f6c2e-2", Event: "deployment_status", Action: "created", Repository: "tminus/app", Environment: "production", Received: at(1.4), Times: 2, Decision: "ignored", Reason: "the deployment is in_progress"},
			{GUID: "7d1f6c2e-3", Event: "ping", Repository: "tminus/app", Received: at(3000), Times: 1, Decision: "ignored", Reason: "GitHub says that the hook works"},
		},
		Audit: []Noted{{At: at(5), Who: "ann", What: "hold done", About: "tminus/app staging: Work 40 is recorded"}, {At: at(5.02), Who: "ann", What: "hold asked", About: `tminus/app staging, because "the payment provider is down"`}},
	}
}

// stage is a console whose view, person and deeds a test sets.
type stage struct {
	*Console
	mu      sync.Mutex
	view    View
	fails   error
	person  *Person
	may     bool
	mayErr  error
	doErr   error
	deeds   []Deed
	noted   []string
	noteErr error
	watched chan struct{}
	looks   int
}

func newStage(t *testing.T, change func(*Options)) *stage {
	t.Helper()
	s := &stage{view: sample(), may: true, watched: make(chan struct{}, 1)}
	o := Options{
		Sight: Sight{Look: s.look, Work: s.work, Deliveries: s.deliveries, Audit: s.audit, Watch: func() (<-chan struct{}, func()) { return s.watched, func() {} }},
		Gate:  Gate{Who: s.who, May: func(context.Context, Person, string) (bool, error) { return s.may, s.mayErr }, Door: http.NotFoundHandler()},
		Hands: Hands{Do: s.do, Note: s.note}, Log: slog.New(slog.DiscardHandler), Version: "v1.2.3", GitHub: "http://github.test",
	}
	if change != nil {
		change(&o)
	}
	var err error
	if s.Console, err = New(o); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) look(context.Context) (View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return s.view, s.fails
}

func (s *stage) work(_ context.Context, id int64) (Work, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, all := range [][]Work{s.view.Works, s.view.Dead} {
		for _, w := range all {
			if w.ID == id {
				return w, true, s.fails
			}
		}
	}
	return Work{}, false, s.fails
}

func (s *stage) deliveries(_ context.Context, before string) ([]Delivery, string, error) {
	if before != "" {
		return nil, "", s.fails
	}
	return s.view.Deliveries, "5 the last", s.fails
}

func (s *stage) audit(context.Context, string) ([]Noted, string, error) {
	return s.view.Audit, "", s.fails
}

func (s *stage) who(*http.Request) (Person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.person == nil {
		return Person{}, false
	}
	return *s.person, true
}

func (s *stage) do(_ context.Context, d Deed) (string, error) {
	if s.doErr != nil {
		return "", s.doErr
	}
	s.deeds = append(s.deeds, d)
	return "Work 43 is recorded", nil
}

func (s *stage) note(_ context.Context, who, what, about string) error {
	if s.noteErr != nil {
		return s.noteErr
	}
	s.noted = append(s.noted, who+": "+what+": "+about)
	return nil
}

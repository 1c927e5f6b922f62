package checkrun

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/contract"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

var described = sync.OnceValues(func() (*contract.Description, error) { return contract.Open(context.Background()) })

// stand is a repository and a keeper of check runs on it.
type stand struct {
	*Keeper
	t     *testing.T
	hub   *fakegithub.Server
	url   string
	token string
}

func open(t *testing.T, permissions ...string) *stand {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	if len(permissions) == 0 {
		permissions = []string{"checks:write", "actions:read"}
	}
	s := &stand{t: t, hub: fakegithub.New(fakegithub.Options{})}
	server := httptest.NewServer(d.Wrap(s.hub, func(diff contract.Difference) { t.Error(diff) }))
	t.Cleanup(func() { server.Close(); s.hub.Close() })
	s.hub.Reached(server.URL)
	s.hub.Commit("main", "workflow", map[string]string{".github/workflows/promote.yml": "on: push\njobs: {}\n"})
	s.url, s.token = server.URL, s.hub.WorkflowToken(permissions...)
	s.Keeper = s.keeper(1, 1)
	return s
}

func (s *stand) keeper(run int64, attempt int) *Keeper {
	c, err := github.New(github.Options{BaseURL: s.url, Token: s.token, Repository: s.hub.FullName(), Timeout: 20 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	return &Keeper{
		Client: c, SHA: s.hub.Head("main"), Name: "Promote", Owner: Owner{Run: run, Attempt: attempt, Job: "promote", URL: "https://example.com/log"},
		Links: markdown.Links{Base: "https://github.com/acme/site/blob/main", Folder: "apps/site"},
	}
}

func (s *stand) runs() []fakegithub.Run { return s.hub.Runs(s.hub.Head("main")) }

// shown are the runs as "name conclusion title".
func (s *stand) shown() []string {
	var all []string
	for _, r := range s.runs() {
		state := r.Conclusion
		if r.Status != "completed" {
			state = r.Status
		}
		all = append(all, fmt.Sprintf("%s|%s|%s", r.Name, state, r.Title))
	}
	return all
}

// work is a stage for tests.
type work struct {
	name string
	do   []func(ctx context.Context, out *pipeline.Out) error
}

func (w work) Name() string { return w.name }
func (w work) Tasks() []pipeline.Task {
	var tasks []pipeline.Task
	for i, do := range w.do {
		tasks = append(tasks, pipeline.Task{Title: fmt.Sprintf("Do <%d> | of %s", i, w.name), At: finding.Position{File: "wrangler.toml", Line: 3, Column: 2, EndLine: 3, EndColumn: 9}, Do: do})
	}
	return tasks
}

func well(_ context.Context, out *pipeline.Out) error { out.Endf("done_well"); return nil }

func badly(n int) func(context.Context, *pipeline.Out) error {
	return func(_ context.Context, out *pipeline.Out) error {
		out.Sayf("about to ``` fail")
		out.Note(finding.Warnf("w", finding.Position{}, "a warning"))
		for i := range n {
			out.Note(finding.Errorf("broken", finding.Position{File: "workers/api/wrangler.toml", Line: i + 1}, "it is broken, @octocat").Hintf("mend it").See(finding.Position{File: "tminus.yaml", Line: 9}))
		}
		return nil
	}
}

func (s *stand) run(ctx context.Context, steps ...pipeline.Step) (pipeline.Verdict, error) {
	return pipeline.Plan{Steps: steps}.Run(ctx, s.Keeper)
}

func TestTheWholeRoadIsShownFromQueuedToItsEnd(t *testing.T) {
	t.Parallel()
	s := open(t)
	seen := make(chan []string, 1)
	look := func(ctx context.Context, out *pipeline.Out) error {
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if now := s.shown(); len(now) == 4 && strings.Contains(now[1], "in_progress") || time.Now().After(end) {
				seen <- now
				return nil
			}
		}
	}
	s.Before = []finding.Finding{finding.Warnf("old-date", finding.Position{File: "a.toml", Line: 2}, "an old date")}
	verdict, err := s.run(t.Context(),
		pipeline.Step{Stage: work{name: "build", do: []func(context.Context, *pipeline.Out) error{well}}},
		pipeline.Step{Stage: work{name: "deploy", do: []func(context.Context, *pipeline.Out) error{look, badly(2)}}, Env: "staging"},
		pipeline.Step{Stage: work{name: "health"}, Env: "staging"},
		pipeline.Step{Stage: work{name: "smoke"}, Env: "staging", Skip: "--skip-smoke"},
	)
	if verdict != pipeline.Failed || err != nil {
		t.Errorf("%s, %v", verdict, err)
	}
	during := <-seen
	if len(during) != 4 || !strings.HasPrefix(during[1], "Promote / 2 Deploy staging|in_progress|Running 2 tasks") || !strings.HasPrefix(during[2], "Promote / 3 Health staging|queued|Waiting") || during[3] != "Promote / 4 Smoke staging|skipped|Skipped: --skip-smoke" {
		t.Errorf("during the run: %q", during)
	}
	took := regexp.MustCompile(`in \d+ ms`)
	want := []string{
		"Promote / 1 Build|success|Passed: 1 task in 0 ms, 1 warning", "Promote / 2 Deploy staging|failure|Failed: it is broken, @octocat (and 1 more)",
		"Promote / 3 Health staging|skipped|Not run: Deploy staging did not pass", "Promote / 4 Smoke staging|skipped|Skipped: --skip-smoke",
	}
	got := s.shown()
	got[0] = took.ReplaceAllString(got[0], "in 0 ms")
	if !slices.Equal(got, want) {
		t.Errorf("at the end %q, want %q", got, want)
	}
	if calls := s.hub.Calls().Writes(); len(calls) > 3*4 {
		t.Errorf("%d calls for four stages", len(calls))
	}
	s.details()
}

// details looks at what the failed run says.
func (s *stand) details() {
	r := s.runs()[1]
	if len(r.Annotations) != 3 || r.Annotations[2].Level != "warning" || r.Annotations[0].Path != "apps/site/workers/api/wrangler.toml" || r.Annotations[1].StartLine != 2 || !strings.Contains(r.Annotations[0].Message, "it is broken, @octocat\nsee tminus.yaml:9\n→ mend it") {
		s.t.Errorf("annotations %+v", r.Annotations)
	}
	for _, want := range []string{"| ❌ | Do &lt;1&gt; \\| of deploy |", "Stage 2 of 4"} {
		if !strings.Contains(r.Summary, want) {
			s.t.Errorf("the summary lacks %q:\n%s", want, r.Summary)
		}
	}
	for _, want := range []string{"[`workers/api/wrangler.toml:1`](https://github.com/acme/site/blob/main/apps/site/workers/api/wrangler.toml#L1)", "**→** mend it", "````\nabout to ``` fail\n````"} {
		if !strings.Contains(r.Text, want) {
			s.t.Errorf("the text lacks %q:\n%s", want, r.Text)
		}
	}
	if strings.Contains(r.Text, "@octocat") {
		s.t.Error("somebody is mentioned")
	}
	if first := s.runs()[0]; len(first.Annotations) != 1 || first.Annotations[0].Path != "apps/site/a.toml" {
		s.t.Errorf("what was found before is not on the first run: %+v", first.Annotations)
	}
}

func TestACancelledRunLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	context.AfterFunc(ctx, func() { s.Cancel(context.WithoutCancel(ctx), "interrupted") })
	wait := func(ctx context.Context, _ *pipeline.Out) error {
		cancel(errors.New("interrupted"))
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if !slices.ContainsFunc(s.runs(), func(r fakegithub.Run) bool { return r.Status != "completed" }) {
				return ctx.Err() // closed while the work is still ending
			}
		}
		t.Errorf("still open while the work ends: %q", s.shown())
		return ctx.Err()
	}
	verdict, err := s.run(ctx, pipeline.Step{Stage: work{name: "build", do: []func(context.Context, *pipeline.Out) error{wait}}}, pipeline.Step{Stage: work{name: "deploy"}, Env: "staging"})
	if verdict != pipeline.Cancelled || err != nil {
		t.Errorf("%s, %v", verdict, err)
	}
	for _, r := range s.runs() {
		if r.Conclusion != "cancelled" || !strings.HasPrefix(r.Title, "Cancelled: ") {
			t.Errorf("%s: %s %s %q", r.Name, r.Status, r.Conclusion, r.Title)
		}
	}
}

func TestARefusedTokenIsAskedOnlyOnce(t *testing.T) {
	t.Parallel()
	s := open(t, "contents:read")
	verdict, err := s.run(t.Context(), pipeline.Step{Stage: work{name: "build", do: []func(context.Context, *pipeline.Out) error{well}}}, pipeline.Step{Stage: work{name: "deploy"}, Env: "staging"})
	if verdict != pipeline.Passed || err != nil {
		t.Errorf("%s, %v", verdict, err)
	}
	if r := s.Refused(); r == nil || r.Permission != "checks: write" {
		t.Errorf("refused %+v", r)
	}
	if n := s.hub.Calls().Count("POST", ""); n > 2 {
		t.Errorf("%d calls although the first was refused", n)
	}
}

func TestWhatCouldNotBeShownIsSaid(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.hub.SetDown(true)
	begin := time.Now()
	verdict, err := s.run(t.Context(), pipeline.Step{Stage: work{name: "build", do: []func(context.Context, *pipeline.Out) error{well}}})
	if verdict != pipeline.Passed || err == nil || !strings.Contains(err.Error(), "1 of 1 check runs") || s.Refused() != nil {
		t.Errorf("%s, %v", verdict, err)
	}
	if time.Since(begin) > closing {
		t.Error("it waited for ever")
	}
}

func TestAFlakyGitHubShowsTheEndAnyway(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.hub.Break(traffic.Fault{Path: "/repos/*/*/check-runs", Method: "POST", After: true, Drop: true, Times: 1})
	s.hub.Break(traffic.Fault{Path: "/repos/*/*/check-runs/*", Refusal: traffic.Unavailable(), Times: 1})
	if _, err := s.run(t.Context(), pipeline.Step{Stage: work{name: "build", do: []func(context.Context, *pipeline.Out) error{well}}}); err != nil {
		t.Error(err)
	}
	if got := s.runs(); len(got) != 1 || got[0].Conclusion != "success" {
		t.Errorf("%q", s.shown())
	}
}

func TestARunOfTheSameCommitClosesWhatAKilledOneLeftOpen(t *testing.T) {
	t.Parallel()
	s := open(t)
	begin := func() int64 {
		run, err := s.hub.StartRun("promote.yml", "push", "main")
		if err != nil {
			t.Fatal(err)
		}
		return run.ID
	}
	killed, alive, own := begin(), begin(), begin()
	planned := pipeline.Plan{Steps: []pipeline.Step{{Stage: work{name: "build"}}, {Stage: work{name: "deploy"}, Env: "staging"}}}.Planned()
	leave := func(run int64, attempt int) {
		k := s.keeper(run, attempt)
		_ = k.Observe(t.Context(), planned)
		k.tidied.Wait()
		for _, r := range k.rows {
			_ = r.lane.Wait(t.Context())
		}
	}
	leave(killed, 1)
	leave(alive, 1)
	leave(own, 1)
	if err := errors.Join(s.hub.SetRun(killed, "completed", "failure"), s.hub.SetRun(alive, "in_progress", "")); err != nil {
		t.Fatal(err)
	}
	s.Keeper = s.keeper(own, 2)
	if _, err := s.run(t.Context(), pipeline.Step{Stage: work{name: "build"}}, pipeline.Step{Stage: work{name: "deploy"}, Env: "staging"}); err != nil {
		t.Fatal(err)
	}
	for i, r := range s.runs() {
		closed := r.Status == "completed"
		if want := i < 2 || i > 3; closed != want {
			t.Errorf("%d %s: %s %s %q", i, r.ExternalID, r.Status, r.Conclusion, r.Title)
		}
	}
	if len(s.runs()) != 8 {
		t.Errorf("%q", s.shown())
	}
}

func TestStagesOfAnotherJobAreShownUnlessItHasShownThem(t *testing.T) {
	t.Parallel()
	s := open(t)
	elsewhere := func(name string) pipeline.Step {
		return pipeline.Step{Stage: work{name: name}, Skip: "another job runs it", Elsewhere: true}
	}
	if _, err := s.run(t.Context(), elsewhere("build"), pipeline.Step{Stage: work{name: "deploy"}, Env: "staging"}, elsewhere("smoke")); err != nil {
		t.Fatal(err)
	}
	want := []string{"Promote / 2 Deploy staging|success|Passed: 0 tasks in 0 ms", "Promote / 3 Smoke|neutral|In another job"}
	if got := s.shown(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestWhatKeepsARunFromBeginningIsOneFailedRun(t *testing.T) {
	t.Parallel()
	s := open(t)
	found := []finding.Finding{finding.Errorf("placeholder", finding.Position{File: "workers/api/wrangler.toml", Line: 4}, "never filled in")}
	if err := s.Post(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if got := s.shown(); !slices.Equal(got, []string{"Promote / Check|failure|Failed: never filled in"}) || len(s.runs()[0].Annotations) != 1 {
		t.Errorf("%q", got)
	}
	s.Keeper = s.keeper(2, 1)
	if _, err := s.run(t.Context(), pipeline.Step{Stage: work{name: "build"}}); err != nil {
		t.Fatal(err)
	}
	if got := s.shown(); !slices.Contains(got, "Promote / Check|success|Passed: 0 tasks in 1 ms") {
		t.Errorf("the failure stays: %q", got)
	}
}

package journal

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/contract"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

var described = sync.OnceValues(func() (*contract.Description, error) { return contract.Open(context.Background()) })

// stand is a repository in which releases are recorded.
type stand struct {
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
		permissions = []string{"deployments:write", "actions:read"}
	}
	s := &stand{t: t, hub: fakegithub.New(fakegithub.Options{})}
	server := httptest.NewServer(d.Wrap(s.hub, func(diff contract.Difference) { t.Error(diff) }))
	t.Cleanup(func() { server.Close(); s.hub.Close() })
	s.hub.Reached(server.URL)
	s.hub.Commit("main", "workflow", map[string]string{".github/workflows/promote.yml": "on: push\njobs: {}\n"})
	s.url, s.token = server.URL, s.hub.WorkflowToken(permissions...)
	return s
}

// begin begins a run of the workflow and gives its id.
func (s *stand) begin() int64 {
	run, err := s.hub.StartRun("promote.yml", "push", "main")
	if err == nil {
		err = s.hub.SetRun(run.ID, "in_progress", "")
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return run.ID
}

func (s *stand) keeper(run int64) *Keeper {
	c, err := github.New(github.Options{BaseURL: s.url, Token: s.token, Repository: s.hub.FullName(), Timeout: 20 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	return &Keeper{
		Client: c, SHA: s.hub.Head("main"), Run: deployment.Run{ID: run, Attempt: 1, Job: "promote", URL: "https://example.com/log"},
		URLs: map[string]string{"staging": "https://staging.example.com", "production": "https://example.com"}, Lock: Policy{Refuse: true, Again: 50 * time.Millisecond},
	}
}

// work is a stage of one task.
type work struct {
	name string
	do   func(ctx context.Context, out *pipeline.Out) error
}

func (w work) Name() string { return w.name }
func (w work) Tasks() []pipeline.Task {
	if w.do == nil {
		return nil
	}
	return []pipeline.Task{{Title: w.name, Do: w.do}}
}

func manifest(name, env string, changed bool) release.Manifest {
	return release.Manifest{Schema: release.Schema, Release: name, Environment: env, Workers: []release.Placed{{Worker: "api", Script: "api-" + env, Version: "v", Unchanged: !changed}}}
}

type did func(ctx context.Context, out *pipeline.Out) error

// promote runs the stages of some environments with a keeper: guard, deploy, smoke.
func promote(ctx context.Context, k *Keeper, name string, smoke did, envs ...string) (pipeline.Verdict, []finding.Finding, error) {
	var steps []pipeline.Step
	for _, env := range envs {
		steps = append(steps,
			pipeline.Step{Env: env, Stage: work{"migrate", func(ctx context.Context, out *pipeline.Out) error { return k.Await(ctx, env, out.Sayf) }}},
			pipeline.Step{Env: env, Stage: work{"deploy", func(ctx context.Context, _ *pipeline.Out) error {
				return k.Record(ctx, manifest(name, env, true))
			}}},
			pipeline.Step{Env: env, Stage: work{"smoke", smoke}})
	}
	var found []finding.Finding
	verdict, err := pipeline.Plan{Steps: steps}.Run(ctx, pipeline.Observers{k, gather{&found}})
	return verdict, found, err
}

type gather struct{ all *[]finding.Finding }

func (g gather) Observe(_ context.Context, e pipeline.Event) error {
	if f, ok := e.(pipeline.Finished); ok {
		*g.all = append(*g.all, f.Findings...)
	}
	return nil
}

func rules(all []finding.Finding) []string {
	var names []string
	for _, f := range all {
		names = append(names, f.Rule)
	}
	return names
}

func states(d fakegithub.Deployment) string {
	var all []string
	for _, s := range d.Statuses {
		all = append(all, s.State)
	}
	return strings.Join(all, " ")
}

func fails(context.Context, *pipeline.Out) error { return errors.New("it answered 500") }

func TestAReleaseIsRecordedAndRetiresTheOneBefore(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i, smoke := range []did{nil, fails, nil} {
		run := s.begin()
		if _, _, err := promote(t.Context(), s.keeper(run), fmt.Sprint("r", i), smoke, "staging", "production"); err != nil {
			t.Fatal(err)
		}
		_ = s.hub.SetRun(run, "completed", "success")
	}
	all := s.hub.Deployments("staging")
	// The good one is retired by the next good one, not by the one that failed.
	want := []string{"success inactive", "failure", "success"}
	var got []string
	for _, d := range all { // a state that was overtaken need not have been said
		got = append(got, strings.TrimPrefix(states(d), "in_progress "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	p, ours := deployment.ParsePayload([]byte(all[0].Payload))
	if !ours || p.Release != "r0" || p.Run.ID == 0 || all[0].Task != deployment.TaskDeploy || len(p.Workers) != 1 {
		t.Errorf("payload %s", all[0].Payload)
	}
	last := all[1].Statuses[len(all[1].Statuses)-1]
	if last.Description != "Smoke staging failed: it answered 500" || last.LogURL != "https://example.com/log" || last.EnvironmentURL != "https://staging.example.com" {
		t.Errorf("%+v", last)
	}
	if production := s.hub.Deployments("production"); len(production) != 2 || !production[0].Production || !strings.HasSuffix(states(production[0]), "success inactive") {
		t.Errorf("%d deployments to production", len(production))
	}
}

func TestOthersDeploymentsAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.keeper(s.begin())
	theirs, err := k.Client.CreateDeployment(t.Context(), github.Deployment{SHA: k.SHA, Task: deployment.TaskDeploy, Environment: "production", Payload: []byte(`{}`)})
	if err == nil {
		err = k.Client.SetStatus(t.Context(), theirs, github.Status{State: github.InProgress})
	}
	if err != nil {
		t.Fatal(err)
	}
	verdict, found, err := promote(t.Context(), k, "r1", nil, "production")
	if verdict != pipeline.Passed || err != nil || len(found) != 0 {
		t.Errorf("%s, %v, %v", verdict, found, err)
	}
	if got := states(s.hub.Deployments("production")[0]); got != "in_progress" {
		t.Errorf("theirs is now %q", got)
	}
}

// hold leaves a release in progress, as a run does that is still going on.
func (s *stand) hold(env string) int64 {
	run := s.begin()
	k := s.keeper(run)
	if err := k.Record(s.t.Context(), manifest("theirs", env, true)); err != nil {
		s.t.Fatal(err)
	}
	_ = k.at(env).lane.Wait(s.t.Context())
	k.beside.Wait()
	return run
}

func TestAReleaseUnderWayKeepsOthersOut(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.hold("production")
	verdict, found, _ := promote(t.Context(), s.keeper(s.begin()), "r2", nil, "production")
	if verdict != pipeline.Failed || !slices.Equal(rules(found), []string{"locked"}) || !strings.Contains(found[0].Message, "theirs") {
		t.Errorf("%s, %v", verdict, found)
	}
	if n := len(s.hub.Deployments("production")); n != 1 {
		t.Errorf("%d deployments", n)
	}
}

func TestWaitingEndsWithTheOtherRelease(t *testing.T) {
	t.Parallel()
	s := open(t)
	other := s.hold("production")
	k := s.keeper(s.begin())
	k.Lock.Refuse = false
	time.AfterFunc(300*time.Millisecond, func() { _ = s.hub.SetRun(other, "completed", "cancelled") })
	verdict, found, err := promote(t.Context(), k, "r2", nil, "production")
	if verdict != pipeline.Passed || err != nil || !slices.Equal(rules(found), []string{"lock-taken-over"}) {
		t.Errorf("%s, %v, %v", verdict, found, err)
	}
	all := s.hub.Deployments("production")
	if !strings.HasSuffix(states(all[0]), "error") || !strings.HasSuffix(states(all[1]), "success") {
		t.Errorf("%q, %q", states(all[0]), states(all[1]))
	}
	k = s.keeper(s.begin())
	s.hold("production")
	k.Lock = Policy{Patience: 200 * time.Millisecond, Again: 50 * time.Millisecond}
	if _, found, _ := promote(t.Context(), k, "r3", nil, "production"); !slices.Equal(rules(found), []string{"locked"}) {
		t.Errorf("patience did not end: %v", found)
	}
}

func TestARerunTakesOverWhatItsFirstAttemptLeft(t *testing.T) {
	t.Parallel()
	s := open(t)
	run := s.hold("production")
	k := s.keeper(run)
	k.Run.Attempt = 2
	if verdict, found, err := promote(t.Context(), k, "r2", nil, "production"); verdict != pipeline.Passed || err != nil || !slices.Equal(rules(found), []string{"lock-taken-over"}) {
		t.Errorf("%s, %v, %v", verdict, found, err)
	}
}

// Two runs that both found nobody make their deployments; the later one gives way.
func TestOfTwoAtTheSameTimeTheLaterGivesWay(t *testing.T) {
	t.Parallel()
	s := open(t)
	first, second := s.keeper(s.begin()), s.keeper(s.begin())
	ctx, lose := context.WithCancelCause(t.Context())
	second.Lose = lose
	first.Lose = func(err error) { t.Errorf("the first gave way: %v", err) }
	for i, k := range []*Keeper{first, second} {
		k.plan(t.Context(), pipeline.Planned{Steps: []pipeline.PlannedStep{{ID: "deploy-production", Env: "production"}}})
		<-k.seen(k.at("production")).done
		_ = i
	}
	for _, k := range []*Keeper{first, second} {
		if err := k.Record(t.Context(), manifest("r", "production", true)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
	}
	if f, ok := errors.AsType[finding.Finding](context.Cause(ctx)); !ok || f.Rule != "locked" {
		t.Errorf("the second goes on: %v", context.Cause(ctx))
	}
}

func TestWithoutPermissionTheReleaseGoesOnAndSaysSo(t *testing.T) {
	t.Parallel()
	s := open(t, "contents:read")
	verdict, found, err := promote(t.Context(), s.keeper(s.begin()), "r1", nil, "production")
	if verdict != pipeline.Passed || err != nil || !slices.Equal(rules(found), []string{"lock-unknown", "unrecorded"}) || !strings.Contains(found[1].Hint, "deployments: write") {
		t.Errorf("%s, %v, %v", verdict, found, err)
	}
}

func TestAGitHubThatIsDownStopsNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.hub.SetDown(true)
	verdict, found, _ := promote(t.Context(), s.keeper(s.begin()), "r1", nil, "production")
	if verdict != pipeline.Passed || !slices.Contains(rules(found), "unrecorded") {
		t.Errorf("%s, %v", verdict, found)
	}
}

func TestWhatWasNotSaidIsToldAtTheEnd(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.hub.Break(traffic.Fault{Path: "/repos/*/*/deployments/*/statuses", Method: "POST", Times: -1, Refusal: traffic.Unavailable()})
	verdict, _, err := promote(t.Context(), s.keeper(s.begin()), "r1", nil, "production")
	if verdict != pipeline.Passed || err == nil || !strings.Contains(err.Error(), "production may not show how it ended") {
		t.Errorf("%s, %v", verdict, err)
	}
}

func TestACancelledReleaseSaysSoAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.keeper(s.begin())
	ctx, cancel := context.WithCancelCause(t.Context())
	context.AfterFunc(ctx, func() { k.Cancel(context.WithoutCancel(ctx), "interrupted") })
	waits := func(ctx context.Context, _ *pipeline.Out) error {
		cancel(errors.New("interrupted"))
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if strings.HasSuffix(states(s.hub.Deployments("production")[0]), "error") {
				return ctx.Err()
			}
		}
		t.Error("nothing was said while the work ends")
		return ctx.Err()
	}
	if verdict, _, err := promote(ctx, k, "r1", waits, "production"); verdict != pipeline.Cancelled || err != nil {
		t.Errorf("%s, %v", verdict, err)
	}
	if d := s.hub.Deployments("production")[0]; d.State != "error" || !strings.HasPrefix(d.Statuses[len(d.Statuses)-1].Description, "Cancelled: interrupted") {
		t.Errorf("%+v", d)
	}
}

// A release that changes nothing is recorded too, and nobody waits for it.
func TestAReleaseThatChangesNothingIsRecordedBesideTheRun(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.keeper(s.begin())
	s.hub.SetLatency(3 * time.Second)
	begin := time.Now()
	if err := k.Record(t.Context(), manifest("r1", "staging", false)); err != nil || time.Since(begin) > 2*time.Second {
		t.Errorf("%v after %s", err, time.Since(begin))
	}
	s.hub.SetLatency(0)
	if err := k.at("staging").lane.Wait(t.Context()); err != nil || len(s.hub.Deployments("staging")) != 1 {
		t.Errorf("%v, %d deployments", err, len(s.hub.Deployments("staging")))
	}
}

func TestASecondJobGoesOnWithTheDeployment(t *testing.T) {
	t.Parallel()
	s := open(t)
	run := s.begin()
	first := s.keeper(run)
	plan := pipeline.Plan{Steps: []pipeline.Step{
		{Env: "production", Stage: work{"deploy", func(ctx context.Context, _ *pipeline.Out) error {
			return first.Record(ctx, manifest("r1", "production", true))
		}}},
		{Env: "production", Stage: work{name: "smoke"}, Skip: "another job", Elsewhere: true},
	}}
	if _, err := plan.Run(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	d := s.hub.Deployments("production")[0]
	if d.State != "in_progress" {
		t.Errorf("after the first job: %s", states(d))
	}
	second := s.keeper(run)
	second.Resume("production", first.IDs()["production"], manifest("r1", "production", true))
	plan.Steps[0].Skip, plan.Steps[0].Elsewhere = "another job", true
	plan.Steps[1].Skip, plan.Steps[1].Elsewhere = "", false
	if _, err := plan.Run(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if all := s.hub.Deployments("production"); len(all) != 1 || !strings.HasSuffix(states(all[0]), "success") {
		t.Errorf("%d deployments, %s", len(all), states(all[0]))
	}
}

// A look that began before the deployment was made may be answered after it.
func TestAReleaseIsNotTakenOverByItself(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.keeper(s.begin())
	p := k.at("production")
	p.manifest, p.begun = manifest("r1", "production", true), true
	if err := k.create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	<-k.look(t.Context(), p).done
	if err := k.admit(t.Context(), p, nil); err != nil {
		t.Error(err)
	}
	_ = p.lane.Wait(t.Context())
	k.beside.Wait()
	if got := states(s.hub.Deployments("production")[0]); got != "in_progress" {
		t.Errorf("its states are %s", got)
	}
}

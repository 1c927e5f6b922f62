package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/checkrun"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/hold"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/retreat"
	"github.com/tminus/deploy-action/runner/rollback"
)

// reason is who wants something done, and why.
type reason struct{ By, Why string }

// bringBack takes the newest release back, and asks the environment whether it is well.
func (a *actor) bringBack(ctx context.Context, s *scene, why reason, say func(string)) (outcome, error) {
	back, err := s.back()
	if err != nil {
		return outcome{}, err
	}
	if a.dispatch != nil {
		return a.dispatch.run(ctx, s.client, s.alarm(why.Why), back.To, say)
	}
	if err := a.reach(s); err != nil {
		return outcome{}, err
	}
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	r := s.release()
	keeper := s.keeper
	keeper.SHA, keeper.Folder, keeper.Lose = r.Deployment.SHA, r.Folder, lose
	m := release.NewDraft(release.ID(time.Now(), r.Deployment.SHA)+"-rollback", r.Deployment.SHA, s.env, time.Now()).Manifest()
	m.Back = &release.Back{Reason: a.redact(why.Why), By: why.By, Strict: s.settings.Rollback.Strict}
	way := &rollback.Way{}
	st := rollback.Stage{
		Client: s.account, Target: s.target, Scope: check.Scope(s.target), Known: back, Way: way, Manifest: m, Journal: keeper,
		Again: deployment.Unsettled(s.records, back.From),
	}
	plan := retreat.Retreat{Rollback: st, Lock: keeper, After: retreat.Verification{Target: s.target, Settings: s.settings, Probe: a.probe, Redact: a.redact}}.Plan()
	if err := a.carry(ctx, s, "Rollback", plan, say, keeper); err != nil {
		return outcome{}, err
	}
	return outcome{Kind: rolledBack, To: back.To, Text: way.Summary()}, nil
}

// hold keeps every release out of the environment until somebody lifts it.
func (a *actor) hold(ctx context.Context, s *scene, why reason, say func(string)) (outcome, error) {
	if err := a.reach(s); err != nil {
		return outcome{}, err
	}
	if err := a.carry(ctx, s, "Hold", alone(s.env, hold.Place{Client: s.account, Target: s.target}), say); err != nil {
		return outcome{}, err
	}
	text := fmt.Sprintf("%s is held on release %s", s.env, s.release().Release)
	return outcome{Kind: isHeld, Text: text}, deployment.Held(ctx, s.client, s.env, why.By, first(a.redact(why.Why), "no reason was given"))
}

// lift lets releases in again.
func (a *actor) lift(ctx context.Context, s *scene, why reason, say func(string)) (outcome, error) {
	if err := a.reach(s); err != nil {
		return outcome{}, err
	}
	if err := a.carry(ctx, s, "Hold", alone(s.env, hold.Lift{Client: s.account, Target: s.target}), say); err != nil {
		return outcome{}, err
	}
	return outcome{Kind: isLifted, Text: "the hold of " + s.env + " was lifted"}, deployment.Lifted(ctx, s.client, s.env, why.By, first(a.redact(why.Why), "no reason was given"))
}

// verify asks health and smoke again. A release that had failed and is well now has
// passed; one that is not well stays as it is, for a person to decide.
func (a *actor) verify(ctx context.Context, s *scene, why reason, say func(string)) (outcome, error) {
	if err := a.hosts(s); err != nil {
		return outcome{}, err
	}
	v := retreat.Verification{Target: s.target, Settings: s.settings, Probe: a.probe, Redact: a.redact}
	if err := a.carry(ctx, s, "Verification", pipeline.Plan{Width: 8, Steps: v.Steps()}, say); err != nil {
		if ctx.Err() != nil {
			return outcome{}, err
		}
		return outcome{Kind: nothing, Text: err.Error()}, nil
	}
	text := fmt.Sprintf("%s is well, asked again by %s", s.env, why.By)
	r := s.release()
	if !r.Failed() || s.taken() != nil {
		return outcome{Kind: nothing, Text: text}, nil
	}
	for _, other := range s.records {
		if other.Deployment.ID != r.Deployment.ID && other.State() == github.Success {
			if err := s.client.SetStatus(ctx, other.Deployment.ID, github.Status{State: github.Inactive, Description: "Replaced by release " + r.Release}); err != nil {
				return outcome{}, err
			}
		}
	}
	return outcome{Kind: nothing, Text: text}, s.client.SetStatus(ctx, r.Deployment.ID, github.Status{State: github.Success, LogURL: r.Run.URL, Description: fmt.Sprintf("Release %s: %s", r.Release, text)})
}

// ownJob is the server where the run of a workflow has its job.
const ownJob = "rollback-webhook"

// alone is a plan of one stage.
func alone(env string, s pipeline.Stage) pipeline.Plan {
	return pipeline.Plan{Width: 8, Steps: []pipeline.Step{{Env: env, KeepGoing: true, Stage: s}}}
}

// carry carries a plan out, shown on the commit as check runs and told step by step.
func (a *actor) carry(ctx context.Context, s *scene, name string, plan pipeline.Plan, say func(string), more ...pipeline.Observer) error {
	r := s.release()
	runs := &checkrun.Keeper{
		Client: s.client, SHA: r.Deployment.SHA, Name: name + " · " + s.env, Links: markdown.Links{Folder: r.Folder},
		Owner: checkrun.Owner{Run: r.Deployment.ID, Attempt: max(a.try, 1), Job: ownJob, URL: first(a.page, r.Run.URL)},
	}
	var failed []string
	all := append(pipeline.Observers{runs}, more...)
	verdict, err := plan.Run(ctx, report.Redacted{Redact: a.redact, To: append(all, told{say, a.log, &failed, map[string]string{}})})
	if err != nil {
		a.log.Warn("not all of it is shown on GitHub", "error", a.redact(err.Error()))
	}
	if verdict != pipeline.Passed {
		return fmt.Errorf("the %s of release %s %s: %s", strings.ToLower(name), r.Release, verdict, strings.Join(failed, "; "))
	}
	return nil
}

// told hands on what a run does, in words.
type told struct {
	say    func(string)
	log    *slog.Logger
	failed *[]string
	titles map[string]string // of the steps
}

// done is a task that has come to its end, in words.
func done(e pipeline.Did) string {
	text := e.Task
	if e.Outcome != "" {
		text += ": " + e.Outcome
	}
	if e.Verdict != pipeline.Passed {
		text += " (" + e.Verdict.String() + ")"
	}
	return text
}

// Observe implements pipeline.Observer.
func (t told) Observe(_ context.Context, e pipeline.Event) error {
	switch e := e.(type) {
	case pipeline.Planned:
		for _, s := range e.Steps {
			t.titles[s.ID] = s.Title
		}
	case pipeline.Did:
		t.log.Info("did", "step", e.Step, "task", e.Task, "verdict", e.Verdict.String(), "outcome", e.Outcome, "took", e.Took)
		t.say(done(e))
	case pipeline.Finished:
		t.say(fmt.Sprintf("%s %s in %s", t.titles[e.Step], e.Verdict, e.Took.Round(10*time.Millisecond)))
		for _, f := range e.Findings {
			if f.Severity == finding.Error {
				*t.failed = append(*t.failed, f.Message)
			}
		}
	}
	return nil
}

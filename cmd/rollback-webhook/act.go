package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/checkrun"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/retreat"
	"github.com/tminus/deploy-action/runner/rollback"
)

// actor takes releases back.
type actor struct {
	// github makes the client of a repository.
	github func(repository string) (*github.Client, error)
	// account makes the client of an account's API; an empty id means the server's own.
	account func(id string) (*cloudflare.Client, error)
	probe   *probe.Client
	redact  func(string) string
	log     *slog.Logger
	// patience is how long the job that failed may take to take its release back itself.
	patience time.Duration
	// dispatch takes releases back in place of this server; nil if it does so itself.
	dispatch *dispatcher
}

// act takes back the release of an alarm, if it still has to be, and gives how that
// ended. What is done is told to say. An error means that it has to be tried again.
func (a *actor) act(ctx context.Context, al alarm.Alarm, say func(string)) (outcome, error) {
	o, err := a.takeBack(ctx, al, say)
	if why, ok := errors.AsType[settled](err); ok {
		o, err = outcome{Kind: nothing, Text: string(why)}, nil
	}
	if done, ok := errors.AsType[before](err); ok {
		o, err = outcome(done), nil
	}
	if err == nil {
		say(o.Text)
	}
	return o, err
}

func (a *actor) takeBack(ctx context.Context, al alarm.Alarm, say func(string)) (outcome, error) {
	c, err := a.github(al.Repository)
	if err != nil {
		return outcome{}, err
	}
	if err := a.leave(ctx, c, al, say); err != nil {
		return outcome{}, err
	}
	back, err := a.believed(ctx, c, al)
	if err != nil {
		return outcome{}, err
	}
	loaded, err := load(ctx, c, al)
	if err != nil {
		return outcome{}, err
	}
	policy := loaded.Settings.Rollback.Decide(first(al.Stage, "deploy"), al.Environment, nil)
	if policy.Do != project.RollBack {
		return outcome{Kind: left, Text: fmt.Sprintf("the policy says %s", policy.Do)}, nil
	}
	if a.dispatch != nil {
		return a.dispatch.run(ctx, c, al, back.To, say)
	}
	target, err := loaded.In(al.Environment)
	if err != nil {
		return outcome{}, err
	}
	account, err := a.account(accountOf(target))
	if err != nil {
		return outcome{}, err
	}
	return a.run(ctx, c, account, al, loaded.Settings, target, back, say)
}

// leave gives the job that failed the time to take its release back itself.
func (a *actor) leave(ctx context.Context, c *github.Client, al alarm.Alarm, say func(string)) error {
	run := al.Payload.Run
	told := false
	for end := time.Now().Add(a.patience); run.ID != 0 && time.Now().Before(end); {
		now, err := c.WorkflowRun(ctx, run.ID)
		if err != nil || now.Over(run.Attempt) {
			return nil // gone, or nobody to wait for
		}
		if !told {
			say("the job that failed is still running, and may take its release back itself")
			told = true
		}
		select {
		case <-time.After(min(5*time.Second, a.patience/4)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// believed asks GitHub itself for the records: what a delivery says is only the
// reason to look.
func (a *actor) believed(ctx context.Context, c *github.Client, al alarm.Alarm) (*rollback.Return, error) {
	all, err := deployment.Records(ctx, c, al.Environment)
	if err != nil {
		return nil, err
	}
	newest := slices.IndexFunc(all, func(r deployment.Record) bool { return r.Manifest.Back == nil })
	switch i := slices.IndexFunc(all, func(r deployment.Record) bool { return r.ID == al.Deployment }); {
	case i < 0:
		return nil, settled("GitHub has no such deployment")
	case i != newest:
		return nil, settled("superseded by release " + all[newest].Release)
	case all[i].State == github.Success:
		return nil, settled("the release has passed since")
	case all[i].Payload.Release != al.Payload.Release:
		return nil, settled("GitHub's record is of another release")
	}
	if i := slices.IndexFunc(all[:newest], func(r deployment.Record) bool {
		return r.Manifest.Back.From == al.Payload.Release && r.Good
	}); i >= 0 {
		already := outcome{Kind: rolledBack, To: all[i].Manifest.Back.To, Text: "taken back already, as " + all[i].Release}
		if all[i].Manifest.Back.By == itself {
			return nil, before(already)
		}
		return nil, settled(already.Text)
	}
	from, good, err := deployment.Back(all, "")
	if err != nil {
		return nil, err
	}
	back, to := rollback.Undo(*from), ""
	if good != nil {
		back, to = rollback.To(*from, *good), good.Release
	}
	back.Compromised = deployment.Compromised(all, to)
	return &back, nil
}

// load reads the project as it was in the commit: the files that the record names.
func load(ctx context.Context, c *github.Client, al alarm.Alarm) (project.Project, error) {
	names := []string{project.SettingsFile}
	var workers []string
	for _, w := range al.Payload.Workers {
		if w.At.File != "" && !slices.Contains(workers, w.At.File) {
			workers = append(workers, w.At.File)
		}
	}
	files, err := c.Files(ctx, al.Payload.Folder, al.SHA, append(names, workers...)...)
	if err != nil {
		return project.Project{}, err
	}
	return project.Load(files, workers...)
}

// accountOf is the account that the configuration names, empty if it names none.
func accountOf(t project.Target) string {
	for _, s := range t.Scripts {
		if s.Section.Account.Written() {
			return s.Section.Account.V
		}
	}
	return ""
}

// run takes the release back and asks the environment whether it is well, shown on
// the commit.
func (a *actor) run(ctx context.Context, c *github.Client, account *cloudflare.Client, al alarm.Alarm, s project.Settings, t project.Target, back *rollback.Return, say func(string)) (outcome, error) {
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	run := deployment.Run{Job: "rollback-webhook"}
	keeper := &deployment.Keeper{Client: c, SHA: al.SHA, Folder: al.Payload.Folder, Run: run, Lose: lose, Settles: true}
	runs := &checkrun.Keeper{
		Client: c, SHA: al.SHA, Name: "Rollback by the server", Links: markdown.Links{Folder: al.Payload.Folder},
		Owner: checkrun.Owner{Run: al.Deployment, Attempt: 1, Job: "rollback-webhook", URL: al.Payload.Run.URL},
	}
	way := &rollback.Way{}
	m := release.NewDraft(release.ID(time.Now(), al.SHA)+"-rollback", al.SHA, t.Env, time.Now()).Manifest()
	m.Back = &release.Back{Reason: a.redact(al.Words), By: itself, Strict: s.Rollback.Strict}
	st := rollback.Stage{Client: account, Target: t, Scope: check.Scope(t), Known: back, Way: way, Manifest: m, Journal: keeper}
	plan := retreat.Retreat{Rollback: st, Lock: keeper, After: retreat.Verification{Target: t, Settings: s, Probe: a.probe, Redact: a.redact}}.Plan()
	var failed []string
	verdict, err := plan.Run(ctx, report.Redacted{Redact: a.redact, To: pipeline.Observers{runs, keeper, told{say, a.log, &failed}}})
	if err != nil {
		a.log.Warn("not all of it is shown on GitHub", "error", a.redact(err.Error()))
	}
	if verdict != pipeline.Passed {
		return outcome{}, fmt.Errorf("the rollback of release %s %s: %s", al.Payload.Release, verdict, strings.Join(failed, "; "))
	}
	return outcome{Kind: rolledBack, To: back.To, Text: way.Summary()}, nil
}

// told hands on what a run does, in words.
type told struct {
	say    func(string)
	log    *slog.Logger
	failed *[]string
}

// Observe implements pipeline.Observer.
func (t told) Observe(_ context.Context, e pipeline.Event) error {
	switch e := e.(type) {
	case pipeline.Did:
		t.log.Info("did", "step", e.Step, "task", e.Task, "verdict", e.Verdict.String(), "outcome", e.Outcome, "took", e.Took)
	case pipeline.Finished:
		t.say(e.Step + " " + e.Verdict.String())
		for _, f := range e.Findings {
			if f.Severity == finding.Error {
				*t.failed = append(*t.failed, f.Message)
			}
		}
	}
	return nil
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

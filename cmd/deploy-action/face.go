package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/actions"
	"github.com/tminus/deploy-action/checks/checkrun"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/journal"
	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/checks/summary"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// face is how a run looks on GitHub: its side of the job, and the repository as
// far as a token allows. There is none outside of GitHub Actions.
type face struct {
	job    *actions.Job
	where  actions.Where
	client *github.Client // nil without a token
	key    string         // signs the records of releases
	// why says why there is no client.
	why finding.Finding

	links       markdown.Links
	runs        *checkrun.Keeper
	deployments *journal.Keeper
	page        *summary.Summary
	// before are findings from before the plan, shown with it.
	before []finding.Finding
	found  []finding.Finding // of the run
}

// openFace begins the conversation with the runner, with every secret masked
// before anything else is printed.
func (p *program) openFace() *face {
	if v, _ := p.lookup("GITHUB_ACTIONS"); v != "true" {
		return nil
	}
	getenv := func(name string) string { v, _ := p.lookup(name); return v }
	f := &face{job: actions.Open(p.out, getenv), where: actions.ReadWhere(getenv)}
	f.job.Mask(p.sensitive()...)
	p.out, p.err, p.terminal = f.job, f.job, false
	f.key = first(strings.TrimSpace(getenv("INPUT_PAYLOAD-KEY")), strings.TrimSpace(getenv("PAYLOAD_KEY")))
	token := first(strings.TrimSpace(getenv("INPUT_GITHUB-TOKEN")), strings.TrimSpace(getenv("GITHUB_TOKEN")))
	if token == "" {
		f.why = finding.Warnf("no-github-token", finding.Position{}, "there are no check runs and no deployments: the action has no GitHub token").
			Hintf("leave the input github-token as it is by default, ${{ github.token }}")
		return f
	}
	var err error
	if f.client, err = github.New(github.Options{BaseURL: f.where.Server.API, Token: token, Repository: f.where.Repository, UserAgent: userAgent}); err != nil {
		f.why = finding.Warnf("no-github", finding.Position{}, "there are no check runs and no deployments: %s", err).
			Hintf("GITHUB_REPOSITORY and GITHUB_API_URL are set by the runner; do not overwrite them")
	}
	return f
}

// at tells the face where the project lies in the repository.
func (f *face) at(dir string) {
	if f == nil {
		return
	}
	root := gitRoot(dir)
	if root == "" {
		root = f.where.Server.Workspace
	}
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	if folder, err := filepath.Rel(root, dir); err == nil && !strings.HasPrefix(folder, "..") && folder != "." {
		f.links.Folder = filepath.ToSlash(folder)
	}
	if f.where.Repository != "" && f.where.SHA != "" {
		f.links.Base = f.where.Server.URL + "/" + f.where.Repository + "/blob/" + f.where.SHA
	}
}

// gitRoot is the directory of the repository that holds a directory, empty if
// there is none.
func gitRoot(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// observers are what shows a run on GitHub, and what ends their watch.
func (f *face) observers(ctx context.Context, name string) (pipeline.Observers, func()) {
	if f == nil {
		return nil, func() {}
	}
	all := pipeline.Observers{seen{&f.found}}
	if f.page == nil {
		f.page = &summary.Summary{Name: name}
	}
	f.page.Links, f.page.Before, f.page.Write = f.links, f.before, f.job.Summarize
	if f.client == nil {
		return append(all, f.page), func() {}
	}
	f.keep(name)
	all = append(all, f.runs)
	if f.deployments != nil {
		all = append(all, f.deployments)
	}
	// The summary comes last, as it shows what became of the others.
	return append(all, f.page), f.onCancel(ctx)
}

// keep makes the keeper of check runs.
func (f *face) keep(name string) {
	w := f.where
	f.runs = &checkrun.Keeper{
		Client: f.client, SHA: w.SHA, Name: name, Links: f.links, Before: f.before,
		Owner: checkrun.Owner{Run: w.Run.ID, Attempt: w.Run.Attempt, Job: w.Run.Job, URL: w.Run.URL},
	}
}

// keeper makes the keeper of deployments. Lose ends the run when another release
// turns out to have been first.
func (f *face) keeper(urls map[string]string, lock journal.Policy, lose func(error)) *journal.Keeper {
	w := f.where
	return &journal.Keeper{
		Client: f.client, SHA: w.SHA, Folder: f.links.Folder, Key: f.key, URLs: urls, Lose: lose, Lock: lock,
		Run: deployment.Run{ID: w.Run.ID, Attempt: w.Run.Attempt, Job: w.Run.Job, URL: w.Run.URL},
	}
}

// onCancel closes what is open on GitHub as soon as the run is cancelled, while
// what is under way is still being put back.
func (f *face) onCancel(ctx context.Context) func() {
	stop := context.AfterFunc(ctx, func() {
		reason := context.Cause(ctx).Error()
		f.runs.Cancel(context.WithoutCancel(ctx), reason)
		if f.deployments != nil {
			f.deployments.Cancel(context.WithoutCancel(ctx), reason)
		}
	})
	return func() { stop() }
}

// refused shows findings that kept the run from beginning.
func (f *face) refused(ctx context.Context, name string, found []finding.Finding) {
	if f == nil {
		return
	}
	f.found = append(f.found, found...)
	page := &summary.Summary{Name: name, Links: f.links, Write: f.job.Summarize}
	f.lost(page.Refused(found))
	if f.client != nil {
		f.keep(name)
		f.lost(f.runs.Post(context.WithoutCancel(ctx), found))
	}
	f.fallBack()
}

// The state that the post part of the action reads: that there was a main part, and
// whether it came to its end.
const (
	stateBegun = "deploy_action_begun"
	stateEnded = "deploy_action_ended"
)

// keepState tells the post part something. Where there is no place for it, as in a
// test of the container, there is no post part either.
func (f *face) keepState(name string) { _ = f.job.SaveState(name, "true") }

// finish is the post part of the action: it closes what the main part left open
// because it was killed.
func (f *face) finish(ctx context.Context, getenv func(string) string) {
	if f.client == nil || getenv("STATE_"+stateEnded) != "" {
		return
	}
	w := f.where
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	runs, err := checkrun.Sweep(ctx, f.client, w.SHA, checkrun.Owner{Run: w.Run.ID, Attempt: w.Run.Attempt, Job: w.Run.Job})
	envs, err2 := deployment.Sweep(ctx, f.client, deployment.Run{ID: w.Run.ID, Attempt: w.Run.Attempt, Job: w.Run.Job, URL: w.Run.URL})
	f.lost(errors.Join(err, err2))
	if runs+len(envs) > 0 {
		one := finding.Warnf("killed", finding.Position{}, "the action was killed; %d check runs and the deployments to %v that it left open were closed", runs, envs).
			Hintf("deploy-action status shows what serves now; the next run takes the release up or back")
		f.annotate(one)
	}
}

// lost says what could not be shown.
func (f *face) lost(err error) {
	if err != nil {
		fmt.Fprintf(f.job, "could not be reported: %s\n", err)
	}
}

// fallBack shows findings by way of the log where check runs are refused, with one
// warning that says why.
func (f *face) fallBack() {
	why := f.why
	if f.client != nil {
		r := f.runs.Refused()
		if r == nil {
			return
		}
		why = f.refusal(r)
	}
	f.annotate(why)
	for _, one := range f.found {
		if one.Severity > finding.Notice {
			f.annotate(one)
		}
	}
}

// refusal says why GitHub refuses check runs, and what would change that.
func (f *face) refusal(r *github.Refusal) finding.Finding {
	w := finding.Warnf("no-check-runs", finding.Position{}, "GitHub refuses check runs: %s", r.Message)
	switch {
	case r.Status == 401:
		return w.Hintf("the input github-token holds no valid token; leave it as it is by default")
	case f.where.Fork:
		return w.Hintf("a pull request from a fork gets a token that only reads; the findings stand here instead")
	case r.Status == 404:
		return w.Hintf("the token does not reach %s; leave the input github-token as it is by default", f.where.Repository)
	}
	return w.Hintf("give the job the permission %s", first(r.Permission, "checks: write"))
}

func (f *face) annotate(one finding.Finding) {
	a := actions.Annotation{Level: one.Severity.String(), Title: one.Rule, Message: checkrun.Message(one)}
	if !one.At.IsZero() {
		a.File, a.Line, a.Column = f.links.Path(one.At), one.At.Line, one.At.Column
		a.EndLine, a.EndColumn = one.At.EndLine, one.At.EndColumn
	}
	f.job.Annotate(a)
}

// output gives a value to later steps.
func (f *face) output(name, value string) {
	if err := f.job.SetOutput(name, value); err != nil {
		f.lost(err)
	}
}

// record is the address of a deployment.
func (f *face) record(env string) string {
	return fmt.Sprintf("%s/%s/deployments/%s", f.where.Server.URL, f.where.Repository, env)
}

// log is the observer that writes the job's log.
func (f *face) log(l *report.Lines) pipeline.Observer {
	return report.Grouped{To: l, Begin: f.job.Group, End: f.job.EndGroup}
}

// cancelledByUser tells an interruption from a run that gave way to another.
func cancelledByUser(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errInterrupted) }

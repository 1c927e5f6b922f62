package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tminus/deploy-action/checks/checkrun"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/proposal"
	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/inspection"
	"github.com/tminus/deploy-action/runner/outlook"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/preview"
)

// planning is the command plan: a promotion that is only looked at.
type planning struct {
	*promotion
	shown *checkrun.Alone // nil without a GitHub to ask
	found []finding.Finding
	made  outlook.Previews
}

// planCommand is the command plan. It changes nothing.
func (p *program) planCommand(ctx context.Context, f planFlags) (pipeline.Verdict, error) {
	road := &promotion{program: p, flags: promoteFlags{
		commonFlags: f.commonFlags, accountFlags: f.accountFlags, valueFlags: f.valueFlags, Env: f.Env, SkipSecrets: f.SkipSecrets, SkipBuild: f.SkipBuild,
		Worker: f.Worker, Bundler: f.Bundler, RemoveWorkflows: f.RemoveWorkflows,
	}}
	if err := road.begin(ctx); err != nil {
		return pipeline.Pending, err
	}
	plan := &planning{promotion: road}
	defer plan.open(ctx)()
	verdict, err := plan.judge(ctx)
	page := plan.page()
	err = errors.Join(err, plan.write(page.Plan), begun(plan.found))
	plan.publish(context.WithoutCancel(ctx), verdict, page)
	return verdict, err
}

// open shows that the plan is being made, and gives what ends the watch for a
// cancellation.
func (p *planning) open(ctx context.Context) func() {
	if p.face == nil || p.face.client == nil {
		return func() {}
	}
	p.face.keep(p.title())
	p.shown = p.face.runs.Alone("plan")
	detached := context.WithoutCancel(ctx)
	p.shown.Queue(detached, "Waiting to look at the project")
	stop := context.AfterFunc(ctx, func() { p.shown.Cancel(detached, context.Cause(ctx).Error()) })
	return func() { stop() }
}

// judge checks, builds and compares. Errors of the check do not keep the plan from
// being made, as far as it can be.
func (p *planning) judge(ctx context.Context) (pipeline.Verdict, error) {
	if p.shown != nil {
		p.shown.Start(context.WithoutCancel(ctx), "Looking at the project and the account")
	}
	checked, err := p.watched(ctx, pipeline.Plan{Steps: []pipeline.Step{{KeepGoing: true, Stage: inspection.Stage{
		Dir: p.road.dir, Project: p.road.project, Targets: p.road.deploying, Client: p.tools.client,
	}}}}, &p.found)
	if err != nil || checked == pipeline.Cancelled || begun(p.found) != nil {
		return checked, err
	}
	var looks []outlook.Look
	for _, t := range p.road.deploying {
		looks = append(looks, p.look(t))
	}
	made, err := p.watched(ctx, pipeline.Plan{Steps: []pipeline.Step{
		{Stage: p.build(), KeepGoing: true}, {Stage: outlook.Compare{Looks: looks, Into: &p.made}, KeepGoing: true},
	}}, &p.found)
	if made == pipeline.Passed {
		made = checked
	}
	return made, err
}

// page is what was found out, redacted and with each finding once.
func (p *planning) page() proposal.Page {
	var envs []string
	for _, t := range p.road.deploying {
		envs = append(envs, t.Env)
	}
	page := proposal.Page{Plan: p.made.Plan(envs...).Redacted(p.redact)}
	if page.Partial = len(page.Plan.Environments) < len(envs); page.Partial {
		page.Plan.Digest = "" // it would speak for less than was asked for
	}
	seen := map[string]bool{}
	for _, f := range p.found {
		if key := f.Rule + f.At.String() + f.Message; !seen[key] {
			seen[key] = true
			page.Findings = append(page.Findings, f)
		}
	}
	finding.Sort(page.Findings)
	return page
}

// counted is the last line of a plan in JSON.
type counted struct {
	Digest       string                   `json:"digest"`
	Changes      preview.Count            `json:"changes"`
	Environments map[string]preview.Count `json:"environments"`
}

func count(plan preview.Plan) counted {
	c := counted{Digest: plan.Digest, Changes: plan.Count(), Environments: map[string]preview.Count{}}
	for _, e := range plan.Environments {
		c.Environments[e.Name] = e.Count()
	}
	return c
}

// write writes the plan to standard output.
func (p *planning) write(plan preview.Plan) error {
	if p.common.Format != "json" {
		if len(plan.Environments) > 0 {
			report.WritePreview(p.out, p.style(), plan)
		}
		return nil
	}
	for _, e := range plan.Environments {
		for _, w := range e.Workers {
			if err := report.WriteJSON(p.out, "worker", struct {
				Environment string `json:"environment"`
				preview.Worker
			}{e.Name, w}); err != nil {
				return err
			}
		}
		for _, d := range e.Databases {
			if err := report.WriteJSON(p.out, "database", struct {
				Environment string `json:"environment"`
				preview.Database
			}{e.Name, d}); err != nil {
				return err
			}
		}
	}
	return report.WriteJSON(p.out, "plan", count(plan))
}

// publish shows the plan on GitHub. What cannot be shown is told and changes nothing.
func (p *planning) publish(ctx context.Context, verdict pipeline.Verdict, page proposal.Page) {
	f := p.face
	if f == nil {
		return
	}
	page.Links, f.found = f.links, page.Findings
	if p.shown != nil {
		conclusion := github.Success
		switch {
		case verdict == pipeline.Cancelled:
			conclusion = github.Cancelled
		case page.Failed():
			conclusion = github.Failure
		}
		f.lost(redacted(p.shown.End(ctx, checkrun.Ending{Conclusion: conclusion, Title: page.Title(), Summary: page.Summary(), Text: page.Text(), Findings: page.Findings}), p.redact))
	}
	if verdict != pipeline.Cancelled {
		f.comment(ctx, p.mark(), page.Whole(p.title()))
	}
	f.lost(f.job.Summarize(page.Whole(p.title())))
	f.output("plan-digest", page.Plan.Digest)
	f.output("changes", asJSON(count(page.Plan)))
	f.fallBack()
}

// notInMark are characters that a comment's mark does not hold.
var notInMark = regexp.MustCompile(`[^A-Za-z0-9_. ]+`)

// mark is what the plan's comment begins with, so that it is found again. Plans of
// several projects in one repository have names of their own.
func (p *planning) mark() string {
	name := strings.Join(strings.Fields(notInMark.ReplaceAllString(p.common.CheckName, " ")), " ")
	if name != "" {
		name += " "
	}
	return "<!-- tminus/deploy-action plan " + name + "-->"
}

// comment keeps one comment on the pull request, where there is one that the token
// may write to.
func (f *face) comment(ctx context.Context, mark, text string) {
	if f.client == nil || f.where.PullRequest == 0 || f.where.Fork {
		return
	}
	err := f.client.KeepComment(ctx, f.where.PullRequest, mark, text)
	if r, denied := github.Denied(err); denied {
		f.annotate(finding.Warnf("no-comment", finding.Position{}, "GitHub refuses the comment on pull request %d: %s", f.where.PullRequest, r.Message).
			Hintf("give the job the permission pull-requests: write"))
		return
	}
	if err != nil {
		f.lost(fmt.Errorf("comment: %w", err))
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/inspection"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/stage"
)

// cannotBegin are rules whose breach means that there was nothing to judge yet:
// the program exits with 2 instead of 1.
var cannotBegin = map[string]bool{
	"wrong-token": true, "unknown-account": true, "missing-permission": true, "missing-variable": true,
	"cloudflare": true, "no-migrations": true, "no-build-command": true, "no-package-manager": true, "no-node": true, "no-main": true,
}

// check runs the check stage before a plan. An error says that nothing could be
// begun. What closes the gate is shown on GitHub at once, what does not with the plan.
func (p *program) check(ctx context.Context, c inspection.Stage) (pipeline.Verdict, error) {
	var found []finding.Finding
	verdict, err := p.watched(ctx, pipeline.Plan{Steps: []pipeline.Step{{Stage: c, KeepGoing: true}}}, &found)
	if err != nil {
		return pipeline.Pending, err
	}
	if verdict == pipeline.Failed {
		p.face.refused(ctx, p.title(), found)
	} else if p.face != nil {
		p.face.before = found
	}
	return verdict, begun(found)
}

// watched runs a plan in front of the observer that the format asks for alone, and
// adds what was found.
func (p *program) watched(ctx context.Context, plan pipeline.Plan, found *[]finding.Finding) (pipeline.Verdict, error) {
	o, end := p.watch()
	defer end()
	return plan.Run(ctx, report.Redacted{To: pipeline.Observers{o, seen{found}}, Redact: p.redact})
}

// begun says of some findings that nothing could be begun, if so.
func begun(found []finding.Finding) error {
	for _, f := range found {
		if f.Severity == finding.Error && cannotBegin[f.Rule] {
			return errCannotBegin
		}
	}
	return nil
}

// errCannotBegin ends a run whose findings were shown already.
var errCannotBegin = finding.Errorf("cannot-begin", finding.Position{}, "nothing was changed").Hintf("mend what is named above and run again")

// seen keeps the findings of a run.
type seen struct{ all *[]finding.Finding }

// Observe implements pipeline.Observer.
func (s seen) Observe(_ context.Context, e pipeline.Event) error {
	if f, ok := e.(pipeline.Finished); ok {
		*s.all = append(*s.all, f.Findings...)
	}
	return nil
}

// checkCommand is the command check. Without a token the account is not asked.
func (p *program) checkCommand(ctx context.Context, f checkFlags) (pipeline.Verdict, error) {
	loaded, dir, all, err := p.open(f.Env)
	if err != nil {
		return pipeline.Pending, err
	}
	c := inspection.Stage{Dir: dir, Project: loaded, Targets: all}
	if p.token() != "" {
		if c.Client, _, err = p.client(f.accountFlags, all); err != nil {
			return pipeline.Pending, err
		}
	}
	var found []finding.Finding
	verdict, err := p.run(ctx, pipeline.Plan{Steps: []pipeline.Step{{Stage: c, KeepGoing: true}}}, seen{&found})
	return verdict, errors.Join(err, begun(found))
}

// probing loads what validate and smoke need.
func (p *program) probing(f probeFlags, env string) (project.Project, []project.Target, stage.Health, *witnesses, error) {
	loaded, dir, all, err := p.open(env)
	if err != nil {
		return loaded, nil, stage.Health{}, nil, err
	}
	client, err := p.prober(f)
	return loaded, all, stage.Health{Probe: client, Path: loaded.Settings.Health.Path, Patience: f.patience(loaded.Settings), Redact: p.redact}, p.overheard(loaded, dir, all), err
}

// validateCommand is the command validate.
func (p *program) validateCommand(ctx context.Context, f validateFlags) (pipeline.Verdict, error) {
	_, all, health, heard, err := p.probing(f.probeFlags, f.Env)
	if err != nil {
		return pipeline.Pending, err
	}
	var plan pipeline.Plan
	for _, t := range all {
		health.Target, health.Witness = t, heard.of(t.Env)
		plan.Steps = append(plan.Steps, pipeline.Step{Env: t.Env, KeepGoing: true, Stage: health})
	}
	defer heard.close()
	return p.run(ctx, plan)
}

// smokeCommand is the command smoke.
func (p *program) smokeCommand(ctx context.Context, f smokeFlags) (pipeline.Verdict, error) {
	loaded, all, health, heard, err := p.probing(f.probeFlags, f.Env)
	if err != nil {
		return pipeline.Pending, err
	}
	var plan pipeline.Plan
	for _, t := range all {
		smoke := stage.Smoke{Probe: health.Probe, Target: t, Scenario: loaded.Settings.Smoke, Redact: p.redact, Witness: heard.of(t.Env)}
		if why := smoke.Missing(); why != "" {
			return pipeline.Pending, finding.Errorf("no-scenario", finding.Position{}, "there is nothing to ask: %s", why).
				Hintf("write a scenario under smoke: in %s", project.SettingsFile)
		}
		plan.Steps = append(plan.Steps, pipeline.Step{Env: t.Env, Stage: smoke})
	}
	defer heard.close()
	return p.run(ctx, plan)
}

// serving is one line of the status.
type serving struct {
	Environment string          `json:"environment"`
	Worker      string          `json:"worker"`
	Script      string          `json:"script"`
	Versions    []release.Share `json:"versions"`
	Since       time.Time       `json:"since,omitzero"`
	Release     string          `json:"release,omitempty"`
	By          string          `json:"by,omitempty"`
	Message     string          `json:"message,omitempty"`
}

// statusCommand is the command status: which version serves where, since when,
// and from which release.
func (p *program) statusCommand(ctx context.Context, f statusFlags) (pipeline.Verdict, error) {
	_, _, all, err := p.open(f.Env)
	if err != nil {
		return pipeline.Pending, err
	}
	client, _, err := p.client(f.accountFlags, all)
	if err != nil {
		return pipeline.Pending, err
	}
	if _, err := check.Access(ctx, client); err != nil {
		return pipeline.Pending, err
	}
	var lines []serving
	for _, t := range all {
		a, err := live.Read(ctx, client, check.Scope(t))
		if err != nil {
			return pipeline.Pending, err
		}
		for _, s := range t.Scripts {
			lines = append(lines, servingOf(t.Env, s, a.Scripts[s.Name]))
		}
	}
	return pipeline.Passed, p.writeStatus(lines)
}

func servingOf(env string, s project.Script, now live.Script) serving {
	line := serving{Environment: env, Worker: s.Worker, Script: s.Name, Versions: now.Shares(), By: now.Serving.Author, Message: now.Serving.Message()}
	line.Since = now.Serving.CreatedOn.Time
	if label, ok := release.ParseLabel(now.Serving.Message()); ok {
		line.Release, line.Message = label.Release, ""
	} else if line.By == "" {
		line.By = now.Serving.Source
	}
	return line
}

func (p *program) writeStatus(lines []serving) error {
	if p.common.Format == "json" {
		for _, line := range lines {
			if err := report.WriteJSON(p.out, "serving", line); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SCRIPT\tVERSION\tSINCE\tRELEASE\tBY")
	for _, line := range lines {
		version, since := "not deployed", ""
		for i, v := range line.Versions {
			switch {
			case i == 0 && v.Percent == 100:
				version = v.Version
			case i == 0:
				version = fmt.Sprintf("%s %g%%", release.Brief(v.Version), v.Percent)
			default:
				version += fmt.Sprintf(", %s %g%%", release.Brief(v.Version), v.Percent)
			}
		}
		if !line.Since.IsZero() {
			since = finding.When(line.Since)
		}
		from := first(line.Release, when(len(line.Versions) > 0, "not of this tool"))
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", line.Script, version, since, from, line.By)
	}
	return w.Flush()
}

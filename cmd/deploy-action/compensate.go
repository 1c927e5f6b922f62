package main

import (
	"context"
	"fmt"
	"path"

	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/compensation"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/inspection"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/reversal"
)

type compensateFlags struct {
	commonFlags
	accountFlags
	Number    string `arg:"" optional:"" name:"migration"`
	Migration string `placeholder:"NNNN" help:"The migration to take back: its number, name or path; an argument does as well."`
	Env       string `default:"staging" placeholder:"NAME" help:"The environment on whose schema the file is proven, staging when not given."`
	DryRun    bool   `help:"Print the file and write nothing."`
}

// compensated is the file in JSON.
type compensated struct {
	Migration string            `json:"migration"`
	File      string            `json:"file"`
	Written   bool              `json:"written"`
	SQL       string            `json:"sql"`
	Lost      []finding.Finding `json:"lost,omitempty"`
}

// compensateCommand is the command compensate: it writes the migration that takes
// another one back. It applies nothing.
func (p *program) compensateCommand(ctx context.Context, f compensateFlags) (pipeline.Verdict, error) {
	loaded, dir, all, err := p.open(f.Env)
	if err != nil {
		return pipeline.Pending, err
	}
	if len(all) != 1 {
		return pipeline.Pending, finding.Errorf("bad-flag", finding.Position{}, "a compensation is proven on one environment").Hintf("say --env staging or --env production")
	}
	target, err := p.meant(f, loaded, all[0])
	if err != nil {
		return pipeline.Pending, err
	}
	if there, ok := target.Existing(); ok {
		p.tell([]finding.Finding{finding.Notef("compensated", finding.Position{File: there.File, Line: 1}, "%s takes %s back already, and nothing was written", there.Name, target.Files[target.Index].Name).
			Hintf("apply it with deploy-action migrate --env staging, then to production; delete it if it was never applied and should be derived again")})
		return pipeline.Passed, nil
	}
	s := compensation.Stage{Target: target, Env: all[0].Env, Root: dir, DryRun: f.DryRun, Into: &reversal.Reverse{}}
	if p.token() != "" {
		client, account, err := p.client(f.accountFlags, all)
		if err != nil {
			return pipeline.Pending, err
		}
		s.Account = migrating(client, account, loaded, all[0])
		if verdict, err := p.check(ctx, inspection.Stage{Project: loaded, Targets: all, Client: client, DatabasesOnly: true}); err != nil || verdict != pipeline.Passed {
			return verdict, err
		}
	}
	verdict, err := p.run(ctx, pipeline.Plan{Steps: []pipeline.Step{{Env: s.Env, Stage: s}}})
	if verdict == pipeline.Passed {
		p.showCompensation(s)
	}
	return verdict, err
}

// meant finds the migration that the command is about.
func (p *program) meant(f compensateFlags, loaded project.Project, t project.Target) (compensation.Target, error) {
	name := first(f.Number, f.Migration)
	if name == "" || f.Number != "" && f.Migration != "" && f.Number != f.Migration {
		return compensation.Target{}, finding.Errorf("bad-flag", finding.Position{}, "compensate takes back one migration").
			Hintf("say which, such as deploy-action compensate 0006")
	}
	return compensation.Find(loaded.FS(), t.Databases, name)
}

func (p *program) showCompensation(s compensation.Stage) {
	sql := p.redact(s.Into.SQL)
	if p.common.Format == "json" {
		_ = report.WriteJSON(p.out, "compensation", compensated{s.Into.Of.Name, s.Path(), !s.DryRun, sql, report.Findings(s.Into.Lost, p.redact)})
		return
	}
	if s.DryRun {
		fmt.Fprintf(p.out, "\n%s would be:\n\n%s", path.Join(s.Path()), sql)
	}
}

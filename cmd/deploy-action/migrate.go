package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/inspection"
	"github.com/tminus/deploy-action/runner/migration"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/schema"
)

type migrateFlags struct {
	commonFlags
	accountFlags
	Env    string `placeholder:"NAME" help:"staging, production or all. To apply there is no default: say it."`
	DryRun bool   `help:"Print what would be migrated and change nothing."`
	List   bool   `help:"Show what is pending in each environment, and apply nothing."`
	Status bool   `help:"Show what was applied when, what is pending and what has no file, and apply nothing."`
}

// migrateCommand is the command migrate.
func (p *program) migrateCommand(ctx context.Context, f migrateFlags) (pipeline.Verdict, error) {
	if f.List || f.Status {
		return p.migrationsCommand(ctx, f)
	}
	if f.Env == "" {
		return pipeline.Pending, finding.Errorf("bad-flag", finding.Position{}, "migrate does not guess the environment").
			Hintf("say --env staging, --env production or --env all")
	}
	loaded, _, all, err := p.open(f.Env)
	if err != nil {
		return pipeline.Pending, err
	}
	client, account, err := p.client(f.accountFlags, all)
	if err != nil && !f.DryRun {
		return pipeline.Pending, err
	}
	var plan pipeline.Plan
	for _, t := range all {
		m := migrating(client, account, loaded, t)
		m.Draft = release.NewDraft(release.ID(time.Now(), ""), "", t.Env, time.Now())
		plan.Steps = append(plan.Steps, pipeline.Step{Env: t.Env, Stage: m})
	}
	if f.DryRun {
		return pipeline.Passed, p.dryRun(plan)
	}
	if verdict, err := p.check(ctx, inspection.Stage{Project: loaded, Targets: all, Client: client, DatabasesOnly: true}); err != nil || verdict != pipeline.Passed {
		return verdict, err
	}
	return p.run(ctx, plan)
}

// migrating is the stage that migrates an environment. A compensation comes to
// production after staging has had it.
func migrating(client *cloudflare.Client, account string, loaded project.Project, t project.Target) migration.Stage {
	m := migration.Stage{Client: client, FS: loaded.FS(), Databases: t.Databases, Account: account}
	if t.Env == "production" && slices.Contains(loaded.Envs(), "staging") {
		if first, err := loaded.In("staging"); err == nil {
			m.First, m.Before = "staging", first.Databases
		}
	}
	return m
}

// migrated is one migration of one database as it stands.
type migrated struct {
	Environment string `json:"environment"`
	Database    string `json:"database"`
	Migration   string `json:"migration"`
	State       string `json:"state"` // applied, pending or unknown
	Applied     string `json:"applied,omitempty"`
	File        string `json:"file,omitempty"`
}

// The states of a migration.
const (
	stateApplied = "applied"
	statePending = "pending"
	stateUnknown = "unknown" // applied, and no file is there
)

// migrationsCommand shows migrations and applies none.
func (p *program) migrationsCommand(ctx context.Context, f migrateFlags) (pipeline.Verdict, error) {
	if f.List && f.Status {
		return pipeline.Pending, finding.Errorf("bad-flag", finding.Position{}, "--list and --status exclude each other").Hintf("give one of them; --status shows what is pending too")
	}
	loaded, _, all, err := p.open(f.Env)
	if err != nil {
		return pipeline.Pending, err
	}
	client, account, err := p.client(f.accountFlags, all)
	if err != nil {
		return pipeline.Pending, err
	}
	if _, err := check.Access(ctx, client); err != nil {
		return pipeline.Pending, err
	}
	var lines []migrated
	for _, t := range all {
		m := migrating(client, account, loaded, t)
		for _, d := range t.Databases {
			rows, err := m.History(ctx, d)
			if err != nil {
				return pipeline.Pending, finding.Join(finding.From(err, "cloudflare", d.At))
			}
			lines = append(lines, migrations(t.Env, d, rows)...)
		}
	}
	if f.List {
		lines = slices.DeleteFunc(lines, func(m migrated) bool { return m.State != statePending })
	}
	return pipeline.Passed, p.writeMigrations(lines, f.List)
}

// migrations compares a ledger with the files: what was applied in its order, then
// what is pending in its own.
func migrations(env string, d project.Database, rows []schema.Entry) []migrated {
	files := map[string]string{}
	for _, file := range d.Files {
		files[d.Ledger(file)] = file
	}
	var all []migrated
	var applied []string
	for _, r := range rows {
		m := migrated{env, d.Name, r.Name, stateApplied, r.At, files[r.Name]}
		if m.File == "" {
			m.State = stateUnknown
		}
		all, applied = append(all, m), append(applied, r.Name)
	}
	for _, file := range schema.Pending(d.Files, applied, d.Ledger) {
		all = append(all, migrated{Environment: env, Database: d.Name, Migration: d.Ledger(file), State: statePending, File: file})
	}
	return all
}

func (p *program) writeMigrations(lines []migrated, pendingOnly bool) error {
	if p.common.Format == "json" {
		for _, line := range lines {
			if err := report.WriteJSON(p.out, "migration", line); err != nil {
				return err
			}
		}
		return nil
	}
	if len(lines) == 0 {
		fmt.Fprintln(p.out, map[bool]string{true: "nothing is pending", false: "there are no migrations"}[pendingOnly])
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if pendingOnly {
		fmt.Fprintln(w, "ENVIRONMENT\tDATABASE\tPENDING")
		for _, m := range lines {
			fmt.Fprintf(w, "%s\t%s\t%s\n", m.Environment, m.Database, m.Migration)
		}
		return w.Flush()
	}
	fmt.Fprintln(w, "ENVIRONMENT\tDATABASE\tMIGRATION\tAPPLIED (UTC)")
	for _, m := range lines {
		when := map[string]string{stateApplied: m.Applied, statePending: "pending", stateUnknown: m.Applied + ", and no such file"}[m.State]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.Environment, m.Database, m.Migration, when)
	}
	return w.Flush()
}

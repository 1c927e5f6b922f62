package main

import (
	"context"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/journal"
	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/secret"
	"github.com/tminus/deploy-action/runner/stage"
	"github.com/tminus/deploy-action/runner/vault"
)

type secretsFlags struct {
	commonFlags
	accountFlags
	valueFlags
	Env         string        `placeholder:"NAME" help:"staging, production or all. There is no default, except with --list."`
	Worker      []string      `placeholder:"NAME" help:"Set the secrets of this Worker only; repeatable."`
	DryRun      bool          `help:"Compare, say what would be set, and change nothing."`
	List        bool          `help:"Show how the secrets of each Worker stand, by name, and change nothing."`
	Lock        string        `enum:"wait,refuse" default:"wait" help:"What to do while a release of the environment is under way, as its GitHub deployment says."`
	LockTimeout time.Duration `default:"30m" placeholder:"TIME" help:"How long to wait for it."`
}

// keeping is what the command secrets works with.
type keeping struct {
	dir    string
	all    []project.Target
	narrow []project.Target // to the Workers that were asked for
	values secret.Store
}

// secretsCommand is the command secrets.
func (p *program) secretsCommand(ctx context.Context, f secretsFlags) (pipeline.Verdict, error) {
	k, err := p.keeping(f)
	if err != nil {
		return pipeline.Pending, err
	}
	client, _, err := p.client(f.accountFlags, k.all)
	if err != nil {
		return pipeline.Pending, err
	}
	if _, err := check.Access(ctx, client); err != nil {
		return pipeline.Pending, remedy.For(err, "Account Settings:Read")
	}
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	lock := p.lockOut(f, lose)
	table := &vault.Table{}
	plan := pipeline.Plan{Width: 8}
	for i, t := range k.all {
		s := vault.Secrets{Client: client, Target: t, Values: k.values, Key: p.token(), Records: p.records(ctx, k.dir, t.Env), Into: table}
		if len(f.Worker) > 0 {
			for _, one := range k.narrow[i].Scripts {
				s.Only = append(s.Only, one.Name)
			}
		}
		s.Mode, s.Journal, s.Draft = f.mode(), secretsFolder(k.dir), keptSecrets(k.dir, t.Env)
		plan.Steps = append(plan.Steps, pipeline.Step{Env: t.Env, KeepGoing: true, Stage: stage.Guarded{Stage: s, Env: t.Env, Lock: lock}})
	}
	verdict, err := p.run(ctx, plan)
	if f.List && verdict != pipeline.Pending {
		return verdict, p.writeSecrets(table, k.all)
	}
	return verdict, err
}

// keeping finds out which secrets of which Workers are meant, and their values.
func (p *program) keeping(f secretsFlags) (k keeping, err error) {
	if f.Env == "" && !f.List {
		return k, finding.Errorf("bad-flag", finding.Position{}, "secrets does not guess the environment").
			Hintf("say --env staging, --env production or --env all; --list shows how they stand")
	}
	loaded, dir, all, err := p.open(f.Env)
	if err != nil {
		return k, err
	}
	k = keeping{dir: dir, all: all, narrow: make([]project.Target, len(all))}
	for i, t := range all {
		if k.narrow[i], err = t.Only(f.Worker...); err != nil {
			return k, err
		}
	}
	if err := p.readFile(f.valueFlags, dir); err != nil {
		return k, err
	}
	values, found := p.gather(loaded, k.narrow)
	if err := p.closing(found); err != nil {
		return k, err
	}
	k.values = values
	if len(values.Names()) == 0 && !f.List {
		return k, finding.Errorf("no-values", finding.Position{}, "none of the secrets has a value here").
			Hintf("set them in the environment, or name a file with --env-file .env; --list shows what the account has")
	}
	return k, nil
}

func (f secretsFlags) mode() vault.Mode {
	switch {
	case f.List:
		return vault.List
	case f.DryRun:
		return vault.Prove
	}
	return vault.Put
}

// lockOut keeps releases that are under way apart from a change of secrets, where
// there is a GitHub to ask.
func (p *program) lockOut(f secretsFlags, lose func(error)) release.Lock {
	if p.face == nil || p.face.client == nil || f.mode() != vault.Put {
		return nil
	}
	p.face.deployments = p.face.keeper(nil, journal.Policy{Refuse: f.Lock == "refuse", Patience: f.LockTimeout}, lose)
	return p.face.deployments
}

// secretsFolder is where it is kept which secrets went up with which version, by
// fingerprints.
func secretsFolder(dir string) release.Folder {
	return release.Folder{Dir: filepath.Join(dir, ".deploy-action", "secrets")}
}

// keptSecrets begins a record with what is known of the other Workers.
func keptSecrets(dir, env string) *release.Draft {
	draft := release.NewDraft(release.ID(time.Now(), ""), "", env, time.Now())
	if old, err := secretsFolder(dir).Read(env); err == nil {
		for _, w := range old.Workers {
			draft.Place(w)
		}
	}
	return draft
}

// records are what is known of the newest releases of an environment: the workspace's
// records, and GitHub's where it answers.
func (p *program) records(ctx context.Context, dir, env string) []release.Manifest {
	var all []release.Manifest
	for _, folder := range []release.Folder{secretsFolder(dir), {Dir: filepath.Join(dir, ".deploy-action", "releases")}} {
		if m, err := folder.Read(env); err == nil {
			all = append(all, m)
		}
	}
	if p.face != nil && p.face.client != nil {
		more, err := deployment.Manifests(ctx, p.face.client, env)
		if err != nil {
			p.tell([]finding.Finding{finding.Warnf("no-records", finding.Position{}, "GitHub's records of %s cannot be read: %s", env, err).
				Hintf("give the job the permission deployments: write; without them nothing is known of values that another job put up or replaced")})
		}
		all = append(all, more...)
	}
	return all
}

// writeSecrets shows the table, by name only.
func (p *program) writeSecrets(table *vault.Table, all []project.Target) error {
	var rows []vault.Row
	for _, t := range all {
		rows = append(rows, table.Rows(t)...)
	}
	if p.common.Format == "json" {
		for _, row := range rows {
			if err := report.WriteJSON(p.out, "secret", row); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nSCRIPT\tSECRET\tSTATE\tVALUE HERE")
	for _, row := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", row.Script, row.Secret, row.State, map[bool]string{true: "yes", false: "no"}[row.Here])
	}
	return w.Flush()
}

package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/journal"
	"github.com/tminus/deploy-action/checks/summary"
	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/retreat"
	"github.com/tminus/deploy-action/runner/rollback"
)

type rollbackFlags struct {
	commonFlags
	accountFlags
	probeFlags
	Env          string        `default:"production" placeholder:"NAME" help:"staging or production."`
	Worker       []string      `placeholder:"NAME" help:"Bring this Worker back only, and validate everything afterwards; repeatable."`
	Release      string        `placeholder:"ID" help:"The release to go back to; the last good one when not given."`
	To           string        `placeholder:"VERSION" help:"The version to go back to, of one Worker."`
	Reason       string        `placeholder:"TEXT" help:"Why, for the record and for whoever is refused by the hold."`
	DryRun       bool          `help:"Prove that it can be done and change nothing."`
	ForceSecrets bool          `help:"Bring versions back although secrets have changed since."`
	Partial      bool          `help:"Bring back what can be, although something else cannot."`
	SkipSmoke    bool          `help:"Leave the smoke tests out. Health checks still run."`
	Lock         string        `enum:"wait,refuse" default:"wait" help:"What to do while a release of the environment is under way, as its GitHub deployment says."`
	LockTimeout  time.Duration `default:"30m" placeholder:"TIME" help:"How long to wait for it."`
}

// bring is one rollback, asked for by a person or by a gate that closed.
type bring struct {
	*program
	flags    rollbackFlags
	settings project.Settings
	project  project.Project
	whole    project.Target // the environment
	target   project.Target // the Workers of it that are meant
	dir      string
	client   *cloudflare.Client
	known    *aim.Return
	again    bool // GitHub does not say yet that it was done
	commit   string
	byHand   bool // not by a gate of a promotion

	way      *rollback.Way
	recorded recorded
}

// rollbackCommand is the command rollback.
func (p *program) rollbackCommand(ctx context.Context, f rollbackFlags) (pipeline.Verdict, error) {
	b, err := p.bringing(ctx, f)
	if err != nil {
		return pipeline.Pending, err
	}
	if err := b.find(ctx); err != nil {
		return pipeline.Pending, err
	}
	return b.run(ctx)
}

// bringing finds out which Workers of which environment are meant.
func (p *program) bringing(ctx context.Context, f rollbackFlags) (*bring, error) {
	loaded, dir, all, err := p.open(f.Env)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, finding.Errorf("bad-flag", finding.Position{}, "a rollback is of one environment").Hintf("say --env production or --env staging")
	}
	b := &bring{program: p, flags: f, settings: loaded.Settings, project: loaded, whole: all[0], dir: dir, byHand: true, way: &rollback.Way{}, recorded: recorded{}}
	if b.target, err = all[0].Only(f.Worker...); err != nil {
		return nil, err
	}
	b.commit = commit(ctx, dir, p.lookup)
	b.client, _, err = p.client(f.accountFlags, all)
	return b, err
}

// find finds the way back in the records: GitHub's, else the workspace's. Where
// there is none, the labels on Cloudflare will tell.
func (b *bring) find(ctx context.Context) error {
	if b.flags.To != "" {
		if len(b.flags.Worker) != 1 || len(b.target.Scripts) != 1 || b.flags.Release != "" {
			return finding.Errorf("bad-flag", finding.Position{}, "--to names a version, which belongs to one Worker").
				Hintf("give --worker NAME with it, and no --release")
		}
		s := b.target.Scripts[0]
		r := aim.Version(b.whole.Env, s.Name, b.flags.To, s.At())
		b.known = &r
		return nil
	}
	local, err := b.local()
	b.known = local
	if b.face == nil || b.face.client == nil {
		return err
	}
	all, failed := deployment.Records(ctx, b.face.client, b.whole.Env)
	if failed == nil && len(all) > 0 {
		return b.among(all)
	}
	if failed != nil {
		b.tell([]finding.Finding{finding.Warnf("no-records", finding.Position{}, "GitHub's records cannot be read: %s", failed).
			Hintf("give the job the permission deployments: write; the labels on Cloudflare are used in their place")})
	}
	return err
}

// local is the way back as the workspace's record has it, nil if there is none.
func (b *bring) local() (*aim.Return, error) {
	m, err := release.Folder{Dir: filepath.Join(b.dir, ".deploy-action", "releases")}.Read(b.whole.Env)
	if errors.Is(err, fs.ErrNotExist) || b.flags.Release != "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := aim.Undo(m)
	r.Source, r.Dated = "the record in the workspace", true
	return &r, nil
}

// among chooses among GitHub's records. A release that GitHub could not record may
// have come since; then the workspace's record is used, or the labels.
func (b *bring) among(all []deployment.Record) error {
	from, good, err := deployment.Back(all, b.flags.Release)
	if err != nil {
		return finding.Errorf("no-record", finding.Position{}, "%s", err).Hintf("the deployments of %s on GitHub show which there are", b.whole.Env)
	}
	if from == nil {
		return nil
	}
	r, to := aim.Undo(*from), ""
	if good != nil {
		r, to = aim.To(*from, *good), good.Release
	}
	r.Compromised = deployment.Compromised(all, to)
	r.Dated, r.Else = true, b.known
	b.known, b.again = &r, deployment.Unsettled(all, from.Release)
	return nil
}

// run proves the way back, goes it, and asks the environment whether it is well.
func (b *bring) run(ctx context.Context) (pipeline.Verdict, error) {
	prober, err := b.prober(b.flags.probeFlags)
	if err != nil {
		return pipeline.Pending, err
	}
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	b.show(lose)
	heard := b.listen()
	defer heard.close()
	s := rollback.Stage{
		Client: b.client, Target: b.target, Scope: check.Scope(b.target), Known: b.known, To: b.flags.Release, Way: b.way,
		Force: b.flags.ForceSecrets, Partial: b.flags.Partial, Prove: b.flags.DryRun, Explain: b.access, Again: b.again, Replaced: b.replaced(), Journal: b.journal(), Manifest: b.manifest(),
	}
	plan := retreat.Retreat{Rollback: s, Lock: b.lock(), After: retreat.Verification{
		Target: b.whole, Settings: b.settings, Probe: prober, Patience: b.flags.HealthTimeout, SkipSmoke: when(b.flags.SkipSmoke, "--skip-smoke"), Redact: b.redact, Witness: heard.of(b.whole.Env),
	}}.Plan()
	ended := map[string]pipeline.Finished{}
	verdict, err := b.program.run(ctx, plan, verdicts(ended), heard)
	b.after(verdict, ended)
	return verdict, err
}

// replaced is what the workspace's record knows of values that were rotated away.
func (b *bring) replaced() []release.Replaced {
	m, err := release.Folder{Dir: filepath.Join(b.dir, ".deploy-action", "releases")}.Read(b.whole.Env)
	if err != nil {
		return nil
	}
	return m.Replaced
}

// access says what is wrong with the token or the account.
func (b *bring) access(ctx context.Context) error {
	_, err := check.Access(ctx, b.client)
	return err
}

// after says what a rollback that did not verify means, and tells later steps.
func (b *bring) after(verdict pipeline.Verdict, ended map[string]pipeline.Finished) {
	env := b.whole.Env
	if ended["rollback-"+env].Verdict == pipeline.Passed && verdict != pipeline.Passed && !b.flags.DryRun {
		b.tell([]finding.Finding{finding.Errorf("rollback-unverified", finding.Position{}, "%s was rolled back and is still not well", env).
			Hintf("look at what failed above; deploy-action status --env %s shows what serves", env)})
	}
	if b.face == nil {
		return
	}
	back := b.way.Back()
	b.face.output("rolled-back-from", back.From)
	b.face.output("rolled-back-to", back.To)
	if b.byHand {
		b.face.output("verdict", verdict.String())
	}
}

// manifest is the record of the rollback, without its Workers.
func (b *bring) manifest() release.Manifest {
	by := ""
	if b.face != nil {
		by = b.face.where.Actor
	}
	m := release.NewDraft(release.ID(time.Now(), b.commit)+"-rollback", b.commit, b.whole.Env, time.Now()).Manifest()
	m.Back = &release.Back{Reason: b.redact(b.flags.Reason), By: by, Strict: b.settings.Rollback.Strict}
	for _, e := range b.whole.Endpoints {
		m.Endpoints = append(m.Endpoints, "https://"+e.Host)
	}
	return m
}

// journal keeps the rollback in the workspace, and on GitHub where there is one.
func (b *bring) journal() release.Journal {
	all := release.Journals{release.Folder{Dir: filepath.Join(b.dir, ".deploy-action", "rollbacks")}, b.recorded}
	if b.face != nil && b.face.deployments != nil {
		all = append(all, b.face.deployments)
	}
	return all
}

func (b *bring) lock() release.Lock {
	if b.face == nil || b.face.deployments == nil || b.flags.DryRun {
		return nil
	}
	return b.face.deployments
}

// show makes what GitHub sees of it.
func (b *bring) show(lose func(error)) {
	f := b.face
	if f == nil {
		return
	}
	f.before, f.found = nil, nil
	f.page = &summary.Summary{Name: "Rollback of " + b.whole.Env, Environments: b.environments}
	if f.client == nil {
		return
	}
	url := ""
	for _, e := range b.whole.Endpoints {
		if url == "" || e.Worker == b.settings.Smoke.Worker {
			url = "https://" + e.Host
		}
	}
	f.deployments = f.keeper(map[string]string{b.whole.Env: url}, journal.Policy{Refuse: b.flags.Lock == "refuse", Patience: b.flags.LockTimeout}, lose)
	f.deployments.Settles = !b.flags.DryRun
}

func (b *bring) environments() []summary.Environment {
	m, ok := b.recorded[b.whole.Env]
	if !ok {
		return nil
	}
	return []summary.Environment{{Name: b.whole.Env, Manifest: m, Serving: b.way.Serves, Record: b.face.record(b.whole.Env)}}
}

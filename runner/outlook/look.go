package outlook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/preview"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/stage"
)

// Look sees what the two stages of one environment would change.
type Look struct {
	// Deploy needs no Fleet, no Draft and no Journal.
	Deploy fleet.Deploy
	// Migrate needs no Draft.
	Migrate stage.Migrate
}

// Env is the environment.
func (l Look) Env() string { return l.Deploy.Target.Env }

// sight is what one look saw.
type sight struct {
	fleet.Outlook
	databases []preview.Database
	found     []finding.Finding
}

// Seen is what a plan of the environment rests upon. What is in the way is an error.
func (l Look) Seen(ctx context.Context) (preview.Seen, error) {
	s, err := l.look(ctx)
	if err == nil && finding.Closes(s.found) {
		err = finding.Join(s.found)
	}
	if err != nil {
		return preview.Seen{}, err
	}
	return s.seen(l.Env()), nil
}

// Make is the preview of the environment.
func (l Look) Make(ctx context.Context) (preview.Environment, error) {
	s, err := l.look(ctx)
	if err != nil {
		return preview.Environment{}, err
	}
	e := preview.Environment{Name: l.Env(), Databases: s.databases, Findings: s.found, Seen: s.seen(l.Env())}
	versions, err := l.versions(ctx, s)
	if err != nil {
		return preview.Environment{}, err
	}
	for _, m := range s.Moves {
		w := l.worker(s, m, versions[m.Script.Name])
		if len(w.Secrets.Missing) > 0 {
			e.Findings = append(e.Findings, missing(m, w.Secrets.Missing))
		}
		e.Workers = append(e.Workers, w)
	}
	lost, err := l.records(ctx, s)
	if err != nil {
		return preview.Environment{}, err
	}
	e.Findings = append(e.Findings, lost...)
	finding.Sort(e.Findings)
	return e, nil
}

// look asks for scripts and databases side by side.
func (l Look) look(ctx context.Context) (sight, error) {
	var s sight
	found := make([][]finding.Finding, len(l.Migrate.Databases))
	s.databases = make([]preview.Database, len(l.Migrate.Databases))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { s.Outlook, err = l.Deploy.Outlook(ctx); return err })
	for i := range l.Migrate.Databases {
		group.Go(func() (err error) {
			s.databases[i], found[i], err = l.database(ctx, i)
			return err
		})
	}
	err := group.Wait()
	s.found = s.Findings
	for _, one := range found {
		s.found = append(s.found, one...)
	}
	return s, err
}

// database compares one database. What the account says no to is a finding.
func (l Look) database(ctx context.Context, i int) (preview.Database, []finding.Finding, error) {
	d := l.Migrate.Databases[i]
	shown := preview.Database{Name: d.Name, ID: d.ID, At: d.At, Pending: []preview.Migration{}}
	now, err := l.Migrate.Look(ctx, d)
	if err != nil {
		if found := finding.From(err, "", d.At); found[0].Rule != "" {
			return shown, found, nil
		}
		return shown, nil, err
	}
	var found []finding.Finding
	for _, name := range now.Unknown {
		f := d.Orphan(name)
		f.At = d.At
		found = append(found, f)
	}
	shown.ID, shown.Applied = now.ID, len(now.Applied)
	for _, file := range now.Pending {
		sql, err := fs.ReadFile(l.Migrate.FS, file)
		if err != nil {
			return shown, nil, err
		}
		sum := sha256.Sum256(sql)
		shown.Pending = append(shown.Pending, preview.Migration{Name: d.Ledger(file), File: file, SQL: string(sql), Digest: "sha256:" + hex.EncodeToString(sum[:])})
	}
	return shown, found, nil
}

// seen are the parts of what was seen that a promotion depends on.
func (s sight) seen(env string) preview.Seen {
	all := preview.Seen{Environment: env}
	for _, m := range s.Moves {
		all.Parts = append(all.Parts, preview.Part{
			Name: m.Script.Name, Kind: preview.Script, Now: servedBy(m),
			Live: struct {
				Exists     bool
				Deployment string
				Shares     []release.Share
				Tag        string
				Triggers   release.Triggers
			}{m.Before.Exists, m.Before.Serving.ID, m.Before.Shares(), m.Before.Listed.MigrationTag, m.Before.Triggers},
			Wanted: struct {
				Digest   string
				Classes  map[string]any
				Triggers release.Triggers
			}{m.Digest, m.Upload.Migrations, m.Want},
		})
	}
	for _, d := range s.databases {
		var names, sql []string
		for _, m := range d.Pending {
			names, sql = append(names, m.Name), append(sql, m.Digest)
		}
		all.Parts = append(all.Parts, preview.Part{Name: d.Name, Kind: preview.Ledger, Live: append([]string{d.ID}, names...), Wanted: sql})
	}
	return all
}

// servedBy says which version serves a script, since when and of which release.
func servedBy(m fleet.Move) string {
	shares := m.Before.Shares()
	if len(shares) == 0 {
		return "nothing serves it now"
	}
	text := "now " + release.Brief(shares[0].Version) + " serves"
	if t := m.Before.Serving.CreatedOn; !t.IsZero() {
		text += " since " + finding.When(t.Time)
	}
	if label, ok := m.Before.Label(); ok {
		text += ", of release " + label.Release
	}
	return text
}

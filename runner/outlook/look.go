package outlook

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/migration"
	"github.com/tminus/deploy-action/runner/preview"
	"github.com/tminus/deploy-action/runner/release"
)

// Look sees what the two stages of one environment would change.
type Look struct {
	// Deploy needs no Fleet, no Draft and no Journal.
	Deploy fleet.Deploy
	// Migrate needs no Draft.
	Migrate migration.Stage
}

// Env is the environment.
func (l Look) Env() string { return l.Deploy.Target.Env }

// view is what one look saw.
type view struct {
	fleet.Outlook
	databases []database
}

// Seen is what a plan of the environment rests upon. What is in the way is an error.
func (l Look) Seen(ctx context.Context) (preview.Seen, error) {
	s, err := l.look(ctx)
	found := s.Findings
	for _, d := range s.databases {
		found = append(found, d.found...)
	}
	if err == nil && finding.Closes(found) {
		err = finding.Join(found)
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
	e := preview.Environment{Name: l.Env(), Databases: []preview.Database{}, Findings: s.Findings, Seen: s.seen(l.Env())}
	versions, found, err := l.closer(ctx, s)
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
	for _, d := range s.databases {
		e.Databases = append(e.Databases, d.Database)
		e.Findings = append(e.Findings, d.told()...)
		if d.Unread {
			e.Seen = preview.Seen{} // a digest would speak for what was not seen
		}
	}
	e.Findings = append(e.Findings, found...)
	finding.Sort(e.Findings)
	return e, nil
}

// look asks for scripts and databases side by side.
func (l Look) look(ctx context.Context) (view, error) {
	s := view{databases: make([]database, len(l.Migrate.Databases))}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { s.Outlook, err = l.Deploy.Outlook(ctx); return err })
	for i, d := range l.Migrate.Databases {
		group.Go(func() (err error) {
			s.databases[i], err = l.database(ctx, d)
			return err
		})
	}
	err := group.Wait()
	return s, err
}

// closer asks, side by side, for what only a reader wants to know, and proves the
// pending migrations.
func (l Look) closer(ctx context.Context, s view) (versions map[string]cloudflare.Version, found []finding.Finding, err error) {
	var lost []finding.Finding
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { versions, err = l.versions(ctx, s); return err })
	group.Go(func() (err error) { lost, err = l.records(ctx, s); return err })
	tried := make([][]finding.Finding, len(s.databases))
	for i := range s.databases {
		group.Go(func() (err error) {
			tried[i], err = l.rehearse(ctx, &s.databases[i])
			return err
		})
	}
	err = group.Wait()
	return versions, append(slices.Concat(tried...), lost...), err
}

// seen are the parts of what was seen that a promotion depends on.
func (s view) seen(env string) preview.Seen {
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

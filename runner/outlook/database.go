package outlook

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/migration"
	"github.com/tminus/deploy-action/runner/preview"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/rehearsal"
)

// database is one D1 database as it was seen.
type database struct {
	preview.Database
	of    project.Database
	now   migration.Standing
	files []rehearsal.Migration // what is pending
	found []finding.Finding     // as they weigh for a promotion
}

// The rules of what keeps a database from being read.
const (
	missingStore      = "missing-store"
	missingPermission = "missing-permission"
)

// database compares one database. What the account says no to is a finding.
func (l Look) database(ctx context.Context, of project.Database) (database, error) {
	d := database{of: of, Database: preview.Database{Name: of.Name, ID: of.ID, At: of.At, Pending: []preview.Migration{}}}
	var err error
	if d.now, err = l.Migrate.Look(ctx, of); err != nil {
		d.found = finding.From(err, "", of.At)
		if d.found[0].Rule == "" {
			return d, err
		}
		d.Unread = d.found[0].Rule == missingPermission
	}
	for _, name := range d.now.Unknown {
		f := of.Orphan(name)
		f.At = of.At
		d.found = append(d.found, f)
	}
	d.ID, d.Applied = cmp.Or(d.now.ID, of.ID), len(d.now.Applied)
	if d.files, err = l.Migrate.Read(of, d.now.Pending); err != nil {
		return d, err
	}
	for _, m := range d.files {
		sum := sha256.Sum256([]byte(m.SQL))
		d.Pending = append(d.Pending, preview.Migration{Name: m.Name, File: m.File, SQL: m.SQL, Digest: "sha256:" + hex.EncodeToString(sum[:])})
	}
	return d, nil
}

// told are the findings about the database as they weigh for a plan. That it cannot
// be read closes a promotion, and says nothing against what is proposed; that it is
// not there yet is an error of the check.
func (d database) told() []finding.Finding {
	all := slices.Clone(d.found)
	for i, f := range all {
		switch f.Rule {
		case missingStore:
			all[i] = finding.Notef(f.Rule, f.At, "%s yet: its migrations are tried on an empty schema", f.Message).Hintf("%s", f.Hint)
		case missingPermission:
			all[i] = finding.Notef(f.Rule, f.At, "which migrations of %s are pending is not known, and none is proven: %s", d.Name, f.Message).Hintf("%s", f.Hint)
		}
	}
	return all
}

// rehearse proves the pending migrations as the stage does that applies them. When
// the schema cannot be read, that is said.
func (l Look) rehearse(ctx context.Context, d *database) ([]finding.Finding, error) {
	if len(d.files) == 0 {
		return nil, nil
	}
	tried, err := l.Migrate.Rehearse(ctx, d.of, d.now.ID, d.files)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		f := finding.From(err, "no-rehearsal", d.At)[0]
		return []finding.Finding{finding.Notef("no-rehearsal", f.At, "the migrations of %s are not proven, for its schema could not be read: %s", d.Name, f.Message).Hintf("%s", f.Hint)}, nil
	}
	d.Proven = tried.Proven
	if r := tried.Refused; r != nil {
		i := slices.IndexFunc(d.Pending, func(m preview.Migration) bool { return m.Name == r.Migration.Name })
		d.Pending[i].Refused, d.Pending[i].At = r.Reason, r.At
	}
	return append(tried.Doubts, finding.From(tried.Error, "migration", d.At)...), nil
}

package migration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/schema"
)

// Stage applies the pending migrations of an environment's databases.
type Stage struct {
	Client    *cloudflare.Client
	FS        fs.FS
	Databases []project.Database
	// Account is the account's id, for the restore command that is shown.
	Account string
	Draft   *release.Draft
	// First is the environment that a compensation must have been applied to before
	// this one, empty if there is none; Before are its databases.
	First  string
	Before []project.Database
}

// Name implements pipeline.Stage.
func (Stage) Name() string { return "migrate" }

// Tasks implements pipeline.Stage.
func (s Stage) Tasks() []pipeline.Task {
	var tasks []pipeline.Task
	for _, d := range s.Databases {
		title := fmt.Sprintf("Migrate %s (%d files in %s)", d.Name, len(d.Files), d.Dir)
		if d.Dir == "" {
			title = fmt.Sprintf("Migrate %s (no migrations directory is named)", d.Name)
		}
		tasks = append(tasks, pipeline.Task{Title: title, At: d.At, Do: func(ctx context.Context, out *pipeline.Out) error {
			return s.database(ctx, out, d)
		}})
	}
	return tasks
}

// Standing is a database with its migrations, by the account's ledger.
type Standing struct {
	ID string
	// Applied and Unknown are ledger names; of the unknown ones no file is there.
	Applied, Unknown []string
	// Pending are files, in the order in which they would be applied.
	Pending []string
}

// Look finds a database on the account and compares its ledger with the files, as
// every migration begins. It changes nothing. A database that no folder of
// migrations is named for is not asked. Of one that the account does not have, which
// is an error, every file is pending.
func (s Stage) Look(ctx context.Context, d project.Database) (Standing, error) {
	if d.Dir == "" {
		return Standing{ID: d.ID}, nil
	}
	id, err := s.find(ctx, d)
	if err != nil {
		return Standing{}, err
	}
	if id == "" {
		return Standing{Pending: d.Files}, missing(d)
	}
	applied, err := schema.Ledger{Client: s.Client, Database: id, Table: d.Table}.Read(ctx)
	if err != nil {
		return Standing{}, remedy.For(err, "D1:Edit")
	}
	return Standing{ID: id, Applied: applied, Unknown: schema.Unknown(d.Files, applied, d.Ledger), Pending: schema.Pending(d.Files, applied, d.Ledger)}, nil
}

// History is the ledger of a database as the account has it, none when no folder of
// migrations is named for it.
func (s Stage) History(ctx context.Context, d project.Database) ([]schema.Entry, error) {
	if d.Dir == "" {
		return nil, nil
	}
	id, err := s.find(ctx, d)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, missing(d)
	}
	all, err := schema.Ledger{Client: s.Client, Database: id, Table: d.Table}.History(ctx)
	return all, remedy.For(err, "D1:Edit")
}

func (s Stage) database(ctx context.Context, out *pipeline.Out, d project.Database) error {
	if d.Dir == "" {
		out.Endf("nothing to apply")
		return nil
	}
	now, err := s.Look(ctx, d)
	if err != nil {
		return err
	}
	for _, name := range now.Unknown {
		out.Note(d.Orphan(name))
	}
	id, applied, pending := now.ID, now.Applied, now.Pending
	done := release.Migrated{Name: d.Name, ID: id}
	if len(pending) == 0 {
		s.Draft.Migrate(done)
		out.Endf("up to date, %d applied", len(applied))
		return nil
	}
	files, err := s.Read(d, pending)
	if err != nil {
		return err
	}
	if err := s.untested(ctx, d, files); err != nil {
		return err
	}
	if err := s.rehearse(ctx, out, d, id, files); err != nil {
		return err
	}
	if done.Bookmark, err = s.Client.Bookmark(ctx, id); err != nil {
		return remedy.For(err, "D1:Edit")
	}
	s.Draft.Migrate(done)
	out.Note(finding.Notef("bookmark", d.At, "before the migrations %s stands at Time Travel bookmark %s", d.Name, done.Bookmark).
		Hintf("to go back to it, and lose what was written since: %s", s.restore(d, id, done.Bookmark)))
	out.Sayf("bookmark %s", done.Bookmark)
	ledger := schema.Ledger{Client: s.Client, Database: id, Table: d.Table}
	if len(applied) == 0 {
		if err := ledger.Create(ctx); err != nil {
			return remedy.For(err, "D1:Edit")
		}
	}
	return s.apply(ctx, out, ledger, d, done, files)
}

// apply applies files one after another and stops at the first that fails.
func (s Stage) apply(ctx context.Context, out *pipeline.Out, ledger schema.Ledger, d project.Database, done release.Migrated, pending []rehearsal.Migration) error {
	for i, p := range pending {
		out.Sayf("%d of %d: %s", i+1, len(pending), p.Name)
		if err := ledger.Apply(ctx, p.Name, p.SQL); err != nil {
			out.Endf("%d of %d applied", i, len(pending))
			return s.failed(err, d, p.File, p.SQL, i, len(pending))
		}
		done.Applied = append(slices.Clone(done.Applied), p.Name)
		s.Draft.Migrate(done)
	}
	out.Endf("%d applied: %s", len(pending), strings.Join(done.Applied, ", "))
	return nil
}

// failed puts a failed migration on its line and says what is there now.
func (s Stage) failed(err error, d project.Database, file, sql string, applied, pending int) error {
	if cloudflare.IsDenied(err) || errors.Is(err, context.Canceled) {
		return remedy.For(err, "D1:Edit")
	}
	f := finding.Errorf("migration", schema.Place(file, sql, err.Error()), "%s was refused by %s: %s", d.Ledger(file), d.Name, remedy.Reason(err))
	if applied == 0 {
		return f.Hintf("correct the file; nothing of it, and none of the %d pending ones, was applied", pending)
	}
	return f.Hintf("correct the file; nothing of it was applied, the %d before it were", applied)
}

// find gives the id of a database, empty when the account has none. The name on the
// account must be the one of the configuration: only the id would count, and it may
// be another's.
func (s Stage) find(ctx context.Context, d project.Database) (string, error) {
	all, err := s.Client.Databases(ctx)
	if err != nil {
		return "", remedy.For(err, "D1:Edit")
	}
	for _, there := range all {
		if there.ID == d.ID && there.Name != d.Name && d.Name != d.ID {
			return "", finding.Errorf("name-id-mismatch", d.At, "database %s is called %q on the account and %q here", d.ID, there.Name, d.Name).
				Hintf("only the id counts on Cloudflare; correct the name or the id")
		}
		if there.ID == d.ID || d.ID == "" && there.Name == d.Name {
			return there.ID, nil
		}
	}
	return "", nil
}

func missing(d project.Database) error {
	return finding.Errorf("missing-store", d.At, "the account has no D1 database %s", d.Name).
		Hintf("correct the name and id, or create it with deploy-action provision")
}

// restore is the call that brings a database back to a bookmark.
func (s Stage) restore(d project.Database, id, bookmark string) string {
	return fmt.Sprintf("npx wrangler d1 time-travel restore %s --bookmark %s (or POST /accounts/%s/d1/database/%s/time_travel/restore?bookmark=%s)",
		d.Name, bookmark, s.Account, id, bookmark)
}

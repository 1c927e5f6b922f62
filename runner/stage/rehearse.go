package stage

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/schema"
)

// read are the pending migrations of a database with their text.
func (m Migrate) read(d project.Database, pending []string) ([]rehearsal.Migration, error) {
	all := make([]rehearsal.Migration, len(pending))
	for i, file := range pending {
		sql, err := fs.ReadFile(m.FS, file)
		if err != nil {
			return nil, err
		}
		all[i] = rehearsal.Migration{Name: d.Ledger(file), File: file, SQL: string(sql)}
	}
	return all, nil
}

// rehearse proves pending migrations on a copy of the database's schema. An error
// means that nothing must be applied.
func (m Migrate) rehearse(ctx context.Context, out *pipeline.Out, ledger schema.Ledger, d project.Database, pending []rehearsal.Migration) error {
	objects, err := ledger.Structure(ctx)
	if err != nil {
		return remedy.For(err, "D1:Edit")
	}
	proof, err := rehearsal.Prove(ctx, objects, pending)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		out.Note(finding.Warnf("no-rehearsal", d.At, "the migrations of %s were not tried before: %s", d.Name, err).
			Hintf("D1 itself refuses what it cannot do, one file at a time and wholly"))
		return nil
	}
	for _, f := range proof.Doubts {
		out.Note(f)
	}
	for _, r := range proof.Inhabited {
		refuses, err := m.inhabited(ctx, ledger, objects, r.Table)
		if err != nil {
			return err
		}
		if refuses {
			return refused(r, d, "has rows: "+r.Reason).Hintf("give the column a default, or rebuild the table; nothing was applied")
		}
	}
	if r := proof.Refused; r != nil {
		return refused(r, d, r.Reason).Hintf("correct the file; it was tried on a copy of the schema, and nothing was applied")
	}
	out.Sayf("proven on a copy of the schema: %d tables, %d of them with a row", proof.Tables, proof.Rows)
	return nil
}

func refused(r *rehearsal.Refusal, d project.Database, why string) finding.Finding {
	return finding.Errorf("migration", r.At, "%s would be refused by %s: %s", r.Migration.Name, d.Name, why)
}

// inhabited tells whether a table of the account has a row. One that is not there
// yet has none.
func (m Migrate) inhabited(ctx context.Context, ledger schema.Ledger, objects []schema.Object, table string) (bool, error) {
	if !slices.ContainsFunc(objects, func(o schema.Object) bool { return o.Type == "table" && strings.EqualFold(o.Name, table) }) {
		return false, nil
	}
	yes, err := ledger.Inhabited(ctx, table)
	return yes, remedy.For(err, "D1:Edit")
}

// untested finds pending compensations that the environment before this one has
// not had: the runbook has them tried there first.
func (m Migrate) untested(ctx context.Context, d project.Database, pending []rehearsal.Migration) error {
	var wanted []rehearsal.Migration
	for _, p := range pending {
		if _, ok := schema.Reverses(p.SQL); ok {
			wanted = append(wanted, p)
		}
	}
	if len(wanted) == 0 || m.First == "" {
		return nil
	}
	i := slices.IndexFunc(m.Before, func(b project.Database) bool { return b.Dir == d.Dir })
	if i < 0 {
		return finding.Errorf("compensation-untested", wantedAt(wanted[0]), "%s was tried nowhere before: no database of %s takes the migrations in %s", wanted[0].Name, m.First, d.Dir).
			Hintf("give %s a database with migrations_dir %s, and migrate it first", m.First, d.Dir)
	}
	there, err := m.Look(ctx, m.Before[i])
	if err != nil {
		return err
	}
	var found []finding.Finding
	for _, w := range wanted {
		if !slices.Contains(there.Applied, w.Name) {
			found = append(found, finding.Errorf("compensation-untested", wantedAt(w), "%s takes a migration back, and %s has not had it yet", w.Name, m.First).
				Hintf("deploy-action migrate --env %s, look whether all is well, then come back", m.First))
		}
	}
	return finding.Join(found)
}

func wantedAt(m rehearsal.Migration) finding.Position {
	return finding.Position{File: m.File, Line: 1}
}

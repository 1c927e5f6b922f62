package migration

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

// Read are pending migrations of a database with their text.
func (s Stage) Read(d project.Database, pending []string) ([]rehearsal.Migration, error) {
	all := make([]rehearsal.Migration, len(pending))
	for i, file := range pending {
		sql, err := fs.ReadFile(s.FS, file)
		if err != nil {
			return nil, err
		}
		all[i] = rehearsal.Migration{Name: d.Ledger(file), File: file, SQL: string(sql)}
	}
	return all, nil
}

// Rehearsal is what came of pending migrations on a copy of their database's schema.
type Rehearsal struct {
	// Doubts are what only the data decides. Without a copy, which is no fault of a
	// migration, they say why there is none.
	Doubts []finding.Finding
	// Refused is the statement that would be refused, nil if none would.
	Refused *rehearsal.Refusal
	// Error says so as a finding, nil if none would.
	Error error
	// Proven says on what all were proven; empty if they were not.
	Proven string
}

// Rehearse proves pending migrations on a copy of the schema that the account has,
// and changes nothing. A database without an id is not there yet, and has an empty
// one. The error is of the account, not of a migration.
func (s Stage) Rehearse(ctx context.Context, d project.Database, id string, pending []rehearsal.Migration) (Rehearsal, error) {
	ledger := schema.Ledger{Client: s.Client, Database: id, Table: d.Table}
	var objects []schema.Object
	if id != "" {
		var err error
		if objects, err = ledger.Structure(ctx); err != nil {
			return Rehearsal{}, remedy.For(err, "D1:Edit")
		}
	}
	proof, err := rehearsal.Prove(ctx, objects, pending)
	if ctx.Err() != nil {
		return Rehearsal{}, context.Cause(ctx)
	}
	if err != nil {
		return Rehearsal{Doubts: []finding.Finding{finding.Warnf("no-rehearsal", d.At, "the migrations of %s were not tried before: %s", d.Name, err).
			Hintf("D1 itself refuses what it cannot do, one file at a time and wholly")}}, nil
	}
	for _, r := range proof.Inhabited {
		refuses, err := s.inhabited(ctx, ledger, objects, r.Table)
		if err != nil {
			return Rehearsal{}, err
		}
		if refuses {
			r.Reason = "has rows: " + r.Reason
			return refused(proof, r, d, "give the column a default, or rebuild the table; nothing was applied"), nil
		}
	}
	if r := proof.Refused; r != nil {
		return refused(proof, r, d, "correct the file; it was tried on a copy of the schema, and nothing was applied"), nil
	}
	return Rehearsal{Doubts: proof.Doubts, Proven: proof.String()}, nil
}

func refused(proof rehearsal.Proof, r *rehearsal.Refusal, d project.Database, hint string) Rehearsal {
	return Rehearsal{Doubts: proof.Doubts, Refused: r, Error: finding.Errorf("migration", r.At, "%s would be refused by %s: %s", r.Migration.Name, d.Name, r.Reason).Hintf("%s", hint)}
}

// rehearse proves pending migrations and tells what came of it. An error means that
// nothing must be applied.
func (s Stage) rehearse(ctx context.Context, out *pipeline.Out, d project.Database, id string, pending []rehearsal.Migration) error {
	tried, err := s.Rehearse(ctx, d, id, pending)
	if err != nil {
		return err
	}
	for _, f := range tried.Doubts {
		out.Note(f)
	}
	if tried.Proven != "" {
		out.Sayf("%s", tried.Proven)
	}
	return tried.Error
}

// inhabited tells whether a table of the account has a row. One that is not there
// yet has none.
func (s Stage) inhabited(ctx context.Context, ledger schema.Ledger, objects []schema.Object, table string) (bool, error) {
	if !slices.ContainsFunc(objects, func(o schema.Object) bool { return o.Type == "table" && strings.EqualFold(o.Name, table) }) {
		return false, nil
	}
	yes, err := ledger.Inhabited(ctx, table)
	return yes, remedy.For(err, "D1:Edit")
}

// untested finds pending compensations that the environment before this one has
// not had: the runbook has them tried there first.
func (s Stage) untested(ctx context.Context, d project.Database, pending []rehearsal.Migration) error {
	var wanted []rehearsal.Migration
	for _, p := range pending {
		if _, ok := schema.Reverses(p.SQL); ok {
			wanted = append(wanted, p)
		}
	}
	if len(wanted) == 0 || s.First == "" {
		return nil
	}
	i := slices.IndexFunc(s.Before, func(b project.Database) bool { return b.Dir == d.Dir })
	if i < 0 {
		return finding.Errorf("compensation-untested", wantedAt(wanted[0]), "%s was tried nowhere before: no database of %s takes the migrations in %s", wanted[0].Name, s.First, d.Dir).
			Hintf("give %s a database with migrations_dir %s, and migrate it first", s.First, d.Dir)
	}
	there, err := s.Look(ctx, s.Before[i])
	if err != nil {
		return err
	}
	var found []finding.Finding
	for _, w := range wanted {
		if !slices.Contains(there.Applied, w.Name) {
			found = append(found, finding.Errorf("compensation-untested", wantedAt(w), "%s takes a migration back, and %s has not had it yet", w.Name, s.First).
				Hintf("deploy-action migrate --env %s, look whether all is well, then come back", s.First))
		}
	}
	return finding.Join(found)
}

func wantedAt(m rehearsal.Migration) finding.Position {
	return finding.Position{File: m.File, Line: 1}
}

package compensation

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/migration"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/reversal"
	"github.com/tminus/deploy-action/runner/schema"
)

// Stage writes the compensation of one migration.
type Stage struct {
	Target
	// Account asks for the schema on which the file is proven; without a client the
	// files alone are replayed.
	Account migration.Stage
	Env     string
	// Root is the project's directory.
	Root string
	// DryRun: the file is derived and proven, and not written.
	DryRun bool
	// Into is where the file's text is left.
	Into *reversal.Reverse

	now *standing
}

// standing is what the account said.
type standing struct {
	objects []schema.Object
	pending []rehearsal.Migration
}

// Name implements pipeline.Stage.
func (Stage) Name() string { return "compensate" }

// Tasks implements pipeline.Stage.
func (s Stage) Tasks() []pipeline.Task {
	at := finding.Position{File: s.Files[s.Index].File, Line: 1}
	s.now = &standing{}
	read, derive, prove := "Read the schema of "+s.Database.Name, "Derive the reverse of "+s.Files[s.Index].Name, "Prove it on the schema of "+s.Database.Name
	var tasks []pipeline.Task
	var needs []string
	if s.Account.Client != nil {
		tasks = append(tasks, pipeline.Task{Title: read, At: s.Database.At, Do: s.read})
		needs = []string{read}
	}
	tasks = append(tasks, pipeline.Task{Title: derive, At: at, Needs: needs, Do: s.derive})
	last := derive
	if s.Account.Client != nil {
		tasks = append(tasks, pipeline.Task{Title: prove, At: at, Needs: []string{derive}, Do: s.prove})
		last = prove
	}
	if !s.DryRun {
		tasks = append(tasks, pipeline.Task{Title: "Write " + s.Path(), At: at, Needs: []string{last}, Do: s.write})
	}
	return tasks
}

// read asks for the ledger and the schema. A migration that was not applied needs
// no compensation.
func (s Stage) read(ctx context.Context, out *pipeline.Out) error {
	m := s.Files[s.Index]
	there, err := s.Account.Look(ctx, s.Database)
	if err != nil {
		return err
	}
	if !slices.Contains(there.Applied, m.Name) {
		return finding.Errorf("not-applied", finding.Position{File: m.File, Line: 1}, "%s is not applied to %s, so there is nothing to take back in %s", m.Name, s.Database.Name, s.Env).
			Hintf("edit or delete the file instead, if no other environment has it either: deploy-action migrate --status shows it")
	}
	for _, name := range there.Unknown {
		out.Note(s.Database.Orphan(name))
	}
	s.now.objects, err = schema.Ledger{Client: s.Account.Client, Database: there.ID, Table: s.Database.Table}.Structure(ctx)
	if err != nil {
		return remedy.For(err, "D1:Edit")
	}
	s.now.objects = slices.DeleteFunc(s.now.objects, func(o schema.Object) bool { return strings.EqualFold(o.Table, s.Database.Table) })
	for _, f := range s.Files {
		if slices.Contains(there.Pending, f.File) {
			s.now.pending = append(s.now.pending, f)
		}
	}
	out.Endf("%d things, %d migrations applied, %d pending", len(s.now.objects), len(there.Applied), len(there.Pending))
	return nil
}

func (s Stage) derive(ctx context.Context, out *pipeline.Out) error {
	r, err := reversal.Derive(ctx, s.Files, s.Index)
	if err != nil {
		return err
	}
	for _, f := range append(r.Lost, s.goes(r.What)...) {
		out.Note(f)
	}
	open, err := r.Prove(ctx, path.Base(s.Path()), s.Path())
	if err != nil {
		return err
	}
	for _, f := range open {
		out.Note(f)
	}
	if s.Account.Client == nil {
		out.Note(finding.Warnf("not-asked", finding.Position{}, "proven by replaying the files alone: no account was asked whether %s was applied, and to what", r.Of.Name).
			Hintf("set CLOUDFLARE_API_TOKEN to have it proven on the schema of %s", s.Env))
	}
	*s.Into = *r
	out.Endf("%s", strings.Join(r.What, ", "))
	return nil
}

// goes says what is dropped together with what people have put into it since.
func (s Stage) goes(what []string) []finding.Finding {
	var dropped []string
	for _, w := range what {
		if name, ok := strings.CutPrefix(w, "drops "); ok && (strings.HasPrefix(name, "table ") || strings.HasPrefix(name, "column ")) {
			dropped = append(dropped, name)
		}
	}
	if len(dropped) == 0 {
		return nil
	}
	return []finding.Finding{finding.Warnf("goes-with-it", finding.Position{File: s.Files[s.Index].File, Line: 1}, "what was put into %s since goes with it", strings.Join(dropped, " and ")).
		Hintf("copy what must be kept before it is applied; migrate shows a Time Travel bookmark first")}
}

func (s Stage) prove(ctx context.Context, out *pipeline.Out) error {
	open, err := s.Into.ProveOn(ctx, s.now.objects, s.now.pending, path.Base(s.Path()), s.Path(), s.Database.Name)
	if err != nil {
		s.Into.SQL = ""
		return err
	}
	for _, f := range open {
		out.Note(f)
	}
	out.Endf("as it was without %s, with every row", s.Files[s.Index].Name)
	return nil
}

func (s Stage) write(_ context.Context, out *pipeline.Out) error {
	if err := write(s.Root, s.Path(), s.Into.SQL); err != nil {
		return err
	}
	out.Endf("apply it with deploy-action migrate --env staging, then to production")
	return nil
}

// Target is one migration among all of its folder.
type Target struct {
	Database project.Database
	Files    []rehearsal.Migration
	Index    int
}

// Path is the file that takes the migration back: the next number of the folder, and
// what the migration is called, relative to the project.
func (t Target) Path() string {
	name := t.Files[t.Index].Name
	number := reversal.Number(name)
	width, highest := max(len(number), 1), 0
	for _, f := range t.Files {
		n := reversal.Number(f.Name)
		highest, width = max(highest, reversal.Value(n)), max(width, min(len(n), 9))
	}
	what := strings.TrimLeft(strings.TrimSuffix(strings.TrimPrefix(name, number), ".sql"), "_-")
	return path.Join(t.Database.Dir, padded(highest+1, width)+"_rollback_"+strings.ReplaceAll(what, "/", "_")+".sql")
}

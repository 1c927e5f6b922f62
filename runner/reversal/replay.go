package reversal

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/schema"
)

// worlds are the schemas between which a migration stands.
type worlds struct {
	before, after rehearsal.Shape // of the migration
	now           *rehearsal.Copy // with all files
	has, want     rehearsal.Shape // with all files, and with all but the migration
}

func (w worlds) close() { _ = w.now.Close() } // it is memory

// replay makes the worlds of the i-th of some files.
func replay(ctx context.Context, files []rehearsal.Migration, i int) (w worlds, err error) {
	if w.now, err = rehearsal.New(); err != nil {
		return w, err
	}
	w.now.Until(ctx)
	for j, m := range files {
		if j == i {
			if w.before, err = w.now.Shape(); err != nil {
				return w, err
			}
		}
		if _, err := w.now.Try(m); err != nil {
			return w, invalid(m, err)
		}
		if j == i {
			if w.after, err = w.now.Shape(); err != nil {
				return w, err
			}
		}
	}
	if w.has, err = w.now.Shape(); err != nil {
		return w, err
	}
	return w, w.without(ctx, files, i)
}

// invalid is the finding for a file that does not apply to what the files before it
// have made.
func invalid(m rehearsal.Migration, err error) error {
	r, ok := errors.AsType[*rehearsal.Refusal](err)
	if !ok {
		return err
	}
	return finding.Errorf("migration", r.At, "%s does not apply to what the files before it make: %s", m.Name, r.Reason).
		Hintf("the schema is replayed from the files alone; correct the file, or add what makes the schema that it needs")
}

// without replays all files but one, and finds out whether a later one needs it. A
// later one that was taken back needs nothing any more: it is left out together with
// what takes it back.
func (w *worlds) without(ctx context.Context, files []rehearsal.Migration, i int) error {
	skip := map[int]bool{i: true}
	for {
		needs, err := w.attempt(ctx, files, i, skip)
		if err == nil || needs < 0 {
			return err
		}
		back := Compensation(files, needs)
		if back < 0 || skip[back] {
			return err
		}
		c, _, replayErr := without(ctx, files, -1, map[int]bool{needs: true, back: true})
		if replayErr != nil {
			return err
		}
		s, shapeErr := c.Shape()
		_ = c.Close() // it is memory
		if shapeErr != nil || len(s.Differences(w.has)) > 0 {
			return err // it takes back something else too
		}
		skip[needs], skip[back] = true, true
	}
}

// without is a copy with all files but some. An error comes with the place of the
// file that failed, if one did. Rows behind the i-th may be of what is not there.
func without(ctx context.Context, files []rehearsal.Migration, i int, skip map[int]bool) (*rehearsal.Copy, int, error) {
	c, err := rehearsal.New()
	if err != nil {
		return nil, -1, err
	}
	c.Until(ctx)
	for j, m := range files {
		c.Lenient = c.Lenient || j == i
		if skip[j] {
			continue
		}
		if _, err := c.Try(m); err != nil {
			return nil, j, errors.Join(err, c.Close())
		}
	}
	return c, -1, nil
}

// attempt makes the wanted schema. Of an error that another file is the cause of it
// gives the place of that file, else -1.
func (w *worlds) attempt(ctx context.Context, files []rehearsal.Migration, i int, skip map[int]bool) (int, error) {
	c, j, err := without(ctx, files, i, skip)
	if r, ok := errors.AsType[*rehearsal.Refusal](err); ok {
		return j, depends(files[i], files[j], r.At, r.Reason)
	}
	if err != nil {
		return -1, err
	}
	defer func() { _ = c.Close() }() // it is memory
	if w.want, err = c.Shape(); err != nil {
		return -1, err
	}
	broken, err := c.Broken()
	if err != nil {
		return -1, err
	}
	already, err := w.now.Broken()
	if err != nil {
		return -1, err
	}
	for _, what := range broken {
		_, name, _ := strings.Cut(what, " ")
		for j := i + 1; j < len(files) && !slices.Contains(already, what); j++ {
			if at, ok := mention(files[j], name); ok && !skip[j] {
				return j, depends(files[i], files[j], at, what+" could not be used without it")
			}
		}
	}
	return -1, nil
}

func depends(m, later rehearsal.Migration, at finding.Position, why string) error {
	return finding.Errorf("depends", at, "%s needs what %s did: %s", later.Name, m.Name, why).
		Hintf("compensate %s first", later.Name)
}

// mention finds the place where a file names a thing.
func mention(m rehearsal.Migration, name string) (finding.Position, bool) {
	text := schema.Statement(m.SQL)
	for _, t := range schema.Tokens(text) {
		if strings.EqualFold(t.Name(), name) {
			return finding.Span(m.File, []byte(text), t.At, t.At+len(t.Text)), true
		}
	}
	return finding.Position{}, false
}

// statement is one statement of a migration.
type statement struct {
	tokens []schema.Token
	at     finding.Position
}

func statements(m rehearsal.Migration) []statement {
	text := schema.Statement(m.SQL)
	var all []statement
	for _, p := range schema.Split(text) {
		all = append(all, statement{schema.Tokens(text[p.Start:p.End]), finding.Span(m.File, []byte(text), p.Start, p.End)})
	}
	return all
}

// words tells whether a statement begins with some words, and gives what is behind
// them, without IF EXISTS and its like.
func (s statement) words(words ...string) ([]schema.Token, bool) {
	rest := s.tokens
	for _, w := range words {
		if len(rest) == 0 || !rest[0].Is(w) {
			return nil, false
		}
		rest = rest[1:]
	}
	for len(rest) > 0 && (rest[0].Is("IF") || rest[0].Is("NOT") || rest[0].Is("EXISTS") || rest[0].Is("INTO") || rest[0].Is("OR") || rest[0].Is("FROM")) {
		rest = rest[1:]
	}
	if len(rest) > 2 && rest[0].Is("main") && rest[1].Text == "." {
		rest = rest[2:]
	}
	return rest, len(rest) > 0
}

// rename is a table or one of its columns that got another name.
type rename struct{ table, from, to string } // a table has no from

// renames are those of a migration, the last one first.
func renames(m rehearsal.Migration) []rename {
	var all []rename
	for _, s := range statements(m) {
		rest, ok := s.words("ALTER", "TABLE")
		if !ok || len(rest) < 4 || !rest[1].Is("RENAME") {
			continue
		}
		table := rest[0].Name()
		if rest = rest[2:]; rest[0].Is("COLUMN") && len(rest) > 3 {
			rest = rest[1:]
		}
		switch {
		case rest[0].Is("TO"):
			all = append(all, rename{table: table, to: rest[1].Name()})
		case len(rest) > 2 && rest[1].Is("TO"):
			all = append(all, rename{table, rest[0].Name(), rest[2].Name()})
		}
	}
	slices.Reverse(all)
	return all
}

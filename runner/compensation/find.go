package compensation

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/rehearsal"
	"github.com/tminus/deploy-action/runner/reversal"
	"github.com/tminus/deploy-action/runner/whole"
)

func padded(n, width int) string { return fmt.Sprintf("%0*d", width, n) }

// Find finds the migration that a person means, by its number, its name or its path,
// in the folders of some databases.
func Find(fsys fs.FS, databases []project.Database, meant string) (Target, error) {
	var found []Target
	var known []string
	seen := map[string]bool{}
	for _, d := range databases {
		if d.Dir == "" || seen[d.Dir] {
			continue
		}
		seen[d.Dir] = true
		t := Target{Database: d}
		for _, file := range d.Files {
			sql, err := fs.ReadFile(fsys, file)
			if err != nil {
				return Target{}, err
			}
			t.Files = append(t.Files, rehearsal.Migration{Name: d.Ledger(file), File: file, SQL: string(sql)})
		}
		for i, m := range t.Files {
			known = append(known, m.File)
			if means(m, meant) {
				t.Index = i
				found = append(found, t)
			}
		}
	}
	switch {
	case len(seen) == 0:
		return Target{}, finding.Errorf("no-migrations", finding.Position{}, "no database names a folder of migrations").
			Hintf("write migrations_dir beside the database_id")
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		var names []string
		for _, t := range found {
			names = append(names, t.Files[t.Index].File)
		}
		return Target{}, finding.Errorf("bad-flag", finding.Position{}, "%q is the number of %d migrations", meant, len(found)).
			Hintf("name one of %s", strings.Join(names, ", "))
	}
	f := finding.Errorf("unknown-migration", finding.Position{}, "there is no migration %q", meant)
	if len(known) == 0 {
		return Target{}, f.Hintf("the folders of migrations hold no .sql file")
	}
	return Target{}, f.Hintf("%s", near(known, meant))
}

// means tells whether a file is meant by a number, a name or a path.
func means(m rehearsal.Migration, meant string) bool {
	meant = strings.TrimPrefix(filepath.ToSlash(strings.TrimSpace(meant)), "./")
	if reversal.Number(meant) == meant && meant != "" {
		number := reversal.Number(m.Name)
		return number != "" && strings.TrimLeft(number, "0") == strings.TrimLeft(meant, "0")
	}
	return slices.Contains([]string{m.File, m.Name, path.Base(m.Name), strings.TrimSuffix(m.Name, ".sql")}, meant)
}

// near names the file that was meant, if one differs by a slip, and else the newest ones.
func near(known []string, meant string) string {
	for _, file := range known {
		name := strings.TrimSuffix(path.Base(file), ".sql")
		forms := []string{path.Base(file), name, strings.TrimLeft(strings.TrimPrefix(name, reversal.Number(name)), "_-")}
		if _, ok := document.Near(path.Base(meant), forms); ok {
			return "did you mean " + path.Base(file) + "?"
		}
	}
	return "the newest are " + strings.Join(known[max(0, len(known)-5):], ", ")
}

// Existing is the file that takes the migration back already, if there is one that
// was not itself taken back.
func (t Target) Existing() (rehearsal.Migration, bool) {
	i := reversal.Compensation(t.Files, t.Index)
	if i < 0 {
		return rehearsal.Migration{}, false
	}
	return t.Files[i], true
}

// write makes a new file, and never changes one that is there.
func write(root, name, text string) error {
	if err := whole.Create(filepath.Join(root, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
		return unwritten(name, err)
	}
	return nil
}

func unwritten(name string, err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err // name says where, as the project knows it
	}
	f := finding.Errorf("not-written", finding.Position{}, "write %s: %s", name, err)
	if errors.Is(err, fs.ErrExist) {
		return f.Hintf("a file of that name is there, and no file is ever overwritten; look at it, or run again")
	}
	return f.Hintf("make the folder writable; --dry-run prints the file instead")
}

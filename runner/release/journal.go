package release

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/whole"
)

// Journal keeps a manifest before traffic moves: a write-ahead record. An error
// keeps traffic from moving, unless it is a finding that closes no gate.
type Journal interface {
	Record(ctx context.Context, m Manifest) error
}

// Journals are several journals, each of which gets every record.
type Journals []Journal

// Record implements [Journal]. A journal is not asked when one before it failed.
func (all Journals) Record(ctx context.Context, m Manifest) error {
	var notes []finding.Finding
	for _, j := range all {
		found := finding.From(j.Record(ctx, m), "record", finding.Position{})
		notes = append(notes, found...)
		if finding.Closes(found) {
			break
		}
	}
	return finding.Join(notes)
}

// Folder is a journal in a directory: one file for each environment's newest
// release, written so that it is there wholly or not at all.
type Folder struct{ Dir string }

// Path is the file of an environment.
func (f Folder) Path(environment string) string {
	return filepath.Join(f.Dir, environment+".json")
}

// Record implements [Journal]. A release that changes nothing leaves the record of
// the one before it.
func (f Folder) Record(_ context.Context, m Manifest) error {
	if !m.Changed() {
		return nil
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("record release %s: %w", m.Release, err)
	}
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return fmt.Errorf("record release %s: %w", m.Release, err)
	}
	// The records are of this machine: they are kept out of the repository, whoever's git asks.
	if err := whole.Replace(filepath.Join(f.Dir, ".gitignore"), []byte("*\n"), 0o644); err != nil {
		return fmt.Errorf("record release %s: %w", m.Release, err)
	}
	if err := whole.Replace(f.Path(m.Environment), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("record release %s: %w", m.Release, err)
	}
	return nil
}

// Read gives the newest release of an environment that the folder knows; it
// wraps fs.ErrNotExist when there is none.
func (f Folder) Read(environment string) (Manifest, error) {
	raw, err := os.ReadFile(f.Path(environment))
	if err != nil {
		return Manifest{}, fmt.Errorf("read the record of %s: %w", environment, err)
	}
	return Parse(raw)
}

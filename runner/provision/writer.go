package provision

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/whole"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// writer writes ids into the files of a project, one file at a time.
type writer struct {
	dir string
	mu  sync.Mutex
	// files are those that were written.
	files []string
}

// line is what a place of a file said and says now. The rest of the line is left out:
// in JSON it may hold anything.
type line struct {
	at       finding.Position
	was, now string
}

// write puts an id into an entry. The file is read anew, so that what somebody else
// wrote in between is kept, and replaced whole.
func (w *writer) write(m mention, id string) (line, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	file, err := filepath.EvalSymlinks(filepath.Join(w.dir, filepath.FromSlash(m.file)))
	if err != nil {
		return line{}, err
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return line{}, err
	}
	out, at, err := wrangler.Fill(m.file, src, m.entry, m.field, m.was, id)
	if err != nil {
		return line{}, err
	}
	if err := whole.Replace(file, out, 0o644); err != nil {
		return line{}, err
	}
	if !slices.Contains(w.files, m.file) {
		w.files = append(w.files, m.file)
	}
	done := line{at: at, now: m.said(id)}
	if m.was != "" {
		done.was = m.said(m.was)
	}
	return done, nil
}

// written are the files that were written, sorted.
func (w *writer) written() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(slices.Values(w.files))
}

// said is how a value of the entry is written in its file.
func (m mention) said(text string) string {
	if path.Ext(m.file) == ".toml" {
		return fmt.Sprintf("%s = %q", m.field, text)
	}
	return fmt.Sprintf("%q: %q", m.field, text)
}

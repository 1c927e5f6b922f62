package origin

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/go-sourcemap/sourcemap"

	"github.com/tminus/deploy-action/runner/finding"
)

// Worker is one Worker of a project whose stacks are led back.
type Worker struct {
	// FS is the project, and Root where it lies on this machine.
	FS   fs.FS
	Root string
	// Dir is the Worker's folder in it.
	Dir string

	main string // the built module that the map is of
	maps *sourcemap.Consumer
}

// Mapped is the Worker with the source map of its main module.
func (w Worker) Mapped(main string, raw []byte) (Worker, error) {
	maps, err := sourcemap.Parse("", raw)
	if err != nil {
		return w, fmt.Errorf("read the source map of %s: %w", main, err)
	}
	w.main, w.maps = main, maps
	return w, nil
}

// Place is a frame and where it came from.
type Place struct {
	Frame
	// At is the place in the project; zero where it is not known, or out of it.
	At finding.Position `json:"at,omitzero"`
	// Source is the file that the frame came from, in the project or not; empty when it
	// is not known.
	Source string `json:"source,omitempty"`
}

// String is the frame with the place that a person looks for.
func (p Place) String() string {
	at := p.Source
	if !p.At.IsZero() {
		at = p.At.String()
	}
	switch {
	case at == "":
		return p.Frame.String()
	case p.Function == "":
		return at
	}
	return p.Function + " (" + at + ")"
}

// Trace is a stack that was led back as far as it could be.
type Trace []Place

// At is the first place in the project's own code, of what somebody wrote if possible,
// else of what a build made of it; zero when there is none.
func (t Trace) At() finding.Position {
	var made finding.Position
	for _, p := range t {
		switch {
		case p.At.IsZero() || installed(p.At.File):
		case !generated(p.At.File):
			return p.At
		case made.IsZero():
			made = p.At
		}
	}
	return made
}

// Built tells whether a frame is left in built code, of which nobody knows where it
// came from.
func (t Trace) Built() bool {
	return slices.ContainsFunc(t, func(p Place) bool { return p.Source == "" && !strings.Contains(p.File, "internal:") })
}

// installed tells whether a file belongs to a package that the project installed.
func installed(file string) bool {
	return strings.HasPrefix(file, "node_modules/") || strings.Contains(file, "/node_modules/")
}

// generated tells whether a file is what a build of the project makes of its packages,
// without a map of its own: it is in no commit.
func generated(file string) bool {
	dir := "/" + path.Dir(file) + "/"
	return !isSource(file) && slices.ContainsFunc([]string{"/dist/", "/build/", "/out/"}, func(name string) bool { return strings.Contains(dir, name) })
}

// Trace leads frames back.
func (w Worker) Trace(frames []Frame) Trace {
	all := make(Trace, len(frames))
	for i, f := range frames {
		all[i] = w.place(f)
	}
	return all
}

func (w Worker) place(f Frame) Place {
	p := Place{Frame: f}
	source, line, column, text := f.File, f.Line, f.Column, ""
	if w.maps != nil && path.Base(f.File) == w.main {
		mapped, _, l, c, ok := w.maps.Source(f.Line, f.Column-1)
		if !ok || mapped == "" {
			return p
		}
		source, line, column, text = mapped, l, c+1, w.maps.SourceContent(mapped)
	} else if !isSource(f.File) {
		return p
	}
	file, ok := w.find(source)
	p.Source = file
	if !ok {
		return p
	}
	if text == "" {
		raw, _ := fs.ReadFile(w.FS, file) // without it columns are counted in UTF-16 units
		text = string(raw)
	}
	p.At = finding.Position{File: file, Line: line, Column: characters(text, line, column)}
	return p
}

// isSource tells whether a file is one that somebody wrote, which no bundle has.
func isSource(file string) bool {
	return slices.Contains([]string{".ts", ".tsx", ".mts", ".cts", ".jsx"}, path.Ext(file))
}

// find finds a source in the project. Bundlers name it from where they wrote the map,
// which is dist in the Worker's folder or a place out of the project.
func (w Worker) find(source string) (string, bool) {
	if u, err := url.Parse(source); err == nil && u.Scheme == "file" {
		source = u.Path
	}
	if root := strings.Trim(w.Root, "/"); root != "" {
		if _, below, ok := strings.Cut(source, root+"/"); ok {
			return below, w.has(below)
		}
	}
	for _, base := range []string{path.Join(w.Dir, "dist"), w.Dir, "."} {
		if file := path.Join(base, source); w.has(file) {
			return file, true
		}
	}
	trimmed := source
	for strings.HasPrefix(trimmed, "../") {
		trimmed = strings.TrimPrefix(trimmed, "../")
	}
	if file := path.Join(w.Dir, trimmed); w.has(file) {
		return file, true
	}
	return trimmed, false
}

func (w Worker) has(file string) bool {
	if w.FS == nil || !fs.ValidPath(file) {
		return false
	}
	info, err := fs.Stat(w.FS, file)
	return err == nil && info.Mode().IsRegular()
}

// characters turns a column that counts UTF-16 units, from 1, into one that counts
// characters.
func characters(text string, line, column int) int {
	for range line - 1 {
		_, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return column
		}
		text = rest
	}
	units, n := 1, 1
	for _, r := range text {
		if units >= column || r == '\n' {
			break
		}
		units += max(utf16.RuneLen(r), 1)
		n++
	}
	return n
}

package bundle

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Kind is how the runtime reads a module.
type Kind string

// The kinds of modules, named as the rules of a wrangler configuration are,
// where these have a name.
const (
	ESModule     Kind = "ESModule"
	CommonJS     Kind = "CommonJS"
	CompiledWasm Kind = "CompiledWasm"
	Text         Kind = "Text"
	Data         Kind = "Data"
	SourceMap    Kind = "SourceMap"
)

// MIME is the content type under which a module of the kind is uploaded. Source:
// cloudflare/workers-sdk, create-worker-upload-form.ts.
func (k Kind) MIME() string {
	switch k {
	case ESModule:
		return "application/javascript+module"
	case CommonJS:
		return "application/javascript"
	case CompiledWasm:
		return "application/wasm"
	case Text:
		return "text/plain"
	case SourceMap:
		return "application/source-map"
	default:
		return "application/octet-stream"
	}
}

// Module is one file of a Worker as uploaded. Its name is the specifier by which
// others import it.
type Module struct {
	Name    string
	Kind    Kind
	Content []byte
}

// Bundle is a Worker as built.
type Bundle struct {
	Worker string
	// Main is the name of the module that is started.
	Main string
	// Modules are the main module and then the others, by name. The source map is
	// among them only if the configuration asks for it to be uploaded.
	Modules []Module
	// SourceMap is the main module's map, uploaded or not.
	SourceMap []byte
	// Exports are the names that the main module exports, sorted.
	Exports []Export
	// Reads are the names that the main module reads of its environment, sorted.
	Reads []Read
	// Builtins are the node builtins that were asked for, sorted.
	Builtins []Builtin
	// Warnings are what the bundler found odd.
	Warnings []Problem
	// By tells who bundled: "esbuild" or "wrangler".
	By string
}

// Export is a name that the main module exports.
type Export struct {
	Name string
	Is   Shape
}

// Builtin is a node builtin that the code imports.
type Builtin struct {
	Name string // as written: "crypto", "node:crypto"
	From string // the importing file, relative to the root
	// Emptied: the code gets an empty module, because a package maps the builtin
	// away for browsers and nothing maps it back.
	Emptied bool
}

// Problem is something the bundler complains about.
type Problem struct {
	File         string // relative to the root, empty when it is nowhere
	Line, Column int    // from 1; the column counts bytes
	Length       int    // bytes that are at fault
	Text         string
	Note         string
}

// Error is a failed build: all that the bundler complained about.
type Error struct{ Problems []Problem }

// Error implements error with the first problem and the number of the others.
func (e *Error) Error() string {
	p := e.Problems[0]
	s := p.Text
	if p.File != "" {
		s = fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
	}
	if more := len(e.Problems) - 1; more > 0 {
		s += fmt.Sprintf(" (and %d more)", more)
	}
	return s
}

// Size is the sum of the modules in bytes, without the source map.
func (b *Bundle) Size() int {
	n := 0
	for _, m := range b.Modules {
		if m.Kind != SourceMap {
			n += len(m.Content)
		}
	}
	return n
}

// Digest is a fingerprint of everything that is uploaded: "sha256:" and 64 hex
// digits. Equal digests mean equal bytes under equal names.
func (b *Bundle) Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "main %q\n", b.Main)
	for _, m := range b.Modules {
		fmt.Fprintf(h, "%q %s %d\n", m.Name, m.Kind, len(m.Content))
		h.Write(m.Content)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// sortModules puts the main module first and the others by name.
func (b *Bundle) sortModules() {
	slices.SortFunc(b.Modules, func(x, y Module) int {
		first := func(m Module) int {
			if m.Name == b.Main {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(x), first(y)), strings.Compare(x.Name, y.Name))
	})
	b.Modules = slices.CompactFunc(b.Modules, func(x, y Module) bool { return x.Name == y.Name })
}

// SizeText is a number of bytes for a reader.
func SizeText(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d kB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

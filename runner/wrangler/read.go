package wrangler

import (
	"errors"
	"io/fs"

	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
)

// Names are the file names that wrangler looks for, in its order of preference.
var Names = []string{"wrangler.json", "wrangler.jsonc", "wrangler.toml"}

// File is one configuration file as written.
type File struct {
	// Path is the file, relative to the project's directory.
	Path string
	// Envs are the names of the environments in the order written.
	Envs []Value[string]
	// Top is the top level, which is what wrangler uses when no environment is named.
	Top Section
	// Warnings are what is odd without being wrong, such as a key nobody knows.
	Warnings []finding.Finding

	root *document.Node
	envs map[string]Section
}

// Read reads a configuration file. The error holds one finding for each thing
// that cannot be understood; rule "syntax" for the format, "config" for the rest.
func Read(fsys fs.FS, name string) (*File, error) {
	src, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, finding.Errorf("no-config", finding.Position{File: name}, "there is no file %s", name).
			Hintf("check the path, or the directory given with --project")
	}
	if err != nil {
		return nil, finding.Errorf("no-config", finding.Position{File: name}, "%s", err)
	}
	return Parse(name, src)
}

// Parse reads a configuration from memory. The name's ending tells the format.
func Parse(name string, src []byte) (*File, error) {
	root, err := document.Parse(name, src)
	if err != nil {
		return nil, err
	}
	f := &File{Path: name, root: root, envs: map[string]Section{}}
	r := &reader{}
	f.Top = r.section("", root, nil)
	r.unknownKeys(root, "the file")
	f.readEnvs(r)
	f.Warnings = r.Warnings
	return f, finding.Join(r.Errors)
}

func (f *File) readEnvs(r *reader) {
	envs := r.Table(f.root, "env")
	if envs == nil {
		return
	}
	for _, name := range envs.Keys() {
		env := envs.Field(name)
		f.Envs = append(f.Envs, Value[string]{V: name, At: env.Place()})
		if !env.IsTable() {
			r.Wrong(env, "env."+name, "a table")
			continue
		}
		merged, fromTop := inherit(f.root, env)
		f.envs[name] = r.section(name, merged, fromTop)
		r.unknownKeys(env, "environment "+name)
	}
}

// In gives one environment as it is meant. It tells false when the file does
// not define the environment.
func (f *File) In(env string) (Section, bool) {
	if env == "" {
		return f.Top, true
	}
	s, ok := f.envs[env]
	return s, ok
}

// Missing are the keys of the top level that an environment does not inherit
// and does not say again, in the order written. Keys that only declare
// something empty are left out.
func (f *File) Missing(env string) []Value[string] {
	envs := f.root.Field("env")
	if envs.Field(env) == nil {
		return nil
	}
	var missing []Value[string]
	for _, key := range f.root.Keys() {
		n := f.root.Field(key)
		if reaches(key) == repeated && !n.Empty() && envs.Field(env).Field(key) == nil {
			missing = append(missing, Value[string]{V: key, At: n.Place()})
		}
	}
	return missing
}

// Texts calls visit with every text value of the file, in the order written,
// which is how placeholders are looked for.
func (f *File) Texts(visit func(text Value[string])) {
	f.root.Walk(func(n *document.Node) {
		if s, ok := n.Scalar.(string); ok {
			visit(Value[string]{V: s, At: n.At})
		}
	})
}

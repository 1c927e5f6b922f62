package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/dotenv"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/secret"
	"github.com/tminus/deploy-action/runner/vault"
)

// valueFlags belong to commands that take secrets from a file too.
type valueFlags struct {
	EnvFile string `placeholder:"FILE" help:"A file of variables such as .env with the values of secrets. It is read and never executed; the environment wins over it."`
}

// envFile is a file of variables, and the example that it was copied from.
type envFile struct {
	entries, example []dotenv.Entry
	fresh            []string // values that came into being here
}

// sensitive are the values that nobody should see.
func (f envFile) sensitive() []string {
	var values []string
	for _, e := range f.entries {
		if secret.Like(e.Name, e.Value) {
			values = append(values, e.Value)
		}
	}
	return append(values, f.fresh...)
}

func (f envFile) value(name string) string {
	for _, e := range f.entries {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

// value is that of a secret: the environment's, else the file's.
func (p *program) value(name string) (string, bool) {
	if v, ok := p.lookup(name); ok && v != "" {
		return v, true
	}
	v := p.file.value(name)
	return v, v != ""
}

// readFile reads the file of variables that a flag names, and begins to redact what
// it holds before anything else is said.
func (p *program) readFile(flags valueFlags, dir string) error {
	if flags.EnvFile == "" {
		return nil
	}
	path := flags.EnvFile
	raw, err := read(path)
	if err != nil {
		return finding.Errorf("env-file", finding.Position{}, "--env-file: %s", err).Hintf("name a file of variables such as .env")
	}
	shown := filepath.ToSlash(path)
	if full, err := filepath.Abs(path); err == nil {
		if full, err = filepath.EvalSymlinks(full); err == nil {
			if below, err := filepath.Rel(dir, full); err == nil && !strings.HasPrefix(below, "..") {
				shown = filepath.ToSlash(below)
			}
		}
	}
	entries, found := dotenv.Parse(shown, raw)
	p.file.entries = entries
	for _, v := range p.file.sensitive() {
		if p.face != nil {
			p.face.job.Mask(v)
		}
	}
	p.redact = secret.Store{}.Redactor(p.sensitive()...).Redact
	for _, place := range []string{path + ".example", filepath.Join(filepath.Dir(path), ".env.example")} {
		if raw, err := read(place); err == nil {
			p.file.example, _ = dotenv.Parse(place, raw)
			break
		}
	}
	return finding.Join(found)
}

// read reads a file that is not larger than any file of variables.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			return nil, errors.New(path + ": " + inner.Err.Error())
		}
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 2<<20))
}

// gather takes the values of the secrets of some Workers, with what is to be said of
// them. Values are masked before.
func (p *program) gather(loaded project.Project, all []project.Target) (secret.Store, []finding.Finding) {
	p.secrets(loaded)
	var meant []project.Secret
	for _, s := range loaded.Settings.Secrets {
		if slices.ContainsFunc(all, func(t project.Target) bool {
			return slices.ContainsFunc(t.Scripts, func(one project.Script) bool { return slices.Contains(one.Secrets, s.Name) })
		}) {
			meant = append(meant, s)
		}
	}
	return vault.Gather(vault.Sources{Map: meant, Environment: p.lookup, File: p.file.entries, Example: p.file.example})
}

// closing are the findings that close a gate, as an error; the others are kept to be
// shown with the run.
func (p *program) closing(found []finding.Finding) error {
	var errs, notes []finding.Finding
	for _, f := range found {
		if f.Severity == finding.Error {
			errs = append(errs, f)
		} else {
			notes = append(notes, f)
		}
	}
	p.tell(notes)
	if p.face != nil {
		p.face.before = notes
	}
	return finding.Join(errs)
}

package stage

import (
	"path/filepath"
	"sync"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/project"
)

// Shelf is where Build puts bundles and Deploy takes them from. The zero Shelf is
// ready.
type Shelf struct {
	mu  sync.Mutex
	all map[string]*bundle.Bundle
}

func key(worker, env string) string { return worker + " " + env }

// Put keeps the bundle of a Worker for an environment.
func (s *Shelf) Put(worker, env string, b *bundle.Bundle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*bundle.Bundle{}
	}
	s.all[key(worker, env)] = b
}

// Get gives the bundle of a Worker for an environment, nil if none was made.
func (s *Shelf) Get(worker, env string) *bundle.Bundle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[key(worker, env)]
}

// Options say how a script is bundled. Root is the project's directory.
func Options(root string, s project.Script) bundle.Options {
	m := s.Section.Module
	o := bundle.Options{
		Worker: s.Worker,
		Root:   root,
		Dir:    filepath.Join(root, filepath.FromSlash(filepath.Dir(s.File))),
		Entry:  filepath.FromSlash(m.Main.V),
		Target: bundle.Target{Date: m.Date.V},
		Emit: bundle.Emit{
			Minify: m.Emit.Minify.V, DropNames: m.Emit.KeepNames.Written() && !m.Emit.KeepNames.V, SourceMaps: m.Emit.SourceMaps.V,
			Tsconfig: m.Emit.Tsconfig.V, JSXFactory: m.Emit.JSXFactory.V, JSXFrag: m.Emit.JSXFrag.V,
		},
		Files: bundle.Files{NoBundle: m.Emit.NoBundle.V, FindAdditional: m.Files.FindAdditional.V, PreserveNames: m.Files.PreserveNames.V},
	}
	for _, f := range m.Flags {
		o.Target.Flags = append(o.Target.Flags, f.V)
	}
	for _, r := range m.Rules {
		rule := bundle.Rule{Kind: bundle.Kind(r.Type.V), Fallthrough: r.Fallthrough.V}
		for _, g := range r.Globs {
			rule.Globs = append(rule.Globs, g.V)
		}
		o.Rules = append(o.Rules, rule)
	}
	if len(m.Define) > 0 {
		o.Define = map[string]string{}
		for name, v := range m.Define {
			o.Define[name] = v.V
		}
	}
	if len(m.Alias) > 0 {
		o.Alias = map[string]string{}
		for name, v := range m.Alias {
			o.Alias[name] = v.V
		}
	}
	return o
}

package build

import (
	"path/filepath"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/project"
)

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

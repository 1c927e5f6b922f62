package check

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// Code judges what a Worker's code asks of the runtime and offers to it. The
// bundle may be a survey of sources that are not built yet.
func Code(fsys fs.FS, s project.Script, mode bundle.NodeMode, b *bundle.Bundle) []finding.Finding {
	return slices.Concat(nodeCompat(s, mode, b), exports(fsys, s, b), localClasses(s, b))
}

// nodeCompat finds node builtins that the runtime will not have: error 1101.
func nodeCompat(s project.Script, mode bundle.NodeMode, b *bundle.Bundle) []finding.Finding {
	at := s.At()
	if key, ok := s.Section.Keys["compatibility_flags"]; ok {
		at = key.At
	}
	var all []finding.Finding
	told := map[string]bool{}
	for _, need := range b.Builtins {
		prefixed := strings.HasPrefix(need.Name, "node:")
		has := mode == bundle.NodeV2 || mode == bundle.NodeV1 && prefixed ||
			mode == bundle.NodeALS && strings.HasPrefix(need.Name, "node:async_hooks")
		if has || !prefixed && !need.Emptied && mode != bundle.NodeV1 || told[need.Name] {
			continue
		}
		told[need.Name] = true
		all = append(all, finding.Errorf("nodejs-compat", at, "%s imports %q, which %s does not have", need.From, need.Name, s.Name).
			Hintf(`add compatibility_flags = ["nodejs_compat"] to environment %s; without it the Worker answers error 1101`, s.Section.Env).
			See(finding.Position{File: need.From}))
	}
	return all
}

// exports finds named exports that workerd refuses to start with, and those that
// it takes without anybody knowing why they are there.
func exports(fsys fs.FS, s project.Script, b *bundle.Bundle) []finding.Finding {
	bound := map[string]bool{"default": true}
	for _, binding := range s.Section.Bindings {
		if class := binding.Field("class_name"); class.V != "" {
			bound[class.V] = true
		}
	}
	var all []finding.Finding
	for _, e := range b.Exports {
		if bound[e.Name] || e.Is == bundle.Class {
			continue
		}
		at := exportAt(fsys, s, e.Name)
		if e.Is == bundle.Primitive {
			all = append(all, finding.Errorf("extra-export", at, "%s exports %q, which is no handler and no class: workerd does not start it (error 1101)", s.Title, e.Name).
				Hintf("move %s to a module of its own; the entry exports the default handler and the classes only", e.Name))
			continue
		}
		all = append(all, finding.Warnf("extra-export", at, "%s exports %q, which is a %s and not a class", s.Title, e.Name, e.Is).
			Hintf("move it to a module of its own unless it is an entrypoint that another Worker calls"))
	}
	return all
}

// exportAt finds the line of the entry that exports a name.
func exportAt(fsys fs.FS, s project.Script, name string) finding.Position {
	file := entry(s)
	src, err := fs.ReadFile(fsys, file)
	if err != nil {
		return s.Section.Module.Main.At
	}
	at := regexp.MustCompile(fmt.Sprintf(`(?m)^\s*export\b[^\n]*\b%s\b`, regexp.QuoteMeta(name))).FindIndex(src)
	if at == nil {
		return finding.Position{File: file, Line: 1}
	}
	p := finding.Span(file, src, at[0], at[1])
	return finding.Position{File: p.File, Line: p.EndLine}
}

func entry(s project.Script) string {
	return path.Join(path.Dir(s.File), s.Section.Module.Main.V)
}

// localClasses finds classes that the configuration binds and the entry does not
// export.
func localClasses(s project.Script, b *bundle.Bundle) []finding.Finding {
	var all []finding.Finding
	for _, binding := range s.Section.Bindings {
		class := binding.Field("class_name")
		local := (binding.Type == "durable_object_namespace" || binding.Type == "workflow") && !outside(binding, s.Name)
		if !local || class.V == "" || slices.ContainsFunc(b.Exports, func(e bundle.Export) bool { return e.Name == class.V }) {
			continue
		}
		all = append(all, finding.Errorf("missing-class", class.At, "%s does not export the class %q", entry(s), class.V).
			Hintf("export it from the entry, or correct the name"))
	}
	return all
}

// outside tells whether a binding's class lives in another script.
func outside(b wrangler.Binding, script string) bool {
	host := b.Field("script_name").V
	return host != "" && host != script
}

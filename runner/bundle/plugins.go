package bundle

import (
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
)

// collector gathers what plugins meet on their way. esbuild calls plugins from
// many goroutines.
type collector struct {
	options Options
	// lenient: files that are not there yet are left out.
	lenient bool

	mu      sync.Mutex
	modules []Module
	asked   []Builtin
	errors  []Problem
}

// own marks resolutions that a plugin asks of esbuild itself, so that it does
// not answer its own question.
type own struct{}

// plugins in wrangler's order: aliases, module rules, node, cloudflare:.
func (o Options) plugins(c *collector, lenient bool) []api.Plugin {
	all := []api.Plugin{
		{Name: "watch-builtins", Setup: c.watchBuiltins},
		{Name: "alias", Setup: o.alias},
		{Name: "modules", Setup: c.rules},
		{Name: "node", Setup: o.node},
		{Name: "cloudflare", Setup: func(b api.PluginBuild) { external(b, `^cloudflare:`) }},
	}
	if lenient {
		all = append(all, api.Plugin{Name: "lenient", Setup: leaveOut})
	}
	return all
}

// external leaves imports that match to the runtime.
func external(b api.PluginBuild, filter string) {
	b.OnResolve(api.OnResolveOptions{Filter: filter}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		return api.OnResolveResult{Path: a.Path, External: true}, nil
	})
}

// alias replaces whole import paths; the replacement is resolved from the
// Worker's directory.
func (o Options) alias(b api.PluginBuild) {
	if len(o.Alias) == 0 {
		return
	}
	var names []string
	for name := range o.Alias {
		names = append(names, regexp.QuoteMeta(name))
	}
	slices.Sort(names)
	b.OnResolve(api.OnResolveOptions{Filter: "^(" + strings.Join(names, "|") + ")$"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		r := b.Resolve(o.Alias[a.Path], api.ResolveOptions{Kind: a.Kind, ResolveDir: o.Dir, Importer: a.Importer})
		return api.OnResolveResult{Path: r.Path, Namespace: r.Namespace, External: r.External, Errors: r.Errors}, nil
	})
}

// defaultRules apply behind the user's own. Source: cloudflare/workers-sdk,
// deployment-bundle/rules.ts.
var defaultRules = []Rule{
	{Kind: Text, Globs: []string{"**/*.txt", "**/*.html", "**/*.sql"}},
	{Kind: Data, Globs: []string{"**/*.bin"}},
	{Kind: CompiledWasm, Globs: []string{"**/*.wasm", "**/*.wasm?module"}},
}

// effective are the rules in force: a rule that does not fall through takes its
// kind away from all behind it. The others are given as dropped.
func effective(user []Rule) (rules, dropped []Rule) {
	closed := map[Kind]bool{}
	for _, r := range slices.Concat(user, defaultRules) {
		if closed[r.Kind] {
			dropped = append(dropped, r)
			continue
		}
		closed[r.Kind] = !r.Fallthrough
		rules = append(rules, r)
	}
	return rules, dropped
}

// rules makes modules of their own of files that match a module rule.
func (c *collector) rules(b api.PluginBuild) {
	rules, dropped := effective(c.options.Rules)
	for _, r := range rules {
		if r.Kind == ESModule || r.Kind == CommonJS {
			continue // these act with find_additional_modules only
		}
		for _, glob := range r.Globs {
			b.OnResolve(api.OnResolveOptions{Filter: globRegexp(glob)}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
				if _, mine := a.PluginData.(own); mine || a.Kind == api.ResolveEntryPoint {
					return api.OnResolveResult{}, nil
				}
				return c.module(b, r.Kind, a)
			})
		}
	}
	for _, r := range dropped {
		for _, glob := range r.Globs {
			b.OnResolve(api.OnResolveOptions{Filter: globRegexp(glob)}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
				return api.OnResolveResult{Errors: []api.Message{{
					Text: "the import of " + a.Path + " matches a " + string(r.Kind) + " rule that an earlier rule of that type has ended; set fallthrough = true on the earlier one",
				}}}, nil
			})
		}
	}
}

// module takes a file into the upload under a name made of its content.
func (c *collector) module(b api.PluginBuild, kind Kind, a api.OnResolveArgs) (api.OnResolveResult, error) {
	clean, _, _ := strings.Cut(a.Path, "?")
	file := filepath.Join(a.ResolveDir, clean)
	if r := b.Resolve(clean, api.ResolveOptions{Kind: a.Kind, ResolveDir: a.ResolveDir, Importer: a.Importer, PluginData: own{}}); len(r.Errors) == 0 && r.Path != "" {
		file = r.Path
	}
	content, err := os.ReadFile(file)
	if err != nil && c.lenient {
		return api.OnResolveResult{Path: a.Path, External: true}, nil
	}
	if err != nil {
		return api.OnResolveResult{Errors: []api.Message{{Text: "could not read " + a.Path}}}, nil
	}
	sum := sha1.Sum(content)
	name := "./" + hex.EncodeToString(sum[:]) + "-" + filepath.Base(clean)
	if c.options.Files.PreserveNames {
		name = clean
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.modules = append(c.modules, Module{Name: name, Kind: kind, Content: content})
	return api.OnResolveResult{Path: name, External: true, Namespace: "module-" + string(kind)}, nil
}

// globRegexp is a glob as wrangler's library reads it: * stands for any
// characters, everything else for itself.
func globRegexp(glob string) string {
	parts := strings.FieldsFunc(glob, func(r rune) bool { return r == '*' })
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	expr := strings.Join(parts, ".*")
	if strings.HasPrefix(glob, "*") {
		expr = ".*" + expr
	}
	if strings.HasSuffix(glob, "*") {
		expr += ".*"
	}
	return "^" + expr + "$"
}

// leaveOut lets imports that lead nowhere pass as external.
func leaveOut(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, mine := a.PluginData.(own); mine || a.Kind == api.ResolveEntryPoint {
			return api.OnResolveResult{}, nil
		}
		r := b.Resolve(a.Path, api.ResolveOptions{Kind: a.Kind, ResolveDir: a.ResolveDir, Importer: a.Importer, Namespace: a.Namespace, PluginData: own{}})
		if len(r.Errors) > 0 {
			return api.OnResolveResult{Path: a.Path, External: true}, nil
		}
		return api.OnResolveResult{}, nil
	})
}

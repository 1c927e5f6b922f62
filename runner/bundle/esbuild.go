package bundle

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Build bundles a Worker with esbuild. The error is an [*Error] when the code is
// at fault. It cannot be cancelled; nine real Workers take about a second.
func Build(o Options) (*Bundle, error) { return build(o, false) }

// Survey bundles what there is of a Worker whose project may not be installed or
// built yet: imports that lead nowhere are left out. Its bytes are worth nothing,
// its exports and builtins are what can be known so far.
func Survey(o Options) (*Bundle, error) {
	o.Target.Unenv = nil
	return build(o, true)
}

func build(o Options, lenient bool) (*Bundle, error) {
	if filepath.Ext(o.Entry) == ".py" {
		return nil, o.refuse("Python Workers are not carried by this tool", "deploy this Worker with wrangler")
	}
	c := &collector{options: o, lenient: lenient}
	result := api.Build(o.esbuild(c, lenient))
	if len(result.Errors) > 0 {
		return nil, &Error{Problems: o.problems(result.Errors)}
	}
	if len(c.errors) > 0 {
		return nil, &Error{Problems: c.errors}
	}
	b := &Bundle{Worker: o.Worker, Modules: c.modules, Builtins: c.builtins(o), Warnings: o.problems(result.Warnings), By: "esbuild"}
	for _, f := range result.OutputFiles {
		name := filepath.Base(f.Path)
		switch filepath.Ext(name) {
		case ".js":
			b.Main = name
			b.Modules = append(b.Modules, Module{Name: name, Kind: ESModule, Content: f.Contents})
		case ".map":
			b.SourceMap = f.Contents
			if o.Emit.SourceMaps {
				b.Modules = append(b.Modules, Module{Name: name, Kind: SourceMap, Content: f.Contents})
			}
		}
	}
	b.sortModules()
	if err := b.read(o, result.Metafile); err != nil {
		return nil, err
	}
	return b, nil
}

// esbuild are the options that wrangler gives to esbuild on deploy. Source:
// cloudflare/workers-sdk, deployment-bundle/bundle.ts.
func (o Options) esbuild(c *collector, lenient bool) api.BuildOptions {
	name := strings.TrimSuffix(filepath.Base(o.Entry), filepath.Ext(o.Entry))
	opts := api.BuildOptions{
		EntryPoints:   []string{filepath.Join(o.Dir, o.Entry)},
		AbsWorkingDir: o.Dir,
		Outdir:        filepath.Join(o.Dir, "dist"),
		EntryNames:    name,
		Bundle:        true,
		Metafile:      true,
		Format:        api.FormatESModule,
		Target:        api.ES2024,
		Supported:     map[string]bool{"import-source": true},
		Conditions:    []string{"workerd", "worker", "browser"},
		Loader:        map[string]api.Loader{".js": api.LoaderJSX, ".mjs": api.LoaderJSX, ".cjs": api.LoaderJSX},
		Sourcemap:     api.SourceMapLinked,
		KeepNames:     !o.Emit.DropNames,
		External:      []string{"__STATIC_CONTENT_MANIFEST"},
		Define:        o.defines(),
		JSXFactory:    o.Emit.JSXFactory,
		JSXFragment:   o.Emit.JSXFrag,
		LogLevel:      api.LogLevelSilent,
		Plugins:       o.plugins(c, lenient),
		Inject:        o.Target.Unenv.injects(),
	}
	if o.Emit.Tsconfig != "" {
		opts.Tsconfig = filepath.Join(o.Dir, o.Emit.Tsconfig)
	}
	opts.MinifyWhitespace, opts.MinifySyntax, opts.MinifyIdentifiers = o.Emit.Minify, o.Emit.Minify, o.Emit.Minify
	return opts
}

func (o Options) defines() map[string]string {
	env := o.Target.NodeEnv
	if env == "" {
		env = "production"
	}
	quoted := strconv.Quote(env)
	all := map[string]string{
		"process.env.NODE_ENV":            quoted,
		"global.process.env.NODE_ENV":     quoted,
		"globalThis.process.env.NODE_ENV": quoted,
	}
	if o.Target.userAgent() {
		all["navigator.userAgent"] = `"Cloudflare-Workers"`
	}
	for name, value := range o.Define {
		all[name] = value
	}
	return all
}

// problems turns esbuild's messages into ours.
func (o Options) problems(messages []api.Message) []Problem {
	var all []Problem
	for _, m := range messages {
		p := Problem{Text: m.Text}
		if l := m.Location; l != nil {
			p.File, p.Line, p.Column, p.Length = o.rel(filepath.Join(o.Dir, l.File)), l.Line, l.Column+1, l.Length
		}
		for _, n := range m.Notes {
			p.Note = strings.TrimSpace(p.Note + " " + n.Text)
		}
		all = append(all, p)
	}
	return all
}

// refuse is the error for an entry that cannot be a Worker of ours.
func (o Options) refuse(text, note string) error {
	return &Error{Problems: []Problem{{File: o.rel(filepath.Join(o.Dir, o.Entry)), Line: 1, Column: 1, Text: text, Note: note}}}
}

// metafile is what is used of esbuild's description of its output.
type metafile struct {
	Inputs map[string]struct {
		Imports []struct{ Path, Original string }
	}
	Outputs map[string]struct {
		EntryPoint string
		Exports    []string
	}
}

// read takes the exports and the emptied builtins from the metafile.
func (b *Bundle) read(o Options, text string) error {
	var meta metafile
	if err := json.Unmarshal([]byte(text), &meta); err != nil {
		return err
	}
	for _, out := range meta.Outputs {
		if out.EntryPoint == "" {
			continue
		}
		if !slices.Contains(out.Exports, "default") {
			return o.refuse("the entry has no default export", "the service worker format is not carried; write export default { fetch() { … } }")
		}
		b.Exports, b.Reads = shapes(b.Modules[0].Content, out.Exports)
	}
	for importer, in := range meta.Inputs {
		for _, i := range in.Imports {
			if strings.HasPrefix(i.Path, "(disabled):") && isBuiltin(i.Original) {
				b.Builtins = append(b.Builtins, Builtin{Name: i.Original, From: o.rel(filepath.Join(o.Dir, importer)), Emptied: true})
			}
		}
	}
	b.Builtins = sortBuiltins(b.Builtins)
	return nil
}

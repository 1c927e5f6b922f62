package upload

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Code is what can be seen in the modules without running them.
type Code struct {
	Exports []string // of the main module, in order; "default" among them
	// Handlers are the events the main module's text seems to have handlers
	// for: those whose name stands before a parenthesis or a colon. Only
	// running it would tell for certain.
	Handlers []string
}

// Has says whether the main module exports this name.
func (c Code) Has(export string) bool { return slices.Contains(c.Exports, export) }

// Inspect parses the modules. A syntax error, an import that neither a part
// nor the runtime provides, or one of a name its module does not export is
// refused with 10021 in the words of the runtime.
func Inspect(u Upload, node bool) (Code, error) {
	main := u.Main()
	i := slices.IndexFunc(u.Modules, func(m Module) bool { return m.Name == main })
	if i < 0 || strings.HasPrefix(u.Modules[i].Type, "text/x-python") {
		return Code{}, nil
	}
	code := Code{Handlers: handlers(u.Modules[i].Body)}
	bundle := u.Metadata.MainModule != ""
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{main},
		Bundle:      true, Metafile: true, Write: false, Outdir: "out",
		Format: api.FormatESModule, Platform: api.PlatformNeutral, Target: api.ESNext,
		LogLevel: api.LogLevelSilent, TreeShaking: api.TreeShakingFalse,
		Plugins: []api.Plugin{{Name: "upload", Setup: func(b api.PluginBuild) { provide(b, u, node) }}},
	})
	for _, message := range result.Errors {
		return Code{}, refusal(message)
	}
	if bundle {
		code.Exports = exports(result.Metafile)
	}
	return code, nil
}

func refusal(message api.Message) error {
	if at, missing := strings.CutPrefix(message.Text, noModule); missing {
		return Refuse("Uncaught Error: No such module %s\n", at)
	}
	where := ""
	if l := message.Location; l != nil {
		where = "\n  at " + strings.TrimPrefix(l.File, space+":") + ":" + itoa(l.Line) + ":" + itoa(l.Column+1)
	}
	return Refuse("Uncaught SyntaxError: %s%s\n", strings.ReplaceAll(message.Text, space+":", ""), where)
}

const (
	space    = "upload"
	noModule = "no module "
)

// provide resolves imports among the parts of the upload and the runtime's own modules.
func provide(b api.PluginBuild, u Upload, node bool) {
	parts := map[string]Module{}
	for _, m := range u.Modules {
		parts[path.Clean(m.Name)] = m
	}
	b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		name := args.Path
		if args.Kind == api.ResolveEntryPoint {
			return api.OnResolveResult{Path: path.Clean(name), Namespace: space}, nil
		}
		if strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") {
			name = path.Join(path.Dir(args.Importer), name)
		}
		if _, ok := parts[path.Clean(name)]; ok {
			return api.OnResolveResult{Path: path.Clean(name), Namespace: space}, nil
		}
		if args.Kind != api.ResolveJSImportStatement || builtin(args.Path, node) {
			return api.OnResolveResult{Path: args.Path, External: true}, nil // a require or import() fails only when it is reached
		}
		return api.OnResolveResult{Errors: []api.Message{{Text: noModule + `"` + name + `".` + "\n  imported from \"" + args.Importer + `"`}}}, nil
	})
	b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: space}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		module := parts[args.Path]
		text := "export default 0" // whatever is no code is one value
		switch module.Type {
		case ESModule:
			text = string(module.Body) + "\nexport {}" // it is a module even when it exports nothing
		case CommonJS:
			text = string(module.Body)
		}
		return api.OnLoadResult{Contents: &text, Loader: api.LoaderJS}, nil
	})
}

// nodeModules are Node's own that the runtime also knows without the prefix "node:".
const nodeModules = " assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events fs http " +
	"http2 https inspector module net os path perf_hooks process punycode querystring readline repl sqlite stream string_decoder sys timers tls " +
	"trace_events tty url util v8 vm wasi worker_threads zlib "

func builtin(specifier string, node bool) bool {
	if strings.HasPrefix(specifier, "cloudflare:") || strings.HasPrefix(specifier, "workerd:") {
		return true
	}
	name, prefixed := strings.CutPrefix(specifier, "node:")
	first, _, _ := strings.Cut(name, "/")
	return node && (prefixed || strings.Contains(nodeModules, " "+first+" "))
}

var handler = regexp.MustCompile(`\b(fetch|scheduled|queue|tail|email|trace)\s*[(:]`)

func handlers(main []byte) []string {
	found := []string{}
	for _, match := range handler.FindAllSubmatch(main, -1) {
		found = append(found, string(match[1]))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

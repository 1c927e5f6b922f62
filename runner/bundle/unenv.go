package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Unenv is which modules wrangler would put in place of node builtins and of
// some npm packages, for one compatibility date and set of flags.
type Unenv struct {
	// Alias maps import paths to what is imported instead.
	Alias map[string]Replacement `json:"alias"`
	// Inject maps globals to [module, export name].
	Inject map[string][2]string `json:"inject"`
	// Polyfill are files whose import changes the globals.
	Polyfill []string `json:"polyfill"`
	// Dir is where the modules are resolved from: the project's wrangler.
	Dir string `json:"-"`
}

// Replacement is what is imported instead.
type Replacement struct {
	Path     string `json:"path"`
	External bool   `json:"external"` // the runtime has it
	Shim     bool   `json:"shim"`     // an ES module that CommonJS code may require
}

// unenvScript asks the preset of the wrangler in whose folder it runs, with the
// same call that wrangler makes. Bare imports resolve from the working directory.
const unenvScript = `
import { createRequire } from "node:module";
import { defineEnv } from "unenv";
import { getCloudflarePreset } from "@cloudflare/unenv-preset";
const require = createRequire(process.cwd() + "/package.json");
const answers = JSON.parse(process.argv[1]).map(({ date, flags }) => {
  const env = defineEnv({
    presets: [getCloudflarePreset({ compatibilityDate: date, compatibilityFlags: flags }), { alias: { debug: "debug" } }],
    npmShims: true,
  }).env;
  const alias = {};
  for (const [from, to] of Object.entries(env.alias)) {
    let path;
    try { path = require.resolve(to); } catch { continue; }
    alias[from] = { path, external: env.external.includes(to), shim: to.startsWith("unenv/npm/") || to.startsWith("unenv/mock/") };
  }
  const inject = {};
  for (const [name, from] of Object.entries(env.inject)) inject[name] = Array.isArray(from) ? from : [from, "default"];
  return { alias, inject, polyfill: env.polyfill.map((p) => require.resolve(p)) };
});
process.stdout.write(JSON.stringify(answers));
`

// ErrNoWrangler says that the project has no wrangler installed to be asked.
var ErrNoWrangler = errors.New("wrangler is not installed in the project")

// ReadUnenv asks the project's own wrangler for the polyfills of each target, in
// one run of Node.js with the given environment, which needs PATH and no secret.
// It looks for wrangler from the given directories upwards.
func ReadUnenv(ctx context.Context, env []string, targets []Target, dirs ...string) ([]*Unenv, error) {
	home := WranglerDir(dirs...)
	if home == "" {
		return nil, ErrNoWrangler
	}
	type question struct {
		Date  string   `json:"date"`
		Flags []string `json:"flags"`
	}
	questions := make([]question, len(targets))
	for i, t := range targets {
		questions[i] = question{t.Date, slices.Concat([]string{}, t.Flags)}
	}
	asked, err := json.Marshal(questions)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", "--input-type=module", "--eval", unenvScript, "--", string(asked))
	cmd.Dir = home
	cmd.Env = env
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask wrangler for its polyfills: %w%s", err, stderr(err))
	}
	var answers []*Unenv
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(targets) {
		return nil, fmt.Errorf("ask wrangler for its polyfills: no usable answer: %w", err)
	}
	for _, a := range answers {
		a.Dir = home
	}
	return answers, nil
}

func stderr(err error) string {
	if e, ok := errors.AsType[*exec.ExitError](err); ok && len(e.Stderr) > 0 {
		return ": " + strings.TrimSpace(string(e.Stderr))
	}
	return ""
}

// WranglerDir is the folder of the wrangler package that the directories, or
// those above them, have installed; "" if none has.
func WranglerDir(dirs ...string) string {
	for _, dir := range dirs {
		for {
			home := filepath.Join(dir, "node_modules", "wrangler")
			if real, err := filepath.EvalSymlinks(home); err == nil {
				return real
			}
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	return ""
}

const injectPrefix = "_unenv_globals-"

// injects are the modules that every bundle for the target begins with.
func (u *Unenv) injects() []string {
	if u == nil {
		return nil
	}
	var all []string
	for _, module := range u.injected() {
		all = append(all, filepath.Join(u.Dir, injectPrefix+strings.ReplaceAll(module, "/", "-")))
	}
	return append(all, u.Polyfill...)
}

// injected are the modules that globals come from, sorted.
func (u *Unenv) injected() []string {
	var modules []string
	for _, from := range u.Inject {
		if !slices.Contains(modules, from[0]) {
			modules = append(modules, from[0])
		}
	}
	slices.Sort(modules)
	return modules
}

// plugin puts the replacements in place.
func (u *Unenv) plugin(b api.PluginBuild) {
	u.aliases(b)
	u.shims(b)
	u.globals(b)
}

const shimNamespace = "required-shim"

func (u *Unenv) aliases(b api.PluginBuild) {
	names := make([]string, 0, len(u.Alias))
	for name := range u.Alias {
		names = append(names, name)
	}
	slices.Sort(names)
	b.OnResolve(api.OnResolveOptions{Filter: "^(" + alternatives(names) + ")$"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, mine := a.PluginData.(own); mine {
			return api.OnResolveResult{}, nil
		}
		to := u.Alias[a.Path]
		if a.Kind == api.ResolveJSRequireCall && to.Shim {
			return api.OnResolveResult{Path: a.Path, Namespace: shimNamespace}, nil
		}
		return api.OnResolveResult{Path: to.Path, External: to.External}, nil
	})
}

// shims lets CommonJS code require an ES module: its default export, if it has
// one, with the named ones as properties.
func (u *Unenv) shims(b api.PluginBuild) {
	b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: shimNamespace}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		code := fmt.Sprintf(`import * as all from %q;
const whole = "default" in all ? all.default : {};
for (const [name, value] of Object.entries(all))
  if (name !== "default") Object.defineProperty(whole, name, { value, enumerable: true });
module.exports = whole;
`, a.Path)
		return api.OnLoadResult{Contents: &code, Loader: api.LoaderJS}, nil
	})
}

// globals makes the modules that set process, console and the like.
func (u *Unenv) globals(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: regexpSuffix(injectPrefix)}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		return api.OnResolveResult{Path: a.Path}, nil
	})
	b.OnLoad(api.OnLoadOptions{Filter: regexpSuffix(injectPrefix)}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		var code strings.Builder
		for _, module := range u.injected() {
			if filepath.Base(a.Path) == injectPrefix+strings.ReplaceAll(module, "/", "-") {
				u.writeGlobals(&code, module)
			}
		}
		text := code.String()
		return api.OnLoadResult{Contents: &text, ResolveDir: u.Dir, Loader: api.LoaderJS}, nil
	})
}

func (u *Unenv) writeGlobals(code *strings.Builder, module string) {
	var names []string
	for name, from := range u.Inject {
		if from[0] == module {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		fmt.Fprintf(code, "import { %s as global%d } from %q;\nglobalThis.%s = global%d;\n", u.Inject[name][1], i, module, name, i)
	}
}

func regexpSuffix(prefix string) string { return prefix + `[^/\\]*$` }

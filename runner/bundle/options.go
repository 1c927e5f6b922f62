package bundle

import (
	"path/filepath"
	"slices"
	"strings"
)

// Options say what to bundle and how, in wrangler's terms.
type Options struct {
	Worker string
	// Root is the project's directory; problems name files relative to it.
	Root string
	// Dir is the directory of the Worker's configuration file.
	Dir string
	// Entry is the main file, relative to Dir.
	Entry  string
	Target Target
	Emit   Emit
	Rules  []Rule
	Define map[string]string
	Alias  map[string]string
	Files  Files
}

// Target is the runtime that the code will meet.
type Target struct {
	Date    string // compatibility_date
	Flags   []string
	NodeEnv string // what process.env.NODE_ENV becomes; "production" when empty
	// Unenv are the polyfills for the target, when the project has them. See [ReadUnenv].
	Unenv *Unenv
}

// Emit are the switches of the output.
type Emit struct {
	Minify     bool
	DropNames  bool // keep_names = false
	SourceMaps bool // upload_source_maps
	Tsconfig   string
	JSXFactory string
	JSXFrag    string
}

// Rule says as what kind of module files are imported. Globs are as wrangler's:
// * matches any characters, slashes too.
type Rule struct {
	Kind        Kind
	Globs       []string
	Fallthrough bool
}

// Files are the switches for modules beside the entry.
type Files struct {
	NoBundle       bool
	FindAdditional bool
	PreserveNames  bool
}

// Foreign tells why esbuild alone cannot make this bundle faithfully, or "" if
// it can.
func (o Options) Foreign() string {
	switch {
	case o.Files.NoBundle:
		return "no_bundle is on"
	case o.Files.FindAdditional:
		return "find_additional_modules is on"
	case o.Target.Mode() == NodeV2 && o.Target.Unenv == nil && o.Target.Polyfilled():
		return "nodejs_compat before " + nativeSince + " needs wrangler's polyfills"
	}
	return ""
}

// NodeMode is how much of Node.js the runtime offers.
type NodeMode string

// The modes, named as wrangler does.
const (
	NodeNone NodeMode = ""
	NodeALS  NodeMode = "als" // AsyncLocalStorage only
	NodeV1   NodeMode = "v1"  // builtins under node: only
	NodeV2   NodeMode = "v2"  // builtins under both names, globals, polyfills
)

// Dates from which the runtime changes by itself. Source: cloudflare/workers-sdk,
// compatibility-date.ts, and the releases of @cloudflare/unenv-preset.
const (
	compatByDefault = "2026-08-04" // nodejs_compat without a flag
	compatV2Since   = "2024-09-23" // nodejs_compat means v2
	nativeSince     = "2026-03-17" // nothing is left to polyfill
)

// Mode tells how much of Node.js the target offers.
func (t Target) Mode() NodeMode {
	has := func(flag string) bool { return slices.Contains(t.Flags, flag) }
	byDefault := t.Date >= compatByDefault && !has("no_nodejs_compat")
	on := has("nodejs_compat") || byDefault
	switch {
	case has("nodejs_compat_v2"):
		return NodeV2
	case !has("no_nodejs_compat_v2") && (byDefault || on && t.Date >= compatV2Since):
		return NodeV2
	case on:
		return NodeV1
	case has("nodejs_als"):
		return NodeALS
	}
	return NodeNone
}

// Polyfilled tells whether wrangler would polyfill anything for the target.
func (t Target) Polyfilled() bool {
	if t.Date < nativeSince {
		return true
	}
	return slices.ContainsFunc(t.Flags, func(f string) bool {
		return strings.HasPrefix(f, "disable_nodejs_") || strings.HasPrefix(f, "enable_nodejs_")
	})
}

// userAgent tells whether navigator.userAgent is known at build time.
func (t Target) userAgent() bool {
	off := slices.Contains(t.Flags, "no_global_navigator")
	return !off && (t.Date >= "2022-03-21" || slices.Contains(t.Flags, "global_navigator"))
}

// rel is a file as a person knows it: relative to the root, with slashes.
func (o Options) rel(file string) string {
	if r, err := filepath.Rel(o.Root, file); err == nil && !strings.HasPrefix(r, "..") {
		return filepath.ToSlash(r)
	}
	return filepath.ToSlash(file)
}

package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// builtins are the modules of Node.js that workerd has under their bare names
// with nodejs_compat, from 2026-03-17 on all of them natively. Source: the
// tables of @cloudflare/unenv-preset 2.16.
var builtins = strings.Fields(`
	_http_agent _http_client _http_common _http_incoming _http_outgoing _http_server _stream_duplex _stream_passthrough
	_stream_readable _stream_transform _stream_wrap _stream_writable _tls_common _tls_wrap assert assert/strict
	async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns dns/promises domain
	events fs fs/promises http http2 https inspector inspector/promises module net os path path/posix path/win32
	perf_hooks process punycode querystring readline readline/promises repl stream stream/consumers stream/promises
	stream/web string_decoder sys timers timers/promises tls trace_events tty url util util/types v8 vm wasi
	worker_threads zlib`)

// shims are npm packages for which wrangler puts replacements of unenv in place.
var shims = strings.Fields(`
	whatwg-url/webidl2js-wrapper node-fetch-native/polyfill cross-fetch/polyfill node-fetch-native isomorphic-fetch
	cross-fetch node-fetch whatwg-url fsevents inherits`)

var builtinFilter = "^(node:.+|" + alternatives(builtins) + ")$"

func alternatives(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = regexp.QuoteMeta(w)
	}
	return strings.Join(quoted, "|")
}

// isBuiltin tells whether an import path names a module of Node.js.
func isBuiltin(path string) bool {
	return strings.HasPrefix(path, "node:") || slices.Contains(builtins, path)
}

// node resolves modules of Node.js as the target has them.
func (o Options) node(b api.PluginBuild) {
	switch o.Target.Mode() {
	case NodeV2:
		requires(b)
		if u := o.Target.Unenv; u != nil {
			u.plugin(b)
			return
		}
		native(b)
	case NodeALS:
		external(b, `^node:async_hooks(/|$)`)
		onlyIfNowhere(b)
	default:
		onlyIfNowhere(b)
	}
}

// native leaves all builtins to the runtime, under the name with node:. It
// stands before the browser maps of packages, which would put an empty module
// in place of, say, crypto. Shims cannot be had without unenv.
func native(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: builtinFilter}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, mine := a.PluginData.(own); mine {
			return api.OnResolveResult{}, nil
		}
		return api.OnResolveResult{Path: "node:" + strings.TrimPrefix(a.Path, "node:"), External: true}, nil
	})
	b.OnResolve(api.OnResolveOptions{Filter: "^(" + alternatives(shims) + ")$"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, mine := a.PluginData.(own); mine {
			return api.OnResolveResult{}, nil
		}
		return api.OnResolveResult{Errors: []api.Message{{Text: fmt.Sprintf(needsUnenv, a.Path)}}}, nil
	})
}

const needsUnenv = "%q is replaced by wrangler's shim, which is not installed here"

// NeedsUnenv tells whether a build failed only for want of wrangler's shims, so
// that it is worth another try with [ReadUnenv]'s answer.
func NeedsUnenv(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	_, ending, _ := strings.Cut(needsUnenv, "%q")
	return slices.ContainsFunc(failed.Problems, func(p Problem) bool { return strings.HasSuffix(p.Text, ending) })
}

// requires turns require("crypto") into an import, which is all that the
// runtime understands, in a virtual module that exports its default.
func requires(b api.PluginBuild) {
	const namespace = "required-builtin"
	b.OnResolve(api.OnResolveOptions{Filter: builtinFilter}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if a.Kind != api.ResolveJSRequireCall {
			return api.OnResolveResult{}, nil
		}
		return api.OnResolveResult{Path: a.Path, Namespace: namespace}, nil
	})
	b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: namespace}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		code := fmt.Sprintf("import whole from %q;\nmodule.exports = whole;\n", a.Path)
		return api.OnLoadResult{Contents: &code, Loader: api.LoaderJS}, nil
	})
}

// onlyIfNowhere leaves node: imports to the runtime when no package provides
// them. Whether the runtime has them is for a rule to judge.
func onlyIfNowhere(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: `^node:`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, mine := a.PluginData.(own); mine {
			return api.OnResolveResult{}, nil
		}
		r := b.Resolve(a.Path, api.ResolveOptions{Kind: a.Kind, ResolveDir: a.ResolveDir, Importer: a.Importer, PluginData: own{}})
		if len(r.Errors) > 0 {
			return api.OnResolveResult{Path: a.Path, External: true}, nil
		}
		return api.OnResolveResult{}, nil
	})
}

// watchBuiltins notes which builtins are asked for, and answers nothing.
func (c *collector) watchBuiltins(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: builtinFilter}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, mine := a.PluginData.(own); !mine && a.Namespace == "file" && a.Importer != "" {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.asked = append(c.asked, Builtin{Name: a.Path, From: a.Importer})
		}
		return api.OnResolveResult{}, nil
	})
}

// builtins are those asked for, each once, with names a person knows.
func (c *collector) builtins(o Options) []Builtin {
	for i, b := range c.asked {
		c.asked[i].From = o.rel(b.From)
	}
	return sortBuiltins(c.asked)
}

// sortBuiltins orders builtins and keeps of two equal ones the emptied one.
func sortBuiltins(all []Builtin) []Builtin {
	slices.SortFunc(all, func(a, b Builtin) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.From, b.From), -compareBool(a.Emptied, b.Emptied))
	})
	return slices.CompactFunc(all, func(a, b Builtin) bool { return a.Name == b.Name && a.From == b.From })
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

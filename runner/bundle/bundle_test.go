package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// tree writes files below a new directory, which is the project's root.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func options(root string) Options {
	return Options{
		Worker: "api", Root: root, Dir: filepath.Join(root, "workers/api"), Entry: "src/index.ts",
		Target: Target{Date: "2026-03-17", Flags: []string{"nodejs_compat"}},
	}
}

func mustBuild(t *testing.T, o Options) *Bundle {
	t.Helper()
	b, err := Build(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const ulidLike = `var p; try { p = require("crypto"); } catch {}
exports.hash = (s) => p.createHash("sha256").update(s).digest("hex");
`

func TestABareRequireReachesTheRuntimeOverABrowserMap(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"workers/api/src/index.ts":        "import { hash } from 'idlib'\nexport default { fetch() { return new Response(hash('a')) } }\n",
		"node_modules/idlib/index.js":     ulidLike,
		"node_modules/idlib/package.json": `{"name":"idlib","main":"index.js","browser":{"crypto":false}}`,
	})
	b := mustBuild(t, options(root))
	code := string(b.Modules[0].Content)
	if !strings.Contains(code, `from "node:crypto"`) {
		t.Errorf("node:crypto is not imported:\n%s", code)
	}
	if strings.Contains(code, "disabled") {
		t.Errorf("crypto was mapped away:\n%s", code)
	}
	if want := []Builtin{{Name: "crypto", From: "node_modules/idlib/index.js"}}; !reflect.DeepEqual(b.Builtins, want) {
		t.Errorf("builtins %+v, want %+v", b.Builtins, want)
	}
}

func TestWithoutTheFlagTheSameImportIsEmptied(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"workers/api/src/index.ts":        "import { hash } from 'idlib'\nimport fs from 'node:fs'\nexport default { fetch() { return new Response(hash(fs)) } }\n",
		"node_modules/idlib/index.js":     ulidLike,
		"node_modules/idlib/package.json": `{"name":"idlib","main":"index.js","browser":{"crypto":false}}`,
	})
	o := options(root)
	o.Target.Flags = nil
	want := []Builtin{{Name: "crypto", From: "node_modules/idlib/index.js", Emptied: true}, {Name: "node:fs", From: "workers/api/src/index.ts"}}
	if b := mustBuild(t, o); !reflect.DeepEqual(b.Builtins, want) {
		t.Errorf("builtins %+v, want %+v", b.Builtins, want)
	}
}

func TestFilesBecomeModulesByRule(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"workers/api/src/index.ts": `import sql from "./q.sql"
import page from "./page.html"
import key from "./key.bin"
import add from "./add.wasm?module"
import note from "./note.md"
import again from "../src/q.sql"
export default { fetch() { return new Response([sql, page, key, add, note, again].join()) } }
`,
		"workers/api/src/q.sql": "SELECT 1", "workers/api/src/page.html": "<p>", "workers/api/src/key.bin": "\x00\x01",
		"workers/api/src/add.wasm": "\x00asm", "workers/api/src/note.md": "# hi",
	})
	o := options(root)
	o.Rules = []Rule{{Kind: Text, Globs: []string{"**/*.md"}, Fallthrough: true}}
	b := mustBuild(t, o)
	got := map[string]Kind{}
	for _, m := range b.Modules {
		got[m.Name] = m.Kind
	}
	if len(got) != 6 || b.Modules[0].Name != "index.js" || b.Modules[0].Kind != ESModule {
		t.Fatalf("modules %v", got)
	}
	for _, m := range b.Modules[1:] {
		if !strings.Contains(string(b.Modules[0].Content), `"`+m.Name+`"`) {
			t.Errorf("%s is not imported by its name", m.Name)
		}
		ending := filepath.Ext(m.Name)
		kind := map[string]Kind{".sql": Text, ".html": Text, ".md": Text, ".bin": Data, ".wasm": CompiledWasm}[ending]
		if m.Kind != kind {
			t.Errorf("%s is %s, want %s", m.Name, m.Kind, kind)
		}
	}
}

func TestARuleWithoutFallthroughEndsTheDefault(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"workers/api/src/index.ts": "import q from './q.sql'\nexport default { fetch() { return new Response(q) } }\n",
		"workers/api/src/q.sql":    "SELECT 1",
	})
	o := options(root)
	o.Rules = []Rule{{Kind: Text, Globs: []string{"**/*.md"}}}
	_, err := Build(o)
	if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Problems[0].Text, "fallthrough") || e.Problems[0].File != "workers/api/src/index.ts" {
		t.Errorf("got %v", err)
	}
}

func TestOptionsReachTheOutput(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"workers/api/src/index.ts": `import { x } from "@lib/x"
import { y } from "other"
class Keeper {}
export default { fetch() { return new Response([x, y, MODE, process.env.NODE_ENV, navigator.userAgent, Keeper.name].join()) } }
`,
		"workers/api/lib/x.ts":      "export const x = 'by tsconfig path'\n",
		"workers/api/src/y.ts":      "export const y = 'by alias'\n",
		"workers/api/tsconfig.json": `{"compilerOptions":{"paths":{"@lib/*":["./lib/*"]}}}`,
	})
	o := options(root)
	o.Define = map[string]string{"MODE": `"defined"`}
	o.Alias = map[string]string{"other": "./src/y.ts"}
	code := string(mustBuild(t, o).Modules[0].Content)
	for _, want := range []string{"by tsconfig path", "by alias", `"defined"`, `"production"`, `"Cloudflare-Workers"`, "__name(this, \"Keeper\")"} {
		if !strings.Contains(code, want) {
			t.Errorf("%s is missing in\n%s", want, code)
		}
	}
	o.Emit = Emit{Minify: true, DropNames: true, SourceMaps: true}
	small := mustBuild(t, o)
	if len(small.Modules) != 2 || small.Modules[1].Name != "index.js.map" || small.Modules[1].Kind != SourceMap {
		t.Errorf("the source map is not among the modules")
	}
	if len(small.Modules[0].Content) >= len(code) || strings.Contains(string(small.Modules[0].Content), "__name") {
		t.Errorf("not minified:\n%s", small.Modules[0].Content)
	}
}

func TestPlatformImportsStayOutside(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{"workers/api/src/index.ts": "import { DurableObject } from 'cloudflare:workers'\nexport class A extends DurableObject {}\nexport default { fetch() {} }\n"})
	b := mustBuild(t, options(root))
	if !strings.Contains(string(b.Modules[0].Content), `from "cloudflare:workers"`) {
		t.Error("cloudflare:workers was not left to the runtime")
	}
	want := []Export{{"A", Class}, {"default", Object}}
	if !reflect.DeepEqual(b.Exports, want) {
		t.Errorf("exports %+v, want %+v", b.Exports, want)
	}
}

func TestMistakesInTheCodeHaveAPlace(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, code, place, text string }{
		{"syntax", "export default {\n  fetch( {\n}\n", "workers/api/src/index.ts", ""},
		{"a missing module", "import x from './gone'\nexport default { fetch() { return x } }\n", "workers/api/src/index.ts", "Could not resolve"},
		{"no default export", "export const a = 1\n", "workers/api/src/index.ts", "no default export"},
		{"a builtin without the flag", "import c from 'crypto'\nexport default { fetch() { return c } }\n", "workers/api/src/index.ts", "Could not resolve"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := options(tree(t, map[string]string{"workers/api/src/index.ts": tt.code}))
			o.Target.Flags = nil
			_, err := Build(o)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Problems[0].File != tt.place || e.Problems[0].Line == 0 || !strings.Contains(e.Problems[0].Text, tt.text) {
				t.Errorf("got %+v", err)
			}
		})
	}
}

func TestEqualSourcesGiveEqualDigestsWhereverTheyLie(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"workers/api/src/index.ts": "import { s } from '../../../packages/shared'\nimport t from './t.txt'\nexport default { fetch() { return new Response(s + t) } }\n",
		"packages/shared/index.ts": "export const s = 'x'\n",
		"workers/api/src/t.txt":    "text",
	}
	one, other := options(tree(t, files)), options(tree(t, files))
	one.Emit.SourceMaps, other.Emit.SourceMaps = true, true
	a, b := mustBuild(t, one), mustBuild(t, other)
	if a.Digest() != b.Digest() {
		t.Errorf("digests differ: %s and %s", a.Digest(), b.Digest())
	}
	files["workers/api/src/t.txt"] = "texts"
	if c := mustBuild(t, options(tree(t, files))); c.Digest() == a.Digest() {
		t.Error("a changed text module left the digest as it was")
	}
}

func TestASurveyNeedsNoInstalledProject(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{"workers/api/src/index.ts": "import { a } from '@tminus/shared'\nimport sql from './not-yet.sql'\nimport 'node:fs'\nexport const LIMIT = 5\nexport default { fetch() { return a } }\n"})
	b, err := Survey(options(root))
	if err != nil {
		t.Fatal(err)
	}
	if want := []Export{{"LIMIT", Primitive}, {"default", Object}}; !reflect.DeepEqual(b.Exports, want) {
		t.Errorf("exports %+v, want %+v", b.Exports, want)
	}
	if len(b.Builtins) != 1 || b.Builtins[0].Name != "node:fs" {
		t.Errorf("builtins %+v", b.Builtins)
	}
}

func TestShapesOfExports(t *testing.T) {
	t.Parallel()
	code := `
export class A {}
export const NUM = 1, TEXT = "x", NEG = -1, NUL = null, ON = true, TPL = ` + "`x`" + `
export let none
export const re = /x/, list = [], object = { a: 1 }, made = new Map(), computed = Math.max(1, 2)
export function fn() {}
export const arrow = () => 1
export const B = class extends A {}
export default {}
`
	for _, minify := range []bool{false, true} {
		o := options(tree(t, map[string]string{"workers/api/src/index.ts": code}))
		o.Emit.Minify = minify
		want := map[string]Shape{
			"A": Class, "B": Class, "NUM": Primitive, "TEXT": Primitive, "NEG": Primitive, "NUL": Primitive, "ON": Primitive, "TPL": Primitive, "none": Primitive,
			"re": Object, "list": Object, "object": Object, "made": Object, "computed": Unknown, "fn": Function, "arrow": Function, "default": Object,
		}
		got := map[string]Shape{}
		for _, e := range mustBuild(t, o).Exports {
			got[e.Name] = e.Is
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("minify %v: shapes %v, want %v", minify, got, want)
		}
	}
}

func TestHowMuchOfNodeATargetOffers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		date  string
		flags string
		want  NodeMode
	}{
		{"2024-09-22", "nodejs_compat", NodeV1},
		{"2024-09-23", "nodejs_compat", NodeV2},
		{"2024-01-01", "nodejs_compat nodejs_compat_v2", NodeV2},
		{"2025-01-01", "nodejs_compat no_nodejs_compat_v2", NodeV1},
		{"2025-01-01", "nodejs_als", NodeALS},
		{"2025-01-01", "", NodeNone},
		{"2026-08-04", "", NodeV2},
		{"2026-08-04", "no_nodejs_compat", NodeNone},
	}
	for _, tt := range tests {
		if got := (Target{Date: tt.date, Flags: strings.Fields(tt.flags)}).Mode(); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.date, tt.flags, got, tt.want)
		}
	}
}

func TestWhatGoesToWranglerIsKnownBeforehand(t *testing.T) {
	t.Parallel()
	o := Options{Target: Target{Date: "2026-03-17", Flags: []string{"nodejs_compat"}}}
	if got := o.Foreign(); got != "" {
		t.Errorf("a plain Worker goes to wrangler: %s", got)
	}
	old, bare, more := o, o, o
	old.Target.Date = "2025-01-01"
	bare.Files.NoBundle = true
	more.Files.FindAdditional = true
	for _, one := range []Options{old, bare, more} {
		if one.Foreign() == "" {
			t.Errorf("%+v stays here", one)
		}
	}
	old.Target.Unenv = &Unenv{}
	if got := old.Foreign(); got != "" {
		t.Errorf("with its polyfills known, an old date goes to wrangler: %s", got)
	}
}

func TestGlobsMatchAsWranglersDo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		glob, path string
		want       bool
	}{
		{"**/*.txt", "./a.txt", true},
		{"**/*.txt", "../a/b.txt", true},
		{"**/*.txt", "a.txt", false},
		{"*.txt", "a/b.txt", true},
		{"**/*.wasm?module", "./a.wasm?module", true},
		{"**/*.wasm", "./a.wasm?module", false},
		{"./a.b", "./axb", false},
	}
	for _, tt := range tests {
		if got := regexp.MustCompile(globRegexp(tt.glob)).MatchString(tt.path); got != tt.want {
			t.Errorf("%s on %s: %v", tt.glob, tt.path, got)
		}
	}
}

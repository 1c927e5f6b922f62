package origin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/origin"
)

func TestFramesOfAStack(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ name, line, want string }{
		{"a function", "    at login (index.js:10:9)", "login (index.js:10:9)"},
		{"a method", "    at Object.fetch (index.js:10:9)", "Object.fetch (index.js:10:9)"},
		{"no function", "    at index.js:10:9", "index.js:10:9"},
		{"awaited", "    at async guarded (index.js:3:1)", "guarded (index.js:3:1)"},
		{"awaited without a function", "    at async index.js:3:1", "index.js:3:1"},
		{"an alias", "    at Graph.read [as load] (index.js:3:1)", "Graph.read [as load] (index.js:3:1)"},
		{"an address", "    at x (file:///app/index.js:3:1)", "x (file:///app/index.js:3:1)"},
		{"carriage return", "    at x (index.js:3:1)\r", "x (index.js:3:1)"},
		{"a message", "Error: no such table (see 3:1)", ""},
		{"native code", "    at Array.map (<anonymous>)", ""},
		{"line 0", "    at x (index.js:0:1)", ""},
		{"a time", "at 10:20", ""},
	} {
		got := ""
		for _, f := range origin.Frames(one.line) {
			got += f.String()
		}
		if got != one.want {
			t.Errorf("%s: %q, want %q", one.name, got, one.want)
		}
	}
	message, frames := origin.Thrown("TypeError: no\nway\n    at a (i.js:1:2)\n    at b (i.js:3:4)\nlater")
	if message != "TypeError: no\nway" || len(frames) != 2 || frames[1].Function != "b" {
		t.Errorf("%q %v", message, frames)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add("Error: x\n    at f (index.js:1:2)\n    at async index.js:3:4")
	f.Add("at (((:1:1)")
	f.Fuzz(func(t *testing.T, text string) {
		worker := origin.Worker{FS: fstest.MapFS{}, Root: "/app", Dir: "workers/api"}
		for _, p := range worker.Trace(origin.Frames(text)) {
			if p.Line < 1 || p.Column < 1 || !p.At.IsZero() {
				t.Errorf("%+v", p)
			}
		}
	})
}

// built bundles a Worker as the project's bundler does: into dist beside its sources.
func built(t *testing.T, minify bool) (root string, js, sourceMap []byte) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"workers/api/src/index.ts":              "import { check } from \"../../../packages/shared/src/check\";\nimport { need } from \"dep\";\n\nconst name: string = \"\U0001F680é\"; export default { a: () => { need(name); }, b: () => check(name) };\n",
		"packages/shared/src/check.ts":          "export function check(value: string): never {\n  throw new Error(value);\n}\n",
		"workers/api/node_modules/dep/index.js": "export function need(v) { throw new TypeError(v); }\n",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(root, "workers", "api")
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(dir, "src", "index.ts")}, AbsWorkingDir: dir, Outdir: filepath.Join(dir, "dist"), EntryNames: "index",
		Bundle: true, Format: api.FormatESModule, Sourcemap: api.SourceMapLinked, KeepNames: true, MinifyWhitespace: minify, MinifySyntax: minify, MinifyIdentifiers: minify,
	})
	if len(result.Errors) > 0 {
		t.Fatal(result.Errors)
	}
	for _, f := range result.OutputFiles {
		if strings.HasSuffix(f.Path, ".map") {
			sourceMap = f.Contents
		} else {
			js = f.Contents
		}
	}
	return root, js, sourceMap
}

// where finds a piece of built code, as V8 would name its place.
func where(t *testing.T, js []byte, piece string) origin.Frame {
	t.Helper()
	before, _, ok := strings.Cut(string(js), piece)
	if !ok {
		t.Fatalf("%q is not in\n%s", piece, js)
	}
	line := strings.Count(before, "\n") + 1
	last := before[strings.LastIndexByte(before, '\n')+1:]
	column := 1
	for _, r := range last {
		column++
		if r > 0xFFFF {
			column++
		}
	}
	return origin.Frame{Function: "f", File: "index.js", Line: line, Column: column}
}

func TestAStackIsLedBackToTypeScript(t *testing.T) {
	t.Parallel()
	for _, minify := range []bool{false, true} {
		root, js, sourceMap := built(t, minify)
		worker, err := origin.Worker{FS: os.DirFS(root), Root: root, Dir: "workers/api"}.Mapped("index.js", sourceMap)
		if err != nil {
			t.Fatal(err)
		}
		inPackage, inShared := where(t, js, "new TypeError("), where(t, js, "new Error(")
		trace := worker.Trace([]origin.Frame{inPackage, inShared})
		if got := trace.At().String(); got != "packages/shared/src/check.ts:2:9" {
			t.Errorf("minified %v: the place is %s", minify, got)
		}
		if got := trace[0].String(); got != "f (workers/api/node_modules/dep/index.js:1:33)" {
			t.Errorf("minified %v: the package's frame is %s", minify, got)
		}
		if trace.Built() {
			t.Errorf("minified %v: something is left in built code", minify)
		}
	}
}

func TestColumnsCountCharacters(t *testing.T) {
	t.Parallel()
	root, js, sourceMap := built(t, false)
	worker, err := origin.Worker{FS: os.DirFS(root), Root: root, Dir: "workers/api"}.Mapped("index.js", sourceMap)
	if err != nil {
		t.Fatal(err)
	}
	// In the source the rocket is one character and two UTF-16 units.
	if got := worker.Trace([]origin.Frame{where(t, js, "need(name)")}).At().String(); got != "workers/api/src/index.ts:4:56" {
		t.Errorf("need(name) is at %s", got)
	}
}

func TestWhatCloudflareDecodedIsRecognised(t *testing.T) {
	t.Parallel()
	root, _, _ := built(t, false)
	worker := origin.Worker{FS: os.DirFS(root), Root: root, Dir: "workers/api"}
	for _, one := range []struct{ name, file, want string }{
		{"from dist", "../src/index.ts", "workers/api/src/index.ts:2:3"},
		{"from the Worker's folder", "src/index.ts", "workers/api/src/index.ts:2:3"},
		{"from the project", "workers/api/src/index.ts", "workers/api/src/index.ts:2:3"},
		{"another package", "../../../packages/shared/src/check.ts", "packages/shared/src/check.ts:2:3"},
		{"an address", "file://" + root + "/workers/api/src/index.ts", "workers/api/src/index.ts:2:3"},
		{"not of this checkout", "src/gone.ts", ""},
		{"out of the project", "../../../../../etc/passwd.ts", ""},
		{"built code", "index.js", ""},
	} {
		trace := worker.Trace([]origin.Frame{{File: one.file, Line: 2, Column: 3}})
		if got := trace.At().String(); got != one.want {
			t.Errorf("%s: %s, want %q", one.name, got, one.want)
		}
		if trace.Built() != (one.file == "index.js") {
			t.Errorf("%s: left in built code: %v", one.name, trace.Built())
		}
	}
}

func TestWhatSomebodyWroteComesBeforeWhatABuildMadeOfIt(t *testing.T) {
	t.Parallel()
	place := func(file string) origin.Place {
		return origin.Place{Source: file, At: finding.Position{File: file, Line: 1}}
	}
	for _, one := range []struct {
		name  string
		files []string
		want  string
	}{
		{"a package's build is passed over", []string{"packages/auth/dist/hash.js", "workers/api/src/index.ts"}, "workers/api/src/index.ts:1"},
		{"unless there is nothing else", []string{"node_modules/x/i.js", "packages/auth/dist/hash.js"}, "packages/auth/dist/hash.js:1"},
		{"JavaScript that somebody wrote", []string{"workers/api/src/index.js", "workers/api/src/b.ts"}, "workers/api/src/index.js:1"},
		{"packages alone", []string{"workers/api/node_modules/x/i.ts"}, ""},
	} {
		var trace origin.Trace
		for _, file := range one.files {
			trace = append(trace, place(file))
		}
		if got := trace.At().String(); got != one.want {
			t.Errorf("%s: %s, want %q", one.name, got, one.want)
		}
	}
}

func TestAMapThatIsNone(t *testing.T) {
	t.Parallel()
	if _, err := (origin.Worker{}).Mapped("index.js", []byte("{")); err == nil {
		t.Error("it was read")
	}
}

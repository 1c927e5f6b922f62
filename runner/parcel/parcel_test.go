package parcel

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/release"
)

func api(code string) *bundle.Bundle {
	return &bundle.Bundle{Worker: "api", Main: "index.js", By: "esbuild", SourceMap: []byte("map"), Modules: []bundle.Module{
		{Name: "index.js", Kind: bundle.ESModule, Content: []byte(code)}, {Name: "../x.wasm", Kind: bundle.CompiledWasm, Content: []byte{0, 1}},
	}}
}

var site = fstest.MapFS{
	"workers/app/dist/index.html": {Data: []byte("<h1>")}, "workers/app/dist/js/a.js": {Data: []byte("a")}, "migrations/1.sql": {Data: []byte("select 1")},
}

// packed is a folder with a release that has passed staging.
func packed(t *testing.T, production string) Folder {
	t.Helper()
	f := Folder{Dir: t.TempDir()}
	p := Parcel{Release: "r1", Commit: "c1", Passed: []Gate{{Step: "build"}, {Step: "smoke-staging", Skipped: "--skip-smoke"}},
		Manifests: []release.Manifest{{Schema: 1, Release: "r1", Environment: "staging"}}, Records: map[string]int64{"staging": 7}}
	err := errors.Join(f.Pack(&p, "staging", api("export default 1")), f.Pack(&p, "production", api(production)), f.PackFiles(&p, site, "workers/app/dist"), f.Close(p))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func rule(err error) string {
	f, _ := errors.AsType[finding.Finding](err)
	return f.Rule
}

func TestWhatIsPackedIsUnpacked(t *testing.T) {
	t.Parallel()
	f := packed(t, "export default 1")
	p, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	var shelf bundle.Shelf
	if err := f.Unpack(p, &shelf); err != nil {
		t.Fatal(err)
	}
	want := api("export default 1")
	if got := shelf.Get("api", "production"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if m, ok := p.Manifest("staging"); !ok || m.Release != "r1" || p.Records["staging"] != 7 {
		t.Errorf("%+v", p)
	}
	if err := errors.Join(p.Admit("c1", []string{"build", "smoke-staging"}), p.Same("production", "staging")); err != nil {
		t.Error(err)
	}
	// Another job has no built files of its own, but everything else.
	fsys := f.FS(fstest.MapFS{"migrations/1.sql": site["migrations/1.sql"], "workers/app/wrangler.toml": {Data: []byte("x")}}, p)
	if err := fstest.TestFS(must(fs.Sub(fsys, "workers/app/dist")), "index.html", "js/a.js"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"migrations/1.sql", "workers/app/wrangler.toml"} {
		if _, err := fs.ReadFile(fsys, name); err != nil {
			t.Error(err)
		}
	}
}

func must(f fs.FS, err error) fs.FS {
	if err != nil {
		panic(err)
	}
	return f
}

func TestWhatIsNotWhatWasPackedIsRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(dir string) error
		says   string
	}{
		{"a module was changed", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, modules, digest([]byte("export default 1"))), []byte("export default 2"), 0o600)
		}, "was changed"},
		{"a module is missing", func(dir string) error {
			return os.Remove(filepath.Join(dir, modules, digest([]byte{0, 1})))
		}, "is missing"},
		{"a static file was changed", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, static, "workers/app/dist/index.html"), []byte("<h2>"), 0o600)
		}, "was changed"},
		{"the digest was changed", func(dir string) error {
			return replace(filepath.Join(dir, index), api("export default 1").Digest(), "sha256:0")
		}, "another digest"},
		{"a path leads out", func(dir string) error {
			return replace(filepath.Join(dir, index), "workers/app/dist/index.html", "../../x")
		}, "is no path"},
		{"another form", func(dir string) error { return replace(filepath.Join(dir, index), `"schema": 1`, `"schema": 2`) }, "no parcel of schema"},
		{"no JSON", func(dir string) error { return os.WriteFile(filepath.Join(dir, index), []byte("{"), 0o600) }, "parcel.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := packed(t, "export default 1")
			if err := tt.change(f.Dir); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Open(); rule(err) != "other-bytes" || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func replace(path, from, to string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.ReplaceAll(string(raw), from, to)), 0o600)
}

func TestAReleaseIsAdmittedOnlyThroughItsGates(t *testing.T) {
	t.Parallel()
	p, err := packed(t, "export default 2").Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Admit("c2", nil); rule(err) != "other-commit" {
		t.Errorf("another commit: %v", err)
	}
	if err := p.Admit("c1", []string{"build", "deploy-staging"}); rule(err) != "not-passed" || !strings.Contains(err.Error(), "deploy-staging") {
		t.Errorf("a gate that was not passed: %v", err)
	}
	if err := p.Same("production", "staging"); rule(err) != "other-bytes" {
		t.Errorf("other bytes: %v", err)
	}
	if _, err := (Folder{Dir: t.TempDir()}).Open(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}

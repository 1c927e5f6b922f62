package upload

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/secret"
)

const config = `name = "tminus-api"
main = "index.js"
compatibility_date = "2026-03-17"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["A"]
[[migrations]]
tag = "v2"
new_sqlite_classes = ["B"]

[env.staging]
limits = { cpu_ms = 50 }
placement = { mode = "smart" }
observability = { enabled = true }
tail_consumers = [{ service = "tail-staging" }]
vars = { MODE = "x" }
assets = { directory = "public", run_worker_first = ["/v1/*"] }
[[env.staging.kv_namespaces]]
binding = "KV"
id = "k1"
`

func load(t *testing.T, text string) (fstest.MapFS, project.Script) {
	t.Helper()
	fsys := fstest.MapFS{
		"workers/api/wrangler.toml":        {Data: []byte(text)},
		"workers/api/index.js":             {Data: []byte("export default {}")},
		"workers/api/public/index.html":    {Data: []byte("<p>")},
		"workers/api/public/_headers":      {Data: []byte("/*\n  X: 1")},
		"workers/api/public/draft/a.md":    {Data: []byte("draft")},
		"workers/api/public/.assetsignore": {Data: []byte("draft\n")},
		"workers/api/public/css/style.css": {Data: []byte("p{}")},
	}
	p, err := project.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	target, err := p.In("staging")
	if err != nil {
		t.Fatal(err)
	}
	return fsys, target.Scripts[0]
}

func secrets(values map[string]string) secret.Store {
	return secret.Load([]string{"JWT_SECRET", "MASTER_KEY"}, func(name string) (string, bool) { v, ok := values[name]; return v, ok })
}

func script(t *testing.T) Script {
	t.Helper()
	fsys, s := load(t, config)
	files, err := ReadFiles(fsys, &s)
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle.Bundle{Main: "index.js", Modules: []bundle.Module{{Name: "index.js", Kind: bundle.ESModule, Content: []byte("export default {}")}}}
	return Script{Script: s, Bundle: b, Files: files, Secrets: secrets(map[string]string{"JWT_SECRET": "hunter2hunter2"}), Key: "key"}
}

func TestAnUploadSaysAllThatTheConfigurationSays(t *testing.T) {
	t.Parallel()
	s := script(t)
	s.Migrations = map[string]any{"new_tag": "v1"}
	u := s.Make("r1", "release r1", "jwt")
	raw, err := json.Marshal(u.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"main_module": "index.js", "compatibility_date": "2026-03-17", "compatibility_flags": []any{},
		"bindings": []any{
			map[string]any{"name": "MODE", "type": "plain_text", "text": "x"},
			map[string]any{"name": "KV", "type": "kv_namespace", "namespace_id": "k1"},
			map[string]any{"name": "JWT_SECRET", "type": "secret_text", "text": "hunter2hunter2"},
		},
		"keep_bindings":  []any{"secret_text", "secret_key"},
		"limits":         map[string]any{"cpu_ms": 50.0},
		"placement":      map[string]any{"mode": "smart"},
		"observability":  map[string]any{"enabled": true},
		"tail_consumers": []any{map[string]any{"service": "tail-staging"}},
		"assets":         map[string]any{"jwt": "jwt", "config": map[string]any{"run_worker_first": []any{"/v1/*"}, "_headers": "/*\n  X: 1"}},
		"annotations":    map[string]any{"workers/tag": "r1", "workers/message": "release r1"},
		"migrations":     map[string]any{"new_tag": "v1"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("metadata\n%s\nwant\n%v", raw, want)
	}
	if len(u.Parts) != 1 || u.Parts[0].MIME != "application/javascript+module" {
		t.Errorf("parts %+v", u.Parts)
	}
}

func TestFilesAreThoseThatAreServed(t *testing.T) {
	t.Parallel()
	var paths []string
	for _, f := range script(t).Files {
		paths = append(paths, f.Path)
	}
	if want := []string{"/css/style.css", "/index.html"}; !reflect.DeepEqual(paths, want) {
		t.Errorf("files %v, want %v", paths, want)
	}
	fsys, s := load(t, strings.Replace(config, `"public"`, `"dist"`, 1))
	_, err := ReadFiles(fsys, &s)
	if f, ok := errors.AsType[finding.Finding](err); !ok || f.Rule != "no-assets" || f.At.Line != 18 {
		t.Errorf("a missing directory: %v", err)
	}
}

func TestTheDigestFollowsEverythingThatMatters(t *testing.T) {
	t.Parallel()
	base := script(t).Digest()
	if again := script(t).Digest(); again != base {
		t.Fatal("the digest changes by itself")
	}
	_, other := load(t, strings.Replace(config, `MODE = "x"`, `MODE = "y"`, 1))
	tests := map[string]func(*Script){
		"code":          func(s *Script) { s.Bundle.Modules[0].Content = []byte("export default { fetch() {} }") },
		"a variable":    func(s *Script) { s.Script.Section.Bindings = other.Section.Bindings },
		"a static file": func(s *Script) { s.Files[0].Content = []byte("p{color:red}") },
		"a secret":      func(s *Script) { s.Secrets = secrets(map[string]string{"JWT_SECRET": "other"}) },
		"one secret more": func(s *Script) {
			s.Secrets = secrets(map[string]string{"JWT_SECRET": "hunter2hunter2", "MASTER_KEY": "m"})
		},
		"the date": func(s *Script) { s.Script.Section.Module.Date.V = "2026-03-18" },
	}
	for name, change := range tests {
		s := script(t)
		change(&s)
		if s.Digest() == base {
			t.Errorf("%s changed, and the digest did not", name)
		}
	}
	s := script(t)
	s.Migrations = map[string]any{"new_tag": "v2"}
	if s.Digest() != base {
		t.Error("a migration that is on its way changed the digest, which it will not have the next time")
	}
}

func TestClassMigrationsGoOnWhereTheAccountStands(t *testing.T) {
	t.Parallel()
	_, s := load(t, config)
	step := func(class string) map[string]any { return map[string]any{"new_sqlite_classes": []any{class}} }
	tests := []struct {
		tag  string
		want map[string]any
	}{
		{"", map[string]any{"new_tag": "v2", "steps": []map[string]any{step("A"), step("B")}}},
		{"v1", map[string]any{"old_tag": "v1", "new_tag": "v2", "steps": []map[string]any{step("B")}}},
		{"v2", nil},
	}
	for _, tt := range tests {
		got, err := Classes(s, tt.tag)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("at %q: %v, %v; want %v", tt.tag, got, err, tt.want)
		}
	}
	_, err := Classes(s, "v9")
	if f, ok := errors.AsType[finding.Finding](err); !ok || f.Rule != "unknown-class-migration" || f.At.Line != 5 {
		t.Errorf("an unknown tag: %v", err)
	}
	s.Section.Objects = nil
	if got, err := Classes(s, "v9"); got != nil || err != nil {
		t.Errorf("without classes: %v, %v", got, err)
	}
}

func TestPlacementTakesTheShapeOfTheAPI(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want any }{
		{nil, nil},
		{map[string]any{"mode": "off"}, nil},
		{map[string]any{"mode": "smart"}, map[string]any{"mode": "smart"}},
		{map[string]any{"mode": "off", "hint": "wnam"}, map[string]any{"mode": "smart", "hint": "wnam"}},
		{map[string]any{"region": "aws:us-east-1"}, map[string]any{"mode": "targeted", "region": "aws:us-east-1"}},
	}
	for _, tt := range tests {
		if got := placement(tt.in); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v became %v, want %v", tt.in, got, tt.want)
		}
	}
}

package check_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/project"
)

func TestCodeIsHeldAgainstWhatTheRuntimeTakes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, config, code string
		want               []string
	}{
		{"a handler and its classes", "durable_objects.bindings = [{ name = \"A\", class_name = \"A\" }]", "export class A {}\nexport default { fetch() {} }", nil},
		{"a builtin without the flag", "", "import 'node:fs'\nexport default { fetch() {} }", []string{"workers/api/wrangler.toml:4:6 nodejs-compat"}},
		{"a builtin with the flag", "compatibility_flags = [\"nodejs_compat\"]", "import 'node:fs'\nimport 'crypto'\nexport default { fetch() {} }", nil},
		{"AsyncLocalStorage alone", "compatibility_flags = [\"nodejs_als\"]", "import 'node:async_hooks'\nimport 'node:fs'\nexport default { fetch() {} }", []string{"workers/api/wrangler.toml:5:1 nodejs-compat"}},
		{"a package that maps its builtin away", "", "import 'idlib'\nexport default { fetch() {} }", []string{"workers/api/wrangler.toml:4:6 nodejs-compat"}},
		{"a constant among the exports", "", "const x = 1\nexport const LIMIT = 5\nexport default { fetch() {} }", []string{"workers/api/index.ts:2 extra-export"}},
		{"a function among the exports", "", "export default { fetch() {} }\nexport function help() {}", []string{"workers/api/index.ts:2 extra-export"}},
		{"a class that is not exported", "durable_objects.bindings = [{ name = \"A\", class_name = \"Graph\" }]", "export default { fetch() {} }", []string{"workers/api/wrangler.toml:5:56 missing-class"}},
		{"a class of another script", "durable_objects.bindings = [{ name = \"A\", class_name = \"Graph\", script_name = \"other\" }]", "export default { fetch() {} }", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range map[string]string{
				"workers/api/wrangler.toml":       "name = \"tminus-api\"\nmain = \"index.ts\"\ncompatibility_date = \"2026-03-17\"\n[env.staging]\n" + tt.config + "\n",
				"workers/api/index.ts":            tt.code,
				"node_modules/idlib/package.json": `{"name":"idlib","main":"index.js","browser":{"crypto":false}}`,
				"node_modules/idlib/index.js":     "require('crypto')",
			} {
				file := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			p, err := project.Load(os.DirFS(dir))
			if err != nil {
				t.Fatal(err)
			}
			target, err := p.In("staging")
			if err != nil {
				t.Fatal(err)
			}
			s := target.Scripts[0]
			runtime := bundle.Target{Date: "2026-03-17"}
			for _, f := range s.Section.Module.Flags {
				runtime.Flags = append(runtime.Flags, f.V)
			}
			b, err := bundle.Survey(bundle.Options{Worker: "api", Root: dir, Dir: filepath.Join(dir, "workers/api"), Entry: "index.ts", Target: runtime})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range check.Code(p.FS(), s, runtime.Mode(), b) {
				got = append(got, f.At.String()+" "+f.Rule)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("found %s, want %s", strings.Join(got, ", "), strings.Join(tt.want, ", "))
			}
		})
	}
}

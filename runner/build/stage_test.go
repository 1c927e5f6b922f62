package build_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/build"
	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
)

const workerToml = `name = "tminus-api"
main = "src/index.ts"
compatibility_date = "2026-03-17"
workers_dev = false
[env.staging]
[env.production]
`

// tree writes a project and loads it.
func tree(t *testing.T, files map[string]string) (string, project.Project, []project.Target) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := project.Load(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	var all []project.Target
	for _, env := range loaded.Envs() {
		target, err := loaded.In(env)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, target)
	}
	return dir, loaded, all
}

func made(t *testing.T, files map[string]string) (build.Stage, pipeline.Verdict, string, []finding.Finding) {
	t.Helper()
	dir, loaded, all := tree(t, files)
	b := build.Stage{
		Dir: dir, Project: loaded, Targets: all, Env: []string{"PATH=" + os.Getenv("PATH")}, Bundler: "auto", Into: &bundle.Shelf{},
		Redact: func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") },
	}
	verdict, outcome, found := run(t, context.Background(), pipeline.Step{Stage: b, KeepGoing: true})
	return b, verdict, outcome, found
}

func TestStagingAndProductionGetTheSameBytes(t *testing.T) {
	t.Parallel()
	b, verdict, outcome, found := made(t, map[string]string{
		"workers/api/wrangler.toml": workerToml,
		"workers/api/src/index.ts":  "export default { fetch() { return new Response('hi') } }",
	})
	if verdict != pipeline.Passed || !strings.Contains(outcome, "sha256:") {
		t.Fatalf("%s %q %v", verdict, outcome, found)
	}
	if s, p := b.Into.Get("api", "staging"), b.Into.Get("api", "production"); s == nil || s != p {
		t.Errorf("staging %p, production %p", s, p)
	}
}

func TestBytesThatDifferBetweenEnvironmentsCloseTheGate(t *testing.T) {
	t.Parallel()
	_, verdict, _, found := made(t, map[string]string{
		"workers/api/wrangler.toml": strings.Replace(workerToml, "[env.production]", "[env.production]\ndefine = { MODE = \"'p'\" }", 1),
		"workers/api/src/index.ts":  "export default { fetch() { return new Response(typeof MODE) } }",
	})
	if verdict != pipeline.Failed || found[0].Rule != "different-bytes" || found[0].At.Line != 6 {
		t.Errorf("%s %+v", verdict, found)
	}
}

func TestTheBuildCommandRunsFirstAndIsRedacted(t *testing.T) {
	t.Parallel()
	_, verdict, _, found := made(t, map[string]string{
		"workers/api/wrangler.toml": workerToml,
		"tminus.yaml":               "build: echo the password is hunter2 && echo \"export default { fetch() { return new Response('made') } }\" > workers/api/src/index.ts\n",
		"workers/api/src/.keep":     "",
	})
	if verdict != pipeline.Passed {
		t.Errorf("%s %v", verdict, found)
	}
}

func TestComplaintsOfTheBuildStandOnTheirLines(t *testing.T) {
	t.Parallel()
	good := "export default { fetch() { return new Response('hi') } }"
	tests := []struct {
		name, command, code, rule, at string
	}{
		{"a type error", "echo \"workers/api/src/index.ts(3,7): error TS2322: no hunter2\"; exit 2", good, "typescript", "workers/api/src/index.ts:3:7"},
		{"a failure without a complaint", "echo all is lost; exit 3", good, "build", "tminus.yaml:1:8"},
		{"a syntax error", "true", "export default {\n  fetch( {\n}\n", "bundle", "workers/api/src/index.ts:"},
		{"a missing package", "true", "import 'gone'\n" + good, "bundle", "workers/api/src/index.ts:1:8"},
		{"a builtin without the flag", "true", "import fs from 'node:fs'\n" + good + "; fs", "nodejs-compat", "workers/api/wrangler.toml:5:6"},
		{"an export that workerd refuses", "true", "export const LIMIT = 5\n" + good, "extra-export", "workers/api/src/index.ts:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, verdict, _, found := made(t, map[string]string{
				"workers/api/wrangler.toml": workerToml,
				"workers/api/src/index.ts":  tt.code,
				"tminus.yaml":               fmt.Sprintf("build: %q\n", tt.command),
			})
			if verdict != pipeline.Failed || found[0].Rule != tt.rule || !strings.HasPrefix(found[0].At.String(), tt.at) || strings.Contains(found[0].Message, "hunter2") {
				t.Errorf("%s %+v", verdict, found)
			}
		})
	}
}

func TestAMissingBuildCommandIsFoundBeforehand(t *testing.T) {
	t.Parallel()
	dir, loaded, all := tree(t, map[string]string{
		"workers/api/wrangler.toml": workerToml, "workers/api/src/index.ts": "export default {}",
		"tminus.yaml": "build: no-such-program --all\n",
	})
	_, err := build.Stage{Dir: dir, Project: loaded, Targets: all}.Commands()
	if f, ok := errors.AsType[finding.Finding](err); !ok || f.Rule != "no-build-command" || f.At.String() != "tminus.yaml:1:8" {
		t.Errorf("%v", err)
	}
}

func TestAnOldDateWithoutWranglerSaysWhatToDo(t *testing.T) {
	t.Parallel()
	_, verdict, _, found := made(t, map[string]string{
		"workers/api/wrangler.toml": strings.Replace(strings.Replace(workerToml, "2026-03-17", "2025-01-01", 1), "workers_dev", "compatibility_flags = [\"nodejs_compat\"]\nworkers_dev", 1),
		"workers/api/src/index.ts":  "export default { fetch() { return new Response('hi') } }",
	})
	if verdict != pipeline.Failed || found[0].Rule != "bundler" || !strings.Contains(found[0].Hint, "devDependencies") {
		t.Errorf("%s %+v", verdict, found)
	}
}

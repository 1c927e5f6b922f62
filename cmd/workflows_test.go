package cmd

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v3"
)

// workflows are our own, those that users copy, and those that .ci/frame runs.
func workflows(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../.github/workflows/*.yml", "../.github/examples/*.yml", "../testdata/frame/*.yml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		all = append(all, found...)
	}
	return all
}

func TestWorkflowsAreValid(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	home, err := actionlint.NewProject(root)
	if err != nil {
		t.Fatal(err)
	}
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{
		WorkingDir: root,
		// It knows neither that an entrypoint may lie in the image, nor that container
		// actions have conditions too.
		IgnorePatterns: []string{`it is specified at "(pre-|post-)?entrypoint" key`, `"(pre|post)-if" .*Docker`},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range workflows(t) {
		found, err := linter.LintFile(path, home)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			t.Errorf("%s: %s", path, e)
		}
	}
}

// workflow is what is read of a workflow here.
type workflow struct {
	Permissions *yaml.Node
	Jobs        map[string]struct {
		Timeout int `yaml:"timeout-minutes"`
		Uses    string
		Steps   []struct {
			Uses string
			With map[string]any
		}
	}
}

func readWorkflow(t *testing.T, path string) (workflow, string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(raw, &w); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return w, string(raw)
}

const itself = "tminus/deploy-action@"

// A tag of somebody else's action can be moved; a commit cannot.
func TestActionsOfOthersArePinned(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	for _, path := range workflows(t) {
		w, text := readWorkflow(t, path)
		for name, job := range w.Jobs {
			all := []string{job.Uses}
			for _, step := range job.Steps {
				all = append(all, step.Uses)
			}
			for _, uses := range all {
				if uses == "" || strings.HasPrefix(uses, "./") || strings.HasPrefix(uses, itself) {
					continue
				}
				if !pinned.MatchString(uses) || !regexp.MustCompile(regexp.QuoteMeta(uses)+` # v\d+\.\d+\.\d+\n`).MatchString(text) {
					t.Errorf("%s: %s: %s is not pinned by a commit with its version behind it", path, name, uses)
				}
			}
		}
	}
}

// A workflow says what its token may do, and a job how long it may take.
func TestWorkflowsAreBounded(t *testing.T) {
	t.Parallel()
	for _, path := range workflows(t) {
		w, _ := readWorkflow(t, path)
		if w.Permissions == nil {
			t.Errorf("%s: permissions are not said", path)
		}
		for name, job := range w.Jobs {
			if job.Uses == "" && job.Timeout == 0 {
				t.Errorf("%s: %s may take for ever", path, name)
			}
		}
	}
}

// actionlint knows the inputs of ./ but not that the examples mean the same action.
func TestExamplesUseInputsThatThereAre(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct{ Inputs map[string]any }
	if err := yaml.Unmarshal(raw, &action); err != nil {
		t.Fatal(err)
	}
	for _, path := range workflows(t) {
		w, _ := readWorkflow(t, path)
		for _, job := range w.Jobs {
			for _, step := range job.Steps {
				for input := range step.With {
					if _, ok := action.Inputs[input]; strings.HasPrefix(step.Uses, itself) && !ok {
						t.Errorf("%s: the action has no input %s", path, input)
					}
				}
			}
		}
	}
}

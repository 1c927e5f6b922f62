package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// example is what is read of a workflow that users copy.
type example struct {
	On   yaml.Node
	Jobs map[string]struct {
		Steps []struct {
			Uses string
			With map[string]string
		}
	}
}

// commands are those that a workflow offers to choose from.
func (e example) commands(t *testing.T) []string {
	t.Helper()
	var on struct {
		Dispatch struct {
			Inputs map[string]struct{ Options []string }
		} `yaml:"workflow_dispatch"`
	}
	if err := e.On.Decode(&on); err != nil {
		t.Fatal(err)
	}
	return on.Dispatch.Inputs["command"].Options
}

var expression = regexp.MustCompile(`\$\{\{.*?\}\}`)

// A workflow that is started by hand without filling anything in must be understood,
// whichever command is chosen.
func TestExamplesAreUnderstood(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob("../../.github/examples/*.yml")
	if err != nil || len(all) < 6 {
		t.Fatalf("%q, %v", all, err)
	}
	asked := 0
	for _, path := range append(all, "../../.github/workflows/rollback.yml") {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var e example
		if err := yaml.Unmarshal(raw, &e); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, job := range e.Jobs {
			for _, step := range job.Steps {
				if !strings.HasPrefix(step.Uses, "tminus/deploy-action@") {
					continue
				}
				inputs := map[string]string{}
				for name, value := range step.With {
					inputs[InputName(name)] = expression.ReplaceAllString(value, "")
				}
				commands := []string{step.With["command"]}
				if strings.Contains(commands[0], "inputs.command") {
					commands = e.commands(t)
				}
				for _, command := range commands {
					inputs["INPUT_COMMAND"] = command
					if _, got, err := parse(nil, lookupIn(inputs), &bytes.Buffer{}); err != nil || command != "" && got != command {
						t.Errorf("%s: %q is taken for %q: %v", path, command, got, err)
					}
					asked++
				}
			}
		}
	}
	if asked < 20 {
		t.Errorf("only %d commands are asked for", asked)
	}
}

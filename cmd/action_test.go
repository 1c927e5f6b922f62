package cmd

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// action is what the tests read of action.yml.
type action struct {
	Name, Description, Author string
	Branding                  struct{ Icon, Color string }
	Inputs                    map[string]struct {
		Description, Default string
		Required             bool
	}
	Outputs map[string]struct{ Description string }
	Runs    map[string]string
}

func readAction(t *testing.T) action {
	t.Helper()
	raw, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// inputsOnly are inputs that are no flags: which command, and what never stands in
// an argument list.
var inputsOnly = []string{"command", "github-token", "api-token", "payload-key"}

func TestEveryFlagIsAnInputOfTheAction(t *testing.T) {
	t.Parallel()
	a, flags := readAction(t), flagNames(t)
	for _, name := range inputsOnly {
		flags["--"+name] = true
	}
	delete(flags, "--version")
	for flag := range flags {
		if in, ok := a.Inputs[strings.TrimPrefix(flag, "--")]; !ok || len(in.Description) < 20 || !strings.HasSuffix(in.Description, ".") {
			t.Errorf("action.yml does not describe the input of %s", flag)
		}
	}
	for name, in := range a.Inputs {
		if !flags["--"+name] {
			t.Errorf("action.yml has the input %s, which is no flag", name)
		}
		if in.Required {
			t.Errorf("the input %s is required, which runners do not enforce", name)
		}
	}
	for _, command := range commandNames(t) {
		if !strings.Contains(a.Inputs["command"].Description, command) {
			t.Errorf("the input command does not name %s", command)
		}
	}
}

// commandNames are the fields of the struct of commands.
func commandNames(t *testing.T) []string {
	t.Helper()
	src, err := os.ReadFile("deploy-action/flags.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile("(?m)^\t([A-Z][A-Za-z]+) +[a-z][A-Za-z]+Flags +`cmd:").FindAllStringSubmatch(string(src), -1) {
		names = append(names, kebab(m[1]))
	}
	if len(names) < 5 {
		t.Fatalf("only %d commands were found", len(names))
	}
	return names
}

func TestEveryOutputIsSetAndShown(t *testing.T) {
	t.Parallel()
	a := readAction(t)
	set := map[string]bool{}
	for _, file := range goFiles(t, "deploy-action") {
		for _, m := range regexp.MustCompile(`\.output\("([a-z-]+)"`).FindAllStringSubmatch(file, -1) {
			set[m[1]] = true
		}
		if strings.Contains(file, `.output(env+"-url"`) {
			set["staging-url"], set["production-url"] = true, true
		}
	}
	text := readme(t)
	for name := range set {
		if out, ok := a.Outputs[name]; !ok || out.Description == "" {
			t.Errorf("action.yml does not describe the output %s", name)
		}
		if !strings.Contains(text, "| `"+name+"` |") {
			t.Errorf("the README does not show the output %s", name)
		}
	}
	for name := range a.Outputs {
		if !set[name] {
			t.Errorf("action.yml has the output %s, which nothing sets", name)
		}
	}
}

func goFiles(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			raw, err := os.ReadFile(dir + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(raw))
		}
	}
	return all
}

func TestTheActionRunsTheImagesProgram(t *testing.T) {
	t.Parallel()
	a := readAction(t)
	raw, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := strings.Split(string(raw), "\nFROM ")
	last := stages[len(stages)-1]
	entry := regexp.MustCompile(`ENTRYPOINT \["([^"]+)"\]`).FindStringSubmatch(last)
	if entry == nil || a.Runs["post-entrypoint"] != entry[1]+"-post" || !strings.Contains(string(raw), "$COMMAND-post") || a.Runs["using"] != "docker" || a.Branding.Icon == "" || a.Author == "" {
		t.Errorf("%+v, entrypoint %v", a.Runs, entry)
	}
	if !strings.Contains(strings.SplitN(last, "\n", 2)[0], " AS action") {
		t.Errorf("the image that is built by default is %q", strings.SplitN(last, "\n", 2)[0])
	}
}

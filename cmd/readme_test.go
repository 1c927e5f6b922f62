package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// flagNames are the flags of deploy-action. They are fields of the commands'
// structs; their names are made as kong makes them.
func flagNames(t *testing.T) map[string]bool {
	t.Helper()
	src := strings.Join(goFiles(t, "deploy-action"), "\n")
	flags := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\t([A-Z][A-Za-z]+) +[\\[\\]a-zA-Z.]+ +`[^`]*help:").FindAllStringSubmatch(src, -1) {
		name := kebab(m[1])
		if said := regexp.MustCompile(`name:"([a-z-]+)"`).FindStringSubmatch(m[0]); said != nil {
			name = said[1]
		}
		if !strings.Contains(m[0], "cmd:") && !strings.Contains(m[0], "arg:") {
			flags["--"+name] = true
		}
	}
	if len(flags) < 15 {
		t.Fatalf("only %d flags were found", len(flags))
	}
	return flags
}

func TestTheReadmeShowsEveryFlagAndNoOther(t *testing.T) {
	t.Parallel()
	text, flags := readme(t), flagNames(t)
	table := text[strings.Index(text, "### Flags"):strings.Index(text, "### tminus.yaml")]
	for flag := range flags {
		if !strings.Contains(table, "| `"+flag+"`") {
			t.Errorf("the README does not show %s", flag)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(--[a-z-]+)`").FindAllStringSubmatch(table, -1) {
		if !flags[m[1]] {
			t.Errorf("the README shows %s, which is no flag", m[1])
		}
	}
}

func kebab(name string) string {
	name = strings.ReplaceAll(name, "ID", "Id")
	return strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(name, "$1-$2"))
}

func TestTheReadmeShowsEveryRule(t *testing.T) {
	t.Parallel()
	text := readme(t)
	table := text[strings.Index(text, "### What check finds"):strings.Index(text, "## Where it differs")]
	rules := regexp.MustCompile(`(?:Errorf|Warnf|Denied)\("([a-z-]+)"|Rule: "([a-z-]+)"`)
	files, err := filepath.Glob("../runner/check/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range rules.FindAllStringSubmatch(string(src), -1) {
			if rule := m[1] + m[2]; !strings.Contains(table, "`"+rule+"`") {
				t.Errorf("the README does not show the rule %s", rule)
			}
		}
	}
}

func TestTheReadmeShowsEveryRoom(t *testing.T) {
	t.Parallel()
	text := readme(t)
	for room := range rooms {
		if !strings.Contains(text, "| `"+filepath.Base(room)+"` |") {
			t.Errorf("the README does not show the room %s", room)
		}
	}
}

// CI runs what the README tells people to run.
func TestCIRunsTheReadmesCommands(t *testing.T) {
	t.Parallel()
	ci, err := os.ReadFile("../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"go run ./cmd/sandbox", "go test -timeout 25m ./..."} {
		if !strings.Contains(readme(t), "\n    "+command+"\n") || !strings.Contains(string(ci), "\n"+command+"\n") {
			t.Errorf("%q is not in both the README and .ci/run", command)
		}
	}
}

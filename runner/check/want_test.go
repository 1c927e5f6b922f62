package check_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
)

const brokenProjects = "../../testdata/projects/broken"

// Each broken project carries comments of the form # want "rule" on the lines
// that must be reported, and on no others. One with an account.json is also held
// against an account that has what the file says.
func TestBrokenProjectsAreReportedOnTheVeryLine(t *testing.T) {
	t.Parallel()
	dirs, err := os.ReadDir(brokenProjects)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		t.Run(dir.Name(), func(t *testing.T) {
			t.Parallel()
			root, err := filepath.Abs(filepath.Join(brokenProjects, dir.Name()))
			if err != nil {
				t.Fatal(err)
			}
			fsys := os.DirFS(root)
			want := wants(t, fsys)
			if len(want) == 0 {
				t.Fatal("the fixture wants nothing")
			}
			seen := map[string]bool{}
			var got []string
			for _, f := range judge(t, root) {
				if line := fmt.Sprintf("%s:%d %s", f.At.File, f.At.Line, f.Rule); !seen[f.Error()] {
					seen[f.Error()] = true
					got = append(got, line)
				}
				if f.Severity != finding.Notice && f.Hint == "" {
					t.Errorf("%s: no hint says what to do", f.Error())
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("reported\n  %s\nwanted\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
		})
	}
}

// judge is everything that is found in a project.
func judge(t *testing.T, root string) []finding.Finding {
	t.Helper()
	p, err := project.Load(os.DirFS(root))
	if err != nil {
		return finding.From(err, "load", finding.Position{})
	}
	all := check.Files(p)
	all = append(all, p.Settings.Unused(all)...)
	var targets []project.Target
	for _, env := range p.Envs() {
		if target, err := p.In(env); err == nil {
			targets = append(targets, target)
			for _, s := range target.Scripts {
				all = append(all, code(t, root, p, s)...)
			}
		}
	}
	if raw, err := os.ReadFile(filepath.Join(root, "account.json")); err == nil {
		all = append(all, asked(t, raw, p, targets)...)
	}
	return all
}

// code is what is found in the code of one script.
func code(t *testing.T, root string, p project.Project, s project.Script) []finding.Finding {
	t.Helper()
	if _, err := fs.Stat(p.FS(), path.Join(s.Dir, s.Section.Module.Main.V)); err != nil {
		return nil // a rule of its own reports that
	}
	o := bundle.Options{Worker: s.Worker, Root: root, Dir: filepath.Join(root, s.Dir), Entry: s.Section.Module.Main.V, Target: bundle.Target{Date: s.Section.Module.Date.V}}
	for _, f := range s.Section.Module.Flags {
		o.Target.Flags = append(o.Target.Flags, f.V)
	}
	b, err := bundle.Survey(o)
	if failed, ok := errors.AsType[*bundle.Error](err); ok {
		return []finding.Finding{finding.Errorf("bundle", finding.Position{File: failed.Problems[0].File, Line: failed.Problems[0].Line}, "%s", failed).Hintf("correct the code")}
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(check.Code(p.FS(), s, o.Target.Mode(), b), check.Undeclared(s, b)...)
}

// asked is what an account has to say that has what the JSON says.
func asked(t *testing.T, raw []byte, p project.Project, targets []project.Target) []finding.Finding {
	t.Helper()
	var has struct {
		D1            map[string]string
		Queues, Zones []string
	}
	if err := json.Unmarshal(raw, &has); err != nil {
		t.Fatal(err)
	}
	o := fakecloudflare.Options{Token: "token"}
	for _, name := range has.Zones {
		o.Zones = append(o.Zones, fakecloudflare.Zone{Name: name})
	}
	a, client := account(t, o)
	for id, name := range has.D1 {
		if _, err := a.D1.Create(name, id); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range has.Queues {
		if _, err := a.Queues.Create(name, queue.Settings{}); err != nil {
			t.Fatal(err)
		}
	}
	found, err := check.Account(context.Background(), client("token", a.ID()), p, targets...)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(a.Calls().Writes()); n != 0 {
		t.Errorf("%d writes", n)
	}
	return found
}

var (
	wantComment = regexp.MustCompile(`(?:#|//|--) want (".*")`)
	wantRule    = regexp.MustCompile(`"([^"]+)"`)
)

func wants(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var want []string
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !slices.Contains([]string{".toml", ".jsonc", ".yaml", ".js", ".sql"}, path.Ext(name)) {
			return err
		}
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for n := 1; lines.Scan(); n++ {
			if m := wantComment.FindStringSubmatch(lines.Text()); m != nil {
				for _, rule := range wantRule.FindAllStringSubmatch(m[1], -1) {
					want = append(want, fmt.Sprintf("%s:%d %s", name, n, rule[1]))
				}
			}
		}
		return lines.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	return want
}

// Every rule of the room has a broken project that shows it.
func TestEveryRuleHasABrokenProject(t *testing.T) {
	t.Parallel()
	all := wants(t, os.DirFS(brokenProjects))
	rules := regexp.MustCompile(`(?:Errorf|Warnf)\("([a-z-]+)"|Rule: "([a-z-]+)"`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := []string{"wrong-token", "unknown-account"} // shown by TestATokenIsJudgedBeforeAnythingElse
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range rules.FindAllStringSubmatch(string(src), -1) {
			rule := m[1] + m[2]
			shown := slices.ContainsFunc(all, func(w string) bool { return strings.HasSuffix(w, " "+rule) })
			if !shown && !slices.Contains(elsewhere, rule) {
				t.Errorf("%s: rule %q has no broken project", file, rule)
			}
		}
	}
}

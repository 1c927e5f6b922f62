package check

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
)

const brokenProjects = "../../testdata/projects/broken"

// Each broken project carries comments of the form # want "rule" on the lines
// that must be reported, and on no others.
func TestBrokenProjectsAreReportedOnTheVeryLine(t *testing.T) {
	t.Parallel()
	dirs, err := os.ReadDir(brokenProjects)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		t.Run(dir.Name(), func(t *testing.T) {
			t.Parallel()
			fsys := os.DirFS(filepath.Join(brokenProjects, dir.Name()))
			want := wants(t, fsys)
			if len(want) == 0 {
				t.Fatal("the fixture wants nothing")
			}
			p, err := project.Load(fsys)
			all := finding.From(err, "load", finding.Position{})
			if err == nil {
				all = Files(p)
				all = append(all, p.Settings.Unused(all)...)
			}
			var got []string
			for _, f := range all {
				got = append(got, fmt.Sprintf("%s:%d %s", f.At.File, f.At.Line, f.Rule))
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

var (
	wantComment = regexp.MustCompile(`(?:#|//|--) want (".*")`)
	wantRule    = regexp.MustCompile(`"([^"]+)"`)
)

func wants(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var want []string
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !slices.Contains([]string{".toml", ".jsonc", ".json", ".yaml"}, path.Ext(name)) {
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

package compensation

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
)

// folder is a folder of migrations.
func folder(dir string, names ...string) (fstest.MapFS, project.Database) {
	all, d := fstest.MapFS{}, project.Database{Name: "registry", Dir: dir}
	for _, name := range names {
		name, sql, _ := strings.Cut(name, "|")
		all[dir+"/"+name] = &fstest.MapFile{Data: []byte(sql)}
		d.Files = append(d.Files, dir+"/"+name)
	}
	return all, d
}

func TestAMigrationIsFoundByWhatAPersonCallsIt(t *testing.T) {
	t.Parallel()
	files, d := folder("db/m", "0001_users.sql", "0002_posts.sql", "0010_ten.sql", "init.sql")
	tests := []struct{ meant, name, hint string }{
		{"1", "0001_users.sql", ""},
		{"0002", "0002_posts.sql", ""},
		{"00010", "0010_ten.sql", ""},
		{"0002_posts.sql", "0002_posts.sql", ""},
		{"0002_posts", "0002_posts.sql", ""},
		{"./db/m/0001_users.sql", "0001_users.sql", ""},
		{" init.sql ", "init.sql", ""},
		{"3", "", "the newest are"},
		{"0002_pots.sql", "", "did you mean 0002_posts.sql?"},
		{"user", "", "did you mean"},
		{"", "", "the newest are"},
		{"../../etc/passwd", "", "the newest are"},
		{"99999999999999999999", "", "the newest are"},
	}
	for _, tt := range tests {
		t.Run(tt.meant, func(t *testing.T) {
			t.Parallel()
			got, err := Find(files, []project.Database{d, d}, tt.meant)
			f, _ := errors.AsType[finding.Finding](err)
			if tt.hint != "" {
				if f.Rule != "unknown-migration" || !strings.Contains(f.Hint, tt.hint) {
					t.Errorf("%+v %v", got.Index, err)
				}
				return
			}
			if err != nil || got.Files[got.Index].Name != tt.name {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestTheNewFileHasTheNextNumber(t *testing.T) {
	t.Parallel()
	tests := []struct {
		files []string
		meant string
		want  string
	}{
		{[]string{"0001_users.sql", "0002_posts.sql"}, "1", "m/0003_rollback_users.sql"},
		{[]string{"9_nine.sql"}, "9", "m/10_rollback_nine.sql"},
		{[]string{"0001-users.sql", "0099_more.sql"}, "1", "m/0100_rollback_users.sql"},
		{[]string{"init.sql"}, "init.sql", "m/1_rollback_init.sql"},
		{[]string{"20261122043000_users.sql"}, "20261122043000", "m/20261122043001_rollback_users.sql"},
		{[]string{"0001_users.sql", "0002_rollback_users.sql"}, "2", "m/0003_rollback_rollback_users.sql"},
	}
	for _, tt := range tests {
		files, d := folder("m", tt.files...)
		got, err := Find(files, []project.Database{d}, tt.meant)
		if err != nil || got.Path() != tt.want {
			t.Errorf("%v: %s %v, want %s", tt.files, got.Path(), err, tt.want)
		}
	}
}

func TestAFileThatTakesItBackIsFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files []string
		want  string
	}{
		{"none", []string{"0001_a.sql", "0002_b.sql"}, ""},
		{"ours", []string{"0001_a.sql", "0002_x.sql|-- Reverse migration 0001: drops table a (0001_a.sql)\n"}, "0002_x.sql"},
		{"one by hand", []string{"0001_a.sql", "0002_x.sql|\n-- Reverse migration 1: what was wrong\n"}, "0002_x.sql"},
		{"of another file with that number", []string{"0001_a.sql", "0001_b.sql", "0002_x.sql|-- Reverse migration 0001: drops table b (0001_b.sql)\n"}, ""},
		{"of another number", []string{"0001_a.sql", "0002_b.sql", "0003_x.sql|-- Reverse migration 0002: drops (0002_b.sql)\n"}, ""},
		{"taken back itself", []string{"0001_a.sql", "0002_x.sql|-- Reverse migration 0001: drops (0001_a.sql)\n", "0003_y.sql|-- Reverse migration 0002: makes (0002_x.sql)\n"}, ""},
		{"taken back twice", []string{"0001_a.sql", "0002_x.sql|-- Reverse migration 0001: d (0001_a.sql)\n", "0003_y.sql|-- Reverse migration 0002: m (0002_x.sql)\n", "0004_z.sql|-- Reverse migration 0001: d (0001_a.sql)\n"}, "0004_z.sql"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files, d := folder("m", tt.files...)
			target, err := Find(files, []project.Database{d}, "0001_a.sql")
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := target.Existing(); got.Name != tt.want || ok != (tt.want != "") {
				t.Errorf("%q, want %q", got.Name, tt.want)
			}
		})
	}
}

func TestAFileIsWrittenOnceAndNeverChanged(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	var wrote atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if write(root, "0002_rollback.sql", strings.Repeat("x", 10_000)) == nil {
				wrote.Add(1)
			}
		})
	}
	all.Wait()
	raw, err := os.ReadFile(filepath.Join(root, "0002_rollback.sql"))
	entries, _ := os.ReadDir(root)
	if err != nil || wrote.Load() != 1 || len(raw) != 10_000 || len(entries) != 1 {
		t.Errorf("written %d times, %d bytes, %v, %v", wrote.Load(), len(raw), entries, err)
	}
	f, _ := errors.AsType[finding.Finding](write(root, "0002_rollback.sql", "y"))
	if f.Rule != "not-written" || !strings.Contains(f.Hint, "ever overwritten") {
		t.Errorf("%+v", f)
	}
	if f, _ := errors.AsType[finding.Finding](write(root, "nowhere/x.sql", "y")); f.Rule != "not-written" || strings.Contains(f.Hint, "overwritten") {
		t.Errorf("%+v", f)
	}
	if info, err := os.Stat(filepath.Join(root, "0002_rollback.sql")); err != nil || info.Mode() != fs.FileMode(0o644) {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

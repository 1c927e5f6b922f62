package whole

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// ways are the ways to write a file.
var ways = map[string]func(string, []byte, fs.FileMode) error{"Replace": Replace, "Put": Put, "Create": Create}

// alone sees that a folder holds files of these names and nothing that was left behind.
func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("the folder holds %q, want %q", got, names)
	}
}

func holds(t *testing.T, path, want string, perm fs.FileMode) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil || string(raw) != want {
		t.Errorf("%s holds %q, %v, want %q", path, raw, err, want)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != perm {
		t.Errorf("%s has %v, %v, want %v", path, info.Mode(), err, perm)
	}
}

func put(t *testing.T, path, content string, perm fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chmod(path, perm)); err != nil {
		t.Fatal(err)
	}
}

func TestANewFileHasThePermissionsThatWereAsked(t *testing.T) {
	t.Parallel()
	for name, write := range ways {
		for _, perm := range []fs.FileMode{0o600, 0o644, 0o666, 0o400} {
			dir := t.TempDir()
			if err := write(filepath.Join(dir, "new"), []byte("text"), perm); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			holds(t, filepath.Join(dir, "new"), "text", perm)
			alone(t, dir, "new")
		}
	}
}

func TestAFileThatIsReplacedKeepsItsPermissions(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Replace", "Put"} {
		for _, perm := range []fs.FileMode{0o600, 0o640, 0o755, 0o444} {
			dir := t.TempDir()
			path := filepath.Join(dir, "old")
			put(t, path, "what was there, and longer", perm)
			if err := ways[name](path, []byte("text"), 0o666); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			holds(t, path, "text", perm)
			alone(t, dir, "old")
		}
	}
}

func TestWhatIsThereIsNotCreatedAgain(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(path string) error{
		"a file":   func(path string) error { return os.WriteFile(path, []byte("old"), 0o644) },
		"a folder": func(path string) error { return os.Mkdir(path, 0o755) },
		"a link":   func(path string) error { return os.Symlink("elsewhere", path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "taken")
			if err := begin(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(path)
			whole := filepath.Join(t.TempDir(), "whole")
			put(t, whole, "new", 0o600)
			// Somebody may take the name after Create has looked.
			for _, err := range []error{Create(path, []byte("new"), 0o644), claim(whole, path), reserve(whole, path)} {
				if !errors.Is(err, fs.ErrExist) {
					t.Errorf("%v", err)
				}
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) || after.Size() != before.Size() || after.ModTime() != before.ModTime() {
				t.Errorf("it was changed: %v", err)
			}
			alone(t, dir, "taken")
		})
	}
}

func TestOneOfManyCreatesAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var made atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			err := Create(filepath.Join(dir, "new"), bytes.Repeat([]byte{byte('a' + i)}, 10_000), 0o600)
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	raw, err := os.ReadFile(filepath.Join(dir, "new"))
	if err != nil || made.Load() != 1 || len(raw) != 10_000 || strings.Trim(string(raw), string(raw[:1])) != "" {
		t.Errorf("created %d times, %d bytes, %v", made.Load(), len(raw), err)
	}
	alone(t, dir, "new")
}

// A file system without second names is not on every machine.
func TestANameIsHeldUntilTheFileTakesIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	beside, path := filepath.Join(dir, "beside"), filepath.Join(dir, "new")
	if err := reserve(beside, path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing took the name: %v", err)
	}
	alone(t, dir)
	// A folder has one name everywhere.
	if err := claim(t.TempDir(), path); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder took the name of a file: %v", err)
	}
	alone(t, dir)
	put(t, beside, "text", 0o640)
	if err := reserve(beside, path); err != nil {
		t.Error(err)
	}
	holds(t, path, "text", 0o640)
	alone(t, dir, "new")
}

func TestAReaderSeesTheOldOrTheNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "read")
	put(t, path, strings.Repeat("a", 100_000), 0o600)
	done := make(chan error, 1)
	go func() {
		var err error
		for i := range 200 {
			write := []func(string, []byte, fs.FileMode) error{Put, Replace}[i%2]
			err = errors.Join(err, write(path, bytes.Repeat([]byte{byte('a' + i%26)}, 100_000), 0o600))
		}
		done <- err
	}()
	for {
		raw, err := os.ReadFile(path)
		if err != nil || len(raw) != 100_000 || strings.Trim(string(raw), string(raw[:1])) != "" {
			t.Fatalf("%d bytes that are not of one file, %v", len(raw), err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			alone(t, dir, "read")
			return
		default:
		}
	}
}

func TestALinkIsReplacedAndNotFollowed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Replace", "Put"} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "aim"), "aim", 0o640)
		if err := os.Symlink("aim", filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		if err := ways[name](filepath.Join(dir, "link"), []byte("text"), 0o600); err != nil {
			t.Error(err)
		}
		holds(t, filepath.Join(dir, "aim"), "aim", 0o640)
		holds(t, filepath.Join(dir, "link"), "text", 0o600)
	}
}

func TestAnErrorNamesTheFileThatWasMeant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "", 0o600)
	for name, write := range ways {
		for path, why := range map[string]error{"nowhere/x": fs.ErrNotExist, "file/x": nil, "folder": nil} {
			if err := os.MkdirAll(filepath.Join(dir, "folder", "in"), 0o755); err != nil {
				t.Fatal(err)
			}
			err := write(filepath.Join(dir, path), []byte("text"), 0o600)
			text := "write " + filepath.Join(dir, path) + ": "
			if err == nil || !strings.HasPrefix(err.Error(), text) || strings.Contains(err.Error(), ".deploy-action") || why != nil && !errors.Is(err, why) {
				t.Errorf("%s %s: %v", name, path, err)
			}
		}
	}
	alone(t, dir, "file", "folder")
	alone(t, filepath.Join(dir, "folder"), "in")
}

func TestWhatIsNotWholeYetIsForTheUserAloneAndNotForGit(t *testing.T) {
	t.Parallel()
	repository := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", repository).CombinedOutput(); err != nil {
		t.Skipf("git: %s", out)
	}
	dir, err := aside(repository)
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	err = write(filepath.Join(repository, "new"), file{content: []byte("secret"), perm: 0o600, in: dir}, func(from, _ string) error {
		holds(t, from, "secret", 0o600)
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 || filepath.Dir(from) != dir {
			t.Errorf("%s: %v %v", from, info.Mode(), err)
		}
		if out, err := exec.Command("git", "-C", repository, "status", "--porcelain", "--untracked-files=all").Output(); err != nil || len(out) > 0 {
			t.Errorf("git sees %s, %v", out, err)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Error(err)
	}
	alone(t, dir, ".gitignore")
}

//go:build unix

package whole

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// child names what this program does when it is started by one of its own tests.
const child = "WHOLE_TEST_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch path := os.Getenv(child + "_FILE"); os.Getenv(child) {
	case "full":
		err = full(path)
	case "endless":
		err = endless(path)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func start(t *testing.T, what, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), child+"="+what, child+"_FILE="+path)
	return cmd
}

// full writes more than the system lets it, in every way.
func full(path string) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: 1000}); err != nil {
		return err
	}
	for name, write := range ways {
		err := write(filepath.Join(filepath.Dir(path), name), make([]byte, 2000), 0o600)
		if !errors.Is(err, syscall.EFBIG) || !strings.HasPrefix(err.Error(), "write "+filepath.Join(filepath.Dir(path), name)+": ") {
			return fmt.Errorf("%s: %v", name, err)
		}
	}
	if err := Replace(path, make([]byte, 2000), 0o600); !errors.Is(err, syscall.EFBIG) {
		return err
	}
	return nil
}

func TestADiskThatTakesNoMoreLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "old")
	put(t, path, "what was there", 0o640)
	if out, err := start(t, "full", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	holds(t, path, "what was there", 0o640)
	alone(t, dir, "old")
}

// endless writes until it is killed, and says when it has begun.
func endless(path string) error {
	for i := 0; ; i++ {
		if err := Replace(path, bytes.Repeat([]byte{byte('a' + i%26)}, 1<<20), 0o600); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

func TestAProcessThatIsKilledLeavesAWholeFile(t *testing.T) {
	t.Parallel()
	for range 5 {
		dir := t.TempDir()
		path := filepath.Join(dir, "old")
		cmd := start(t, "endless", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_, err = bufio.NewReader(out).ReadString('\n')
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil || len(raw) != 1<<20 || strings.Trim(string(raw), string(raw[:1])) != "" {
			t.Errorf("%d bytes that are not of one file, %v", len(raw), err)
		}
	}
}

// Nobody, not even root, makes a file there.
func TestWhatIsThereIsSaidBeforeAFolderThatTakesNothing(t *testing.T) {
	t.Parallel()
	const there = "/proc/version"
	if _, err := os.Stat(there); err != nil {
		t.Skip(err)
	}
	if err := Create(there, nil, 0o600); !errors.Is(err, os.ErrExist) {
		t.Errorf("%v", err)
	}
	if err := Create(there+"s", nil, 0o600); err == nil || errors.Is(err, os.ErrExist) {
		t.Errorf("%v", err)
	}
}

// An action's container is root; the checkout is not root's.
func TestAFileThatIsReplacedKeepsItsOwner(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	for _, name := range []string{"Replace", "Put"} {
		path := filepath.Join(t.TempDir(), "old")
		put(t, path, "old", 0o640)
		if err := os.Chown(path, 1001, 1002); err != nil {
			t.Fatal(err)
		}
		if err := ways[name](path, []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
		holds(t, path, "new", 0o640)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); s.Uid != 1001 || s.Gid != 1002 {
			t.Errorf("%s: belongs to %d:%d", name, s.Uid, s.Gid)
		}
	}
}

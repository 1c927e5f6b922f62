//go:build unix

package workerd

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/project"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// oneWorker is an account with one script.
func oneWorker(t *testing.T) World {
	t.Helper()
	scripts := script.New(mint.New(nil, 1), script.World{Subdomain: func() string { return "sub" }})
	u := upload.Upload{Modules: []upload.Module{{Name: "i.js", Type: upload.ESModule, Body: []byte("export default { fetch() { return new Response('ok') } }")}}}
	if err := envelope.DecodeStrict([]byte(`{"main_module":"i.js","compatibility_date":"2026-03-20"}`), &u.Metadata); err != nil {
		t.Fatal(err)
	}
	if _, err := scripts.Put(script.Sending{Script: "w", Upload: u}); err != nil {
		t.Fatal(err)
	}
	return World{Scripts: scripts, Reach: Reach{Tail: func(string, string, []map[string]any) {}}}
}

// gone waits until no process of a group is left.
func gone(group int) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if syscall.Kill(-group, 0) == syscall.ESRCH {
			return true
		}
	}
	return false
}

func TestClosingLeavesNoProcess(t *testing.T) {
	t.Parallel()
	f, err := Start(t.Context(), project.Dir(t), oneWorker(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Error(err)
	}
	group, state := f.child.Pid(), f.state
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if !gone(group) {
		t.Error("a process is left")
	}
	if _, err := os.Stat(state); err == nil {
		t.Error("the state is left")
	}
}

func TestNodeThatIsKilledTakesWorkerdWithIt(t *testing.T) {
	t.Parallel()
	f, err := Start(t.Context(), project.Dir(t), oneWorker(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Error(err)
	}
	group := f.child.Pid()
	if err := syscall.Kill(group, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if !gone(group) {
		t.Error("a process is left")
	}
}

// TestTheRuntimeDiesWithItsParent runs itself as a child that starts a
// runtime, and kills that child in a way it cannot see coming.
func TestTheRuntimeDiesWithItsParent(t *testing.T) {
	t.Parallel()
	if os.Getenv("FAKE_RUNTIME_PARENT") != "" {
		f, err := Start(t.Context(), project.Dir(t), oneWorker(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("group %d %s\n", f.child.Pid(), f.state)
		time.Sleep(time.Minute)
		return
	}
	project.Dir(t) // not installed by the child
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheRuntimeDiesWithItsParent$")
	parent.Env = append(os.Environ(), "FAKE_RUNTIME_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	group, state := 0, ""
	for lines := bufio.NewScanner(out); group == 0 && lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "group "); ok {
			if _, err := fmt.Sscan(text, &group, &state); err != nil {
				t.Error(err)
			}
		}
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	if group == 0 {
		t.Fatal("the parent did not start a runtime")
	}
	if !gone(group) {
		t.Error("the runtime outlived its parent")
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	if _, err := os.Stat(state); err == nil {
		t.Errorf("%s is left", state)
	}
}

func TestAProjectWithoutMiniflare(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), t.TempDir(), oneWorker(t))
	if err == nil || !strings.Contains(err.Error(), "add wrangler to its devDependencies") {
		t.Errorf("got %v", err)
	}
}

func TestMiniflareThroughTheWranglerOfAWorkersFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	modules := filepath.Join(dir, "workers", "a", "node_modules")
	if err := os.MkdirAll(modules, 0o755); err != nil {
		t.Fatal(err)
	}
	wrangler, err := filepath.EvalSymlinks(filepath.Join(project.Dir(t), "node_modules", "wrangler"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(wrangler, filepath.Join(modules, "wrangler")); err != nil {
		t.Fatal(err)
	}
	f, err := Start(t.Context(), dir, oneWorker(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// These two change the PATH of the whole process and run alone.

func TestNoNode(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Start(t.Context(), t.TempDir(), oneWorker(t))
	if err == nil || !strings.Contains(err.Error(), "needs Node 20 or newer on the PATH and found none") {
		t.Errorf("got %v", err)
	}
}

func TestAnOldNode(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "node"), []byte("#!/bin/sh\necho v18.19.0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	_, err := Start(t.Context(), t.TempDir(), oneWorker(t))
	if err == nil || !strings.Contains(err.Error(), "is v18.19.0") {
		t.Errorf("got %v", err)
	}
}

//go:build unix

package provision_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// An action's container is root; the checkout is not root's.
func TestAFileKeepsItsOwner(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	w := newWorld(t)
	file := filepath.Join(w.dir, "workers", "push", "wrangler.json")
	if err := os.Chown(file, 1001, 1002); err != nil {
		t.Fatal(err)
	}
	w.run(nil, "staging")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); s.Uid != 1001 || s.Gid != 1002 || w.read("workers/push/wrangler.json") == files["workers/push/wrangler.json"] {
		t.Errorf("belongs to %d:%d", s.Uid, s.Gid)
	}
}

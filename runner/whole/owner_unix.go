//go:build unix

package whole

import (
	"os"
	"syscall"
)

// keepOwner gives a new file the owner of the one whose place it takes. In a container
// this process is root, and the checkout belongs to somebody else; where it is not root,
// the owner is the same or cannot be given.
func keepOwner(f *os.File, old os.FileInfo) {
	if s, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(s.Uid), int(s.Gid))
	}
}

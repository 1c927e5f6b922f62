//go:build unix

package ledger

import (
	"io"
	"os"
	"syscall"
)

// sole tells whether no other process has taken hold of a file, and takes hold of it
// until it is closed or the process ends, in whatever way. Whoever comes at the same
// time waits for the first to know.
func sole(path string) (bool, io.Closer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, nil, err
	}
	alone := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err != nil {
		_ = f.Close()
		return false, nil, err
	}
	return alone, f, nil
}

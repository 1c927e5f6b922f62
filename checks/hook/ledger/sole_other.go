//go:build !unix

package ledger

import (
	"io"
	"os"
)

// sole does not know of other processes here: work that was cut off waits for its
// lease to end.
func sole(path string) (bool, io.Closer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	return false, f, err
}

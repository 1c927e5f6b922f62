package whole

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes a file in the place of the one that is there, with its permissions
// and owner; a file that was not there gets perm, whatever the umask. Whoever reads
// sees the old one or the new one, and what was written is on the disk.
func Replace(path string, content []byte, perm fs.FileMode) error {
	return write(path, file{content: content, perm: perm, like: old(path), kept: true, in: filepath.Dir(path)}, os.Rename)
}

// Put is [Replace] without the wait for the disk. When the machine loses its power the
// file may be empty: it is for what is held against a digest when it is read.
func Put(path string, content []byte, perm fs.FileMode) error {
	return write(path, file{content: content, perm: perm, like: old(path), in: filepath.Dir(path)}, os.Rename)
}

// Create writes a new file with perm, whatever the umask, and has it on the disk. If
// anything is there under that name, the error wraps fs.ErrExist and nothing was written.
func Create(path string, content []byte, perm fs.FileMode) error {
	if _, err := os.Lstat(path); err == nil {
		return told(path, fs.ErrExist)
	}
	dir, err := aside(filepath.Dir(path))
	if err != nil {
		return told(path, err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // the file is in its place, or the error is told
	return write(path, file{content: content, perm: perm, kept: true, in: dir}, claim)
}

// aside makes a folder that nobody else sees into, and git neither: if this process is
// killed it stays, with a secret in it perhaps.
func aside(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, temporary)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), private); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

const (
	temporary = ".deploy-action-*" // what is not whole yet
	private   = 0o600              // its permissions until it has those that were asked
)

// old is the file that is there, nil if there is none.
func old(path string) fs.FileInfo {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
		return info
	}
	return nil
}

// file is what is written.
type file struct {
	content []byte
	perm    fs.FileMode
	like    fs.FileInfo // whose permissions and owner it gets, if not nil
	kept    bool        // it is on the disk before anybody hears of it
	in      string      // where it is made, in the file system of its place
}

// write makes a file and lets take bring it to its place.
func write(path string, f file, take func(from, to string) error) error {
	out, err := os.CreateTemp(f.in, temporary) // private
	if err != nil {
		return told(path, err)
	}
	defer func() { _ = os.Remove(out.Name()) }() // it is in its place, or the error is told
	if err := errors.Join(f.fill(out), out.Close()); err != nil {
		return told(path, err)
	}
	if err := take(out.Name(), path); err != nil {
		return told(path, err)
	}
	if f.kept {
		remember(filepath.Dir(path))
	}
	return nil
}

// fill writes the file. It has its owner and permissions before the first byte.
func (f file) fill(out *os.File) error {
	perm := f.perm
	if f.like != nil {
		keepOwner(out, f.like)
		perm = f.like.Mode().Perm()
	}
	if perm != private { // which some file systems do not let anybody say
		if err := out.Chmod(perm); err != nil {
			return err
		}
	}
	if _, err := out.Write(f.content); err != nil || !f.kept {
		return err
	}
	return out.Sync()
}

// claim gives a file a name that nobody has.
func claim(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return reserve(from, to)
}

// reserve is claim for file systems on which a file has one name, such as FAT: an empty
// file holds the name until the whole one takes its place.
func reserve(from, to string) error {
	held, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, private)
	if err != nil {
		return err
	}
	err = errors.Join(held.Close(), os.Rename(from, to))
	if err != nil {
		_ = os.Remove(to)
	}
	return err
}

// remember has the disk know the names in a folder. Not every system can; what is
// there is whole all the same.
func remember(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// told says of the file that was meant what went wrong with the one beside it.
func told(path string, err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	} else if at, ok := errors.AsType[*os.LinkError](err); ok {
		err = at.Err
	}
	return &fs.PathError{Op: "write", Path: path, Err: err}
}

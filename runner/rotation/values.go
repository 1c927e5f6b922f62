package rotation

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/secret"
	"github.com/tminus/deploy-action/runner/whole"
)

// Values are what secrets get, and had.
type Values struct {
	// New are the new values, Old those that stay beside them, by the secret's name.
	New, Old secret.Store

	file string
	once *sync.Once
	err  error
}

// Make makes a value for each secret. File is where they will be written; empty if
// nowhere. The value is given to hide before anything else is done with it.
func Make(names []string, file string, hide func(string)) Values {
	made := map[string]string{}
	for _, name := range names {
		made[name] = New()
		hide(made[name])
	}
	return Values{New: store(names, made), file: file, once: &sync.Once{}}
}

func store(names []string, values map[string]string) secret.Store {
	return secret.Load(names, func(name string) (string, bool) { v, ok := values[name]; return v, ok })
}

// Keep writes the values to a new file, readable for the user alone, in the form of
// the files that dotenv reads. It is there wholly or not at all, and on the disk before
// any value is used. It is written once, however often Keep is called.
func (v *Values) Keep() error {
	if v.file == "" || v.once == nil {
		return nil
	}
	v.once.Do(func() { v.err = v.write() })
	return v.err
}

func (v *Values) write() error {
	var b strings.Builder
	for _, name := range v.New.Names() {
		value, _ := v.New.Value(name)
		fmt.Fprintf(&b, "%s='%s'\n", name, value)
	}
	err := whole.Create(v.file, []byte(b.String()), 0o600)
	if errors.Is(err, fs.ErrExist) {
		return Exists(v.file)
	}
	if err != nil {
		return unwritten(v.file, err)
	}
	return nil
}

// Exists is the finding for a file that is there already: it may hold the only copy of
// a value that serves.
func Exists(file string) error {
	return finding.Errorf("write-to", finding.Position{}, "%s exists already", filepath.ToSlash(file)).
		Hintf("if it holds values of a rotation that did not come to its end, use them with --given --env-file %s; else name another file", filepath.ToSlash(file))
}

func unwritten(file string, err error) error {
	return finding.Errorf("write-to", finding.Position{}, "the new values could not be written, so nothing was changed: %s", err).
		Hintf("name a file in a folder that exists and is yours; %s is not", filepath.ToSlash(file))
}

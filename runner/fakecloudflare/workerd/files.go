package workerd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/asset"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// module is a module as miniflare wants it.
type module struct {
	Type string `json:"type"`
	Path string `json:"path"`
}

// kindOf names a module's type in miniflare's words.
func kindOf(media string) string {
	switch media {
	case upload.ESModule:
		return "ESModule"
	case upload.CommonJS:
		return "CommonJS"
	case upload.Wasm:
		return "CompiledWasm"
	case upload.Data:
		return "Data"
	case "text/x-python":
		return "PythonModule"
	case "text/x-python-requirement":
		return "PythonRequirement"
	default:
		return "Text"
	}
}

// modules writes a version's modules to disk, once, and returns them with the
// main one first and the directory they are in.
func (f *Fleet) modules(v *script.Version) (dir string, out []module, err error) {
	dir = filepath.Join(f.state, "modules", v.ETag)
	for _, m := range v.Modules {
		if m.Type == upload.SourceMap {
			continue
		}
		path, err := inside(dir, m.Name)
		if err != nil {
			return "", nil, err
		}
		if err := write(path, m.Body); err != nil {
			return "", nil, err
		}
		one := module{Type: kindOf(m.Type), Path: path}
		if m.Name == v.Main {
			out = slices.Insert(out, 0, one)
		} else {
			out = append(out, one)
		}
	}
	return dir, out, nil
}

// inside joins a name to a directory and refuses one that leads out of it.
func inside(dir, name string) (string, error) {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if !strings.HasPrefix(path, dir+string(filepath.Separator)) {
		return "", fmt.Errorf("the name %q leads out of its directory", name)
	}
	return path, nil
}

// write writes a file that never changes, unless it is there.
func write(path string, data []byte) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// files writes a version's static files to a directory of their own and
// returns it. Rules for headers and redirects, which travel in the
// configuration, are written back into the files they came from.
func (f *Fleet) files(files *script.Files) (string, error) {
	sum := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(files.Paths)) {
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", path, files.Paths[path]) // a hash takes everything
	}
	rules := map[string]string{}
	for _, name := range []string{"_headers", "_redirects"} {
		var text string
		if json.Unmarshal(files.Config[name], &text) == nil && text != "" {
			rules[name] = text
			_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", name, text)
		}
	}
	dir := filepath.Join(f.state, "assets", hex.EncodeToString(sum.Sum(nil)))
	var errs []error
	for path, hash := range files.Paths {
		blob, ok := f.world.Blob(hash)
		if !ok {
			errs = append(errs, fmt.Errorf("the file %s (%s) was never uploaded", path, hash))
			continue
		}
		errs = append(errs, writeAsset(dir, path, blob))
	}
	for name, text := range rules {
		errs = append(errs, write(filepath.Join(dir, name), []byte(text)))
	}
	errs = append(errs, os.MkdirAll(dir, 0o755))
	return dir, errors.Join(errs...)
}

func writeAsset(dir, path string, blob asset.Blob) error {
	target, err := inside(dir, path)
	if err != nil {
		return err
	}
	return write(target, blob.Body)
}

package contract

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Packages with what GitHub publishes, and the versions that are held to.
const (
	Described = "@octokit/openapi@23.0.2"
	Examples  = "@octokit/webhooks-examples@7.6.1"
)

// Fetch returns the path of a file of an npm package such as Described, taken
// with npm pack into the user's cache when it is not there yet. A file appears
// whole or not at all, so tests of several packages may ask at once.
func Fetch(ctx context.Context, pkg, file string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "deploy-action-tests", filepath.FromSlash(pkg))
	path := filepath.Join(dir, filepath.Base(file))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(fresh) }() // what is needed was moved out of it
	cmd := exec.CommandContext(ctx, "npm", "pack", "--json", "--pack-destination", fresh, pkg)
	cmd.Dir = fresh
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("npm pack %s: %w", pkg, err)
	}
	var packed []struct{ Filename string }
	if err := json.Unmarshal(out, &packed); err != nil || len(packed) != 1 {
		return "", fmt.Errorf("npm pack %s did not say what it packed", pkg)
	}
	archives, err := filepath.Glob(filepath.Join(fresh, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return "", fmt.Errorf("npm pack %s left %d archives", pkg, len(archives))
	}
	part := filepath.Join(fresh, "part")
	if err := extract(archives[0], "package/"+file, part); err != nil {
		return "", fmt.Errorf("take %s out of %s: %w", file, pkg, err)
	}
	return path, os.Rename(part, path)
}

func extract(archive, name, to string) error {
	in, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if err != nil {
			return errors.Join(err, missing(name))
		}
		if header.Name != name {
			continue
		}
		out, err := os.Create(to)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, files)
		return errors.Join(err, out.Close())
	}
}

func missing(name string) error { return fmt.Errorf("%s: %w", name, os.ErrNotExist) }

//go:build unix

// Package project gives tests the fixture monorepo with its packages
// installed: wrangler and miniflare come from there. Only tests import it.
package project

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

var once = sync.OnceValues(install)

// Dir returns the absolute path of testdata/projects/tminus, after pnpm has
// installed its packages if they were missing. It fails the test when Node or
// the packages cannot be had: what needs them is not to be skipped.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := once()
	if err != nil {
		t.Fatalf("install the fixture project: %v", err)
	}
	return dir
}

// install runs once in a process, and alone among processes: go test runs packages side by side.
func install() (dir string, err error) {
	if dir, err = find(); err != nil {
		return "", err
	}
	lock, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "wrangler", "package.json")); err == nil {
		return dir, nil
	}
	cmd := exec.CommandContext(context.Background(), "npx", "--yes", "pnpm@9.15.9", "install", "--frozen-lockfile")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return dir, nil
}

// find looks for the fixture above the package's directory, where go test runs.
func find() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		project := filepath.Join(dir, "testdata", "projects", "tminus")
		if _, err := os.Stat(filepath.Join(project, "package.json")); err == nil {
			return project, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("testdata/projects/tminus is not above the package")
		}
		dir = parent
	}
	return "", err
}

package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/tminus/deploy-action/runner/child"
)

// leftOut are folders of a project that a copy does not need: what builds and
// runs leave behind.
var leftOut = map[string]bool{".wrangler": true, ".deploy-action": true, ".git": true}

// copyProject copies a project, so that it can be broken without touching the
// original. Installed packages are not copied: the copy's node_modules at the top
// points to the original's, and those of the Workers are links already.
func copyProject(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case rel == "node_modules":
			if err := os.Symlink(path, target); err != nil {
				return err
			}
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e.IsDir() && leftOut[e.Name()]:
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(target, 0o755)
		case e.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}

// install brings the packages of a project if they are missing, and of the
// bundled one if the runtime must come from there.
func install(ctx context.Context, dir string) error {
	if err := installOne(ctx, dir); err != nil {
		return err
	}
	if runtimeOf(dir) == dir {
		return nil
	}
	return installOne(ctx, bundled())
}

func installOne(ctx context.Context, dir string) error {
	m, err := child.FindManager(os.DirFS(dir))
	if err != nil || m.Name == "" {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err == nil {
		return nil
	}
	args, err := m.Install(exec.LookPath)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "installing the packages of %s\n", filepath.Base(dir))
	return child.Run(ctx, child.Command{Args: args, Dir: dir, Env: os.Environ()}, func(line string) { fmt.Fprintf(os.Stderr, "  %s\n", line) })
}

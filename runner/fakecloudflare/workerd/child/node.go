package child

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first Node that the miniflare of wrangler 4 runs on.
const oldest = 20

// findNode returns the path of a Node that is new enough.
func findNode(ctx context.Context) (string, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return "", fmt.Errorf("the runtime needs Node %d or newer on the PATH and found none: install it from https://nodejs.org", oldest)
	}
	out, err := exec.CommandContext(ctx, node, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", node, err)
	}
	version := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldest {
		return "", fmt.Errorf("the runtime needs Node %d or newer, and %s is %s: install a newer one from https://nodejs.org", oldest, node, version)
	}
	return node, nil
}

// places returns where miniflare may be found: the project's root, then its
// folders with packages of their own, three levels down and in order.
func places(project string) ([]string, error) {
	project, err := filepath.Abs(project)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(project); err != nil {
		return nil, fmt.Errorf("look for miniflare: %w", err)
	}
	found := []string{project}
	err = filepath.WalkDir(project, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == project || !entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(project, path)
		if err != nil {
			return err
		}
		if entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") || strings.Count(rel, string(filepath.Separator)) > 2 {
			return fs.SkipDir
		}
		if info, err := os.Stat(filepath.Join(path, "node_modules")); err == nil && info.IsDir() {
			found = append(found, path)
		}
		return nil
	})
	slices.Sort(found[1:])
	return found, err
}

// errNoMiniflare names the remedy for a project that has no miniflare.
func errNoMiniflare(project string) error {
	return fmt.Errorf("miniflare was not found in %s, neither by itself nor through wrangler, at its root or in a Worker's folder: "+
		"add wrangler to its devDependencies and install its packages", project)
}

// environment is what the child is given of ours: enough to run (a node that is
// a version manager's shim asks for HOME), nothing secret. What it leaves lying
// about, it leaves in our directory.
func environment(tmp string) []string {
	env := []string{"NODE_ENV=production", "NO_COLOR=1", "TMPDIR=" + tmp, "TEMP=" + tmp}
	for _, name := range []string{"PATH", "HOME", "SystemRoot", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

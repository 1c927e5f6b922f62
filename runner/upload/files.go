package upload

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	ignore "github.com/sabhiram/go-gitignore"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
)

// largestFile is what Cloudflare takes as one static file.
const largestFile = 25 << 20

// ReadFiles reads a script's static files, nil when it has none. Files that
// .assetsignore names are left out; _headers and _redirects become part of the
// assets' configuration instead.
func ReadFiles(fsys fs.FS, s *project.Script) ([]cloudflare.Asset, error) {
	assets := s.Section.Settings.Assets
	if !assets.Directory.Written() {
		return nil, nil
	}
	dir := path.Join(path.Dir(s.File), assets.Directory.V)
	if info, err := fs.Stat(fsys, dir); err != nil || !info.IsDir() {
		return nil, finding.Errorf("no-assets", assets.Directory.At, "the assets directory %s is not there", dir).
			Hintf("create it, let the build create it, or correct the path, which is relative to %s", s.File)
	}
	ignored := ignore.CompileIgnoreLines(lines(fsys, path.Join(dir, ".assetsignore"))...)
	config := map[string]any{}
	for key, v := range assets.Config {
		config[key] = v
	}
	files := []cloudflare.Asset{}
	err := fs.WalkDir(fsys, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		below := strings.TrimPrefix(name, dir+"/")
		if below == ".assetsignore" || ignored.MatchesPath(below) {
			return nil
		}
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		switch {
		case below == "_headers" || below == "_redirects":
			config[below] = string(content)
		case len(content) > largestFile:
			return finding.Errorf("large-asset", finding.Position{File: name}, "%s has %d MiB; Cloudflare takes 25", name, len(content)>>20).
				Hintf("make it smaller, or list it in %s/.assetsignore", dir)
		default:
			files = append(files, cloudflare.Asset{Path: "/" + below, Content: content})
		}
		return nil
	})
	s.Section.Settings.Assets.Config = config
	if err != nil {
		return nil, fmt.Errorf("read the assets of %s: %w", s.Name, err)
	}
	return files, nil
}

func lines(fsys fs.FS, name string) []string {
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil
	}
	return strings.Split(string(raw), "\n")
}

package parcel

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/release"
)

// Open reads a parcel and holds every content against its digest. A folder
// without a parcel gives an error that wraps fs.ErrNotExist.
func (f Folder) Open() (Parcel, error) {
	raw, err := os.ReadFile(filepath.Join(f.Dir, index))
	if err != nil {
		return Parcel{}, err
	}
	var p Parcel
	if err := json.Unmarshal(raw, &p); err != nil {
		return Parcel{}, broken("%s: %s", index, err)
	}
	if p.Schema != Schema || p.Release == "" {
		return Parcel{}, broken("%s is no parcel of schema %d", index, Schema)
	}
	for _, file := range p.Files {
		if !fs.ValidPath(file.Path) {
			return Parcel{}, broken("%q is no path", file.Path)
		}
		if _, err := f.get(filepath.Join(static, filepath.FromSlash(file.Path)), file.Content); err != nil {
			return Parcel{}, err
		}
	}
	for _, b := range p.Bundles {
		if _, err := f.unpack(b); err != nil {
			return Parcel{}, err
		}
	}
	return p, nil
}

// get reads a content and holds it against its digest.
func (f Folder) get(name, want string) ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(f.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, broken("%s is missing", name)
	}
	if err != nil {
		return nil, err
	}
	if digest(content) != want {
		return nil, broken("%s was changed", name)
	}
	return content, nil
}

// unpack makes a bundle of what was packed.
func (f Folder) unpack(p Packed) (*bundle.Bundle, error) {
	b := &bundle.Bundle{Worker: p.Worker, Main: p.Main, By: p.By}
	name := func(sum string) string { return filepath.Join(modules, path.Base(sum)) }
	for _, m := range p.Modules {
		content, err := f.get(name(m.Content), m.Content)
		if err != nil {
			return nil, err
		}
		b.Modules = append(b.Modules, bundle.Module{Name: m.Name, Kind: m.Kind, Content: content})
	}
	if p.SourceMap != "" {
		content, err := f.get(name(p.SourceMap), p.SourceMap)
		if err != nil {
			return nil, err
		}
		b.SourceMap = content
	}
	if b.Digest() != p.Digest {
		return nil, broken("%s for %s has another digest", p.Worker, p.Env)
	}
	return b, nil
}

// Unpack puts all bundles onto a shelf.
func (f Folder) Unpack(p Parcel, into *bundle.Shelf) error {
	for _, packed := range p.Bundles {
		b, err := f.unpack(packed)
		if err != nil {
			return err
		}
		into.Put(packed.Worker, packed.Env, b)
	}
	return nil
}

// Manifest is what was deployed to an environment; false if nothing was.
func (p Parcel) Manifest(env string) (release.Manifest, bool) {
	i := slices.IndexFunc(p.Manifests, func(m release.Manifest) bool { return m.Environment == env })
	if i < 0 {
		return release.Manifest{}, false
	}
	return p.Manifests[i], true
}

// Admit refuses a release that has not come through the gates before it, or that
// is of another commit. An empty commit is not compared.
func (p Parcel) Admit(commit string, gates []string) error {
	if commit != "" && p.Commit != "" && commit != p.Commit {
		return finding.Errorf("other-commit", finding.Position{}, "the release folder holds commit %s, and this is %s", p.Commit, commit).
			Hintf("check out the same commit in both jobs")
	}
	for _, gate := range gates {
		if !slices.ContainsFunc(p.Passed, func(g Gate) bool { return g.Step == gate }) {
			return finding.Errorf("not-passed", finding.Position{}, "release %s has not passed %s", p.Release, gate).
				Hintf("let the job before this one come to its end, or run that stage too")
		}
	}
	return nil
}

// Same refuses an environment whose Workers are not the bytes that another one
// got. Workers that only one of them has are left out.
func (p Parcel) Same(env, tested string) error {
	digests := map[string]string{}
	for _, b := range p.Bundles {
		if b.Env == tested {
			digests[b.Worker] = b.Digest
		}
	}
	for _, b := range p.Bundles {
		if want := digests[b.Worker]; b.Env == env && want != "" && want != b.Digest {
			return broken("%s in %s is not what %s passed with", b.Worker, env, tested)
		}
	}
	return nil
}

// FS is the project with the packed static files in place of its own, which are
// not there when another job built them.
func (f Folder) FS(project fs.FS, p Parcel) fs.FS {
	if len(p.Files) == 0 {
		return project
	}
	return overlay{project: project, packed: os.DirFS(filepath.Join(f.Dir, static)), files: p.Files}
}

type overlay struct {
	project, packed fs.FS
	files           []File
}

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	for _, f := range o.files {
		if f.Path == name || strings.HasPrefix(f.Path, name+"/") && o.built(name) {
			return o.packed.Open(name)
		}
	}
	return o.project.Open(name)
}

// built tells whether a directory is there only because another job built it.
func (o overlay) built(name string) bool {
	_, err := fs.Stat(o.project, name)
	return errors.Is(err, fs.ErrNotExist)
}

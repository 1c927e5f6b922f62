package parcel

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/whole"
)

// Schema is the version of the parcel's form.
const Schema = 1

// The names inside of the folder.
const (
	index   = "parcel.json"
	modules = "modules" // contents by their digest
	static  = "files"   // static files by their path in the project
)

// Parcel is what a release is, packed.
type Parcel struct {
	Schema  int    `json:"schema"`
	Release string `json:"release"`
	Commit  string `json:"commit,omitempty"`
	// Bundles are the Workers as built, for each environment.
	Bundles []Packed `json:"bundles"`
	// Files are static files, by their path in the project.
	Files []File `json:"files,omitempty"`
	// Passed are the gates that the release has passed, and those that were left out
	// on purpose, with the reason.
	Passed []Gate `json:"passed"`
	// Manifests are what was deployed so far.
	Manifests []release.Manifest `json:"manifests,omitempty"`
	// Records are the numbers of GitHub's deployments, by environment.
	Records map[string]int64 `json:"records,omitempty"`
}

// Gate is a stage that let the release through.
type Gate struct {
	Step string `json:"step"`
	// Skipped is the reason why it was not asked.
	Skipped string `json:"skipped,omitempty"`
}

// Packed is one Worker's bundle for one environment.
type Packed struct {
	Worker  string   `json:"worker"`
	Env     string   `json:"environment"`
	Digest  string   `json:"digest"`
	Main    string   `json:"main"`
	By      string   `json:"by"`
	Modules []Module `json:"modules"`
	// SourceMap is the digest of the main module's map, empty if there is none.
	SourceMap string `json:"source_map,omitempty"`
}

// Module is a file of a bundle; its content is kept under its digest.
type Module struct {
	Name    string      `json:"name"`
	Kind    bundle.Kind `json:"kind"`
	Content string      `json:"sha256"`
}

// File is a static file.
type File struct {
	Path    string `json:"path"`
	Content string `json:"sha256"`
}

// Folder is where a parcel is kept.
type Folder struct{ Dir string }

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// Pack adds a bundle to the parcel, and its contents to the folder.
func (f Folder) Pack(p *Parcel, env string, b *bundle.Bundle) error {
	packed := Packed{Worker: b.Worker, Env: env, Digest: b.Digest(), Main: b.Main, By: b.By}
	for _, m := range b.Modules {
		packed.Modules = append(packed.Modules, Module{Name: m.Name, Kind: m.Kind, Content: digest(m.Content)})
		if err := f.put(filepath.Join(modules, digest(m.Content)), m.Content); err != nil {
			return err
		}
	}
	if b.SourceMap != nil {
		packed.SourceMap = digest(b.SourceMap)
		if err := f.put(filepath.Join(modules, packed.SourceMap), b.SourceMap); err != nil {
			return err
		}
	}
	p.Bundles = append(p.Bundles, packed)
	return nil
}

// PackFiles adds the files below a directory of the project.
func (f Folder) PackFiles(p *Parcel, project fs.FS, dir string) error {
	return fs.WalkDir(project, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(project, name)
		if err != nil {
			return err
		}
		p.Files = append(p.Files, File{Path: name, Content: digest(content)})
		return f.put(filepath.Join(static, filepath.FromSlash(name)), content)
	})
}

// Close writes down what the parcel holds. Before that there is none.
func (f Folder) Close(p Parcel) error {
	p.Schema = Schema
	raw, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return f.put(index, append(raw, '\n'))
}

// put writes a file that is whole, and for everybody: whoever uploads the folder is
// often another user. It does not wait for the disk: whoever opens the folder
// holds every content against its digest.
func (f Folder) put(name string, content []byte) error {
	path := filepath.Join(f.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return whole.Put(path, content, 0o644)
}

// broken says that the folder does not hold what was packed.
func broken(format string, args ...any) error {
	return finding.Errorf("other-bytes", finding.Position{}, "the release folder does not hold what was built: %s", fmt.Sprintf(format, args...)).
		Hintf("download the artifact of the job that built it again, or begin with the stage build")
}

package project

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// Project is a repository of Workers as its files describe it.
type Project struct {
	// Workers are in the order of tminus.yaml, else of the runbook, else by name.
	Workers []Worker
	// Shared are wrangler files that describe databases without being a Worker, such as wrangler-d1.toml.
	Shared   []*wrangler.File
	Settings Settings

	fsys fs.FS
}

// Worker is one Worker project.
type Worker struct {
	// Name is the short name by which people call it: the name of its folder, or
	// of its script when it lies in the project's own directory.
	Name string
	// Dir is its folder relative to the project, "." for the project itself.
	Dir  string
	File *wrangler.File
}

// defaultPatterns is where Workers are looked for when nothing says otherwise.
var defaultPatterns = []string{"workers/*", "."}

// Load reads the project in fsys. Patterns name folders or wrangler files, as
// path.Match has them; without any, those of tminus.yaml count, else the
// runbook's layout. The error holds a finding for everything that cannot be
// read; then nothing of the project can be trusted.
func Load(fsys fs.FS, patterns ...string) (Project, error) {
	settings, err := loadSettings(fsys)
	if err != nil {
		return Project{}, err
	}
	p := Project{Settings: settings, fsys: fsys}
	if len(patterns) == 0 {
		patterns = settings.Workers
	}
	if len(patterns) == 0 {
		patterns = defaultPatterns
	}
	names, err := configs(fsys, patterns)
	if err != nil {
		return Project{}, err
	}
	var errs []error
	for _, name := range names {
		f, err := wrangler.Read(fsys, name)
		errs = append(errs, err)
		if f != nil {
			p.add(f)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Project{}, err
	}
	if len(p.Workers) == 0 {
		return Project{}, noWorkers(patterns)
	}
	p.sort()
	return p, p.distinct()
}

func noWorkers(patterns []string) error {
	return finding.Errorf("no-config", finding.Position{}, "no wrangler file was found in %s", strings.Join(patterns, ", ")).
		Hintf("run in the repository's directory, name it with --project, or list the folders under workers: in %s", SettingsFile)
}

// FS is the file system that the project was loaded from.
func (p Project) FS() fs.FS { return p.fsys }

// add takes a file as a Worker if it has code or assets, else as a shared one.
func (p *Project) add(f *wrangler.File) {
	top := f.Top
	if !top.Module.Main.Written() && !top.Settings.Assets.Directory.Written() {
		p.Shared = append(p.Shared, f)
		return
	}
	w := Worker{Name: path.Base(path.Dir(f.Path)), Dir: path.Dir(f.Path), File: f}
	if w.Dir == "." {
		w.Name = top.Name.V
	}
	p.Workers = append(p.Workers, w)
}

// configs are the wrangler files that patterns lead to. The project's own
// directory is always looked at for shared files.
func configs(fsys fs.FS, patterns []string) ([]string, error) {
	found := map[string]bool{}
	for _, pattern := range append(slices.Clone(patterns), ".") {
		hits, err := fs.Glob(fsys, path.Clean(pattern))
		if err != nil {
			return nil, finding.Errorf("no-config", finding.Position{}, "%q is not a pattern of folders: %s", pattern, err).
				Hintf("write it like workers/*")
		}
		for _, hit := range hits {
			for _, name := range configsAt(fsys, hit) {
				found[name] = true
			}
		}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// configsAt are the wrangler files at a place that is a file or a folder. Of
// wrangler's own names a folder gives the first, as wrangler would; files like
// wrangler-d1.toml are given beside it.
func configsAt(fsys fs.FS, place string) []string {
	info, err := fs.Stat(fsys, place)
	if err != nil {
		return nil
	}
	if !info.IsDir() {
		return []string{place}
	}
	var names []string
	for _, name := range wrangler.Names {
		if file := path.Join(place, name); isFile(fsys, file) {
			names = append(names, file)
			break
		}
	}
	for _, pattern := range []string{"wrangler-*.toml", "wrangler-*.json", "wrangler-*.jsonc"} {
		more, _ := fs.Glob(fsys, path.Join(place, pattern))
		names = append(names, more...)
	}
	return names
}

func isFile(fsys fs.FS, name string) bool {
	info, err := fs.Stat(fsys, name)
	return err == nil && !info.IsDir()
}

// distinct refuses two Workers that a person or Cloudflare could not tell apart.
func (p *Project) distinct() error {
	var errs []error
	byName, byScript := map[string]*wrangler.File{}, map[string]*wrangler.File{}
	for _, w := range p.Workers {
		script := w.File.Top.Name
		if !script.Written() {
			errs = append(errs, finding.Errorf("config", finding.Position{File: w.File.Path, Line: 1}, "the Worker has no name").
				Hintf(`write name = "…" at the top`))
			continue
		}
		if other := byScript[script.V]; other != nil {
			errs = append(errs, finding.Errorf("config", script.At, "two Workers are called %q", script.V).
				Hintf("give one of them another name").See(other.Top.Name.At))
		} else if other := byName[w.Name]; other != nil {
			errs = append(errs, finding.Errorf("config", script.At, "two Workers lie in folders called %q", w.Name).
				Hintf("rename one of the folders").See(other.Top.Name.At))
		}
		byScript[script.V], byName[w.Name] = w.File, w.File
	}
	return errors.Join(errs...)
}

// runbookOrder breaks ties where dependencies leave the order open. Source: the
// users' runbook, section 3.2.
var runbookOrder = []string{"api", "sync-consumer", "write-consumer", "oauth", "webhook", "cron", "app-gateway", "mcp", "push"}

func (p *Project) sort() {
	order := p.Settings.Order
	if len(order) == 0 {
		order = runbookOrder
	}
	rank := func(w Worker) int {
		if i := slices.Index(order, w.Name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(p.Workers, func(a, b Worker) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
}

// Envs are the environments that any Worker defines: staging and production
// first, the rest by name.
func (p Project) Envs() []string {
	var envs []string
	for _, w := range p.Workers {
		for _, env := range w.File.Envs {
			if !slices.Contains(envs, env.V) {
				envs = append(envs, env.V)
			}
		}
	}
	first := []string{"staging", "production"}
	slices.SortFunc(envs, func(a, b string) int {
		i, j := slices.Index(first, a), slices.Index(first, b)
		if i >= 0 && j >= 0 {
			return cmp.Compare(i, j)
		}
		return cmp.Or(cmp.Compare(j, i), cmp.Compare(a, b))
	})
	return envs
}

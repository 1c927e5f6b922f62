package child

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
)

// Manager is a project's package manager.
type Manager struct {
	// Name is npm, pnpm, yarn or bun.
	Name string
	// Version is what packageManager names, empty when it names none.
	Version string
	// Scripts are the names under scripts in package.json.
	Scripts []string
}

// packageJSON is what is read of package.json.
type packageJSON struct {
	PackageManager string            `json:"packageManager"`
	Scripts        map[string]string `json:"scripts"`
}

// lockfiles tell the manager when packageManager does not.
var lockfiles = []struct{ file, name string }{
	{"pnpm-lock.yaml", "pnpm"}, {"yarn.lock", "yarn"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"}, {"package-lock.json", "npm"},
}

// FindManager reads package.json. Without one there is nothing to install and
// nothing to build, and the manager has no name.
func FindManager(fsys fs.FS) (Manager, error) {
	raw, err := fs.ReadFile(fsys, "package.json")
	if errors.Is(err, fs.ErrNotExist) {
		return Manager{}, nil
	}
	if err != nil {
		return Manager{}, err
	}
	var p packageJSON
	if err := json.Unmarshal(raw, &p); err != nil {
		return Manager{}, finding.Errorf("syntax", finding.Position{File: "package.json", Line: 1}, "not valid JSON: %s", err).
			Hintf("correct the file")
	}
	m := Manager{}
	for name := range p.Scripts {
		m.Scripts = append(m.Scripts, name)
	}
	slices.Sort(m.Scripts)
	m.Name, m.Version, _ = strings.Cut(p.PackageManager, "@")
	m.Version, _, _ = strings.Cut(m.Version, "+") // a hash may follow
	if m.Name == "" {
		m.Name = "npm"
		for _, l := range lockfiles {
			if _, err := fs.Stat(fsys, l.file); err == nil {
				m.Name = l.name
				break
			}
		}
	}
	return m, nil
}

// install are the arguments that install exactly what the lockfile says.
var install = map[string][]string{
	"npm":  {"ci"},
	"pnpm": {"install", "--frozen-lockfile"},
	"yarn": {"install", "--immutable"},
	"bun":  {"install", "--frozen-lockfile"},
}

// Install is the command that installs what the lockfile says. The manager is
// looked for with look, such as exec.LookPath; one that is not on the machine is
// brought by npx in the version that packageManager names.
func (m Manager) Install(look func(string) (string, error)) ([]string, error) {
	return m.command(look, install[m.Name]...)
}

// Build is the command that runs the script called build.
func (m Manager) Build(look func(string) (string, error)) ([]string, error) {
	return m.command(look, "run", "build")
}

func (m Manager) command(look func(string) (string, error), args ...string) ([]string, error) {
	if _, err := look("node"); err != nil && m.Name != "bun" {
		return nil, finding.Errorf("no-node", finding.Position{File: "package.json", Line: 1}, "Node.js is not on this machine").
			Hintf("install Node.js 20 or newer; in a workflow, actions/setup-node does it")
	}
	if _, err := look(m.Name); err == nil {
		return append([]string{m.Name}, args...), nil
	}
	if m.Version == "" {
		return nil, finding.Errorf("no-package-manager", finding.Position{File: "package.json", Line: 1}, "%s is not on this machine, and package.json does not say which version it wants", m.Name).
			Hintf(`install %s, or add "packageManager": "%s@<version>" to package.json`, m.Name, m.Name)
	}
	if _, err := look("npx"); err != nil {
		return nil, finding.Errorf("no-package-manager", finding.Position{File: "package.json", Line: 1}, "neither %s nor npx is on this machine", m.Name).
			Hintf("install %s@%s", m.Name, m.Version)
	}
	return append([]string{"npx", "--yes", m.Name + "@" + m.Version}, args...), nil
}

// Has tells whether package.json has a script of a name.
func (m Manager) Has(script string) bool { return slices.Contains(m.Scripts, script) }

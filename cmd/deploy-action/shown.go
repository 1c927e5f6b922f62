package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tminus/deploy-action/checks/journal"
	"github.com/tminus/deploy-action/checks/summary"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

// show makes what GitHub sees of a promotion besides its stages: deployments, and
// what each environment served before and serves now. Lose ends the run when
// another release turns out to have been first.
func (p *promotion) show(lose func(error)) {
	f := p.face
	if f == nil {
		return
	}
	f.page = &summary.Summary{Name: "Promotion", Environments: p.environments}
	if f.client == nil {
		return
	}
	f.deployments = f.keeper(p.urls(), journal.Policy{Refuse: p.flags.Lock == "refuse", Patience: p.flags.LockTimeout}, lose)
	if p.received == nil {
		return
	}
	for env, id := range p.received.Records {
		if m, ok := p.before(env); ok && !p.here("deploy-"+env) {
			f.deployments.Resume(env, id, m)
		}
	}
}

// lock keeps other releases out, where there is a GitHub to ask.
func (p *promotion) lock() release.Lock {
	if p.face == nil || p.face.deployments == nil {
		return nil
	}
	return p.face.deployments
}

// journal keeps releases in the workspace, and on GitHub where there is one.
func (p *promotion) journal() release.Journal {
	all := release.Journals{p.folder(), p.recorded}
	if p.face != nil && p.face.deployments != nil {
		all = append(all, p.face.deployments)
	}
	return all
}

// folder is the journal in the workspace.
func (p *promotion) folder() release.Folder {
	return release.Folder{Dir: filepath.Join(p.road.dir, ".deploy-action", "releases")}
}

// urls are the addresses to look at, by environment: of the Worker that the smoke
// test asks, else the first.
func (p *promotion) urls() map[string]string {
	urls := map[string]string{}
	for _, t := range p.road.all {
		for _, e := range t.Endpoints {
			if asked := e.Worker == p.road.project.Settings.Smoke.Worker || e.Title == p.road.project.Settings.Smoke.Worker; asked || urls[t.Env] == "" {
				urls[t.Env] = "https://" + e.Host
			}
			if e.Worker == p.road.project.Settings.Smoke.Worker {
				break
			}
		}
	}
	return urls
}

// environments are what the release did where, as far as it came.
func (p *promotion) environments() []summary.Environment {
	var all []summary.Environment
	urls := p.urls()
	for _, t := range p.road.deploying {
		m, ok := p.recorded[t.Env]
		if !ok {
			continue
		}
		for i, w := range m.Workers {
			if w.Version == "" {
				m.Workers[i].Version = p.fleets[t.Env].Version(w.Script)
			}
		}
		e := summary.Environment{Name: t.Env, URL: urls[t.Env], Manifest: m, Serving: p.fleets[t.Env].Serves}
		if p.face.deployments != nil && p.face.deployments.IDs()[t.Env] != 0 {
			e.Record = p.face.record(t.Env)
		}
		all = append(all, e)
	}
	return all
}

// outputs gives later steps what they may want to know.
func (p *promotion) outputs(verdict pipeline.Verdict) {
	f := p.face
	if f == nil {
		return
	}
	f.output("release", p.release)
	f.output("verdict", verdict.String())
	versions := map[string]map[string]string{}
	for env, m := range p.recorded {
		versions[env] = map[string]string{}
		for _, w := range m.Workers {
			if p.fleets[env].Serves(w.Script) {
				versions[env][w.Script] = p.fleets[env].Version(w.Script)
			}
		}
	}
	f.output("versions", asJSON(versions))
	urls := p.urls()
	f.output("urls", asJSON(urls))
	for _, env := range []string{"staging", "production"} {
		f.output(env+"-url", urls[env])
	}
	f.output("manifest", p.manifestPath())
	ids := map[string]int64{}
	if f.deployments != nil {
		ids = f.deployments.IDs()
	}
	last := ""
	for _, t := range p.road.all {
		if id := ids[t.Env]; id != 0 {
			last = fmt.Sprint(id)
		}
	}
	f.output("deployment-id", last)
	f.output("deployment-ids", asJSON(ids))
}

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(raw)
}

// manifestPath is the file of the newest record, relative to the workspace; empty
// when nothing was recorded.
func (p *promotion) manifestPath() string {
	path := ""
	for _, t := range p.road.all {
		if m, ok := p.recorded[t.Env]; ok && m.Changed() {
			path = p.folder().Path(t.Env)
		}
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	workspace, err := filepath.EvalSymlinks(p.face.where.Server.Workspace)
	if err != nil {
		return path
	}
	if below, err := filepath.Rel(workspace, path); err == nil {
		return filepath.ToSlash(below)
	}
	return path
}

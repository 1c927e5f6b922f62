package workerd

import (
	"embed"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
)

//go:embed js
var programs embed.FS

// program returns one of the embedded programs; their names are ours.
func program(name string) string {
	text, _ := programs.ReadFile("js/" + name)
	return string(text)
}

// worker is one Worker of the fleet on its way to the child.
type worker struct {
	Name    string         `json:"name"`
	Options map[string]any `json:"options"` // miniflare's
	Exports []export       `json:"exports"` // what a stub must have too
	raw     []any          // bindings in workerd's own words
}

type export struct {
	Name    string `json:"name"`
	Durable bool   `json:"durable"`
}

// Names of our own Workers have a colon, which no script's name can have.
const (
	routerName = "fleet:router"
	goneName   = "fleet:gone"
	hostName   = "account:"
	absentName = "fleet:absent"
)

// name is what a version is called in the fleet: by its script, or with its
// identifier when it is the smaller part of a split deployment.
func name(s script.Script, v *script.Version) string {
	if s.Serving() == v {
		return s.Name
	}
	return s.Name + "@" + v.ID
}

// command is what the child is asked to serve: all live versions of all
// scripts, the router before them, and a listener behind each.
func (f *Fleet) command(all []script.Script) map[string]any {
	fleet := plan{fleet: f, all: all, services: map[string]any{}}
	var workers []worker
	failed := map[string]string{}
	for _, s := range all {
		for _, v := range live(s) {
			w, err := fleet.worker(s, v)
			if err != nil {
				failed[w.Name] = err.Error()
			}
			workers = append(workers, w)
		}
	}
	entry := map[string]string{}
	bindings := map[string]any{}
	for _, w := range workers {
		entry[w.Name] = w.Name
		bindings[w.Name] = w.raw
	}
	own := []worker{router(entry), f.inline(goneName, `export default { fetch() { throw new Error("the Worker this binding names does not exist any more"); } };`)}
	for _, w := range workers {
		listener := f.inline(tailOf(w.Name), program("tail.mjs"))
		listener.Options["bindings"] = map[string]string{"WORKER": w.Name}
		bindings[listener.Name] = []any{map[string]any{"name": "ACCOUNT", "service": map[string]string{"name": fleet.host("tail", "")}}}
		own = append(own, listener)
	}
	return map[string]any{
		"workers": slices.Concat(own[:1], workers, own[1:]), "failed": failed, "bindings": bindings, "services": fleet.sorted(),
		"extensions": []any{map[string]any{"modules": []any{map[string]any{"name": absentName, "esModule": program("absent.mjs"), "internal": true}}}},
	}
}

func tailOf(name string) string { return "fleet:tail:" + name }

// live returns the versions that serve a script, the larger share first.
func live(s script.Script) []*script.Version {
	deployment := s.Live()
	if deployment == nil {
		return nil
	}
	out := []*script.Version{s.Serving()}
	for _, share := range deployment.Shares {
		if v := s.Version(share.Version); v != out[0] {
			out = append(out, v)
		}
	}
	return out
}

// inline is a Worker of our own whose code is given.
func (f *Fleet) inline(name, code string) worker {
	return worker{Name: name, Exports: []export{}, Options: map[string]any{
		"name": name, "compatibilityDate": "2026-03-20", "modulesRoot": "/",
		"modules": []any{map[string]string{"type": "ESModule", "path": "/main.mjs", "contents": code}},
	}}
}

func router(entry map[string]string) worker {
	w := (*Fleet)(nil).inline(routerName, program("router.mjs"))
	w.Options["serviceBindings"] = entry
	w.Options["compatibilityFlags"] = []string{"service_binding_extra_handlers"}
	w.Options["unsafeDirectSockets"] = []any{map[string]any{"host": "127.0.0.1", "port": 0}}
	return w
}

// plan gathers what all Workers of one serving need together.
type plan struct {
	fleet    *Fleet
	all      []script.Script
	services map[string]any // workerd's, by name
}

// worker describes one version.
func (p *plan) worker(s script.Script, v *script.Version) (worker, error) {
	w := worker{Name: name(s, v), Exports: []export{}, Options: map[string]any{"name": name(s, v)}}
	for _, e := range v.Code.Exports {
		if _, durable := s.Classes.ByName[e]; e != "default" {
			w.Exports = append(w.Exports, export{Name: e, Durable: durable})
		}
	}
	dir, modules, err := p.fleet.modules(v)
	if err != nil {
		return w, err
	}
	w.Options = map[string]any{
		"name": w.Name, "tails": []string{tailOf(w.Name)}, "compatibilityFlags": flags(v.Runtime.Flags),
		"outboundService": map[string]any{"external": p.external("outbound", "")},
	}
	if v.Runtime.Date != "" {
		w.Options["compatibilityDate"] = v.Runtime.Date
	}
	switch {
	case v.Worker:
		w.Options["scriptPath"] = modules[0].Path
	case v.Main == "":
		w.Options["modules"], w.Options["modulesRoot"] = []any{map[string]string{"type": "ESModule", "path": "/main.mjs", "contents": "export default {}"}}, "/"
	default:
		w.Options["modules"], w.Options["modulesRoot"] = modules, dir
	}
	p.bind(&w, s, v)
	return w, p.assets(&w, v)
}

func flags(in []string) []string {
	if in == nil {
		return []string{}
	}
	return in
}

// assets adds the static files and how they are served.
func (p *plan) assets(w *worker, v *script.Version) error {
	if v.Assets == nil {
		return nil
	}
	dir, err := p.fleet.files(v.Assets)
	if err != nil {
		return err
	}
	routing := map[string]any{"has_user_worker": v.Main != ""}
	config := map[string]any{}
	for field, raw := range v.Assets.Config {
		switch field {
		case "html_handling", "not_found_handling":
			config[field] = raw
		case "run_worker_first":
			firstOrNot(routing, raw)
		}
	}
	assets := map[string]any{"directory": dir, "routerConfig": routing, "assetConfig": config}
	for _, b := range v.Bindings {
		if b.Type == "assets" {
			assets["binding"] = b.Name
		}
	}
	w.Options["assets"] = assets
	return nil
}

// firstOrNot reads run_worker_first: yes, no, or for which paths, those with ! in front excepted.
func firstOrNot(routing map[string]any, raw json.RawMessage) {
	var always bool
	if json.Unmarshal(raw, &always) == nil {
		routing["invoke_user_worker_ahead_of_assets"] = always
		return
	}
	var paths []string
	if json.Unmarshal(raw, &paths) != nil {
		return
	}
	worker, files := []string{}, []string{}
	for _, path := range paths {
		if not, negative := strings.CutPrefix(path, "!"); negative {
			files = append(files, not)
		} else {
			worker = append(worker, path)
		}
	}
	routing["static_routing"] = map[string]any{"user_worker": worker, "asset_worker": files}
}

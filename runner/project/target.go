package project

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// Target is one environment of the project.
type Target struct {
	Env string
	// Scripts are in deploy order: providers before those that need them.
	Scripts []Script
	// Databases are the D1 databases that the scripts bind, by name.
	Databases []Database
	// Endpoints are the HTTP faces, one for each Worker that has a route, in deploy order.
	Endpoints []Endpoint
}

// Script is a Worker in one environment: what Cloudflare calls a script.
type Script struct {
	// Worker is the short name: api.
	Worker string
	// Name is the script's name: tminus-api-staging.
	Name string
	// Title is the name without the environment, by which a Worker calls itself: tminus-api.
	Title string
	// Dir is the Worker's folder, relative to the project.
	Dir     string
	File    string
	Section wrangler.Section
	// Needs are the scripts of the same environment that must serve before this
	// one, with the reason for each.
	Needs []Need
	// Secrets are the names of the secrets that the Worker gets.
	Secrets []string
}

// Need is a dependency on another script.
type Need struct {
	Script string
	At     finding.Position
	// Why is what hangs on it, such as `service binding "API"`.
	Why string
}

// At is the line that makes the script what it is: its environment's header.
func (s Script) At() finding.Position { return s.Section.At }

// Endpoint is where a Worker answers over HTTP.
type Endpoint struct {
	Worker string
	Title  string
	Script string
	Host   string
	At     finding.Position // the route
}

// In gives one environment. The error holds a finding for each Worker that does
// not define it, and for dependencies that go round in a circle, unless that
// rule is waived.
func (p Project) In(env string) (Target, error) {
	t := Target{Env: env}
	var missing []finding.Finding
	for _, w := range p.Workers {
		section, ok := w.File.In(env)
		if !ok {
			missing = append(missing, p.noEnv(w, env))
			continue
		}
		t.Scripts = append(t.Scripts, Script{
			Worker: w.Name, Name: section.Name.V, Title: w.File.Top.Name.V, Dir: w.Dir, File: w.File.Path,
			Section: section, Secrets: p.secretsOf(w.Name),
		})
	}
	if len(missing) > 0 {
		return Target{}, finding.Join(missing)
	}
	t.findNeeds()
	t.order()
	t.Databases = p.databases(t)
	t.findEndpoints()
	return t, nil
}

func (p Project) noEnv(w Worker, env string) finding.Finding {
	f := finding.Errorf("unknown-environment", finding.Position{File: w.File.Path, Line: 1},
		"Worker %s has no environment %q", w.Name, env)
	if envs := p.Envs(); !slices.Contains(envs, env) {
		return f.Hintf("the project's environments are %s", strings.Join(envs, ", "))
	}
	return f.Hintf("add an [env.%s] section with everything that the Worker binds", env)
}

func (p Project) secretsOf(worker string) []string {
	var names []string
	for _, s := range p.Settings.Secrets {
		if slices.Contains(s.Workers, worker) {
			names = append(names, s.Name)
		}
	}
	return names
}

// Only narrows a target to some Workers, called by short or script name. The
// databases and endpoints are narrowed with them.
func (t Target) Only(names ...string) (Target, error) {
	if len(names) == 0 {
		return t, nil
	}
	keep := map[string]bool{}
	var unknown []finding.Finding
	for _, name := range names {
		i := slices.IndexFunc(t.Scripts, func(s Script) bool { return s.Worker == name || s.Name == name || s.Title == name })
		if i < 0 {
			f := finding.Errorf("unknown-worker", finding.Position{}, "there is no Worker %q in %s", name, t.Env).
				Hintf("the Workers are %s", strings.Join(t.Workers(), ", "))
			if like, ok := document.Near(name, t.Workers()); ok {
				f.Hint = fmt.Sprintf("did you mean %q? %s", like, f.Hint)
			}
			unknown = append(unknown, f)
			continue
		}
		keep[t.Scripts[i].Name] = true
	}
	t.Scripts = slices.DeleteFunc(slices.Clone(t.Scripts), func(s Script) bool { return !keep[s.Name] })
	t.Endpoints = slices.DeleteFunc(slices.Clone(t.Endpoints), func(e Endpoint) bool { return !keep[e.Script] })
	t.Databases = slices.DeleteFunc(slices.Clone(t.Databases), func(d Database) bool {
		return !slices.ContainsFunc(d.Scripts, func(s string) bool { return keep[s] })
	})
	return t, finding.Join(unknown)
}

// Workers are the short names in deploy order.
func (t Target) Workers() []string {
	names := make([]string, len(t.Scripts))
	for i, s := range t.Scripts {
		names[i] = s.Worker
	}
	return names
}

// Script finds a script by its name.
func (t Target) Script(name string) (Script, bool) {
	for _, s := range t.Scripts {
		if s.Name == name {
			return s, true
		}
	}
	return Script{}, false
}

// findNeeds notes for every script which others of the target it hangs on.
func (t *Target) findNeeds() {
	for i, s := range t.Scripts {
		for _, ref := range References(s.Section) {
			if _, ok := t.Script(ref.Script); ok && ref.Script != s.Name {
				t.Scripts[i].Needs = append(t.Scripts[i].Needs, ref)
			}
		}
	}
}

// References are the scripts that a section names: as host of Durable Objects
// or Workflows, as service, as receiver of its logs.
func References(s wrangler.Section) []Need {
	var all []Need
	add := func(v wrangler.Value[string], format string, args ...any) {
		if v.V != "" {
			all = append(all, Need{Script: v.V, At: v.At, Why: fmt.Sprintf(format, args...)})
		}
	}
	for _, b := range s.Bindings {
		switch b.Type {
		case "durable_object_namespace":
			add(b.Field("script_name"), "Durable Object binding %q", b.Name.V)
		case "workflow":
			add(b.Field("script_name"), "Workflow binding %q", b.Name.V)
		case "service":
			add(b.Field("service"), "service binding %q", b.Name.V)
		}
	}
	for _, tail := range s.Settings.TailConsumers {
		add(tail.Service, "tail consumer")
	}
	return all
}

// order sorts the scripts so that each stands behind what it needs, and
// otherwise as it stood. In a circle the one that stood first comes first: the
// circle itself is for Check to report.
func (t *Target) order() {
	rest := slices.Clone(t.Scripts)
	var sorted []Script
	done := map[string]bool{}
	for len(rest) > 0 {
		next := slices.IndexFunc(rest, func(s Script) bool {
			return !slices.ContainsFunc(s.Needs, func(n Need) bool { return !done[n.Script] })
		})
		next = max(next, 0)
		done[rest[next].Name] = true
		sorted = append(sorted, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	t.Scripts = sorted
}

func (t *Target) findEndpoints() {
	for _, s := range t.Scripts {
		for _, r := range s.Section.Triggers.Routes {
			if host, ok := Face(r); ok {
				t.Endpoints = append(t.Endpoints, Endpoint{Worker: s.Worker, Title: s.Title, Script: s.Name, Host: host, At: r.At})
				break
			}
		}
	}
}

// Face is the host name on which a route answers every path. A pattern with a
// wildcard in its host, or for some paths only, is no face.
func Face(r wrangler.Route) (host string, ok bool) {
	pattern := strings.TrimPrefix(strings.TrimPrefix(r.Pattern.V, "https://"), "http://")
	host, rest, cut := strings.Cut(pattern, "/")
	if strings.Contains(host, "*") || host == "" {
		return "", false
	}
	return host, r.Custom || cut && rest == "*" || !cut
}

// Hosts are all host names that routes and custom domains of the target claim,
// sorted. Wildcards are left out.
func (t Target) Hosts() []string {
	var hosts []string
	for _, s := range t.Scripts {
		for _, r := range s.Section.Triggers.Routes {
			host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.Pattern.V, "https://"), "http://"), "/")
			if host != "" && !strings.Contains(host, "*") && !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
		}
	}
	slices.SortFunc(hosts, cmp.Compare[string])
	return hosts
}

// Outside are the references of the environments to scripts that are no Workers
// of this project. Whether they are there, only the account can tell.
func (p Project) Outside(envs ...string) []Need {
	own := map[string]bool{}
	for _, w := range p.Workers {
		own[w.File.Top.Name.V] = true
		for _, env := range w.File.Envs {
			if s, ok := w.File.In(env.V); ok {
				own[s.Name.V] = true
			}
		}
	}
	var all []Need
	for _, env := range envs {
		for _, w := range p.Workers {
			if s, ok := w.File.In(env); ok {
				for _, ref := range References(s) {
					if !own[ref.Script] {
						all = append(all, ref)
					}
				}
			}
		}
	}
	return all
}

// rel is a path written in a file, as a path of the project.
func rel(file, written string) string { return path.Join(path.Dir(file), written) }

package provision

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// store is something that outlives a Worker, in one environment.
type store struct {
	kind *kind
	// name is what the account calls it; of a namespace that is known by its id alone,
	// the id.
	name string
	at   finding.Position // where it is named first
	// ids are the entries that bear its id, in the order in which they are written.
	ids []mention
	// asWrangler is the title that wrangler's own command would give a namespace.
	asWrangler string
}

// mention is one entry of a file that bears the id of a store.
type mention struct {
	file  string
	entry wrangler.Entry
	field string
	was   string // the id or placeholder that is written, empty if nothing is
	at    finding.Position
}

// open tells whether an id has still to be written.
func (m mention) open() bool { return m.was == "" || check.IsPlaceholder(m.was) }

// written are the ids that are there, each once.
func (s store) written() []mention {
	var all []mention
	for _, m := range s.ids {
		if !m.open() && !slices.ContainsFunc(all, func(o mention) bool { return o.was == m.was }) {
			all = append(all, m)
		}
	}
	return all
}

// missing are the entries whose id has still to be written.
func (s store) missing() []mention {
	return slices.DeleteFunc(slices.Clone(s.ids), func(m mention) bool { return !m.open() })
}

// worker is a Worker in one environment, or at the top level of its file.
type worker struct {
	name, script, file string
	section            wrangler.Section
}

// workers are the Workers of an environment in deploy order; without one, as the top
// level of their files has them.
func workers(p project.Project, env string) ([]worker, error) {
	var all []worker
	if env == "" {
		for _, w := range p.Workers {
			all = append(all, worker{w.Name, w.File.Top.Name.V, w.File.Path, w.File.Top})
		}
		return all, nil
	}
	t, err := p.In(env)
	for _, s := range t.Scripts {
		all = append(all, worker{s.Worker, s.Name, s.File, s.Section})
	}
	return all, err
}

// gatherer collects the stores of an environment.
type gatherer struct {
	env    string
	stores []*store
	byKey  map[string]*store
	left   []finding.Finding // what is not made here
}

// gather are the stores of an environment, sorted by kind and name. Of the top level
// they are those alone whose id is a placeholder: nothing that is deployed needs them,
// but a placeholder anywhere in a file closes the gate of check.
func gather(p project.Project, env string) ([]*store, []finding.Finding, error) {
	all, err := workers(p, env)
	if err != nil {
		return nil, nil, err
	}
	g := &gatherer{env: env, byKey: map[string]*store{}}
	for _, w := range all {
		for _, b := range w.section.Bindings {
			g.binding(w, b)
		}
		for _, c := range w.section.Triggers.Consumers {
			for _, q := range []wrangler.Value[string]{c.Queue, c.DeadLetter} {
				g.named(queues, q)
			}
		}
	}
	g.shared(p)
	if env == "" {
		g.stores = slices.DeleteFunc(g.stores, func(s *store) bool { return len(s.missing()) == 0 || elsewhere(p, s) })
		g.left = nil
	}
	for _, s := range g.stores {
		// The entry that gave the name is written last: a run that is cut off between two
		// files then finds the same name again.
		slices.Reverse(s.ids)
	}
	slices.SortStableFunc(g.stores, func(a, b *store) int {
		if a.kind != b.kind {
			return slices.Index(kinds, a.kind) - slices.Index(kinds, b.kind)
		}
		return strings.Compare(a.name, b.name)
	})
	return g.stores, g.left, nil
}

// elsewhere tells whether an environment has a database of the same name, and so fills
// the entries of the top level too.
func elsewhere(p project.Project, s *store) bool {
	for _, env := range p.Envs() {
		others, _, _ := gather(p, env) // what cannot be read is reported by its own stage
		if slices.ContainsFunc(others, func(o *store) bool { return o.kind == databases && s.kind == databases && o.name == s.name }) {
			return true
		}
	}
	return false
}

// binding takes in one binding of a Worker.
func (g *gatherer) binding(w worker, b wrangler.Binding) {
	for _, key := range []string{"preview_id", "preview_database_id"} {
		if id := b.Field(key); check.IsPlaceholder(id.V) {
			g.left = append(g.left, finding.Warnf("not-provisioned", id.At, "%s is for wrangler dev alone, and nothing is made for it", key).
				Hintf("remove it, or write an id of your own"))
		}
	}
	switch b.Type {
	case "d1":
		id := b.Field("database_id")
		name := b.Field("database_name").V
		if name == "" {
			name = derived(w.script, b.Name.V)
		}
		key := name
		if b.Field("database_name").V == "" && !open(id) {
			key, name = "id "+id.V, id.V
		}
		g.add(databases, key, name, b, w.file, "database_id", id)
	case "kv_namespace":
		id := b.Field("id")
		name, key := derived(w.script, b.Name.V), namespaceKey(w.name, b.Name.V, id)
		if !open(id) {
			name = id.V
		}
		s := g.add(namespaces, key, name, b, w.file, "id", id)
		if open(id) && s.asWrangler == "" {
			s.asWrangler = wranglerTitle(g.env, b.Name.V)
		}
	case "queue":
		g.named(queues, b.Field("queue"))
	case "r2_bucket":
		if j := b.Field("jurisdiction"); j.V != "" {
			g.left = append(g.left, finding.Warnf("not-provisioned", j.At, "R2 bucket %s lies in jurisdiction %q and is not made here", b.Field("bucket_name").V, j.V).
				Hintf("make it with wrangler r2 bucket create %s --jurisdiction %s", b.Field("bucket_name").V, j.V))
			return
		}
		g.named(buckets, b.Field("bucket_name"))
	case "hyperdrive", "vectorize":
		if id := b.Field(map[string]string{"hyperdrive": "id", "vectorize": "index_name"}[b.Type]); open(id) {
			g.left = append(g.left, finding.Warnf("not-provisioned", b.At, "%q is a %s, whose settings the configuration does not have; it is not made here", b.Name.V, b.Type).
				Hintf("make it by hand and write its id"))
		}
	}
}

func open(id wrangler.Value[string]) bool { return mention{was: id.V}.open() }

// add takes in an entry that bears an id.
func (g *gatherer) add(k *kind, key, name string, b wrangler.Binding, file, field string, id wrangler.Value[string]) *store {
	m := mention{file: file, entry: wrangler.Entry{Env: g.env, Key: b.Key, Binding: b.Name.V}, field: field, was: id.V, at: id.At}
	if m.at.IsZero() {
		m.at = b.At
	}
	s := g.store(k, key, name, m.at)
	s.ids = append(s.ids, m)
	return s
}

// named takes in a store that has no id but its name.
func (g *gatherer) named(k *kind, name wrangler.Value[string]) {
	if name.V != "" && g.env != "" {
		g.store(k, name.V, name.V, name.At)
	}
}

func (g *gatherer) store(k *kind, key, name string, at finding.Position) *store {
	key = k.name + " " + key
	if g.byKey[key] == nil {
		g.byKey[key] = &store{kind: k, name: name, at: at}
		g.stores = append(g.stores, g.byKey[key])
	}
	return g.byKey[key]
}

// shared takes in the entries outside of the environment that name a database of it:
// those of files such as wrangler-d1.toml, and placeholders at the top level of Workers.
func (g *gatherer) shared(p project.Project) {
	if g.env == "" {
		return
	}
	for _, f := range p.Shared {
		for _, b := range f.Top.Bindings {
			g.alike(f.Path, b)
		}
	}
	for _, w := range p.Workers {
		for _, b := range w.File.Top.Bindings {
			if open(b.Field("database_id")) {
				g.alike(w.File.Path, b)
			}
		}
	}
}

// alike takes in an entry that calls a database by a name that is known.
func (g *gatherer) alike(file string, b wrangler.Binding) {
	s := g.byKey[databases.name+" "+b.Field("database_name").V]
	if b.Type != "d1" || s == nil {
		return
	}
	id := b.Field("database_id")
	m := mention{file: file, entry: wrangler.Entry{Key: b.Key, Binding: b.Name.V}, field: "database_id", was: id.V, at: id.At}
	if m.at.IsZero() {
		m.at = b.At
	}
	s.ids = append(s.ids, m)
}

// derived is the name of a store that the configuration gives none: the script's and
// the binding's, as wrangler names what it makes by itself. Source:
// cloudflare/workers-sdk, packages/deploy-helpers, deploy/helpers/provision-bindings.ts.
func derived(script, binding string) string {
	return script + "-" + strings.ReplaceAll(strings.ToLower(binding), "_", "-")
}

// wranglerTitle is the title that wrangler kv namespace create NAME --env ENV gives.
func wranglerTitle(env, binding string) string {
	return strings.TrimPrefix(env+"-", "-") + strings.ReplaceAll(strings.ToLower(binding), "_", "-")
}

// saysNothing are words of placeholders that do not tell one namespace from another.
var saysNothing = regexp.MustCompile(`(?i)placeholder|replace[-_ ]?me|change[-_ ]?me|your|todo|namespace|staging|production|development|dev|real|with|here|the|kv|id|x{6,}|0{4,}|[^a-z0-9]`)

// namespaceKey tells which entries mean one namespace. Those of one id do, and those
// of one placeholder that says something, such as PLACEHOLDER_SESSIONS; of one that
// says nothing, such as PLACEHOLDER, the binding's name tells. An entry that has no id
// at all is by itself, as it is for wrangler.
func namespaceKey(worker, binding string, id wrangler.Value[string]) string {
	switch {
	case !open(id):
		return "id " + id.V
	case id.V == "":
		return "of " + worker + " " + binding
	case saysNothing.ReplaceAllString(id.V, "") == "":
		return "binding " + binding
	}
	return "placeholder " + id.V
}

package check

import (
	"cmp"
	"io/fs"
	"slices"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// use is one mention of something that outlives a Worker: a database, a queue.
type use struct {
	kind string // in words: "D1 database"
	id   string // what Cloudflare knows it by
	name string // what people call it, where that is another thing
	env  string
	what string // who mentions it
	at   finding.Position
}

// storeFields says by which field of the configuration a store is known.
var storeFields = map[string]struct{ kind, id, name string }{
	"d1":           {"D1 database", "database_id", "database_name"},
	"kv_namespace": {"KV namespace", "id", ""},
	"r2_bucket":    {"R2 bucket", "bucket_name", ""},
	"queue":        {"queue", "queue", ""},
	"workflow":     {"Workflow", "name", ""},
	"hyperdrive":   {"Hyperdrive", "id", ""},
	"vectorize":    {"Vectorize index", "index_name", ""},
}

// uses are all mentions of stores in a target, in deploy order. A placeholder is no
// store yet; a rule of its own reports it.
func uses(t project.Target) []use {
	var all []use
	for _, s := range t.Scripts {
		for _, b := range s.Section.Bindings {
			f, ok := storeFields[b.Type]
			if id := b.Field(f.id); ok && id.V != "" && !IsPlaceholder(id.V) {
				all = append(all, use{kind: f.kind, id: id.V, name: b.Field(f.name).V, env: t.Env, what: said(t.Env, b), at: id.At})
			}
		}
		for _, c := range s.Section.Triggers.Consumers {
			for _, q := range []wrangler.Value[string]{c.Queue, c.DeadLetter} {
				if q.V != "" {
					all = append(all, use{kind: "queue", id: q.V, env: t.Env, what: "consumer " + s.Worker + " of " + t.Env, at: q.At})
				}
			}
		}
	}
	return all
}

// sharedStores finds stores that two environments have in common: a smoke test
// on staging would then write into production.
func (c *files) sharedStores() {
	type key struct{ kind, id string }
	first := map[key]use{}
	targets := slices.Clone(c.targets)
	slices.SortStableFunc(targets, func(a, b project.Target) int { return cmp.Compare(weight(b.Env), weight(a.Env)) })
	for _, t := range targets {
		for _, u := range uses(t) {
			k := key{u.kind, u.id}
			other, seen := first[k]
			if !seen {
				first[k] = u
				continue
			}
			if other.env != u.env {
				c.add(finding.Errorf("shared-store", u.at, "%s is the same %s as in %s (%s)", u.what, u.kind, other.env, u.id).
					Hintf("give %s a %s of its own", u.env, u.kind).See(other.at))
			}
		}
	}
}

// weight puts production first, so that the finding stands in the other
// environment, which is the one to change.
func weight(env string) int {
	if env == "production" {
		return 1
	}
	return 0
}

// contradictions finds databases whose name and id disagree within one
// environment: one of the two is a slip, and only the id decides.
func (c *files) contradictions() {
	for _, t := range c.targets {
		nameOf, idOf := map[string]use{}, map[string]use{}
		all := uses(t)
		if t.Env == "production" {
			all = append(all, c.sharedUses()...)
		}
		for _, u := range all {
			if u.kind != "D1 database" || u.name == "" {
				continue
			}
			if other, ok := nameOf[u.id]; ok && other.name != u.name {
				c.add(finding.Errorf("name-id-mismatch", u.at, "database %s is called %q here and %q elsewhere in %s", u.id, u.name, other.name, t.Env).
					Hintf("only the id counts on Cloudflare; correct the name or the id").See(other.at))
			}
			if other, ok := idOf[u.name]; ok && other.id != u.id {
				c.add(finding.Errorf("name-id-mismatch", u.at, "database %q has the id %s here and %s elsewhere in %s", u.name, u.id, other.id, t.Env).
					Hintf("a database has one id; correct one of the two").See(other.at))
			}
			nameOf[u.id], idOf[u.name] = u, u
		}
	}
}

// sharedUses are the databases that shared files describe: production's, as
// wrangler reads such a file when no environment is named.
func (c *files) sharedUses() []use {
	var all []use
	for _, f := range c.Shared {
		for _, b := range f.Top.Bindings {
			if id := b.Field("database_id"); b.Type == "d1" && id.V != "" && !IsPlaceholder(id.V) {
				all = append(all, use{kind: "D1 database", id: id.V, name: b.Field("database_name").V, at: id.At})
			}
		}
	}
	return all
}

// migrationFolders finds folders of migrations that are not there or hold none.
func (c *files) migrationFolders() {
	told := map[string]bool{}
	for _, t := range c.targets {
		for _, d := range t.Databases {
			if d.Dir == "" || told[d.Dir] {
				continue
			}
			if _, err := fs.Stat(c.FS(), d.Dir); err != nil {
				told[d.Dir] = true
				c.add(finding.Errorf("no-migrations", d.DirAt, "the migrations directory %s is not there", d.Dir).
					Hintf("create it, or correct migrations_dir, which is relative to %s", d.DirAt.File))
			} else if len(d.Files) == 0 {
				told[d.Dir] = true
				c.add(finding.Warnf("no-migrations", d.DirAt, "the migrations directory %s holds no .sql file", d.Dir).
					Hintf("add the first migration as 0001_name.sql"))
			}
		}
	}
}

// objectClasses finds Durable Object bindings whose class no migration of the
// script that hosts it has created.
func (c *files) objectClasses() {
	for _, t := range c.targets {
		for _, s := range t.Scripts {
			for _, b := range s.Section.Bindings {
				class, host := b.Field("class_name"), s
				if b.Type != "durable_object_namespace" || class.V == "" {
					continue
				}
				if name := b.Field("script_name").V; name != "" {
					other, ok := t.Script(name)
					if !ok {
						continue
					}
					host = other
				}
				if !slices.Contains(classes(host.Section.Objects), class.V) {
					c.add(finding.Errorf("object-class", class.At, "no migration of %s creates the Durable Object class %q", host.Name, class.V).
						Hintf("add it under new_sqlite_classes with a new tag in %s", host.File).See(host.At()))
				}
			}
		}
	}
}

// classes are the Durable Object classes that exist after a list of migrations.
func classes(all []wrangler.ObjectMigration) []string {
	var live []string
	strs := func(v any) (list []string) {
		items, _ := v.([]any)
		for _, item := range items {
			if s, ok := item.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	for _, m := range all {
		live = append(append(live, strs(m.Steps["new_classes"])...), strs(m.Steps["new_sqlite_classes"])...)
		for _, gone := range strs(m.Steps["deleted_classes"]) {
			live = slices.DeleteFunc(live, func(s string) bool { return s == gone })
		}
		for _, key := range []string{"renamed_classes", "transferred_classes"} {
			items, _ := m.Steps[key].([]any)
			for _, item := range items {
				step, _ := item.(map[string]any)
				from, _ := step["from"].(string)
				to, _ := step["to"].(string)
				live = append(slices.DeleteFunc(live, func(s string) bool { return s == from }), to)
			}
		}
	}
	return live
}

func parseDate(s string) (time.Time, error) { return time.Parse(time.DateOnly, s) }

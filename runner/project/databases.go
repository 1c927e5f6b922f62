package project

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// Database is a D1 database of one environment.
type Database struct {
	Name string
	ID   string // database_id; empty when the configuration names none
	// At is where the database is named for this environment.
	At finding.Position
	// Dir is the folder of its migrations, relative to the project, empty when it
	// has none. DirAt is where the folder is named.
	Dir   string
	DirAt finding.Position
	// Files are the migrations in the order in which wrangler applies them,
	// relative to the project.
	Files []string
	// Table is the ledger's name in the database.
	Table string
	// Scripts bind the database.
	Scripts []string
}

// Ledger is the name under which a migration file is recorded.
func (d Database) Ledger(file string) string { return strings.TrimPrefix(file, d.Dir+"/") }

// Orphan is the finding for a migration that was applied to the database, by its name
// in the ledger, and that no file is there for.
func (d Database) Orphan(name string) finding.Finding {
	return finding.Warnf("unknown-migration", finding.Position{}, "%s was applied to %s, and no file of that name is in %s", name, d.Name, d.Dir).
		Hintf("it may come from another branch; bring the file back before migrations contradict each other")
}

// databases are the D1 databases of a target. The folder of migrations is the
// binding's own migrations_dir; else that of a shared file such as
// wrangler-d1.toml that describes the same database; else that of the database
// which the same binding of the same Worker has in another environment, so that
// staging is migrated from the folder that only names production.
func (p Project) databases(t Target) []Database {
	var all []Database
	for _, s := range t.Scripts {
		for _, b := range s.Section.Bindings {
			if b.Type != "d1" {
				continue
			}
			d := database(b)
			i := slices.IndexFunc(all, d.same)
			if i < 0 {
				i = len(all)
				all = append(all, d)
			}
			all[i].Scripts = append(all[i].Scripts, s.Name)
			if all[i].Dir == "" {
				p.migrations(&all[i], s, b)
			}
		}
	}
	slices.SortFunc(all, func(a, b Database) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func database(b wrangler.Binding) Database {
	name, id := b.Field("database_name"), b.Field("database_id")
	d := Database{Name: name.V, ID: id.V, At: name.At, Table: "d1_migrations"}
	if d.Name == "" {
		d.Name = id.V
	}
	if d.At.IsZero() {
		d.At = b.At
	}
	return d
}

func (d Database) same(e Database) bool {
	return d.ID != "" && d.ID == e.ID || d.Name == e.Name && (d.ID == "" || e.ID == "")
}

// migrations finds where the migrations of a database are.
func (p Project) migrations(d *Database, s Script, b wrangler.Binding) {
	if p.describe(d, s.File, b) || p.shared(d, *d) {
		return
	}
	for _, w := range p.Workers {
		if w.Name != s.Worker {
			continue
		}
		for _, env := range w.File.Envs {
			section, _ := w.File.In(env.V)
			for _, other := range section.Bindings {
				if other.Type == "d1" && other.Name.V == b.Name.V && p.shared(d, database(other)) {
					return
				}
			}
		}
	}
}

// shared takes the migrations from a shared file that describes a database.
func (p Project) shared(d *Database, like Database) bool {
	for _, f := range p.Shared {
		for _, b := range f.Top.Bindings {
			if b.Type == "d1" && like.same(database(b)) && p.describe(d, f.Path, b) {
				return true
			}
		}
	}
	return false
}

// describe takes the migrations that an entry in a file names, or wrangler's
// default folder beside the file if there is one.
func (p Project) describe(d *Database, file string, b wrangler.Binding) bool {
	dir := b.Field("migrations_dir")
	if !dir.Written() {
		info, err := fs.Stat(p.fsys, rel(file, "migrations"))
		if err != nil || !info.IsDir() {
			return false
		}
		dir = wrangler.Value[string]{V: "migrations", At: b.At}
	}
	d.Dir, d.DirAt = rel(file, dir.V), dir.At
	if table := b.Field("migrations_table"); table.Written() {
		d.Table = table.V
	}
	d.Files = p.sqlFiles(d.Dir)
	return true
}

// sqlFiles are the migrations below a folder, sorted as wrangler sorts them.
func (p Project) sqlFiles(dir string) []string {
	var files []string
	_ = fs.WalkDir(p.fsys, dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && path.Ext(name) == ".sql" && !strings.HasPrefix(path.Base(name), ".") && path.Dir(name) == path.Clean(dir) {
			files = append(files, name)
		}
		return nil
	})
	slices.SortFunc(files, compareMigrations)
	return files
}

// compareMigrations orders names as wrangler does: segment by segment, by the
// number before the first underscore where both have one, numbered before
// others, else by bytes. Source: cloudflare/workers-sdk, d1/migrations/helpers.ts.
func compareMigrations(a, b string) int {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(as), len(bs)) {
		an, aok := leadingNumber(as[i])
		bn, bok := leadingNumber(bs[i])
		switch {
		case aok && bok && an != bn:
			return cmp.Compare(an, bn)
		case aok != bok && aok:
			return -1
		case aok != bok:
			return 1
		}
		if c := cmp.Compare(as[i], bs[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}

// leadingNumber is the number that parseInt would find in the part of a name
// before its first underscore.
func leadingNumber(segment string) (int, bool) {
	first, _, _ := strings.Cut(segment, "_")
	end := 0
	for end < len(first) && first[end] >= '0' && first[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(first[:end])
	return n, err == nil
}

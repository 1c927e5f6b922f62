package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/d1"
)

// defect makes one gate fail for real: a mistake in the code, or something on
// the account that is in the way. Defects know the bundled monorepo.
type defect struct {
	what    string // in words, for whoever looks on
	edit    func(dir string) error
	account func(*world) error
}

// defects are the mistakes by the gate that they close.
func defects() map[string]defect {
	all := map[string]defect{
		"build": {what: "a number in cron is given a text", edit: prepend("workers/cron/src/schedules.ts", "export const hours: number = \"six\";\n")},
	}
	for _, env := range []string{"staging", "production"} {
		all["migrate-"+env] = migrateDefect(env)
		all["deploy-"+env] = defect{what: "a route of mcp belongs to a script that nobody knows", account: takeRoute(env)}
		all["health-"+env] = defect{what: "oauth throws when it is asked for its health", edit: wrap("workers/oauth/src/index.ts", env, "/health", `throw new Error("the provider's keys are gone")`)}
		all["smoke-"+env] = defect{what: "api cannot log anybody in", edit: wrap("workers/api/src/index.ts", env, "/v1/auth/login", `return Response.json({ ok: false, error: { code: "internal", message: "no such table: sessions" } }, { status: 500 })`)}
	}
	return all
}

// gates are the names of the defects, sorted.
func gates() []string {
	var names []string
	for name := range defects() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func findDefect(gate string) (defect, error) {
	d, ok := defects()[gate]
	if !ok {
		return defect{}, fmt.Errorf("--break %s: there is no such gate; there are %s", gate, strings.Join(gates(), ", "))
	}
	return d, nil
}

func prepend(file, text string) func(string) error {
	return func(dir string) error {
		return change(dir, file, func(old string) (string, bool) { return text + old, true })
	}
}

// wrap has a Worker misbehave on one path in one environment. The same bytes go
// to both, so the mistake shows where it is meant to.
func wrap(file, env, path, misbehave string) func(string) error {
	const fetch = "fetch: (request, env) => guarded(() => route(request, env)),"
	return func(dir string) error {
		return change(dir, file, func(old string) (string, bool) {
			broken := fmt.Sprintf(`fetch: (request, env) => {
    if (env.ENVIRONMENT === %q && new URL(request.url).pathname === %q) %s;
    return guarded(() => route(request, env));
  },`, env, path, misbehave)
			return strings.Replace(old, fetch, broken, 1), strings.Contains(old, fetch)
		})
	}
}

func change(dir, file string, edit func(string) (string, bool)) error {
	path := filepath.Join(dir, filepath.FromSlash(file))
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w; --break knows the bundled monorepo only", err)
	}
	text, ok := edit(string(old))
	if !ok {
		return fmt.Errorf("%s is not as --break knows it", file)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// migrateDefect adds a migration that fails: on staging by itself, on production
// because somebody made the table by hand there.
func migrateDefect(env string) defect {
	if env == "staging" {
		return defect{what: "the newest migration has a slip of the pen", edit: addMigration("0099_labels.sql", "CREATE TABLE labels (\n  id TEXT PRIMARY KEY,\n  name TEXT NOT NUL\n);\nCREAT INDEX labels_by_name ON labels (name);\n")}
	}
	return defect{
		what: "somebody made the table of the newest migration by hand in production",
		edit: addMigration("0099_labels.sql", "CREATE TABLE labels (id TEXT PRIMARY KEY, name TEXT NOT NULL);\n"),
		account: func(w *world) error {
			db, err := w.D1.Find("tminus-registry")
			if err != nil {
				return err
			}
			_, err = db.Batch([]d1.Statement{{SQL: "CREATE TABLE labels (name TEXT)"}})
			return err
		},
	}
}

func addMigration(name, sql string) func(string) error {
	return func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "migrations", "d1-registry", name), []byte(sql), 0o644)
	}
}

// takeRoute gives a route to a script that is not of this project.
func takeRoute(env string) func(*world) error {
	pattern := map[string]string{"staging": "mcp-staging.tminus.ink/*", "production": "mcp.tminus.ink/*"}[env]
	return func(w *world) error { return w.claim("somebody-elses", pattern) }
}

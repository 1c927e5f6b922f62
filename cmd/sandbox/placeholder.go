package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// placeholderText stands where an id was never filled in.
const placeholderText = "PLACEHOLDER"

// idOf is the field in which a kind of binding has its id.
var idOf = map[string]string{"d1": "database_id", "kv_namespace": "id"}

// unset makes a copy of a project as it was before its first set-up: with placeholders
// in the place of ids.
func unset(from string) (string, error) {
	dir, err := os.MkdirTemp("", "sandbox-project-")
	if err != nil {
		return "", err
	}
	if from, err = filepath.Abs(from); err != nil {
		return "", err
	}
	if err := copyProject(from, dir); err != nil {
		return dir, err
	}
	return dir, forget(dir)
}

// forget writes placeholders over the ids of a project's databases and namespaces.
func forget(dir string) error {
	loaded, err := project.Load(os.DirFS(dir))
	if err != nil {
		return err
	}
	files := loaded.Shared
	for _, w := range loaded.Workers {
		files = append(files, w.File)
	}
	for _, f := range files {
		src, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil {
			return err
		}
		for _, env := range append([]wrangler.Value[string]{{}}, f.Envs...) {
			section, _ := f.In(env.V)
			for _, b := range section.Bindings {
				id := b.Field(idOf[b.Type])
				if id.V == "" {
					continue
				}
				entry := wrangler.Entry{Env: env.V, Key: b.Key, Binding: b.Name.V}
				if src, _, err = wrangler.Fill(f.Path, src, entry, idOf[b.Type], id.V, placeholderText); err != nil {
					return fmt.Errorf("forget the ids of %s: %w", f.Path, err)
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, f.Path), src, 0o644); err != nil {
			return err
		}
	}
	return nil
}

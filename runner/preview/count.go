package preview

import (
	"fmt"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
)

// Count is how much would change.
type Count struct {
	// Workers are counted once, in however many environments they are.
	Workers    int `json:"workers"`
	Changed    int `json:"changed"`    // Workers of which anything would change
	Uploads    int `json:"uploads"`    // scripts whose version would be another
	Migrations int `json:"migrations"` // files, each counted once
	Triggers   int `json:"triggers"`
	Routes     int `json:"routes"` // those of the triggers that are routes or custom domains
	Bindings   int `json:"bindings"`
	Vars       int `json:"vars"`
	Classes    int `json:"classes"` // migrations of Durable Object classes
	Settings   int `json:"settings"`
	// Secrets are names that are missing.
	Secrets int `json:"missing_secrets"`
}

// Count counts what would change in all environments.
func (p Plan) Count() Count { return count(p.Environments) }

// Count counts what would change in the environment.
func (e Environment) Count() Count { return count([]Environment{e}) }

func count(all []Environment) Count {
	var c Count
	workers, files := map[string]bool{}, map[string]bool{}
	for _, e := range all {
		for _, w := range e.Workers {
			workers[w.Worker] = workers[w.Worker] || w.Changes()
			c.worker(w)
		}
		for _, d := range e.Databases {
			for _, m := range d.Pending {
				files[m.File] = true
			}
		}
	}
	c.Workers, c.Migrations = len(workers), len(files)
	for _, changes := range workers {
		if changes {
			c.Changed++
		}
	}
	return c
}

func (c *Count) worker(w Worker) {
	if w.Way != Unchanged {
		c.Uploads++
	}
	for _, t := range w.Triggers {
		c.Triggers++
		if t.Kind == "route" || t.Kind == "custom domain" {
			c.Routes++
		}
	}
	c.Bindings += len(w.Bindings)
	c.Vars += len(w.Vars)
	c.Settings += len(w.Settings)
	c.Secrets += len(w.Secrets.Missing)
	if w.Classes != nil {
		c.Classes++
	}
}

// Nothing tells whether nothing would change.
func (c Count) Nothing() bool { return c.Changed == 0 && c.Migrations == 0 }

// String says how much would change: "3 of 9 Workers change, 1 migration, 2 routes".
func (c Count) String() string {
	if c.Nothing() {
		return fmt.Sprintf("Nothing changes, %s", finding.Many(c.Workers, "Worker"))
	}
	verb := " change"
	if c.Changed == 1 {
		verb = " changes"
	}
	text := []string{fmt.Sprintf("%d of %s%s", c.Changed, finding.Many(c.Workers, "Worker"), verb)}
	for _, part := range []struct {
		n    int
		word string
	}{{c.Migrations, "migration"}, {c.Routes, "route"}, {c.Triggers - c.Routes, "other trigger"}, {c.Classes, "class migration"}} {
		if part.n > 0 {
			text = append(text, finding.Many(part.n, part.word))
		}
	}
	return strings.Join(text, ", ")
}

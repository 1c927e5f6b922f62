package check

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// Files judges what the project's files say, for the given environments or,
// without any, for all that the project defines.
func Files(p project.Project, envs ...string) []finding.Finding {
	if len(envs) == 0 {
		envs = p.Envs()
	}
	c := &files{Project: p}
	for _, env := range envs {
		t, err := p.In(env)
		c.add(finding.From(err, "config", finding.Position{})...)
		if err == nil {
			c.targets = append(c.targets, t)
		}
	}
	for _, rule := range []func(){
		c.warnings, c.placeholders, c.notInherited, c.inheritedTriggers, c.references, c.circles, c.objectClasses,
		c.sharedStores, c.contradictions, c.migrationFolders, c.routes, c.consumers, c.public, c.essentials, c.ids, c.secretMap,
	} {
		rule()
	}
	return c.all
}

// files is one judgement on its way.
type files struct {
	project.Project
	targets []project.Target
	all     []finding.Finding
}

func (c *files) add(f ...finding.Finding) { c.all = append(c.all, f...) }

func (c *files) warnings() {
	c.add(c.Settings.Warnings...)
	for _, w := range c.Workers {
		c.add(w.File.Warnings...)
	}
	for _, f := range c.Shared {
		c.add(f.Warnings...)
	}
}

// placeholder matches values that stand for one that was never filled in. The
// runbook's own check looks for the first word only.
var placeholder = regexp.MustCompile(`(?i)placeholder|replace[-_ ]?me|change[-_ ]?me|^<[^<>]+>$|^\{\{.*\}\}$|^your[-_ ].*|^x{6,}$|^(0{32}|0{8}-0{4}-0{4}-0{4}-0{12})$|^todo\b`)

// IsPlaceholder tells whether a value stands for one that was never filled in.
func IsPlaceholder(text string) bool { return placeholder.MatchString(text) }

func (c *files) placeholders() {
	files := slices.Clone(c.Shared)
	for _, w := range c.Workers {
		files = append(files, w.File)
	}
	for _, f := range files {
		f.Texts(func(text wrangler.Value[string]) {
			if IsPlaceholder(text.V) {
				c.add(finding.Errorf("placeholder", text.At, "%q is a placeholder", text.V).
					Hintf("write the real value; deploy-action provision creates the resource and writes its id"))
			}
		})
	}
}

// notInherited finds what the top level has, an environment does not inherit
// and does not say again: whole keys, and single names of bindings.
func (c *files) notInherited() {
	for _, t := range c.targets {
		for _, s := range t.Scripts {
			w := c.worker(s.Worker)
			gone := map[string]bool{}
			for _, key := range w.File.Missing(t.Env) {
				gone[key.V] = true
				c.add(finding.Errorf("not-inherited", s.At(), "%q is at the top level and not in environment %s, which does not inherit it", key.V, t.Env).
					Hintf("add [env.%s.%s] with the values of %s, even if it is empty", t.Env, key.V, t.Env).See(key.At))
			}
			c.missingNames(t.Env, s, w, gone)
		}
	}
}

func (c *files) missingNames(env string, s project.Script, w project.Worker, gone map[string]bool) {
	has := map[string]bool{}
	for _, b := range s.Section.Bindings {
		has[b.Key+" "+b.Name.V] = true
	}
	for _, b := range w.File.Top.Bindings {
		if b.Key == "assets" || gone[b.Key] || has[b.Key+" "+b.Name.V] {
			continue
		}
		c.add(finding.Errorf("not-inherited", s.At(), "binding %q of %s is at the top level and not in environment %s, which does not inherit it", b.Name.V, b.Key, env).
			Hintf("add it to the environment").See(b.At))
	}
}

func (c *files) worker(name string) project.Worker {
	i := slices.IndexFunc(c.Workers, func(w project.Worker) bool { return w.Name == name })
	return c.Workers[i]
}

// inheritedTriggers finds routes and crons that would move from the top level
// into an environment, which is how staging takes production's traffic.
func (c *files) inheritedTriggers() {
	for _, t := range c.targets {
		for _, s := range t.Scripts {
			for _, key := range []string{"route", "routes", "triggers"} {
				k := s.Section.Keys[key]
				if !k.FromTop || key == "triggers" && len(s.Section.Triggers.Crons) == 0 || key != "triggers" && len(s.Section.Triggers.Routes) == 0 {
					continue
				}
				c.add(finding.Errorf("inherited-trigger", s.At(), "environment %s inherits %q of the top level", t.Env, key).
					Hintf("write the environment's own, or an empty list if it has none").See(k.At))
			}
		}
	}
}

// references finds names of scripts that belong to another environment. Names
// that belong to no Worker of the project are left to [Account].
func (c *files) references() {
	owner := map[string]string{} // script name to short name
	envOf := map[string]string{}
	for _, w := range c.Workers {
		owner[w.File.Top.Name.V], envOf[w.File.Top.Name.V] = w.Name, ""
		for _, env := range w.File.Envs {
			if s, ok := w.File.In(env.V); ok {
				owner[s.Name.V], envOf[s.Name.V] = w.Name, env.V
			}
		}
	}
	for _, t := range c.targets {
		for _, s := range t.Scripts {
			for _, ref := range project.References(s.Section) {
				worker, known := owner[ref.Script]
				if !known || envOf[ref.Script] == t.Env {
					continue
				}
				where := "belongs to no environment"
				if env := envOf[ref.Script]; env != "" {
					where = "belongs to " + env
				}
				c.add(finding.Errorf("wrong-environment", ref.At, "%s of %s names %q, which %s", ref.Why, t.Env, ref.Script, where).
					Hintf("write %q", scriptIn(t, worker)))
			}
		}
	}
}

func scriptIn(t project.Target, worker string) string {
	for _, s := range t.Scripts {
		if s.Worker == worker {
			return s.Name
		}
	}
	return worker + "-" + t.Env
}

// circles finds Workers that need each other, so that none can be first.
func (c *files) circles() {
	for _, t := range c.targets {
		place := map[string]int{}
		for i, s := range t.Scripts {
			place[s.Name] = i
		}
		for i, s := range t.Scripts {
			for _, need := range s.Needs {
				if place[need.Script] > i {
					c.add(finding.Errorf("cycle", need.At, "%s needs %s, which needs it in turn, so neither can be deployed first in %s", s.Name, need.Script, t.Env).
						Hintf("cut the circle; or, if both are deployed already, waive this rule"))
				}
			}
		}
	}
}

// essentials finds what Cloudflare would refuse at upload.
func (c *files) essentials() {
	for _, t := range c.targets {
		for _, s := range t.Scripts {
			m := s.Section.Module
			if !m.Date.Written() {
				c.add(finding.Errorf("no-date", s.At(), "%s has no compatibility_date", s.Name).
					Hintf("write the date against which the Worker was tested, as YYYY-MM-DD"))
			} else if _, err := parseDate(m.Date.V); err != nil {
				c.add(finding.Errorf("no-date", m.Date.At, "compatibility_date %q is no date", m.Date.V).Hintf("write it as YYYY-MM-DD"))
			}
			if m.Main.Written() && !m.Build.Command.Written() {
				if _, err := fs.Stat(c.FS(), path.Join(path.Dir(s.File), m.Main.V)); err != nil {
					c.add(finding.Errorf("no-main", m.Main.At, "there is no file %s", path.Join(path.Dir(s.File), m.Main.V)).
						Hintf("correct the path; it is relative to %s", s.File))
				}
			}
		}
	}
}

// idFields are the fields without which a store cannot be found. wrangler would
// make a new store and leave the file as it is.
var idFields = map[string]string{
	"d1": "database_id", "kv_namespace": "id", "r2_bucket": "bucket_name", "queue": "queue", "hyperdrive": "id", "vectorize": "index_name",
}

// ids finds bindings that do not say which store they mean.
func (c *files) ids() {
	for _, t := range c.targets {
		for _, s := range t.Scripts {
			for _, b := range s.Section.Bindings {
				if field, ok := idFields[b.Type]; ok && b.Field(field).V == "" {
					c.add(finding.Errorf("no-id", b.At, "%s has no %s", said(t.Env, b), field).
						Hintf("write it, or have deploy-action provision --env %s create the store and write it", t.Env))
				}
			}
		}
	}
}

// secretMap finds Workers in the secret map that do not exist, and secrets that
// stand in the configuration as plain variables.
func (c *files) secretMap() {
	for _, t := range c.targets {
		for _, s := range t.Scripts {
			for _, b := range s.Section.Bindings {
				if b.Key == "vars" && slices.Contains(s.Secrets, b.Name.V) {
					c.add(finding.Errorf("secret-in-vars", b.At, "%s is a secret of %s and stands in the configuration for everybody to read", b.Name.V, s.Worker).
						Hintf("remove it from vars and rotate it: what was committed is known"))
				}
			}
		}
	}
	for _, s := range c.Settings.Secrets {
		for _, name := range s.Workers {
			known := slices.ContainsFunc(c.Workers, func(w project.Worker) bool { return w.Name == name })
			if !known && !s.At.IsZero() {
				c.add(finding.Errorf("unknown-worker", s.At, "secret %s is for a Worker %q that does not exist", s.Name, name).
					Hintf("the Workers are %s", strings.Join(names(c.Workers), ", ")))
			}
		}
	}
}

func names(workers []project.Worker) []string {
	list := make([]string, len(workers))
	for i, w := range workers {
		list[i] = w.Name
	}
	return list
}

// said names an environment's binding for a message.
func said(env string, b wrangler.Binding) string { return fmt.Sprintf("%q of %s", b.Name.V, env) }

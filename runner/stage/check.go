package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/remedy"
)

// Check judges files, code and account before anything is queued. Waivers of the
// project turn its errors into warnings.
type Check struct {
	// Dir is the project's directory; the code is looked at only if it is given.
	Dir     string
	Project project.Project
	Targets []project.Target
	// Client is the account; nil means that it is not asked.
	Client *cloudflare.Client
	// DatabasesOnly leaves out everything that does not concern migrations.
	DatabasesOnly bool
	// Remarks are said before anything else: what is odd about what is asked for.
	Remarks []finding.Finding
}

// Name implements pipeline.Stage.
func (Check) Name() string { return "check" }

const (
	checkFiles   = "Read the configuration"
	checkCode    = "Look at the code"
	checkAccount = "Ask the account"
)

// Tasks implements pipeline.Stage.
func (c Check) Tasks() []pipeline.Task {
	all := &gathered{settings: c.Project.Settings}
	tasks := []pipeline.Task{{Title: checkFiles, Do: func(_ context.Context, out *pipeline.Out) error {
		found := append(slices.Clone(c.Remarks), check.Files(c.Project, c.envs()...)...)
		if c.DatabasesOnly {
			found = only(found, "name-id-mismatch", "no-migrations", "shared-store", "placeholder")
		}
		all.note(out, found)
		out.Endf("%d Workers, %d files", len(c.Project.Workers), len(c.Project.Workers)+len(c.Project.Shared))
		return nil
	}}}
	if c.Dir != "" {
		tasks = append(tasks, pipeline.Task{Title: checkCode, Do: func(_ context.Context, out *pipeline.Out) error { return c.code(out, all) }})
	}
	if c.Client != nil {
		tasks = append(tasks, pipeline.Task{Title: checkAccount, Do: func(ctx context.Context, out *pipeline.Out) error { return c.account(ctx, out, all) }})
	}
	if c.DatabasesOnly {
		return tasks
	}
	last := pipeline.Task{Title: "Look at the waivers", Do: func(_ context.Context, out *pipeline.Out) error {
		for _, f := range all.unused() {
			out.Note(f)
		}
		out.Endf("%d in %s", len(c.Project.Settings.Waivers), project.SettingsFile)
		return nil
	}}
	if len(c.Project.Settings.Waivers) == 0 {
		return tasks
	}
	for _, t := range tasks {
		last.After = append(last.After, t.Title)
	}
	return append(tasks, last)
}

func (c Check) envs() []string {
	var envs []string
	for _, t := range c.Targets {
		envs = append(envs, t.Env)
	}
	return envs
}

// gathered is all that was found, so that waivers can be applied to each finding
// and be judged over all of them.
type gathered struct {
	settings project.Settings
	mu       sync.Mutex
	all      []finding.Finding
}

// note hands findings on with the waivers applied.
func (g *gathered) note(out *pipeline.Out, found []finding.Finding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, found...)
	for _, f := range found {
		out.Note(g.settings.Waived(f))
	}
}

func (g *gathered) unused() []finding.Finding {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.settings.Unused(g.all)
}

// code surveys the sources, as far as they are there before the build.
func (c Check) code(out *pipeline.Out, all *gathered) error {
	seen := map[string]bool{}
	for _, t := range c.Targets {
		for _, s := range t.Scripts {
			o := Options(c.Dir, s)
			key := fmt.Sprintf("%+v", o)
			if seen[key] || !s.Section.Module.Main.Written() || o.Files.NoBundle {
				continue
			}
			seen[key] = true
			b, err := bundle.Survey(o)
			if failed, ok := errors.AsType[*bundle.Error](err); ok {
				for _, p := range failed.Problems {
					all.note(out, []finding.Finding{Problem(p, finding.Error)})
				}
				continue
			}
			if err != nil {
				return err
			}
			all.note(out, check.Code(c.Project.FS(), s, o.Target.Mode(), b))
		}
	}
	out.Endf("%d entries", len(seen))
	return nil
}

// account asks whether token and account are good, and then for what the files
// name.
func (c Check) account(ctx context.Context, out *pipeline.Out, all *gathered) error {
	type answer struct {
		name string
		err  error
	}
	access := make(chan answer, 1)
	go func() {
		name, err := check.Access(ctx, c.Client)
		access <- answer{name, err}
	}()
	found, err := check.Account(ctx, c.Client, c.Project, c.Targets...)
	// A token that is no good explains everything else, so it is told alone.
	a := <-access
	if a.err != nil {
		return remedy.For(a.err, "Account Settings:Read")
	}
	if err != nil {
		return remedy.For(err, "Workers Scripts:Read")
	}
	if c.DatabasesOnly {
		found = onlyKind(found)
	}
	all.note(out, found)
	out.Endf("%s", a.name)
	return nil
}

// only keeps findings of some rules.
func only(all []finding.Finding, rules ...string) []finding.Finding {
	var kept []finding.Finding
	for _, f := range all {
		for _, rule := range rules {
			if f.Rule == rule {
				kept = append(kept, f)
			}
		}
	}
	return kept
}

// onlyKind keeps what an account has to say about databases and permissions.
func onlyKind(all []finding.Finding) []finding.Finding {
	return only(all, "missing-permission", "name-id-mismatch")
}

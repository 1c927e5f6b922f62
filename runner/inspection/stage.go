package inspection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/tminus/deploy-action/runner/build"
	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/remedy"
)

// Stage judges files, code and account before anything is queued. Waivers of the
// project turn its errors into warnings.
type Stage struct {
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
func (Stage) Name() string { return "check" }

const (
	checkFiles   = "Read the configuration"
	checkCode    = "Look at the code"
	checkAccount = "Ask the account"
)

// Tasks implements pipeline.Stage.
func (s Stage) Tasks() []pipeline.Task {
	all := &gathered{settings: s.Project.Settings}
	tasks := []pipeline.Task{{Title: checkFiles, Do: func(_ context.Context, out *pipeline.Out) error {
		found := append(slices.Clone(s.Remarks), check.Files(s.Project, s.envs()...)...)
		if s.DatabasesOnly {
			found = only(found, "name-id-mismatch", "no-migrations", "shared-store", "placeholder")
		}
		all.note(out, found)
		out.Endf("%d Workers, %d files", len(s.Project.Workers), len(s.Project.Workers)+len(s.Project.Shared))
		return nil
	}}}
	if s.Dir != "" {
		tasks = append(tasks, pipeline.Task{Title: checkCode, Do: func(_ context.Context, out *pipeline.Out) error { return s.code(out, all) }})
	}
	if s.Client != nil {
		tasks = append(tasks, pipeline.Task{Title: checkAccount, Do: func(ctx context.Context, out *pipeline.Out) error { return s.account(ctx, out, all) }})
	}
	if s.DatabasesOnly {
		return tasks
	}
	last := pipeline.Task{Title: "Look at the waivers", Do: func(_ context.Context, out *pipeline.Out) error {
		for _, f := range all.unused() {
			out.Note(f)
		}
		out.Endf("%d in %s", len(s.Project.Settings.Waivers), project.SettingsFile)
		return nil
	}}
	if len(s.Project.Settings.Waivers) == 0 {
		return tasks
	}
	for _, t := range tasks {
		last.After = append(last.After, t.Title)
	}
	return append(tasks, last)
}

func (s Stage) envs() []string {
	var envs []string
	for _, t := range s.Targets {
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
func (s Stage) code(out *pipeline.Out, all *gathered) error {
	seen := map[string]bool{}
	for _, t := range s.Targets {
		for _, script := range t.Scripts {
			o := build.Options(s.Dir, script)
			key := fmt.Sprintf("%+v", o)
			if seen[key] || !script.Section.Module.Main.Written() || o.Files.NoBundle {
				continue
			}
			seen[key] = true
			b, err := bundle.Survey(o)
			if failed, ok := errors.AsType[*bundle.Error](err); ok {
				for _, p := range failed.Problems {
					all.note(out, []finding.Finding{build.Problem(p, finding.Error)})
				}
				continue
			}
			if err != nil {
				return err
			}
			all.note(out, check.Code(s.Project.FS(), script, o.Target.Mode(), b))
		}
	}
	out.Endf("%d entries", len(seen))
	return nil
}

// account asks whether token and account are good, and then for what the files
// name.
func (s Stage) account(ctx context.Context, out *pipeline.Out, all *gathered) error {
	type answer struct {
		name string
		err  error
	}
	access := make(chan answer, 1)
	go func() {
		name, err := check.Access(ctx, s.Client)
		access <- answer{name, err}
	}()
	found, err := check.Account(ctx, s.Client, s.Project, s.Targets...)
	// A token that is no good explains everything else, so it is told alone.
	a := <-access
	if a.err != nil {
		return remedy.For(a.err, "Account Settings:Read")
	}
	if err != nil {
		return remedy.For(err, "Workers Scripts:Read")
	}
	if s.DatabasesOnly {
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

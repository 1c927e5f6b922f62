package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/child"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
)

// Stage installs the project's dependencies if they are missing, runs its build
// command and bundles every Worker.
type Stage struct {
	// Dir is the project's directory.
	Dir     string
	Project project.Project
	// Targets are the environments that the bundles are for.
	Targets []project.Target
	// Env are the variables that commands of the project get, without secrets.
	Env []string
	// Skip leaves install and build command out; bundling needs no leave.
	Skip bool
	// Bundler is auto, esbuild or wrangler.
	Bundler string
	// Redact takes secrets out of what commands print.
	Redact func(string) string
	Into   *bundle.Shelf
}

// Name implements pipeline.Stage.
func (Stage) Name() string { return "build" }

// Tasks implements pipeline.Stage.
func (s Stage) Tasks() []pipeline.Task {
	var tasks []pipeline.Task
	var needs []string
	add := func(t pipeline.Task) {
		tasks = append(tasks, t)
		needs = []string{t.Title}
	}
	if !s.Skip {
		commands, err := s.Commands()
		if err != nil {
			return []pipeline.Task{{Title: "Find the build command", Do: func(context.Context, *pipeline.Out) error { return err }}}
		}
		for _, c := range commands {
			add(pipeline.Task{Title: "Run " + c.String(), At: c.at, Needs: needs, Do: func(ctx context.Context, out *pipeline.Out) error {
				return s.command(ctx, out, c.Command)
			}})
		}
	}
	polyfills := s.polyfills()
	for _, unit := range s.units() {
		tasks = append(tasks, pipeline.Task{Title: "Bundle " + unit[0].script.Worker, At: unit[0].script.Section.Module.Main.At, Needs: needs,
			Do: func(ctx context.Context, out *pipeline.Out) error { return s.bundle(ctx, out, unit, polyfills) }})
	}
	return tasks
}

// command is a command of the project with the place that asks for it.
type command struct {
	child.Command
	at finding.Position
}

// Commands are what must be run before bundling: an install if node_modules is
// missing, and the build. The error is a finding that says what is not there.
func (s Stage) Commands() ([]command, error) {
	m, err := child.FindManager(s.Project.FS())
	if err != nil {
		return nil, err
	}
	var commands []command
	at := finding.Position{File: "package.json", Line: 1}
	if _, err := fs.Stat(s.Project.FS(), "node_modules"); m.Name != "" && errors.Is(err, fs.ErrNotExist) {
		args, err := m.Install(exec.LookPath)
		if err != nil {
			return nil, err
		}
		commands = append(commands, command{child.Command{Args: args, Dir: s.Dir, Env: s.Env}, at})
	}
	if own := s.Project.Settings.Build; own.Written() {
		if err := child.Shelled(own.V, exec.LookPath); err != nil {
			return nil, finding.Errorf("no-build-command", own.At, "the build command cannot be run: %s", err).
				Hintf("correct build: in %s, or install the program", project.SettingsFile)
		}
		return append(commands, command{child.Shell(own.V, s.Dir, s.Env), own.At}), nil
	}
	if !m.Has("build") {
		return commands, nil
	}
	args, err := m.Build(exec.LookPath)
	if err != nil {
		return nil, err
	}
	return append(commands, command{child.Command{Args: args, Dir: s.Dir, Env: s.Env}, at}), nil
}

// command runs one command and turns what compilers say into findings.
func (s Stage) command(ctx context.Context, out *pipeline.Out, c child.Command) error {
	var complaints child.Complaints
	lines := 0
	err := child.Run(ctx, c, func(line string) {
		lines++
		line = s.redact(line)
		complaints.Line(line)
		out.Sayf("%s", line)
	})
	failed, ok := errors.AsType[*child.Failure](err)
	if !ok {
		if err == nil {
			out.Endf("%d lines", lines)
		}
		return err
	}
	if all := complaints.Findings(); len(all) > 0 {
		for _, f := range all {
			out.Note(f)
		}
		out.Endf("exit code %d, %d errors", failed.Code, len(all))
		return nil
	}
	last := "it printed nothing"
	if n := len(failed.Last); n > 0 {
		last = "it ended with: " + s.redact(failed.Last[n-1])
	}
	return finding.Errorf("build", finding.Position{}, "%s; %s", failed, last).
		Hintf("run %q yourself; its whole output stands in the log", c)
}

func (s Stage) redact(text string) string {
	if s.Redact == nil {
		return text
	}
	return s.Redact(text)
}

// unit is one bundle to be made: a script of one environment.
type unit struct {
	script project.Script
	env    string
}

// units are the bundles to be made for each Worker, one for each environment, in
// deploy order. A Worker of static files alone has none.
func (s Stage) units() [][]unit {
	var all [][]unit
	at := map[string]int{}
	for _, t := range s.Targets {
		for _, script := range t.Scripts {
			if !script.Section.Module.Main.Written() {
				continue
			}
			i, ok := at[script.Worker]
			if !ok {
				i = len(all)
				at[script.Worker] = i
				all = append(all, nil)
			}
			all[i] = append(all[i], unit{script, t.Env})
		}
	}
	return all
}

// describe says in a few words what a bundle is.
func describe(size int, digest, by string) string {
	text := fmt.Sprintf("%s, %s", bundle.SizeText(size), shortDigest(digest))
	if by != "esbuild" {
		text += ", by " + by
	}
	return text
}

// shortDigest is enough of a digest for a person to tell two apart.
func shortDigest(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }

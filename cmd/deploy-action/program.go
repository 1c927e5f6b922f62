package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/secret"
)

// userAgent is how the program names itself to Cloudflare and to Workers.
const userAgent = "tminus-deploy-action/1"

// program is one run of the program with all that it gets from outside.
type program struct {
	args     []string
	post     bool // it was called as the post part of the action
	lookup   func(string) (string, bool)
	environ  []string
	out, err io.Writer
	// terminal: out is one, so a live board may be drawn.
	terminal bool
	size     func() (columns, rows int)

	common commonFlags
	named  string // the command, as it is called on GitHub
	file   envFile
	redact func(string) string
	face   *face // nil outside of GitHub Actions
}

// main runs the command that the arguments name and gives the exit code.
func (p *program) main(ctx context.Context) int {
	p.redact = secret.Store{}.Redactor(p.sensitive()...).Redact
	p.face = p.openFace()
	if p.post && p.face == nil {
		return exitPassed
	}
	if p.face != nil {
		getenv := func(name string) string { v, _ := p.lookup(name); return v }
		if p.post || getenv("STATE_"+stateBegun) != "" {
			p.face.finish(ctx, getenv)
			return exitPassed
		}
		p.face.keepState(stateBegun)
		defer p.face.keepState(stateEnded)
	}
	f, command, err := parse(p.args, p.lookup, p.out)
	if err != nil {
		fmt.Fprintf(p.err, "deploy-action: %s\n", err)
		p.face.refused(ctx, "Action", finding.From(finding.Errorf("bad-flag", finding.Position{}, "%s", p.redact(err.Error())), "", finding.Position{}))
		return exitCannotBegin
	}
	if command == "" {
		return exitPassed // help was asked for
	}
	j := p.jobs(f)[command]
	p.named, p.common = j.title, j.common
	verdict, err := j.run(ctx)
	return p.code(ctx, verdict, err)
}

// job is a command: what it is called on GitHub, the flags that every command has, and
// what it does.
type job struct {
	title  string
	common commonFlags
	run    func(context.Context) (pipeline.Verdict, error)
}

// bound is what a command does with its flags.
func bound[F any](do func(context.Context, F) (pipeline.Verdict, error), f F) func(context.Context) (pipeline.Verdict, error) {
	return func(ctx context.Context) (pipeline.Verdict, error) { return do(ctx, f) }
}

// jobs are all commands by name.
func (p *program) jobs(f *flags) map[string]job {
	return map[string]job{
		"promote":      {"Promote", f.Promote.commonFlags, (&promotion{program: p, flags: f.Promote}).run},
		"plan":         {"Plan", f.Plan.commonFlags, bound(p.planCommand, f.Plan)},
		"check":        {"Check", f.Check.commonFlags, bound(p.checkCommand, f.Check)},
		"migrate":      {"Migrate", f.Migrate.commonFlags, bound(p.migrateCommand, f.Migrate)},
		"provision":    {"Provision", f.Provision.commonFlags, bound(p.provisionCommand, f.Provision)},
		"dns":          {"DNS", f.DNS.commonFlags, bound(p.dnsCommand, f.DNS)},
		"compensate":   {"Compensate", f.Compensate.commonFlags, bound(p.compensateCommand, f.Compensate)},
		"validate":     {"Validate", f.Validate.commonFlags, bound(p.validateCommand, f.Validate)},
		"smoke":        {"Smoke", f.Smoke.commonFlags, bound(p.smokeCommand, f.Smoke)},
		"rollback":     {"Rollback", f.Rollback.commonFlags, bound(p.rollbackCommand, f.Rollback)},
		"hold":         {"Hold", f.Hold.commonFlags, bound(p.holdCommand, f.Hold)},
		"release-hold": {"Hold", f.ReleaseHold.commonFlags, bound(p.releaseHoldCommand, f.ReleaseHold)},
		"doctor":       {"Doctor", f.Doctor.commonFlags, bound(p.doctorCommand, f.Doctor)},
		"rotate":       {"Rotate", f.Rotate.commonFlags, bound(p.rotateCommand, f.Rotate)},
		"secrets":      {"Secrets", f.Secrets.commonFlags, bound(p.secretsCommand, f.Secrets)},
		"status":       {"Status", f.Status.commonFlags, bound(p.statusCommand, f.Status)},
		"logs":         {"Logs", f.Logs.commonFlags, bound(p.logsCommand, f.Logs)},
	}
}

// code tells how it ended, in an exit code and, if it could not begin, in words.
func (p *program) code(ctx context.Context, verdict pipeline.Verdict, err error) int {
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			fmt.Fprintln(p.err, "interrupted before anything was changed")
			return exitInterrupted
		}
		found := finding.From(err, "cannot-begin", finding.Position{})
		p.tell(found)
		if f, ok := errors.AsType[finding.Finding](err); !ok || f.Rule != errCannotBegin.Rule { // else they were shown with what was found
			p.face.refused(ctx, p.title(), report.Findings(found, p.redact))
		}
		return exitCannotBegin
	}
	switch {
	case verdict == pipeline.Passed:
		return exitPassed
	case verdict == pipeline.Cancelled && cancelledByUser(ctx):
		return exitInterrupted
	}
	return exitClosed
}

// tell shows findings that belong to no stage.
func (p *program) tell(all []finding.Finding) {
	all = report.Findings(all, p.redact)
	if p.common.Format == "json" {
		for _, f := range all {
			_ = report.WriteJSON(p.out, "finding", f)
		}
		return
	}
	report.WriteFindings(p.err, p.style(), all)
}

func (p *program) style() report.Style {
	noColor, ok := p.lookup("NO_COLOR")
	return report.Style{Color: p.terminal && (!ok || noColor == "")}
}

// watch makes the observer that the format asks for, and what ends it.
func (p *program) watch() (pipeline.Observer, func()) {
	lines := &report.Lines{W: p.out, Style: p.style(), Verbose: p.common.Verbose}
	switch {
	case p.common.Format == "json":
		return report.JSON{W: p.out}, func() {}
	case p.terminal:
		board := &report.Board{W: p.out, Style: p.style(), Size: p.size, Verbose: p.common.Verbose}
		return board, board.Close
	case p.face != nil:
		return p.face.log(lines), func() {}
	}
	return lines, func() {}
}

// title is how this run is called on GitHub.
func (p *program) title() string { return first(p.common.CheckName, p.named, "Action") }

// run runs a plan in front of the observers that the format asks for, of GitHub's,
// and of others.
func (p *program) run(ctx context.Context, plan pipeline.Plan, others ...pipeline.Observer) (pipeline.Verdict, error) {
	o, end := p.watch()
	defer end()
	shown, stop := p.face.observers(ctx, p.title())
	defer stop()
	all := append(together{o}, shown...)
	verdict, err := plan.Run(ctx, append(pipeline.Observers{report.Redacted{To: all, Redact: p.redact}}, others...))
	if p.face != nil && verdict != pipeline.Pending {
		p.face.lost(redacted(err, p.redact))
		p.face.fallBack()
		err = nil
	}
	return verdict, err
}

// redacted is an error with its text redacted.
func redacted(err error, redact func(string) string) error {
	if err == nil {
		return nil
	}
	return errors.New(redact(err.Error()))
}

// together hands events to several observers in order, and the last one to all at
// once: each may have to wait for answers, and the time is short.
type together []pipeline.Observer

// Observe implements pipeline.Observer.
func (all together) Observe(ctx context.Context, e pipeline.Event) error {
	if _, last := e.(pipeline.Ended); !last {
		return pipeline.Observers(all).Observe(ctx, e)
	}
	errs := make([]error, len(all))
	var waiting sync.WaitGroup
	for i, o := range all {
		waiting.Go(func() { errs[i] = o.Observe(ctx, e) })
	}
	waiting.Wait()
	return errors.Join(errs...)
}

// load reads the project.
func (p *program) load() (project.Project, string, error) {
	dir, err := filepath.Abs(p.common.Project)
	if err != nil {
		return project.Project{}, "", err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return project.Project{}, "", finding.Errorf("no-config", finding.Position{}, "there is no directory %s", p.common.Project).
			Hintf("name the repository's directory with --project")
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return project.Project{}, "", err
	}
	var patterns []string
	for _, pattern := range strings.FieldsFunc(p.common.Config, func(r rune) bool { return r == ',' || r == '\n' }) {
		patterns = append(patterns, strings.TrimSpace(pattern))
	}
	p.face.at(dir)
	loaded, err := project.Load(os.DirFS(dir), patterns...)
	return loaded, dir, err
}

// open loads the project, finds the environments that a name stands for, and
// begins to redact the project's secrets.
func (p *program) open(env string) (project.Project, string, []project.Target, error) {
	loaded, dir, err := p.load()
	if err != nil {
		return loaded, dir, nil, err
	}
	all, err := targets(loaded, env)
	p.secrets(loaded)
	return loaded, dir, all, err
}

// targets are the environments that a name stands for: one, or all.
func targets(p project.Project, env string) ([]project.Target, error) {
	envs := []string{env}
	if env == "" || env == "all" {
		envs = p.Envs()
	}
	if len(envs) == 0 {
		return nil, finding.Errorf("unknown-environment", finding.Position{File: p.Workers[0].File.Path, Line: 1}, "no Worker has an environment").
			Hintf("add [env.staging] and [env.production] with everything that the Worker binds")
	}
	var all []project.Target
	for _, name := range envs {
		t, err := p.In(name)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// dryRun prints the plan: the very tasks that would run.
func (p *program) dryRun(plan pipeline.Plan) error {
	if p.common.Format == "json" {
		return report.WriteJSON(p.out, "planned", plan.Planned())
	}
	report.WritePlan(p.out, p.style(), plan.Planned())
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/secret"
)

// userAgent is how the program names itself to Cloudflare and to Workers.
const userAgent = "tminus-deploy-action/1"

// program is one run of the program with all that it gets from outside.
type program struct {
	args     []string
	lookup   func(string) (string, bool)
	environ  []string
	out, err io.Writer
	// terminal: out is one, so a live board may be drawn.
	terminal bool
	size     func() (columns, rows int)

	common commonFlags
	redact func(string) string
}

// main runs the command that the arguments name and gives the exit code.
func (p *program) main(ctx context.Context) int {
	p.redact = func(s string) string { return s }
	f, command, err := parse(p.args, p.lookup, p.out)
	if err != nil {
		fmt.Fprintf(p.err, "deploy-action: %s\n", err)
		return exitCannotBegin
	}
	var run func(context.Context) (pipeline.Verdict, error)
	switch command {
	case "":
		return exitPassed // help was asked for
	case "promote":
		p.common = f.Promote.commonFlags
		run = (&promotion{program: p, flags: f.Promote}).run
	case "check":
		p.common = f.Check.commonFlags
		run = func(ctx context.Context) (pipeline.Verdict, error) { return p.checkCommand(ctx, f.Check) }
	case "migrate":
		p.common = f.Migrate.commonFlags
		run = func(ctx context.Context) (pipeline.Verdict, error) { return p.migrateCommand(ctx, f.Migrate) }
	case "validate":
		p.common = f.Validate.commonFlags
		run = func(ctx context.Context) (pipeline.Verdict, error) { return p.validateCommand(ctx, f.Validate) }
	case "smoke":
		p.common = f.Smoke.commonFlags
		run = func(ctx context.Context) (pipeline.Verdict, error) { return p.smokeCommand(ctx, f.Smoke) }
	case "status":
		p.common = f.Status.commonFlags
		run = func(ctx context.Context) (pipeline.Verdict, error) { return p.statusCommand(ctx, f.Status) }
	}
	verdict, err := run(ctx)
	return p.code(ctx, verdict, err)
}

// code tells how it ended, in an exit code and, if it could not begin, in words.
func (p *program) code(ctx context.Context, verdict pipeline.Verdict, err error) int {
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			fmt.Fprintln(p.err, "interrupted before anything was changed")
			return exitInterrupted
		}
		p.tell(finding.From(err, "cannot-begin", finding.Position{}))
		return exitCannotBegin
	}
	switch verdict {
	case pipeline.Passed:
		return exitPassed
	case pipeline.Cancelled:
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
	var o pipeline.Observer
	end := func() {}
	switch {
	case p.common.Format == "json":
		o = report.JSON{W: p.out}
	case p.terminal:
		board := &report.Board{W: p.out, Style: p.style(), Size: p.size, Verbose: p.common.Verbose}
		o, end = board, board.Close
	default:
		o = &report.Lines{W: p.out, Style: p.style(), Verbose: p.common.Verbose}
	}
	return report.Redacted{To: o, Redact: p.redact}, end
}

// run runs a plan in front of the observer.
func (p *program) run(ctx context.Context, plan pipeline.Plan) (pipeline.Verdict, error) {
	o, end := p.watch()
	defer end()
	return plan.Run(ctx, o)
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
	loaded, err := project.Load(os.DirFS(dir), patterns...)
	return loaded, dir, err
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

// secrets takes the project's secrets from the environment, and begins to redact
// them and everything else that looks like one.
func (p *program) secrets(loaded project.Project) secret.Store {
	var names []string
	for _, s := range loaded.Settings.Secrets {
		names = append(names, s.Name)
	}
	store := secret.Load(names, p.lookup)
	p.redact = store.Redactor(p.sensitive()...).Redact
	return store
}

// sensitiveName matches variables whose values nobody should see.
var sensitiveName = regexp.MustCompile(`(?i)(TOKEN|SECRET|PASSWORD|PASSWD|PRIVATE_KEY|API_KEY|MASTER_KEY|CREDENTIALS?)$`)

// sensitive are the values of the environment's sensitive variables.
func (p *program) sensitive() []string {
	var values []string
	for _, pair := range p.environ {
		name, value, _ := strings.Cut(pair, "=")
		if sensitiveName.MatchString(strings.ReplaceAll(name, "-", "_")) && value != "" {
			values = append(values, value)
		}
	}
	return values
}

// registryTokens are what package managers need to install private packages.
var registryTokens = []string{"NPM_TOKEN", "NODE_AUTH_TOKEN", "YARN_NPM_AUTH_TOKEN"}

// childEnv are the variables that the project's own commands get: everything but
// secrets, inputs and the runner's own tokens.
func (p *program) childEnv(store secret.Store) []string {
	var env []string
	for _, pair := range p.environ {
		name, _, _ := strings.Cut(pair, "=")
		secretName := sensitiveName.MatchString(name) && !slices.Contains(registryTokens, name) || slices.Contains(store.Names(), name)
		if !secretName && !strings.HasPrefix(name, "INPUT_") && !strings.HasPrefix(name, "ACTIONS_") {
			env = append(env, pair)
		}
	}
	return env
}

// token is the API token, from the variable that wrangler reads too or from the
// action's input.
func (p *program) token() string {
	for _, name := range []string{"CLOUDFLARE_API_TOKEN", "INPUT_API-TOKEN"} {
		if v, ok := p.lookup(name); ok && strings.TrimSpace(v) != "" {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// account finds out which account is meant: wrangler files win over the flag and
// the variable, as they do for wrangler.
func (p *program) account(f accountFlags, all []project.Target) (string, error) {
	var written finding.Position
	id := ""
	for _, t := range all {
		for _, s := range t.Scripts {
			a := s.Section.Account
			switch {
			case !a.Written() || a.V == id:
			case id == "":
				id, written = a.V, a.At
			default:
				return "", finding.Errorf("two-accounts", a.At, "account_id differs from that of another Worker").
					Hintf("a release goes to one account; deploy the others by themselves with --config").See(written)
			}
		}
	}
	if id != "" {
		return id, nil
	}
	if f.AccountID != "" {
		return f.AccountID, nil
	}
	if v, ok := p.lookup("CLOUDFLARE_ACCOUNT_ID"); ok && v != "" {
		return v, nil
	}
	return "", finding.Errorf("missing-variable", finding.Position{}, "CLOUDFLARE_ACCOUNT_ID is not set").
		Hintf("set it to the account's id, 32 hex digits, shown in the dashboard's sidebar")
}

// client makes the client of the account. It asks nothing yet.
func (p *program) client(f accountFlags, all []project.Target) (*cloudflare.Client, string, error) {
	if p.token() == "" {
		return nil, "", finding.Errorf("missing-variable", finding.Position{}, "CLOUDFLARE_API_TOKEN is not set").
			Hintf("make a token at dash.cloudflare.com/profile/api-tokens and put it into the variable; in a workflow, into the step's env from a secret")
	}
	id, err := p.account(f, all)
	if err != nil {
		return nil, "", err
	}
	base, _ := p.lookup("CLOUDFLARE_API_BASE_URL")
	return cloudflare.New(cloudflare.Options{
		BaseURL: base, Account: id, Token: p.token(), UserAgent: userAgent,
		Notice: func(line string) { p.notice(line) },
	}), id, nil
}

// notice tells something that belongs to no task, such as a repeated call.
func (p *program) notice(line string) {
	if p.common.Format == "json" {
		_ = report.WriteJSON(p.out, "notice", map[string]string{"line": p.redact(line)})
	} else if !p.terminal {
		fmt.Fprintf(p.err, "%s\n", p.redact(line))
	}
}

// prober makes the client that asks Workers.
func (p *program) prober(f probeFlags) (*probe.Client, error) {
	o := probe.Options{Fallback: probe.Anycast, UserAgent: userAgent}
	for _, text := range f.Resolve {
		r, err := probe.ParseResolve(text)
		if err != nil {
			return nil, finding.Errorf("bad-flag", finding.Position{}, "--resolve: %s", err).
				Hintf("write it like api.tminus.ink:443:104.18.0.0")
		}
		o.Resolve = append(o.Resolve, r)
	}
	if f.Cacert != "" {
		pem, err := os.ReadFile(f.Cacert)
		if err != nil {
			return nil, finding.Errorf("bad-flag", finding.Position{}, "--cacert: %s", err).Hintf("name a PEM file")
		}
		o.CACert = pem
	}
	c, err := probe.New(o)
	if err != nil {
		return nil, finding.Errorf("bad-flag", finding.Position{}, "--cacert %s: %s", f.Cacert, err).Hintf("name a PEM file")
	}
	return c, nil
}

// patience is how long a Worker may take to become healthy.
func (f probeFlags) patience(s project.Settings) time.Duration {
	if f.HealthTimeout > 0 {
		return f.HealthTimeout
	}
	return s.Health.Timeout
}

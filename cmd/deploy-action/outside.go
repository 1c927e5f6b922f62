package main

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/secret"
)

// secrets takes the project's secrets from the environment, and begins to redact
// them and everything else that looks like one.
func (p *program) secrets(loaded project.Project) secret.Store {
	var names []string
	for _, s := range loaded.Settings.Secrets {
		names = append(names, s.Name)
	}
	store := secret.Load(names, p.value)
	if p.face != nil {
		for _, name := range store.Names() {
			v, _ := store.Value(name)
			p.face.job.Mask(v)
		}
	}
	p.redact = store.Redactor(p.sensitive()...).Redact
	return store
}

// sensitiveName matches variables whose values nobody should see.
var sensitiveName = regexp.MustCompile(`(?i)(TOKEN|SECRET|PASSWORD|PASSWD|PRIVATE_KEY|API_KEY|MASTER_KEY|PAYLOAD_KEY|CREDENTIALS?)$`)

// sensitive are the values of the environment's sensitive variables.
func (p *program) sensitive() []string {
	var values []string
	for _, pair := range p.environ {
		name, value, _ := strings.Cut(pair, "=")
		if sensitiveName.MatchString(strings.ReplaceAll(name, "-", "_")) && value != "" {
			values = append(values, value)
		}
	}
	return append(values, p.file.sensitive()...)
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
	return p.clientOver(f, all, nil)
}

// clientOver is client over a transport; nil means the usual one.
func (p *program) clientOver(f accountFlags, all []project.Target, over http.RoundTripper) (*cloudflare.Client, string, error) {
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
		Notice: func(line string) { p.notice(line) }, Transport: over,
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

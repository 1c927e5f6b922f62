package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/bradleyfalzon/ghinstallation/v2"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/secret"
)

// userAgent is how the server names itself.
const userAgent = "tminus-rollback-webhook/1"

// config is everything that the server has to know. Secrets come in variables or
// files only, never as arguments.
type config struct {
	Listen      string           `env:"LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where to listen."`
	Database    string           `env:"DATABASE_URL" default:"rollback-webhook.db" placeholder:"URL" help:"A URL of Postgres, or the path of an SQLite file."`
	Repository  []string         `env:"REPOSITORIES" placeholder:"OWNER/NAME" help:"A repository whose releases may be taken back; repeatable."`
	Environment []string         `env:"ENVIRONMENTS" default:"production" placeholder:"NAME" help:"An environment that may be; repeatable."`
	Script      []string         `env:"SCRIPTS" placeholder:"PATTERN" help:"A pattern that every script of a release must fit, such as tminus-*-production; repeatable."`
	Creator     []string         `env:"CREATORS" default:"github-actions[bot]" placeholder:"LOGIN" help:"Who makes deployments that are believed; repeatable."`
	Patience    time.Duration    `env:"PATIENCE" default:"10m" placeholder:"TIME" help:"How long the job that failed may take to take its release back itself."`
	Account     string           `env:"CLOUDFLARE_ACCOUNT_ID" placeholder:"ID" help:"The Cloudflare account, unless the configuration of the Workers names it."`
	Resolve     []string         `env:"RESOLVE" placeholder:"HOST:PORT:ADDR" help:"Where a host is, as curl has it; repeatable."`
	Cacert      string           `env:"CACERT" placeholder:"FILE" help:"A PEM bundle of authorities in place of the system's, as curl has it."`
	GitHubAPI   string           `name:"github-api-url" env:"GITHUB_API_URL" default:"https://api.github.com" placeholder:"URL" help:"The API of GitHub, or of an Enterprise server."`
	App         int64            `name:"app-id" env:"GITHUB_APP_ID" placeholder:"ID" help:"The GitHub App that the server is, in place of a token."`
	Install     int64            `name:"installation" env:"GITHUB_INSTALLATION_ID" placeholder:"ID" help:"The App's installation."`
	AppKey      string           `name:"app-key" env:"GITHUB_APP_KEY_FILE" placeholder:"FILE" help:"The App's private key."`
	CheckConfig bool             `help:"Say whether the configuration is complete, and end."`
	Version     kong.VersionFlag `help:"Print the version of the program."`
	Page        pageConfig       `embed:""`

	tokens tokens
}

// tokens are secrets. They are read from variables; a flag would show them to
// everybody who can list processes.
type tokens struct {
	secret, previous string // of the hook
	github, api      string
	base             string // of Cloudflare's API, where it is another
	page             pageTokens
}

func readTokens(getenv func(string) string) tokens {
	return tokens{secret: getenv("WEBHOOK_SECRET"), previous: getenv("WEBHOOK_SECRET_PREVIOUS"), github: getenv("GITHUB_TOKEN"), api: getenv("CLOUDFLARE_API_TOKEN"), base: getenv("CLOUDFLARE_API_BASE_URL"), page: readPageTokens(getenv)}
}

// check says everything that is missing or wrong.
func (c config) check() error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(c.tokens.secret != "", "WEBHOOK_SECRET is not set: take the secret of the hook, at least 16 characters long")
	want(c.tokens.secret == "" || len(c.tokens.secret) >= 16, "WEBHOOK_SECRET is too short: 16 characters at least")
	want(c.tokens.api != "", "CLOUDFLARE_API_TOKEN is not set: make a token that may edit Workers scripts and routes")
	want(len(c.Repository) > 0, "no repository is allowed: give --repository owner/name")
	for _, r := range c.Repository {
		want(strings.Count(r, "/") == 1, "--repository %s: it is written owner/name", r)
	}
	want(len(c.Script) > 0, "no script is allowed: give --script with a pattern such as tminus-*-production")
	for _, p := range c.Script {
		_, err := path.Match(p, "")
		want(err == nil && strings.Trim(p, "*?") != "", "--script %s: not a pattern, or one that fits everything", p)
	}
	app := c.App != 0 || c.Install != 0 || c.AppKey != ""
	want(app || c.tokens.github != "", "there is no identity on GitHub: set GITHUB_TOKEN, or --app-id, --installation and --app-key")
	want(!app || c.App != 0 && c.Install != 0 && c.AppKey != "", "an App needs all of GITHUB_APP_ID, GITHUB_INSTALLATION_ID and GITHUB_APP_KEY_FILE")
	if c.AppKey != "" {
		_, err := os.Stat(c.AppKey)
		want(err == nil, "GITHUB_APP_KEY_FILE: %v", err)
	}
	if _, err := c.prober(); err != nil {
		errs = append(errs, err)
	}
	if err := c.Page.check(c.tokens.page); err != nil {
		errs = append(errs, joined(err)...)
	}
	return errors.Join(errs...)
}

// rules are what a delivery may be about.
func (c config) rules() alarm.Rules {
	return alarm.Rules{Repositories: c.Repository, Environments: c.Environment, Scripts: c.Script, Creators: c.Creator}
}

// secrets are those of the hook, the newest first.
func (c config) secrets() []string {
	if c.tokens.previous == "" {
		return []string{c.tokens.secret}
	}
	return []string{c.tokens.secret, c.tokens.previous}
}

// redactor takes the server's secrets out of texts.
func (c config) redactor() *secret.Redactor {
	return secret.Store{}.Redactor(c.tokens.secret, c.tokens.previous, c.tokens.github, c.tokens.api, c.tokens.page.token, c.tokens.page.key, c.tokens.page.client)
}

// repository makes the client of a repository, as an App or with a token.
func (c config) repository(name string) (*github.Client, error) {
	o := github.Options{BaseURL: c.GitHubAPI, Token: c.tokens.github, Repository: name, UserAgent: userAgent}
	if c.App != 0 {
		t, err := ghinstallation.NewKeyFromFile(http.DefaultTransport, c.App, c.Install, c.AppKey)
		if err != nil {
			return nil, fmt.Errorf("the App's key: %w", err)
		}
		t.BaseURL = strings.TrimRight(c.GitHubAPI, "/")
		o.Token, o.Transport = "", t
	}
	return github.New(o)
}

// account makes the client of an account.
func (c config) account(id string) (*cloudflare.Client, error) {
	if id == "" {
		id = c.Account
	}
	if id == "" {
		return nil, errors.New("no account is named: set CLOUDFLARE_ACCOUNT_ID")
	}
	return cloudflare.New(cloudflare.Options{BaseURL: c.tokens.base, Account: id, Token: c.tokens.api, UserAgent: userAgent}), nil
}

// prober makes the client that asks Workers.
func (c config) prober() (*probe.Client, error) {
	o := probe.Options{Fallback: probe.Anycast, UserAgent: userAgent}
	for _, text := range c.Resolve {
		r, err := probe.ParseResolve(text)
		if err != nil {
			return nil, fmt.Errorf("--resolve: %w", err)
		}
		o.Resolve = append(o.Resolve, r)
	}
	if c.Cacert != "" {
		pem, err := os.ReadFile(c.Cacert)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		o.CACert = pem
	}
	return probe.New(o)
}

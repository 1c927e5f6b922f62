package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/bradleyfalzon/ghinstallation/v2"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/notice"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/secret"
)

// userAgent is how the server names itself.
const userAgent = "tminus-rollback-webhook/1"

// config is everything that the server has to know. Secrets come in variables or
// files only, never as arguments.
type config struct {
	Listen          string           `env:"LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where to listen."`
	Database        string           `env:"DATABASE_URL" default:"rollback-webhook.db" placeholder:"URL" help:"A URL of Postgres, or the path of an SQLite file."`
	Repository      []string         `env:"REPOSITORIES" placeholder:"OWNER/NAME" help:"A repository whose releases may be taken back; repeatable."`
	Environment     []string         `env:"ENVIRONMENTS" default:"production" placeholder:"NAME" help:"An environment that may be; repeatable."`
	Script          []string         `env:"SCRIPTS" placeholder:"PATTERN" help:"A pattern that every script of a release must fit, such as tminus-*-production; repeatable."`
	Host            []string         `env:"HOSTS" placeholder:"PATTERN" help:"A pattern that every host must fit which is asked whether it is well, such as *.tminus.ink; any host of the configuration when not given."`
	Creator         []string         `env:"CREATORS" default:"github-actions[bot]" placeholder:"LOGIN" help:"Who makes deployments that are believed; repeatable."`
	Comment         string           `env:"COMMENT" enum:"off,pull-request,commit" default:"off" help:"Say in a comment what became of a failed release: on the pull requests of its commit, or on the commit. off: no comment."`
	Patience        time.Duration    `env:"PATIENCE" default:"10m" placeholder:"TIME" help:"How long the job that failed may take to take its release back itself."`
	Account         string           `env:"CLOUDFLARE_ACCOUNT_ID" placeholder:"ID" help:"The Cloudflare account, unless the configuration of the Workers names it."`
	Resolve         []string         `env:"RESOLVE" placeholder:"HOST:PORT:ADDR" help:"Where a host is, as curl has it; repeatable."`
	Cacert          string           `env:"CACERT" placeholder:"FILE" help:"A PEM bundle of authorities in place of the system's, as curl has it."`
	GitHubAPI       string           `name:"github-api-url" env:"GITHUB_API_URL" default:"https://api.github.com" placeholder:"URL" help:"The API of GitHub, or of an Enterprise server."`
	App             int64            `name:"app-id" env:"GITHUB_APP_ID" placeholder:"ID" help:"The GitHub App that the server is, in place of a token."`
	Install         int64            `name:"installation" env:"GITHUB_INSTALLATION_ID" placeholder:"ID" help:"The App's installation."`
	AppKey          string           `name:"app-key" env:"GITHUB_APP_KEY_FILE" placeholder:"FILE" help:"The App's private key."`
	Executor        string           `env:"EXECUTOR" enum:"direct,dispatch" default:"direct" help:"Who takes a release back: this server (direct), or the repository's workflow, which it starts (dispatch)."`
	Workflow        string           `env:"ROLLBACK_WORKFLOW" default:"rollback.yml" placeholder:"FILE" help:"The workflow that is started."`
	PublicURL       string           `name:"public-url" env:"PUBLIC_URL" placeholder:"URL" help:"Where this server is reached from outside."`
	Reconcile       time.Duration    `env:"RECONCILE" default:"5m" placeholder:"TIME" help:"How often GitHub is asked for what nobody told; 0 for never."`
	ReconcileWindow time.Duration    `env:"RECONCILE_WINDOW" default:"72h" placeholder:"TIME" help:"How long ago that may have happened; an Enterprise server delivers again for 168h."`
	Grace           time.Duration    `env:"GRACE" default:"30s" placeholder:"TIME" help:"How long a run that is over may take to say how its release ended."`
	Config          string           `env:"CONFIG" placeholder:"FILE" help:"A YAML file with these settings, and with whom to notify. Flags win over variables, variables over the file."`
	Metrics         string           `name:"metrics-listen" env:"METRICS_LISTEN" placeholder:"ADDRESS" help:"Where to answer /metrics; the same address as all else unless said."`
	LogLevel        slog.Level       `env:"LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"What is logged: debug, info, warn or error."`
	LogFormat       string           `env:"LOG_FORMAT" default:"json" enum:"json,text" placeholder:"FORMAT" help:"How: json or text."`
	CheckConfig     bool             `help:"Say whether the configuration is complete and what was understood, and end."`
	SendTest        bool             `help:"Notify everybody that this is a test, and end."`
	Try             bool             `help:"Ask GitHub and Cloudflare whether the tokens are good for what can be read, and end with 0 if they are."`
	Health          bool             `help:"Ask the server that runs here whether it is ready, and end with 0 if it is."`
	Version         kong.VersionFlag `help:"Print the version of the program."`
	Page            pageConfig       `embed:""`

	tokens tokens
	// destinations are who is notified.
	destinations []notice.Destination
	// origins say where each setting was read: flag, variable, file.
	origins map[string]string
	ways    ways
}

// ways are how the APIs are reached; nil means the usual way.
type ways struct{ github, cloudflare http.RoundTripper }

// byGitHub is the way to GitHub for what wants one.
func (w ways) byGitHub() http.RoundTripper {
	if w.github == nil {
		return http.DefaultTransport
	}
	return w.github
}

// tokens are secrets. They are read from variables or files; a flag would show them to
// everybody who can list processes.
type tokens struct {
	secret, previous string // of the hook
	github, api      string
	keys             []string // that sign payloads
	base             string   // of Cloudflare's API, where it is another
	page             pageTokens
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
	want(c.tokens.api != "" || c.Executor == "dispatch", "CLOUDFLARE_API_TOKEN is not set: make a token that may edit Workers scripts and routes, or have the repository's workflow do it with --executor dispatch")
	want(c.Executor != "dispatch" || strings.HasSuffix(c.Workflow, ".yml") || strings.HasSuffix(c.Workflow, ".yaml"), "--workflow %s: it is the name of a file in .github/workflows", c.Workflow)
	errs = append(errs, c.checkReconcile())
	want(len(c.Repository) > 0, "no repository is allowed: give --repository owner/name")
	for _, r := range c.Repository {
		want(strings.Count(r, "/") == 1, "--repository %s: it is written owner/name", r)
	}
	want(len(c.Script) > 0, "no script is allowed: give --script with a pattern such as tminus-*-production")
	for _, p := range c.Script {
		_, err := path.Match(p, "")
		want(err == nil && strings.Trim(p, "*?") != "", "--script %s: not a pattern, or one that fits everything", p)
	}
	want(address(c.Listen), "--listen %s: it is written host:port, such as 0.0.0.0:8080", c.Listen)
	want(c.Metrics == "" || address(c.Metrics), "--metrics-listen %s: it is written host:port, such as 127.0.0.1:9090", c.Metrics)
	want(c.Patience >= 0, "--patience %s: a time that is not negative", c.Patience)
	app := c.App != 0 || c.Install != 0 || c.AppKey != ""
	want(app || c.tokens.github != "", "there is no identity on GitHub: set GITHUB_TOKEN, or --app-id, --installation and --app-key")
	want(!app || c.App != 0 && c.Install != 0 && c.AppKey != "", "an App needs all of GITHUB_APP_ID, GITHUB_INSTALLATION_ID and GITHUB_APP_KEY_FILE")
	if c.AppKey != "" {
		_, err := os.Stat(c.AppKey)
		want(err == nil, "GITHUB_APP_KEY_FILE: %v", err)
	}
	for _, key := range c.tokens.keys {
		want(len(key) >= 16, "PAYLOAD_KEY is too short: 16 characters at least")
	}
	if _, err := c.prober(); err != nil {
		errs = append(errs, err)
	}
	if err := c.Page.check(c.tokens.page); err != nil {
		errs = append(errs, joined(err)...)
	}
	return errors.Join(errs...)
}

// checkReconcile says what is wrong with the rounds.
func (c config) checkReconcile() error {
	if c.Reconcile < 0 || c.ReconcileWindow < 0 || c.ReconcileWindow > longestWindow {
		return fmt.Errorf("--reconcile and --reconcile-window are times, the second at most %s: older works are forgotten", longestWindow)
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("--public-url %s: it is no URL", c.PublicURL)
	}
	return nil
}

// longestWindow is shorter than the queue remembers what it did.
const longestWindow = 13 * 24 * time.Hour

// address tells whether a text is an address to listen on.
func address(text string) bool {
	_, port, err := net.SplitHostPort(text)
	_, wrong := strconv.ParseUint(port, 10, 16)
	return err == nil && wrong == nil
}

// rules are what a delivery may be about.
func (c config) rules() alarm.Rules {
	return alarm.Rules{Repositories: c.Repository, Environments: c.Environment, Scripts: c.Script, Hosts: c.Host, Creators: c.Creator, Keys: c.tokens.keys}
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
	hidden := append([]string{c.tokens.secret, c.tokens.previous, c.tokens.github, c.tokens.api}, append(passwordsIn(c.Database), c.tokens.keys...)...)
	hidden = append(hidden, c.tokens.page.token, c.tokens.page.key, c.tokens.page.client)
	for _, d := range c.destinations {
		hidden = append(hidden, d.URL, d.Secret)
		if u, err := url.Parse(d.URL); err == nil && len(u.Path) > 16 { // a short one is a word
			hidden = append(hidden, strings.Trim(u.Path, "/"))
		}
	}
	return secret.Store{}.Redactor(hidden...)
}

// repository makes the client of a repository, as an App or with a token.
func (c config) repository(name string) (*github.Client, error) {
	o := github.Options{BaseURL: c.GitHubAPI, Token: c.tokens.github, Repository: name, UserAgent: userAgent, Transport: c.ways.github}
	if c.App != 0 {
		t, err := ghinstallation.NewKeyFromFile(c.ways.byGitHub(), c.App, c.Install, c.AppKey)
		if err != nil {
			return nil, fmt.Errorf("the App's key: %w", err)
		}
		t.BaseURL = strings.TrimRight(c.GitHubAPI, "/")
		o.Token, o.Transport = "", t
	}
	return github.New(o)
}

// app makes the client that signs as the App itself, for its own deliveries.
func (c config) app() (*github.Client, error) {
	t, err := ghinstallation.NewAppsTransportKeyFromFile(c.ways.byGitHub(), c.App, c.AppKey)
	if err != nil {
		return nil, fmt.Errorf("the App's key: %w", err)
	}
	t.BaseURL = strings.TrimRight(c.GitHubAPI, "/")
	return github.New(github.Options{BaseURL: c.GitHubAPI, Transport: t, Repository: c.Repository[0], UserAgent: userAgent})
}

// account makes the client of an account.
func (c config) account(id string) (*cloudflare.Client, error) {
	if id == "" {
		id = c.Account
	}
	if id == "" {
		return nil, errors.New("no account is named: set CLOUDFLARE_ACCOUNT_ID")
	}
	return cloudflare.New(cloudflare.Options{BaseURL: c.tokens.base, Account: id, Token: c.tokens.api, UserAgent: userAgent, Transport: c.ways.cloudflare}), nil
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

package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bradleyfalzon/ghinstallation/v2"

	"github.com/tminus/deploy-action/checks/signin"
)

// pageConfig is what the status page has to know.
type pageConfig struct {
	Private   bool   `env:"PRIVATE" help:"Show nothing of the status page to who is not signed in."`
	Client    string `name:"oauth-client-id" env:"GITHUB_CLIENT_ID" placeholder:"ID" help:"The client id of the App with which people sign in to the status page."`
	GitHubURL string `name:"github-url" env:"GITHUB_SERVER_URL" placeholder:"URL" help:"The pages of GitHub, if they are not where the API says."`
}

// pageTokens are the status page's secrets.
type pageTokens struct {
	token  string // the local one
	key    string // of sessions
	client string // of the App
}

func readPageTokens(read func(string) string) pageTokens {
	return pageTokens{token: read("CONSOLE_TOKEN"), key: read("CONSOLE_KEY"), client: read("GITHUB_CLIENT_SECRET")}
}

// signsIn tells whether anybody can sign in.
func (c config) signsIn() bool { return c.tokens.page.token != "" || c.Page.Client != "" }

// check says what is wrong about the status page.
func (p pageConfig) check(t pageTokens) error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(t.token == "" || len(t.token) >= 16, "CONSOLE_TOKEN is too short: 16 characters at least")
	want(t.key == "" || len(t.key) >= 32, "CONSOLE_KEY is too short: 32 characters at least")
	want((p.Client == "") == (t.client == ""), "signing in with GitHub needs both GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET")
	want(!p.Private || p.Client != "" || t.token != "", "--private: nobody could sign in: set CONSOLE_TOKEN, or GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET")
	return errors.Join(errs...)
}

// origin is the public URL as browsers write an origin.
func (c config) origin() string {
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// web is where the pages of GitHub are.
func (c config) web() string {
	if c.Page.GitHubURL != "" {
		return strings.TrimRight(c.Page.GitHubURL, "/")
	}
	return signin.Web(c.GitHubAPI)
}

// sessionSecret is what sessions are signed with. Servers that share the hook share
// its secret, so they take each other's sessions.
func (c config) sessionSecret() string {
	if c.tokens.page.key != "" {
		return c.tokens.page.key
	}
	return c.tokens.secret
}

// identity authenticates calls of GitHub as the server.
func (c config) identity() (http.RoundTripper, error) {
	if c.App == 0 {
		return bearer(c.tokens.github), nil
	}
	t, err := ghinstallation.NewKeyFromFile(c.ways.byGitHub(), c.App, c.Install, c.AppKey)
	if err != nil {
		return nil, fmt.Errorf("the App's key: %w", err)
	}
	t.BaseURL = strings.TrimRight(c.GitHubAPI, "/")
	return t, nil
}

// bearer is a token that goes with every call.
type bearer string

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

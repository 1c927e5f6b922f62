package main

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
)

func TestTokensAreTriedBeforeTheyAreNeeded(t *testing.T) {
	t.Parallel()
	hub := fakegithub.New(fakegithub.Options{Owner: "tminus", Repo: "app"})
	account := fakecloudflare.New(fakecloudflare.Options{Token: "the token of Cloudflare", Subdomain: "test"})
	github, cloudflare := httptest.NewServer(hub), httptest.NewServer(account)
	t.Cleanup(func() { github.Close(); hub.Close(); cloudflare.Close() })
	hub.Reached(github.URL)
	tests := []struct {
		name   string
		change func(*config)
		code   int
		says   []string
	}{
		{"all is well", func(*config) {}, 0, []string{"✓ tminus/app: see the repository", "✓ tminus/app: read workflow runs", "✓ Cloudflare: see the account"}},
		{"a wrong token of GitHub", func(c *config) { c.tokens.github = "ghp_wrong" }, 1, []string{"✗ tminus/app: see the repository", "✓ Cloudflare"}},
		{"one that may not read deployments", func(c *config) { c.tokens.github = hub.WorkflowToken("checks:write", "contents:read", "actions:read") }, 1,
			[]string{"✗ tminus/app: read deployments (deployments: write)", "✓ tminus/app: read check runs"}},
		{"a wrong token of Cloudflare", func(c *config) { c.tokens.api = "wrong" }, 1, []string{"✗ Cloudflare", "→ check CLOUDFLARE_API_TOKEN"}},
		{"a wrong account", func(c *config) { c.Account = strings.Repeat("0", 32) }, 1, []string{"✗ Cloudflare"}},
		{"a repository with a typo", func(c *config) { c.Repository = []string{"tminus/ap"} }, 1, []string{"✗ tminus/ap: see the repository"}},
		{"no such workflow", func(c *config) { c.Executor, c.Workflow = "dispatch", "rolback.yml" }, 1, []string{"✗ tminus/app: find the workflow rolback.yml"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := complete()
			c.Repository, c.GitHubAPI, c.Account = []string{"tminus/app"}, github.URL, account.ID()
			c.tokens.github = hub.WorkflowToken("deployments:write", "checks:write", "contents:read", "actions:read")
			c.tokens.api, c.tokens.base = "the token of Cloudflare", cloudflare.URL+"/client/v4"
			tt.change(&c)
			var said bytes.Buffer
			if code := c.tried(t.Context(), &said); code != tt.code {
				t.Errorf("exit code %d\n%s", code, said.String())
			}
			for _, want := range tt.says {
				if !strings.Contains(said.String(), want) {
					t.Errorf("it does not say %q\n%s", want, said.String())
				}
			}
			for _, secret := range []string{c.tokens.github, c.tokens.api} {
				if strings.Contains(said.String(), secret) {
					t.Error("a secret was said")
				}
			}
		})
	}
}

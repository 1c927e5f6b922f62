package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

func complete() config {
	return config{
		Listen: "127.0.0.1:8080", Repository: []string{"tminus/app"}, Script: []string{"tminus-*-production"}, Environment: []string{"production"},
		tokens: tokens{secret: "a secret of sixteen or more", github: "ghs_x", api: "cf"},
	}
}

func TestAConfigurationIsCompleteOrSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*config)
		says   string
	}{
		{"complete", func(*config) {}, ""},
		{"an App in place of a token", func(c *config) { c.tokens.github, c.App, c.Install, c.AppKey = "", 1, 2, "config_test.go" }, ""},
		{"no secret", func(c *config) { c.tokens.secret = "" }, "WEBHOOK_SECRET is not set"},
		{"a short secret", func(c *config) { c.tokens.secret = "short" }, "too short"},
		{"no Cloudflare token", func(c *config) { c.tokens.api = "" }, "CLOUDFLARE_API_TOKEN"},
		{"no repository", func(c *config) { c.Repository = nil }, "no repository"},
		{"half a repository", func(c *config) { c.Repository = []string{"app"} }, "owner/name"},
		{"no script", func(c *config) { c.Script = nil }, "no script"},
		{"every script", func(c *config) { c.Script = []string{"*"} }, "fits everything"},
		{"no pattern", func(c *config) { c.Script = []string{"a["} }, "not a pattern"},
		{"no identity", func(c *config) { c.tokens.github = "" }, "no identity"},
		{"half an App", func(c *config) { c.App = 1 }, "needs all of"},
		{"an App's key that is not there", func(c *config) { c.App, c.Install, c.AppKey = 1, 2, "nowhere.pem" }, "GITHUB_APP_KEY_FILE"},
		{"nowhere to listen", func(c *config) { c.Listen = "8080" }, "--listen 8080"},
		{"no port for metrics", func(c *config) { c.Metrics = "127.0.0.1:http" }, "--metrics-listen"},
		{"a time that has passed", func(c *config) { c.Patience = -1 }, "--patience"},
		{"no Cloudflare token, and the workflow acts", func(c *config) { c.tokens.api, c.Executor, c.Workflow = "", "dispatch", "rollback.yml" }, ""},
		{"a workflow that is no file's name", func(c *config) { c.Executor, c.Workflow = "dispatch", "Rollback" }, "--workflow"},
		{"rounds back in time", func(c *config) { c.Reconcile = -1 }, "--reconcile"},
		{"a window longer than the memory", func(c *config) { c.ReconcileWindow = 14 * 24 * time.Hour }, "older works are forgotten"},
		{"a public address that is none", func(c *config) { c.PublicURL = "hooks.example.com" }, "--public-url"},
		{"a public address", func(c *config) { c.PublicURL = "https://hooks.example.com/rollback" }, ""},
		{"a wrong address", func(c *config) { c.Resolve = []string{"host"} }, "--resolve"},
		{"no authorities", func(c *config) { c.Cacert = "nowhere.pem" }, "--cacert"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := complete()
			tt.change(&c)
			err := c.check()
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "a secret of sixteen") {
				t.Error("the error tells the secret")
			}
		})
	}
}

func TestNoSecretIsAFlag(t *testing.T) {
	t.Parallel()
	k, err := kong.New(&config{}, kong.Vars{"version": "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range k.Model.Flags {
		if strings.Contains(f.Name, "secret") || strings.Contains(f.Name, "token") {
			t.Errorf("--%s would be seen by everybody", f.Name)
		}
	}
}

func TestItDoesNotBeginWithoutAConfiguration(t *testing.T) {
	t.Setenv("WEBHOOK_SECRET", "")
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, args := range [][]string{nil, {"--check-config"}, {"--no-such-flag"}} {
		if code := run(context.Background(), args, log, func(string) { t.Error("it listens") }); code != 2 {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}

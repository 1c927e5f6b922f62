package main

import (
	"strings"
	"testing"
)

func TestTheStatusPagesConfiguration(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*config)
		says   string
	}{
		{"nobody signs in", func(*config) {}, ""},
		{"a local token", func(c *config) { c.tokens.page.token = "sixteen or more c" }, ""},
		{"a short local token", func(c *config) { c.tokens.page.token = "short" }, "CONSOLE_TOKEN is too short"},
		{"a short key", func(c *config) { c.tokens.page.key = "short" }, "CONSOLE_KEY is too short"},
		{"half an App", func(c *config) { c.Page.Client = "Iv1.x" }, "needs both"},
		{"the other half", func(c *config) { c.tokens.page.client = "x" }, "needs both"},
		{"an App", func(c *config) { c.Page.Client, c.tokens.page.client = "Iv1.x", "x" }, ""},
		{"private, with a way in", func(c *config) { c.Page.Private, c.tokens.page.token = true, "sixteen or more c" }, ""},
		{"private, without", func(c *config) { c.Page.Private = true }, "nobody could sign in"},
		{"an address", func(c *config) { c.PublicURL = "https://rollback.example/" }, ""},
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
		})
	}
}

func TestSessionsAreSignedWithTheirOwnKeyIfThereIsOne(t *testing.T) {
	t.Parallel()
	c := complete()
	if c.sessionSecret() != c.tokens.secret {
		t.Error("servers that share the hook do not take each other's sessions")
	}
	if c.tokens.page.key = "a key"; c.sessionSecret() != "a key" {
		t.Error("the key is not used")
	}
}

package check_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
)

const everyKind = `name = "tminus-api"
main = "i.js"
compatibility_date = "2026-03-17"
workers_dev = false
[env.staging]
routes = [{ pattern = "api-staging.tminus.ink/*", zone_name = "tminus.ink" }, "elsewhere.example/*"]
d1_databases = [{ binding = "DB", database_name = "registry-staging", database_id = "81db6c20-2bc6-44b7-bcda-a60aa7b39742" }]
kv_namespaces = [{ binding = "KV", id = "7a732784bd6b29cf87c12946a3fe9c5f" }]
r2_buckets = [{ binding = "R2", bucket_name = "exports-staging" }]
queues.producers = [{ binding = "Q", queue = "out-staging" }]
queues.consumers = [{ queue = "in-staging", dead_letter_queue = "dead-staging" }]
services = [{ binding = "BILLING", service = "billing" }]
`

func account(t *testing.T, o fakecloudflare.Options) (*fakecloudflare.Server, func(token, id string) *cloudflare.Client) {
	t.Helper()
	a := fakecloudflare.New(o)
	server := httptest.NewServer(a)
	t.Cleanup(func() {
		server.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a, func(token, id string) *cloudflare.Client {
		return cloudflare.New(cloudflare.Options{BaseURL: server.URL + "/client/v4", Account: id, Token: token, UserAgent: "test"})
	}
}

func load(t *testing.T, config string) (project.Project, project.Target) {
	t.Helper()
	p, err := project.Load(fstest.MapFS{"workers/api/wrangler.toml": {Data: []byte(config)}, "workers/api/i.js": {}})
	if err != nil {
		t.Fatal(err)
	}
	target, err := p.In("staging")
	if err != nil {
		t.Fatal(err)
	}
	return p, target
}

func TestWhatTheAccountLacksStandsOnItsLine(t *testing.T) {
	t.Parallel()
	a, client := account(t, fakecloudflare.Options{Token: "token", Zones: []fakecloudflare.Zone{{Name: "tminus.ink"}}})
	if _, err := a.D1.Create("registry", "81db6c20-2bc6-44b7-bcda-a60aa7b39742"); err != nil {
		t.Fatal(err)
	}
	p, target := load(t, everyKind)
	found, err := check.Account(context.Background(), client("token", a.ID()), p, target)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, strings.TrimPrefix(f.At.String(), "workers/api/wrangler.toml:")+" "+f.Rule)
		if f.Hint == "" {
			t.Errorf("no hint: %s", f.Error())
		}
	}
	slices.Sort(got)
	want := []string{
		"10:46 missing-store", "11:31 missing-store", "11:65 missing-store", "12:46 unknown-script",
		"6:79 no-zone", "7:85 name-id-mismatch", "8:41 missing-store", "9:47 missing-store",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(a.Calls().Writes()); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestATokenIsJudgedBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	a, client := account(t, fakecloudflare.Options{Token: "token", Tokens: []identity.Token{
		{Secret: "gone", ID: "1", Permissions: identity.Everything(), Status: "disabled"},
	}})
	tests := []struct{ name, token, id, rule string }{
		{"good", "token", a.ID(), ""},
		{"unknown", "nobody-knows-me", a.ID(), "wrong-token"},
		{"disabled", "gone", a.ID(), "wrong-token"},
		{"another account", "token", "00000000000000000000000000000001", "unknown-account"},
		{"no account id at all", "token", "tminus", "unknown-account"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name, err := check.Access(context.Background(), client(tt.token, tt.id))
			f, _ := errors.AsType[finding.Finding](err)
			if f.Rule != tt.rule || (err == nil) != (name != "") {
				t.Errorf("%q, %v; want rule %q", name, err, tt.rule)
			}
			if err != nil && (f.Hint == "" || strings.Contains(err.Error(), "nobody-knows-me")) {
				t.Errorf("said: %v", err)
			}
		})
	}
}

func TestAMissingPermissionIsNamed(t *testing.T) {
	t.Parallel()
	p, target := load(t, everyKind)
	for _, missing := range []string{"D1", "Queues", "Workers KV Storage", "Workers R2 Storage", "Workers Scripts"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			var rest []string
			for _, permission := range identity.Everything() {
				if !strings.HasPrefix(permission, missing+":") {
					rest = append(rest, permission)
				}
			}
			a, client := account(t, fakecloudflare.Options{Token: "all", Tokens: []identity.Token{{Secret: "some", ID: "1", Permissions: rest}}})
			found, err := check.Account(context.Background(), client("some", a.ID()), p, target)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(found, func(f finding.Finding) bool {
				return f.Rule == "missing-permission" && strings.Contains(f.Hint, `"`+missing+`:`)
			}) {
				t.Errorf("found %v", found)
			}
		})
	}
}

package live_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
)

func account(t *testing.T, o fakecloudflare.Options) (*fakecloudflare.Server, func(token string) *cloudflare.Client) {
	t.Helper()
	a := fakecloudflare.New(o)
	server := httptest.NewServer(a)
	t.Cleanup(func() {
		server.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a, func(token string) *cloudflare.Client {
		return cloudflare.New(cloudflare.Options{BaseURL: server.URL + "/client/v4", Account: a.ID(), Token: token, UserAgent: "test"})
	}
}

func put(t *testing.T, c *cloudflare.Client, script string) {
	t.Helper()
	if _, err := c.Put(context.Background(), script, cloudflare.Upload{
		Metadata: map[string]any{"main_module": "i.js", "compatibility_date": "2026-01-01"},
		Parts:    []cloudflare.Part{{Name: "i.js", MIME: "application/javascript+module", Content: []byte("export default { fetch() {} }")}},
	}); err != nil {
		t.Fatal(err)
	}
}

func TestScriptsThatDoNotExistAreRead(t *testing.T) {
	t.Parallel()
	_, client := account(t, fakecloudflare.Options{Token: "token", Subdomain: "test"})
	c := client("token")
	put(t, c, "there")
	a, err := live.Read(context.Background(), c, live.Scope{Scripts: []string{"there", "gone"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := a.Scripts["there"]; !s.Exists || len(s.Shares()) != 1 || !a.Known["there"] {
		t.Errorf("there: %+v", s)
	}
	if s := a.Scripts["gone"]; s.Exists || len(s.Shares()) != 0 || a.Known["gone"] {
		t.Errorf("gone: %+v", s)
	}
}

func TestWorkersDevIsReadOneByOneWhereItIsNotListed(t *testing.T) {
	t.Parallel()
	a, client := account(t, fakecloudflare.Options{Token: "token", Subdomain: "test"})
	c := client("token")
	put(t, c, "on")
	put(t, c, "off")
	ctx := context.Background()
	if err := c.SetSubdomain(ctx, "on", cloudflare.Subdomain{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetSubdomain(ctx, "off", cloudflare.Subdomain{}); err != nil {
		t.Fatal(err)
	}
	for _, listed := range []bool{true, false} {
		if !listed {
			a.Break(traffic.Fault{Method: "GET", Path: "/accounts/*/workers/workers", Times: -1, Refusal: envelope.Fail(http.StatusNotFound, 7003, "no route")})
		}
		got, err := live.Read(ctx, c, live.Scope{Scripts: []string{"on", "off"}})
		if err != nil {
			t.Fatal(err)
		}
		if !got.Scripts["on"].Triggers.WorkersDev || got.Scripts["off"].Triggers.WorkersDev {
			t.Errorf("listed %v: %+v %+v", listed, got.Scripts["on"].Triggers, got.Scripts["off"].Triggers)
		}
	}
}

func TestWhatNothingNeedsMayBeUnreadable(t *testing.T) {
	t.Parallel()
	var rest []string
	for _, permission := range identity.Everything() {
		if !strings.HasPrefix(permission, "Queues:") {
			rest = append(rest, permission)
		}
	}
	_, client := account(t, fakecloudflare.Options{Token: "all", Subdomain: "test", Tokens: []identity.Token{{Secret: "some", ID: "1", Permissions: rest}}})
	put(t, client("all"), "w")
	a, err := live.Read(context.Background(), client("some"), live.Scope{Scripts: []string{"w"}})
	if err != nil || !slices.Equal(a.Unread(), []string{"Queues:Read"}) {
		t.Errorf("unread %v, %v", a, err)
	}
	_, err = live.Read(context.Background(), client("some"), live.Scope{Scripts: []string{"w"}, Uses: live.Uses{Queues: true}})
	if f, ok := errors.AsType[finding.Finding](err); !ok || f.Rule != "missing-permission" || !strings.Contains(f.Hint, "Queues:Read") {
		t.Errorf("%v", err)
	}
}

func TestAHostBelongsToTheLongestZone(t *testing.T) {
	t.Parallel()
	a := live.Account{Zones: []cloudflare.Zone{{ID: "1", Name: "tminus.ink"}, {ID: "2", Name: "eu.tminus.ink"}}}
	tests := map[string]string{"api.tminus.ink": "1", "tminus.ink": "1", "a.eu.tminus.ink": "2", "*.tminus.ink": "1", "notminus.ink": "", "ink": ""}
	for host, want := range tests {
		z, ok := a.Zone(host)
		if z.ID != want || ok != (want != "") {
			t.Errorf("%s is in %q, want %q", host, z.ID, want)
		}
	}
}

func TestValuesAreComparedAsTheAPIWritesThem(t *testing.T) {
	t.Parallel()
	within := []struct {
		want, have any
		ok         bool
	}{
		{map[string]any{"enabled": true}, map[string]any{"enabled": true, "logs": map[string]any{"enabled": true}}, true},
		{map[string]any{"enabled": false}, nil, true},
		{map[string]any{"enabled": true}, nil, false},
		{map[string]any{"logs": map[string]any{"enabled": true}}, map[string]any{"logs": map[string]any{"enabled": false}}, false},
		{map[string]any{"rate": int64(1)}, map[string]any{"rate": 1.0}, true},
	}
	for _, tt := range within {
		if got := live.Within(tt.want, tt.have); got != tt.ok {
			t.Errorf("Within(%v, %v) = %v", tt.want, tt.have, got)
		}
	}
	if !live.Same([]map[string]any{}, nil) || live.Same([]any{1}, nil) || !live.Same(int64(5), 5.0) {
		t.Error("Same does not see what is the same")
	}
}

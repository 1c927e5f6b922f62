package identity_test

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
)

const id = "0123456789abcdef0123456789abcdef"

func account() *identity.Account {
	return &identity.Account{ID: id, Name: "T", UserID: "u", Email: "e@example.com", Tokens: []identity.Token{
		{Secret: "all", ID: "t1", Permissions: identity.Everything()},
		{Secret: "d1", ID: "t2", Permissions: []string{envelope.D1Edit}},
		{Secret: "old", ID: "t3", Permissions: identity.Everything(), Status: "expired"},
		{Secret: "off", ID: "t4", Permissions: identity.Everything(), Status: "disabled"},
		{Secret: "owned", ID: "t5", Permissions: identity.Everything(), AccountOwned: true},
		{Secret: "one-zone", ID: "t6", Permissions: identity.Everything(), Zones: []string{"z1"}},
	}}
}

// ask runs one call the way the server does: find, admit, do.
func ask(t *testing.T, path string, header ...string) (envelope.Answer, int) {
	t.Helper()
	a := account()
	endpoints := append(a.Endpoints(),
		envelope.Endpoint{Method: "GET", Path: "/accounts/{account}/d1/database", Needs: envelope.D1Read, Do: done},
		envelope.Endpoint{Method: "GET", Path: "/zones/{zone}", Needs: envelope.ZoneRead, Do: done},
		envelope.Endpoint{Method: "GET", Path: "/routes", Needs: envelope.AnyToken, Do: func(c *envelope.Call) (envelope.Answer, error) {
			return envelope.Answer{}, a.AllZones(c)
		}})
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	call, err := envelope.NewTable(endpoints).Find(r, r.URL.EscapedPath())
	if err == nil {
		err = a.Admit(call)
	}
	var answer envelope.Answer
	if err == nil {
		answer, err = call.Endpoint.Do(call)
	}
	var refusal *envelope.Error
	if errors.As(err, &refusal) {
		return answer, refusal.Details[0].Code
	}
	if err != nil {
		t.Fatal(err)
	}
	return answer, 0
}

func done(*envelope.Call) (envelope.Answer, error) { return envelope.OK("done"), nil }

func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, path, token string
		code              int
	}{
		{"a token with the permission", "/accounts/" + id + "/d1/database", "d1", 0},
		{"edit includes read only of the same thing", "/accounts/" + id, "d1", 10000},
		{"an unknown token", "/accounts", "nope", 10000},
		{"an expired token", "/accounts", "old", 10001},
		{"a disabled token", "/accounts", "off", 10001},
		{"an account that is no identifier", "/accounts/mine", "all", 7003},
		{"somebody else's account", "/accounts/ffffffffffffffffffffffffffffffff", "all", 10000},
		{"the user, asked by the account's token", "/user", "owned", 9109},
		{"the user", "/user", "all", 0},
		{"memberships", "/memberships", "all", 0},
		{"a zone the token reaches", "/zones/z1", "one-zone", 0},
		{"a zone the token does not reach", "/zones/z2", "one-zone", 10000},
		{"all routes with one zone's token", "/routes", "one-zone", 10000},
		{"all routes", "/routes", "all", 0},
		{"verify, active", "/user/tokens/verify", "all", 0},
		{"verify, expired", "/user/tokens/verify", "old", 0},
		{"verify, unknown", "/user/tokens/verify", "nope", 1000},
		{"verify the account's token as the user's", "/user/tokens/verify", "owned", 1000},
		{"verify the account's token", "/accounts/" + id + "/tokens/verify", "owned", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, code := ask(t, test.path, "Authorization", "Bearer "+test.token); code != test.code {
				t.Errorf("code %d, want %d", code, test.code)
			}
		})
	}
}

func TestCredentialsThatAreNone(t *testing.T) {
	t.Parallel()
	for name, header := range map[string][]string{
		"nothing": nil, "another scheme": {"Authorization", "Basic x"}, "an empty token": {"Authorization", "Bearer "},
	} {
		if _, code := ask(t, "/accounts", header...); code != 9106 {
			t.Errorf("%s: code %d, want 9106", name, code)
		}
		if _, code := ask(t, "/user/tokens/verify", header...); code != 9106 {
			t.Errorf("%s, verify: code %d, want 9106", name, code)
		}
	}
	if _, code := ask(t, "/accounts", "X-Auth-Key", "k", "X-Auth-Email", "e@example.com"); code != 9103 {
		t.Errorf("key and e-mail: code %d, want 9103", code)
	}
}

func TestAVerifiedTokenShowsItsStatus(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{"all": "active", "old": "expired", "off": "disabled"} {
		answer, _ := ask(t, "/user/tokens/verify", "Authorization", "Bearer "+token)
		if got := answer.Result.(map[string]string)["status"]; got != want {
			t.Errorf("%s is %q, want %q", token, got, want)
		}
	}
}

func TestATokenSeesOnlyAccountsItMayRead(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]int{"all": 1, "d1": 0} {
		answer, _ := ask(t, "/accounts", "Authorization", "Bearer "+token)
		if answer.Info.TotalCount != want {
			t.Errorf("%s sees %d accounts, want %d", token, answer.Info.TotalCount, want)
		}
	}
}

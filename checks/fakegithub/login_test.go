package fakegithub_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
)

const back = "http://127.0.0.1/back"

// visit opens the authorize page with more parameters and returns where it sends the browser.
func (h *house) visit(app fake.Installed, more string) url.Values {
	h.t.Helper()
	r := h.as("").must(302, "GET /login/oauth/authorize?client_id="+app.ClientID+"&state=s1"+more, "")
	to, err := url.Parse(r.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), back) || to.Query().Get("state") != "s1" {
		h.t.Fatalf("sent to %s (%v)", to, err)
	}
	return to.Query()
}

// trade changes a code for a token.
func (h *house) trade(app fake.Installed, code, more string) reply {
	h.t.Helper()
	form := fmt.Sprintf("client_id=%s&client_secret=%s&code=%s%s", app.ClientID, app.ClientSecret, code, more)
	return h.as("").must(200, "POST /login/oauth/access_token", form, "Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json")
}

func TestThePersonAtTheBrowserBecomesAToken(t *testing.T) {
	t.Parallel()
	now := time.Now()
	h := open(t, fake.Options{Clock: func() time.Time { return now }})
	app := h.app()
	h.Callback(app, back)
	if r := h.as("").must(200, "GET /login/oauth/authorize?client_id="+app.ClientID, ""); !strings.Contains(r.Raw, "Nobody is signed in") {
		t.Errorf("nobody sees %s", r.Raw)
	}
	h.User("ann", "write")
	h.SignIn("ann", true)
	code := h.visit(app, "").Get("code")
	got := h.trade(app, code, "")
	if who := h.as(got.text("access_token")).must(200, "GET /user", ""); who.text("login") != "ann" {
		t.Errorf("the token is %s's", who.text("login"))
	}
	for what, r := range map[string]reply{
		"bad_verification_code":        h.trade(app, code, ""),
		"incorrect_client_credentials": h.trade(fake.Installed{ClientID: app.ClientID, ClientSecret: "x"}, h.visit(app, "").Get("code"), ""),
		"redirect_uri_mismatch":        h.trade(app, h.visit(app, "").Get("code"), "&redirect_uri=http%3A%2F%2F127.0.0.1%2Fother"),
	} {
		if r.text("error") != what {
			t.Errorf("got %s, want %s", r.Raw, what)
		}
	}
	old := h.visit(app, "").Get("code")
	now = now.Add(11 * time.Minute)
	if r := h.trade(app, old, ""); r.text("error") != "bad_verification_code" {
		t.Errorf("an old code gave %s", r.Raw)
	}
	digest := sha256.Sum256([]byte("verifier"))
	challenge := "&code_challenge_method=S256&code_challenge=" + base64.RawURLEncoding.EncodeToString(digest[:])
	if r := h.trade(app, h.visit(app, challenge).Get("code"), "&code_verifier=wrong"); r.text("error") != "bad_verification_code" {
		t.Errorf("a wrong verifier gave %s", r.Raw)
	}
	if r := h.trade(app, h.visit(app, challenge).Get("code"), "&code_verifier=verifier"); r.text("token_type") != "bearer" {
		t.Errorf("the verifier gave %s", r.Raw)
	}
	if got := h.visit(app, "&redirect_uri=http%3A%2F%2Fevil.example%2F").Get("error"); got != "redirect_uri_mismatch" {
		t.Errorf("another place gave %q", got)
	}
	code = h.visit(app, "").Get("code")
	asJSON := fmt.Sprintf(`{"client_id":%q,"client_secret":%q,"code":%q}`, app.ClientID, app.ClientSecret, code)
	if r := h.as("").must(200, "POST /login/oauth/access_token", asJSON); !strings.HasPrefix(r.Raw, "access_token=ghu_") {
		t.Errorf("as a form it is %s", r.Raw)
	}
	h.as("").must(400, "POST /login/oauth/access_token", "{")
	h.SignIn("ann", false)
	if got := h.visit(app, "").Get("error"); got != "access_denied" {
		t.Errorf("a refusal gave %q", got)
	}
	h.as("").must(404, "GET /login/oauth/authorize?client_id=nobody", "")
	for _, call := range h.Calls() {
		if said := call.Query + string(call.Body); strings.Contains(said, app.ClientSecret) || strings.Contains(said, code) {
			t.Errorf("a secret is recorded: %s", said)
		}
	}
}

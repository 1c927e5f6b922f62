package fakegithub_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
)

// keys are made once: they are slow to make and stand for nothing.
var keys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var pair [2]*rsa.PrivateKey
	for i := range pair {
		pair[i], _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	return pair
})

func publicPEM(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(keys()[0].Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func privatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(keys()[0])})
}

// app registers App 77 on the house's repository.
func (h *house) app(permissions ...string) fake.Installed {
	h.t.Helper()
	app, err := h.App(77, publicPEM(h.t), permissions...)
	if err != nil {
		h.t.Fatal(err)
	}
	return app
}

// sign makes a token of an App that was issued and runs out so long from now.
func sign(t *testing.T, key *rsa.PrivateKey, issuer any, issued, expires time.Duration) string {
	t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{"iat": now.Add(issued).Unix(), "exp": now.Add(expires).Unix()}
	if issuer != nil {
		claims["iss"] = issuer
	}
	s, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asApp is the house seen by App 77 itself.
func (h *house) asApp() *house {
	return h.as(sign(h.t, keys()[0], "77", -10*time.Second, 5*time.Minute))
}

// installed is the house seen by the App's installation.
func (h *house) installed(app fake.Installed) *house {
	h.t.Helper()
	return h.as(h.asApp().must(201, fmt.Sprintf("POST /app/installations/%d/access_tokens", app.Installation), "").text("token"))
}

func TestWhoIsTurnedAway(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	expired, revoked := h.WorkflowToken("checks:read"), h.WorkflowToken("checks:read")
	h.Expire(expired)
	h.Revoke(revoked)
	run := h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"n","head_sha":%q}`, h.Head("main"))).text("id")
	create := fmt.Sprintf(`{"name":"n","head_sha":%q}`, h.Head("main"))
	for _, test := range []struct {
		name, token, line, body string
		status                  int
		want                    string
	}{
		{"no token", "", "GET R/check-runs/" + run, "", 401, "Requires authentication"},
		{"an unknown token", "ghs_nope", "GET R/check-runs/" + run, "", 401, "Bad credentials"},
		{"an expired token", expired, "GET R/check-runs/" + run, "", 401, "Bad credentials"},
		{"a revoked token", revoked, "GET R/check-runs/" + run, "", 401, "Bad credentials"},
		{"a workflow that may only read", h.WorkflowToken("checks:read"), "POST R/check-runs", create, 403, "Resource not accessible by integration"},
		{"a workflow that may read", h.WorkflowToken("checks:read"), "GET R/check-runs/" + run, "", 200, ""},
		{"a workflow with another permission", h.WorkflowToken("deployments:write"), "GET R/check-runs/" + run, "", 403, "Resource not accessible by integration"},
		{"a workflow with a hyphen in its permission", h.WorkflowToken("pull-requests:read"), "GET R/commits/main/pulls", "", 200, ""},
		{"a person who makes a check run", h.User("eve", "admin"), "POST R/check-runs", create, 403, "You must authenticate via a GitHub App."},
		{"a person with no permission", h.User("bob", "none"), "GET R/deployments", "", 404, "Not Found"},
		{"a person who may read and writes", h.User("cat", "read"), "POST R/deployments", `{"ref":"main"}`, 403, "write access"},
		{"a person who may write and looks at hooks", h.User("dan", "write"), "GET R/hooks", "", 403, "Must have admin rights to Repository."},
		{"a person who may all", h.User("eve", "admin"), "GET R/hooks", "", 200, ""},
		{"a workflow asked who it is", h.token, "GET /user", "", 403, "Resource not accessible by integration"},
		{"another repository", h.token, "GET /repos/acme/other", "", 404, "Not Found"},
		{"no such endpoint", h.token, "GET R/check-rums", "", 404, "no endpoint GET /repos/acme/site/check-rums"},
		{"a run that is not there", h.token, "GET R/check-runs/abc", "", 404, "Not Found"},
		{"a token where an App must sign", h.token, "GET /app", "", 401, "could not be decoded"},
		{"the repository by another case", h.token, "GET /repos/ACME/Site", "", 200, ""},
		{"the Enterprise path", h.token, "GET /api/v3/repos/acme/site", "", 200, "/api/v3/repos/acme/site"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := h.as(test.token).must(test.status, test.line, test.body)
			if !strings.Contains(r.Raw, test.want) {
				t.Errorf("said %s, want %s", r.Raw, test.want)
			}
			if test.status >= 400 && (r.text("documentation_url") == "null" || r.Header.Get("X-GitHub-Request-Id") == "") {
				t.Errorf("refused without documentation or request id: %s %v", r.Raw, r.Header)
			}
		})
	}
	h.must(403, "GET R", "", "User-Agent", "")
	h.must(400, "GET R", "", "X-GitHub-Api-Version", "2019-01-01")
	h.must(200, "GET R", "", "X-GitHub-Api-Version", fake.Version)
}

func TestAnAppsOwnTokenIsVerified(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	h.app()
	hs, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": "77", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}).SignedString([]byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	good := keys()[0]
	for _, test := range []struct {
		name, token string
		status      int
		want        string
	}{
		{"a good one", sign(t, good, "77", -time.Minute, 5*time.Minute), 200, `"app-77"`},
		{"a number as issuer", sign(t, good, 77, 0, 5*time.Minute), 200, `"app-77"`},
		{"the client's name as issuer", sign(t, good, "Iv1.fakeapp-77", 0, 5*time.Minute), 200, `"app-77"`},
		{"another key", sign(t, keys()[1], "77", 0, 5*time.Minute), 401, "could not be decoded"},
		{"another algorithm", hs, 401, "could not be decoded"},
		{"an unknown issuer", sign(t, good, "78", 0, 5*time.Minute), 404, "Integration not found"},
		{"the App of Actions, which has no key", sign(t, good, "15368", 0, 5*time.Minute), 401, "could not be decoded"},
		{"no issuer", sign(t, good, nil, 0, 5*time.Minute), 401, "could not be decoded"},
		{"expired", sign(t, good, "77", -9*time.Minute, -time.Second), 401, "('exp') must be"},
		{"too long a life", sign(t, good, "77", 0, 11*time.Minute), 401, "too far in the future"},
		{"issued in the future", sign(t, good, "77", 2*time.Minute, 5*time.Minute), 401, "('iat') must be"},
		{"nonsense", "a.b.c", 401, "could not be decoded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r := h.as(test.token).must(test.status, "GET /app", ""); !strings.Contains(r.Raw, test.want) {
				t.Errorf("said %s, want %s", r.Raw, test.want)
			}
		})
	}
	if _, err := h.App(78, []byte("no key")); err == nil {
		t.Error("an App without a key was registered")
	}
}

func TestAnInstallationsToken(t *testing.T) {
	t.Parallel()
	now := time.Now()
	h := open(t, fake.Options{Clock: func() time.Time { return now }})
	app := h.app("checks:write", "deployments:read")
	signed := h.asApp()
	found := signed.must(200, "GET R/installation", "").text("id")
	if found != fmt.Sprint(app.Installation) {
		t.Errorf("the repository's installation is %s, want %d", found, app.Installation)
	}
	signed.must(200, "GET /app/installations/"+found, "")
	signed.must(404, "GET /app/installations/1", "")
	if all := signed.must(200, "GET /app/installations", "").List; len(all) != 1 || fmt.Sprintf("%.0f", all[0]["id"]) != found {
		t.Errorf("installations %v", all)
	}
	tokens := "POST /app/installations/" + found + "/access_tokens"
	signed.must(404, "POST /app/installations/1/access_tokens", "")
	signed.must(422, tokens, `{"permissions":{"deployments":"write"}}`)
	signed.must(422, tokens, `{"repositories":["other"]}`)
	signed.must(422, tokens, `{"scopes":["repo"]}`)
	narrow := h.as(signed.must(201, tokens, `{"permissions":{"checks":"read"},"repositories":["site"]}`).text("token"))
	r := signed.must(201, tokens, "")
	wide := h.as(r.text("token"))
	create := fmt.Sprintf(`{"name":"n","head_sha":%q,"details_url":"https://example.com/x"}`, h.Head("main"))
	narrow.must(403, "POST R/check-runs", create)
	wide.must(403, "POST R/deployments", `{"ref":"main"}`)
	run := wide.must(201, "POST R/check-runs", create)
	if run.text("app.id") != "77" || run.text("details_url") != "https://example.com/x" {
		t.Errorf("made %s", run.Raw)
	}
	if r := h.must(403, "PATCH R/check-runs/"+run.text("id"), `{"status":"in_progress"}`); r.text("message") != "Invalid app_id 15368 - check run can only be modified by the GitHub App that created it." {
		t.Errorf("another App was told %s", r.Raw)
	}
	now = now.Add(time.Hour)
	wide.must(401, "GET R/check-runs/"+run.text("id"), "")
}

func TestPeople(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	if r := h.as(h.User("ann", "write")).must(200, "GET /user", ""); r.text("login") != "ann" || r.text("type") != "User" {
		t.Errorf("ann is %s", r.Raw)
	}
	if r := h.must(200, "GET R/collaborators/Ann/permission", ""); r.text("permission") != "write" || r.text("user.permissions.push") != "true" || r.text("user.permissions.admin") != "false" {
		t.Errorf("ann may %s", r.Raw)
	}
	h.must(404, "GET R/collaborators/nobody/permission", "")
	if r := h.as("").must(200, "GET /meta", ""); !strings.Contains(r.Raw, "127.0.0.0/8") {
		t.Errorf("meta is %s", r.Raw)
	}
}

package signin

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
)

// bearer is the server's own token.
type bearer string

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

const origin = "http://rollback.test"

// appKey is the public key of an App, made once.
var appKey = sync.OnceValues(func() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), err
})

// hub is a house with GitHub beside it.
type hub struct {
	*house
	*fakegithub.Server
	app fakegithub.Installed
	web string
}

func openHub(t *testing.T, enterprise bool) *hub {
	t.Helper()
	public, err := appKey()
	if err != nil {
		t.Fatal(err)
	}
	u := &hub{Server: fakegithub.New(fakegithub.Options{Owner: "tminus", Repo: "app"})}
	server := httptest.NewServer(u.Server)
	t.Cleanup(func() { server.Close(); u.Close() })
	if u.app, err = u.App(7, public); err != nil {
		t.Fatal(err)
	}
	u.Callback(u.app, origin+callback)
	u.web = server.URL
	api := server.URL
	if enterprise {
		api += fakegithub.Enterprise
	}
	g := &GitHub{API: api, ClientID: u.app.ClientID, ClientSecret: u.app.ClientSecret, UserAgent: "test/1", Own: bearer(u.WorkflowToken("contents:read"))}
	u.house = open(t, func(o *Options) { o.GitHub, o.Origin, o.Token = g, origin, "" })
	u.admits = func(p Person) (bool, error) { return g.Writes(context.Background(), p, "tminus/app") }
	return u
}

// begin begins a sign-in and gives where GitHub sends the browser back to.
func (u *hub) begin(t *testing.T) (*url.URL, *http.Cookie) {
	t.Helper()
	res := u.ask(httptest.NewRequest(http.MethodGet, "/sign-in/github?next=/works/4", nil))
	to, err := res.Location()
	if err != nil || res.StatusCode != 303 || !strings.HasPrefix(to.String(), u.web+"/login/oauth/authorize?") {
		t.Fatalf("it leads to %v: %v", to, err)
	}
	q := to.Query()
	if q.Get("state") == "" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("redirect_uri") != origin+callback || q.Has("scope") {
		t.Errorf("GitHub is asked for %v", q)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "a browser")
	at, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	at.Body.Close()
	back, err := at.Location()
	if err != nil {
		t.Fatalf("GitHub sends nobody back: %d", at.StatusCode)
	}
	return back, cookie(t, res, wayCookie)
}

func (u *hub) back(to *url.URL, cookies ...*http.Cookie) *http.Response {
	return u.ask(httptest.NewRequest(http.MethodGet, to.RequestURI(), nil), cookies...)
}

func TestAUserOfGitHubComesIn(t *testing.T) {
	t.Parallel()
	for name, enterprise := range map[string]bool{"github.com": false, "an Enterprise server": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := openHub(t, enterprise)
			u.User("ann", "write")
			u.SignIn("ann", true)
			to, c := u.begin(t)
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || strings.Contains(c.Value, "ghu_") {
				t.Errorf("cookie %v", c)
			}
			res := u.back(to, c)
			if res.StatusCode != 303 || res.Header.Get("Location") != "/works/4" {
				t.Fatalf("%d to %s: %v", res.StatusCode, res.Header.Get("Location"), u.shown)
			}
			session := cookie(t, res, sessionCookie)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.AddCookie(session)
			p, ok := u.Who(r)
			if !ok || p.Name != "ann" || p.Local() {
				t.Errorf("it is %+v", p)
			}
			if cookie(t, res, wayCookie).MaxAge >= 0 {
				t.Error("the way in stays open")
			}
			if again := u.back(to, c); again.StatusCode == 303 {
				t.Error("a code is taken twice")
			}
			// The person's token was asked one question.
			if n := u.Calls().Count("GET", "/user"); n != 1 {
				t.Errorf("GET /user was asked %d times", n)
			}
		})
	}
}

func TestWhoDoesNotComeInOverGitHub(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		set    func(*hub)
		change func(to *url.URL, c *http.Cookie, u *hub) (*url.URL, []*http.Cookie)
		status int
		why    string
	}{
		{name: "may only read", set: func(u *hub) { u.User("ann", "read") }, status: 403, why: "ann may not write"},
		{name: "is nobody there", set: func(u *hub) { u.User("ann", "none") }, status: 403, why: "ann may not write"},
		{name: "does not agree", set: func(u *hub) { u.SignIn("ann", false) }, status: 403, why: "did not agree"},
		{name: "another state", change: func(to *url.URL, c *http.Cookie, _ *hub) (*url.URL, []*http.Cookie) {
			q := to.Query()
			q.Set("state", "another")
			to.RawQuery = q.Encode()
			return to, []*http.Cookie{c}
		}, status: 403, why: "not begun in this browser"},
		{name: "no state and no cookie", change: func(to *url.URL, _ *http.Cookie, _ *hub) (*url.URL, []*http.Cookie) {
			q := to.Query()
			q.Del("state")
			to.RawQuery = q.Encode()
			return to, nil
		}, status: 403, why: "not begun in this browser"},
		{name: "another browser", change: func(to *url.URL, _ *http.Cookie, _ *hub) (*url.URL, []*http.Cookie) { return to, nil }, status: 403, why: "not begun in this browser"},
		{name: "a sign-in of somebody else", change: func(to *url.URL, _ *http.Cookie, u *hub) (*url.URL, []*http.Cookie) {
			res := u.ask(httptest.NewRequest(http.MethodGet, "/sign-in/github", nil))
			return to, res.Cookies()
		}, status: 403, why: "not begun in this browser"},
		{name: "too late", change: func(to *url.URL, c *http.Cookie, u *hub) (*url.URL, []*http.Cookie) {
			u.now = u.now.Add(underway)
			return to, []*http.Cookie{c}
		}, status: 403, why: "took too long"},
		{name: "another code", change: func(to *url.URL, c *http.Cookie, _ *hub) (*url.URL, []*http.Cookie) {
			q := to.Query()
			q.Set("code", "made-up")
			to.RawQuery = q.Encode()
			return to, []*http.Cookie{c}
		}, status: 502, why: "did not say who you are"},
		{name: "GitHub does not answer", set: func(u *hub) {
			u.Break(traffic.Fault{Method: "GET", Path: "/user", Refusal: traffic.Unavailable()})
		}, status: 502, why: "did not say who you are"},
		{name: "GitHub does not say what they may", set: func(u *hub) { u.admits = func(Person) (bool, error) { return false, errors.New("502") } }, status: 502, why: "what you may do"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := openHub(t, false)
			u.User("ann", "write")
			u.SignIn("ann", true)
			if tt.set != nil {
				tt.set(u)
			}
			to, c := u.begin(t)
			cookies := []*http.Cookie{c}
			if tt.change != nil {
				to, cookies = tt.change(to, c, u)
			}
			res := u.back(to, cookies...)
			if res.StatusCode != tt.status || len(u.shown) != 1 || !strings.Contains(u.shown[0].Why, tt.why) {
				t.Errorf("%d, shown %+v", res.StatusCode, u.shown)
			}
			for _, c := range res.Cookies() {
				if strings.HasSuffix(c.Name, sessionCookie) {
					t.Errorf("a session was begun: %v", c)
				}
			}
			if len(u.noted) != 0 {
				t.Errorf("noted %q", u.noted)
			}
		})
	}
}

func TestWhatAUserMayIsAskedAgain(t *testing.T) {
	t.Parallel()
	u := openHub(t, false)
	u.User("ann", "write")
	u.SignIn("ann", true)
	to, c := u.begin(t)
	session := cookie(t, u.back(to, c), sessionCookie)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(session)
	p, _ := u.Who(r)
	may := func(p Person, repository string) bool {
		ok, err := u.o.GitHub.Writes(t.Context(), p, repository)
		if err != nil {
			t.Error(err)
		}
		return ok
	}
	for permission, want := range map[string]bool{"admin": true, "write": true, "read": false, "none": false} {
		if u.User("ann", permission); may(p, "tminus/app") != want {
			t.Errorf("with the permission %s: %v", permission, !want)
		}
	}
	u.User("ann", "admin")
	for name, who := range map[string]Person{
		"another who has the login now": {Name: "ann", ID: p.ID + 1}, "nobody": {Name: "nobody", ID: 5}, "the local token": {Name: "ann"}, "a path": {Name: "ann/permission?x=", ID: p.ID},
	} {
		if may(who, "tminus/app") {
			t.Errorf("%s may", name)
		}
	}
	u.Forget()
	if may(Person{Name: "ann"}, "tminus/app") || len(u.Calls()) != 0 {
		t.Errorf("GitHub is asked about who is nobody there")
	}
	for _, repository := range []string{"tminus/other", "tminus", "", "tminus/app/x", "/app"} {
		if may(p, repository) {
			t.Errorf("%s: may", repository)
		}
	}
	u.Break(traffic.Fault{Path: "/repos/*/*/collaborators/*/permission", Refusal: traffic.Unavailable()})
	if ok, err := u.o.GitHub.Writes(t.Context(), p, "tminus/app"); ok || err == nil {
		t.Errorf("when GitHub fails: %v, %v", ok, err)
	}
}

func TestNoErrorHoldsASecret(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	g := &GitHub{API: closed.URL, ClientID: "id", ClientSecret: "the client's secret"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := g.person(ctx, "c0de-of-ann", "the verifier", "")
	if err == nil {
		t.Fatal("nobody answered, and it is no error")
	}
	for _, secret := range []string{"the client's secret", "c0de-of-ann", "the verifier"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells %s: %s", secret, err)
		}
	}
}

func TestWhereThePagesAre(t *testing.T) {
	t.Parallel()
	for api, want := range map[string]string{
		"https://api.github.com": "https://github.com", "https://api.github.com/": "https://github.com", "https://ghe.example/api/v3": "https://ghe.example", "https://ghe.example/api/v3/": "https://ghe.example",
		"https://api.octo.ghe.com": "https://octo.ghe.com", "http://127.0.0.1:8080": "http://127.0.0.1:8080", "": "", "x": "",
	} {
		if got := Web(api); got != want {
			t.Errorf("%s belongs to %q, want %q", api, got, want)
		}
	}
}

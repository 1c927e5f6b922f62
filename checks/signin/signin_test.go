package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const localToken = "a local token, long enough"

// house is a Door with what it showed and noted.
type house struct {
	*Door
	t      *testing.T
	now    time.Time
	shown  []Asking
	noted  []string
	admits func(Person) (bool, error)
}

func open(t *testing.T, change func(*Options)) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), admits: func(Person) (bool, error) { return true, nil }}
	o := Options{
		Secret: "a secret of the hook, long enough", Token: localToken, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return h.now },
		Page: func(w http.ResponseWriter, _ *http.Request, status int, a Asking) {
			h.shown = append(h.shown, a)
			w.WriteHeader(status)
		},
		Note:  func(_ context.Context, who, how string) { h.noted = append(h.noted, who+" "+how) },
		Admit: func(_ context.Context, p Person) (bool, error) { return h.admits(p) },
	}
	if change != nil {
		change(&o)
	}
	var err error
	if h.Door, err = New(o); err != nil {
		t.Fatal(err)
	}
	return h
}

// ask makes a request with cookies, as one who sits somewhere.
func (h *house) ask(r *http.Request, cookies ...*http.Cookie) *http.Response {
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func form(path string, values url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (h *house) token(token string, more ...string) *http.Response {
	values := url.Values{"token": {token}}
	for i := 0; i < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return h.ask(form("/sign-in/token", values))
}

// cookie is the one of a name that an answer sets.
func cookie(t *testing.T, res *http.Response, name string) *http.Cookie {
	t.Helper()
	for _, c := range res.Cookies() {
		if strings.TrimPrefix(c.Name, "__Host-") == name {
			return c
		}
	}
	t.Fatalf("no cookie %s in %v", name, res.Header)
	return nil
}

func (h *house) who(cookies ...*http.Cookie) string {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	p, ok := h.Who(r)
	if !ok {
		return ""
	}
	return p.Name
}

func TestWhoHasTheLocalTokenComesIn(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	res := h.token(localToken, "name", " ann  (the boss)\n", "next", "/works/4?x=1")
	c := cookie(t, res, sessionCookie)
	if res.StatusCode != 303 || res.Header.Get("Location") != "/works/4?x=1" || h.who(c) != "ann the boss (local token)" {
		t.Fatalf("%d to %s as %q", res.StatusCode, res.Header.Get("Location"), h.who(c))
	}
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/" || c.MaxAge != 8*3600 || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	if strings.Contains(c.Value, localToken) || !slices.Equal(h.noted, []string{"ann the boss (local token) with the local token"}) {
		t.Errorf("noted %q, cookie %s", h.noted, c.Value)
	}
	if got := h.who(cookie(t, h.token(localToken), sessionCookie)); got != "somebody (local token)" {
		t.Errorf("without a name it is %q", got)
	}
	for _, wrong := range []string{"", localToken + "x", localToken[1:], strings.ToUpper(localToken)} {
		if res := h.token(wrong); res.StatusCode != 401 || len(res.Cookies()) != 0 {
			t.Errorf("%q: %d", wrong, res.StatusCode)
		}
		h.token(localToken) // so that it is not too often
	}
	// In an address a token would be in logs and histories.
	if res := h.ask(httptest.NewRequest(http.MethodPost, "/sign-in/token?token="+url.QueryEscape(localToken), nil)); res.StatusCode != 401 {
		t.Errorf("in the address: %d", res.StatusCode)
	}
	if res := h.ask(httptest.NewRequest(http.MethodGet, "/sign-in/token?token="+url.QueryEscape(localToken), nil)); len(res.Cookies()) != 0 {
		t.Error("a link signs in")
	}
}

func TestWhereASignInLeads(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for next, want := range map[string]string{
		"/": "/", "/works/4": "/works/4", "/a?b=//c": "/a?b=//c", "": "/", "//evil.example": "/", "https://evil.example": "/", "/\\evil.example": "/", "/\tx": "/", "works": "/", "/\r\nSet-Cookie: x": "/",
	} {
		if got := h.token(localToken, "next", next).Header.Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
		h.ask(httptest.NewRequest(http.MethodGet, "/sign-in?next="+url.QueryEscape(next), nil))
		if got := h.shown[len(h.shown)-1]; got.Next != want || !got.Token || got.GitHub {
			t.Errorf("%q is shown as %+v", next, got)
		}
	}
}

func TestWhoIsWrongTooOftenWaits(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for i := range wrongs {
		if res := h.token("wrong"); res.StatusCode != 401 {
			t.Fatalf("try %d: %d", i+1, res.StatusCode)
		}
	}
	if res := h.token(localToken); res.StatusCode != 429 || res.Header.Get("Retry-After") == "" || len(res.Cookies()) != 0 {
		t.Errorf("after %d wrong tries the right one gets %d", wrongs, res.StatusCode)
	}
	elsewhere := form("/sign-in/token", url.Values{"token": {localToken}})
	elsewhere.RemoteAddr = "198.51.100.7:4000"
	if res := h.ask(elsewhere); res.StatusCode != 303 {
		t.Errorf("from elsewhere: %d", res.StatusCode)
	}
	h.now = h.now.Add(rest - time.Second)
	if res := h.token(localToken); res.StatusCode != 429 {
		t.Errorf("a second too early: %d", res.StatusCode)
	}
	h.now = h.now.Add(time.Second)
	if res := h.token("wrong"); res.StatusCode != 401 {
		t.Errorf("after the wait: %d", res.StatusCode)
	}
	if res := h.token(localToken); res.StatusCode != 303 {
		t.Errorf("after the wait the right one gets %d", res.StatusCode)
	}
	for range wrongs {
		h.token("wrong")
	}
	h.now = h.now.Add(rest)
	for range wrongs {
		h.token("wrong")
	}
	if res := h.token(localToken); res.StatusCode != 429 {
		t.Errorf("the second time: %d", res.StatusCode)
	}
}

// Tries at the same time are tries all the same.
func TestManyTriesAtOnceAreMany(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	passed := make(chan int, 50)
	for range 50 {
		go func() {
			if h.tries.begin("198.51.100.7") == 0 {
				passed <- 1
			} else {
				passed <- 0
			}
		}()
	}
	sum := 0
	for range 50 {
		sum += <-passed
	}
	if sum != wrongs {
		t.Errorf("%d of 50 tries at once", sum)
	}
	for i := range 2 * places {
		h.tries.begin(source(&http.Request{RemoteAddr: "[2001:db8:" + strings.Repeat("0", 3-len(hex(i))) + hex(i) + "::1]:1"}))
	}
	if n := len(h.tries.all); n > places {
		t.Errorf("%d places are remembered", n)
	}
	h.now = h.now.Add(rest)
	if h.tries.begin("203.0.113.9") != 0 {
		t.Error("it does not end")
	}
}

func hex(i int) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[i>>8&15], digits[i>>4&15], digits[i&15]})
}

func TestWhereARequestComesFrom(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"198.51.100.7:4000": "198.51.100.7", "[::ffff:198.51.100.7]:4000": "198.51.100.7", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "[2001:db8:1:2:9::1]:1": "2001:db8:1:2::/64", "@": "@",
	} {
		if got := source(&http.Request{RemoteAddr: address}); got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
}

func TestASessionEnds(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	c := cookie(t, h.token(localToken, "name", "ann"), sessionCookie)
	h.now = h.now.Add(life - time.Second)
	if h.who(c) == "" {
		t.Error("it ends too early")
	}
	h.now = h.now.Add(time.Second)
	if h.who(c) != "" {
		t.Error("it outlives its time")
	}
}

func TestASessionIsOfWhoSharesTheSecret(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	c := cookie(t, h.token(localToken, "name", "ann"), sessionCookie)
	if open(t, nil).who(c) == "" {
		t.Error("another server of the same secret does not know it")
	}
	if open(t, func(o *Options) { o.Secret = "another secret" }).who(c) != "" {
		t.Error("a server of another secret knows it")
	}
	if open(t, func(o *Options) { o.Token = "another token, also long" }).who(c) != "" {
		t.Error("it outlives the local token")
	}
	hub := &GitHub{API: "https://api.github.com"}
	if open(t, func(o *Options) { o.Token, o.GitHub = "", hub }).who(c) != "" {
		t.Error("it outlives that there is a local token")
	}
}

func TestACookieCannotBeMade(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *Options) { o.GitHub = &GitHub{API: "https://api.github.com"} })
	c := cookie(t, h.token(localToken, "name", "ann"), sessionCookie)
	text, signature, _ := strings.Cut(c.Value, ".")
	write := func(s any) string {
		raw, _ := json.Marshal(s)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	until := h.now.Add(time.Hour).Unix()
	forged := session{Name: "bob", ID: 8, Session: "s", Until: until}
	tests := map[string]string{
		"empty":                        "",
		"without a signature":          text,
		"another's signature":          write(forged) + "." + signature,
		"a signature of nothing":       text + ".",
		"longer":                       text + "A." + signature,
		"a byte less":                  c.Value[:len(c.Value)-1],
		"padded":                       text + "." + signature + "=",
		"a local one as one of GitHub": h.seal(h.localKind(), forged),
		"one of GitHub as a local one": h.seal(byGitHub, session{Name: "bob", Session: "s", Until: until}),
		"one that is on the way":       h.seal(onTheWay, way{State: "s", Until: until}),
		"nobody's":                     h.seal(byGitHub, session{ID: 8, Session: "s", Until: until}),
		"without a session":            h.seal(byGitHub, session{Name: "bob", ID: 8, Until: until}),
		"too long":                     h.seal(byGitHub, session{Name: strings.Repeat("x", longest), ID: 8, Session: "s", Until: until}),
	}
	for name, value := range tests {
		if got := h.who(&http.Cookie{Name: sessionCookie, Value: value}); got != "" {
			t.Errorf("%s: it is %q", name, got)
		}
	}
	if h.who(&http.Cookie{Name: sessionCookie, Value: h.seal(byGitHub, forged)}) != "bob" {
		t.Error("who has the key cannot make one either, so the tests above say nothing")
	}
	if open(t, nil).who(&http.Cookie{Name: sessionCookie, Value: h.seal(byGitHub, forged)}) != "" {
		t.Error("a user of GitHub is let in where nobody comes in over GitHub")
	}
}

func TestOverHTTPSOnlyTheHostsOwnCookieCounts(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *Options) { o.Origin = "https://rollback.example" })
	c := cookie(t, h.token(localToken), sessionCookie)
	if c.Name != "__Host-console" || !c.Secure || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	if h.who(c) == "" || h.who(&http.Cookie{Name: sessionCookie, Value: c.Value}) != "" {
		t.Error("a cookie that a neighbour can set counts")
	}
	proxied := open(t, nil)
	r := form("/sign-in/token", url.Values{"token": {localToken}})
	r.Header.Set("X-Forwarded-Proto", "https")
	if c := cookie(t, proxied.ask(r), sessionCookie); c.Name != "__Host-console" || !c.Secure {
		t.Errorf("behind a proxy: %v", c)
	}
}

func TestTheProofIsOfOneSession(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	a, b := cookie(t, h.token(localToken, "name", "ann"), sessionCookie), cookie(t, h.token(localToken, "name", "ann"), sessionCookie)
	proof := func(c *http.Cookie) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(c)
		p, _ := h.Who(r)
		return p.Proof
	}
	first, again := proof(a), proof(a)
	if first == "" || first != again || first == proof(b) || strings.Contains(a.Value, first) {
		t.Errorf("proofs %q, %q and %q", first, again, proof(b))
	}
	for name, with := range map[string]string{"none": "", "another's": proof(b)} {
		if res := h.ask(form("/sign-out", url.Values{"proof": {with}}), a); res.StatusCode != 403 || len(res.Cookies()) != 0 {
			t.Errorf("signing out with the proof of %s: %d", name, res.StatusCode)
		}
	}
	if res := h.ask(form("/sign-out", url.Values{"proof": {proof(a)}}), a); res.StatusCode != 303 || cookie(t, res, sessionCookie).MaxAge >= 0 {
		t.Errorf("signing out: %d", res.StatusCode)
	}
}

func TestAnotherSiteCannotSignAnybodyIn(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for name, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
		r := form("/sign-in/token", url.Values{"token": {localToken}})
		r.Header.Set(name, value)
		if res := h.ask(r); res.StatusCode != 403 || len(res.Cookies()) != 0 {
			t.Errorf("%s %s: %d", name, value, res.StatusCode)
		}
	}
}

func TestADoorWantsAWayIn(t *testing.T) {
	t.Parallel()
	o := open(t, nil).o
	for name, change := range map[string]func(*Options){
		"no way in": func(o *Options) { o.Token = "" }, "no secret": func(o *Options) { o.Secret = "" }, "no page": func(o *Options) { o.Page = nil }, "no log": func(o *Options) { o.Log = nil },
		"nobody says who may come in": func(o *Options) { o.GitHub, o.Admit = &GitHub{}, nil }, "a wrong origin": func(o *Options) { o.Origin = "rollback.example/x" },
	} {
		wrong := o
		change(&wrong)
		if _, err := New(wrong); err == nil {
			t.Errorf("%s: a door was made", name)
		}
	}
}

func FuzzUnseal(f *testing.F) {
	o := Options{Secret: "s", Token: localToken, Log: slog.New(slog.DiscardHandler), Page: func(http.ResponseWriter, *http.Request, int, Asking) {}, Now: func() time.Time { return time.Unix(1000, 0) }}
	d, err := New(o)
	if err != nil {
		f.Fatal(err)
	}
	genuine := d.seal(d.localKind(), session{Name: "ann", Session: "s", Until: 2000})
	for _, seed := range []string{"", ".", "a.b", genuine, genuine + "=", strings.Replace(genuine, ".", "..", 1), d.seal(onTheWay, way{Until: 2000})} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if s, ok := unseal[session](d, d.localKind(), value); ok && (value != genuine || s.Name != "ann") {
			t.Errorf("%q was taken for a session of %+v", value, s)
		}
	})
}

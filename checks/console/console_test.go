package console

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

var ann = Person{Name: "ann", ID: 7, Proof: "the proof of ann's session"}

// get asks for a page and gives what came.
func (s *stage) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// post sends a form as the page itself would.
func (s *stage) post(t *testing.T, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://"+r.Host)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestThePageShowsEverything(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	w := s.get(t, "/")
	page := w.Body.String()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d\n%s", w.Code, page)
	}
	for _, want := range []string{
		"<h3>production <small>tminus/app</small></h3>", "sync-consumer", "cb60b3c2", "90 %", "10 %", // what serves
		"failed</span>", "passed</span>", "going back</span>", "takes back 20261121T115401Z-4be91c7", // releases
		"Health production passed", "the job that failed is still running", // steps
		"by the webhook server", "Against release", // holds
		"the version that served before is gone", "tried 5 times", // dead letters
		"the deployment is in_progress", "×2", "deployment_status", // deliveries
		"payment provider is down", "hold asked", // audit
		`<noscript><meta http-equiv="refresh" content="30"></noscript>`,
		`<time datetime="2026-11-21T11:59:36Z" title="2026-11-21 11:59:36 UTC">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	for _, name := range []string{"summary", "underway", "environments", "holds", "dead", "works", "deliveries", "audit"} {
		if n := strings.Count(page, `<section id="`+name+`"`); n != 1 {
			t.Errorf("section %s is there %d times", name, n)
		}
	}
	if !strings.Contains(s.get(t, "/works/41").Body.String(), "7d1f6c2e-c6f0-11f0-9b1a-0242ac120002") {
		t.Error("the page of a work does not show its delivery")
	}
	if page := s.get(t, "/deliveries").Body.String(); !strings.Contains(page, "/deliveries?before=5&#43;the&#43;last") && !strings.Contains(page, "/deliveries?before=5+the+last") {
		t.Errorf("there is no way to older deliveries\n%s", page)
	}
	if page := s.get(t, "/audit").Body.String(); !strings.Contains(page, "hold asked") || strings.Contains(page, ">Older<") {
		t.Error("the audit log is not whole")
	}
}

func TestWhoIsNotSignedInHasNoButton(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for _, path := range []string{"/", "/works/33", "/works/41", "/deliveries", "/audit"} {
		page := s.get(t, path).Body.String()
		if strings.Contains(page, "/deeds/") || strings.Contains(page, "<form") || !strings.Contains(page, "/sign-in?next=") {
			t.Errorf("%s has a button, or no sign-in", path)
		}
	}
	s.person = &ann
	for path, deeds := range map[string]int{"/": 6, "/works/33": 2, "/works/41": 0} {
		if n := strings.Count(s.get(t, path).Body.String(), `href="/deeds/`); n != deeds {
			t.Errorf("%s has %d buttons for who is signed in, not %d", path, n, deeds)
		}
	}
}

func TestAPrivatePageShowsNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *Options) { o.Gate.Private = true })
	for _, path := range []string{"/", "/works/33", "/works/999", "/deliveries", "/audit", "/nowhere", "/deeds/hold", "/events"} {
		w := s.get(t, path)
		if want := map[bool]int{true: 401, false: 303}[path == "/events"]; w.Code != want || strings.Contains(w.Body.String(), "tminus") {
			t.Errorf("%s: %d, want %d\n%s", path, w.Code, want, w.Body)
		}
	}
	if got := s.get(t, "/deliveries?before=x").Header().Get("Location"); got != "/sign-in?next=%2Fdeliveries%3Fbefore%3Dx" {
		t.Errorf("it leads to %s", got)
	}
	s.person = &ann
	if w := s.get(t, "/"); w.Code != 200 {
		t.Errorf("who is signed in gets %d", w.Code)
	}
	o := s.o
	o.Gate.Door = nil
	if _, err := New(o); err == nil {
		t.Error("a private page that nobody can open was made")
	}
}

func TestEveryAnswerIsLockedDown(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.person = &ann
	for _, path := range []string{"/", "/works/41", "/nowhere", "/deeds/hold?repository=tminus/app&environment=staging", "/console.css", "/sign-in"} {
		h := s.get(t, path).Header()
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", path, h)
		}
		if kept := strings.Contains(h.Get("Cache-Control"), "immutable"); kept != (path == "/console.css") || !kept && h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: it is kept as %q", path, h.Get("Cache-Control"))
		}
	}
	page := s.get(t, "/").Body.String()
	if m := regexp.MustCompile(`<script[^>]*>[^<]|style="|\son[a-z]+="|<style`).FindString(page); m != "" {
		t.Errorf("the page has %q, which the policy forbids", m)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="(/[^"]*\.(?:css|js|svg)[^"]*)"`).FindAllStringSubmatch(page, -1) {
		if w := s.get(t, m[1]); w.Code != 200 || w.Body.Len() < 50 {
			t.Errorf("%s: %d, %d bytes", m[1], w.Code, w.Body.Len())
		}
	}
}

func TestWhatComesFromOutsideIsText(t *testing.T) {
	t.Parallel()
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`
	s := newStage(t, nil)
	v := &s.view
	v.Deliveries[0].Reason, v.Deliveries[0].Event, v.Deliveries[0].GUID, v.Deliveries[0].Decision = evil, evil, evil, evil
	v.Works[1].Steps[0].Text, v.Works[1].Title, v.Works[1].Error, v.Works[1].State = evil, evil, evil, Running
	v.Works[2].State, v.Works[2].Reason = State(evil), evil
	v.Dead[0].Error, v.Dead[0].Title = evil, evil
	v.Audit[0].Who, v.Audit[0].About = evil, evil
	e := &v.Environments[0]
	e.Name, e.Live, e.Workers[0].Release, e.Workers[0].Version, e.Notes = evil, evil, evil, evil, []string{evil}
	e.Releases[0].Name, e.Releases[0].Words, e.Releases[0].Verdict, e.Hold.Why, e.Releases[0].Commit = evil, evil, Mark{Good, evil}, evil, evil
	v.Problems = []string{evil}
	s.person = &Person{Name: evil, Proof: evil}
	ask := url.Values{"repository": {"tminus/app"}, "environment": {evil}, "release": {evil}}
	for _, path := range []string{"/", "/works/41", "/works/33", "/works/38", "/deliveries", "/audit", "/deeds/roll-back?" + ask.Encode(), "/deeds/redrive?work=33"} {
		w := s.get(t, path)
		if page := w.Body.String(); w.Code != 200 || strings.Contains(page, "<script>") || strings.Contains(page, "<img") || !strings.Contains(page, "&lt;script&gt;") {
			t.Errorf("%s (%d) holds markup from outside\n%s", path, w.Code, page)
		}
	}
	asking := func(why string) string {
		w := httptest.NewRecorder()
		s.SignIn(w, httptest.NewRequest(http.MethodGet, "/sign-in", nil), 200, Asking{GitHub: true, Token: true, Next: evil, Why: why})
		return w.Body.String()
	}
	if page := asking(evil); strings.Contains(page, "<script>") {
		t.Errorf("the sign-in holds markup from outside\n%s", page)
	}
}

func TestLinksLeadToHTTPSOrToGitHub(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for address, is := range map[string]bool{
		"https://github.com/tminus/app/commit/1": true, "http://github.test/tminus/app/commit/1": true, "http://github.test.evil/x": false,
		"http://elsewhere/x": false, "javascript:alert(1)": false, "//x": false, "": false, "data:text/html,x": false, "https://user@github.com/": false, "https:///x": false,
	} {
		if got := string((&scene{console: s.Console}).Link(address, "<it>")); strings.Contains(got, "<a ") != is || !strings.Contains(got, "&lt;it&gt;") {
			t.Errorf("%s became %s", address, got)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	for _, path := range []string{"/nowhere", "/works/", "/works/7", "/works/x", "/works/-1", "/works/99999999999999999999", "/webhooks", "/console.css/x"} {
		if w := s.get(t, path); w.Code != 404 || !strings.Contains(w.Body.String(), "no such page") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	s.fails = errors.New("connection refused by host db.internal")
	for _, path := range []string{"/", "/works/41", "/deliveries", "/audit"} {
		if w := s.get(t, path); w.Code != 503 || strings.Contains(w.Body.String(), "db.internal") || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d\n%s", path, w.Code, w.Body)
		}
	}
}

// Many readers cost no more than one.
func TestManyReadersAreOneLook(t *testing.T) {
	t.Parallel()
	now := noon
	s := newStage(t, func(o *Options) { o.Now = func() time.Time { return now } })
	for range 20 {
		s.get(t, "/")
	}
	if s.looks != 1 {
		t.Errorf("%d looks for twenty readers at once", s.looks)
	}
	now = now.Add(gap)
	if s.get(t, "/"); s.looks != 2 {
		t.Errorf("%d looks after a while", s.looks)
	}
	s.person = &ann
	s.post(t, "/deeds/redrive", url.Values{"proof": {ann.Proof}, "work": {"33"}})
	if s.get(t, "/"); s.looks != 3 {
		t.Error("who did something sees what was before")
	}
}

func TestTimesInWords(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"now": 4 * time.Second, "5 s ago": 5 * time.Second, "89 s ago": 89 * time.Second, "2 min ago": 90 * time.Second, "in 30 s": -30 * time.Second,
		"90 min ago": 5399 * time.Second, "2 h ago": 5400 * time.Second, "36 h ago": 129599 * time.Second, "2 days ago": 129600 * time.Second,
	} {
		if got := ago(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
	s := &scene{}
	for want, d := range map[string]time.Duration{"250 ms": 250 * time.Millisecond, "1.5 s": 1500 * time.Millisecond, "2m5s": 125 * time.Second} {
		if got := s.Took(noon, noon.Add(d)); got != want {
			t.Errorf("%s took %q, want %q", d, got, want)
		}
	}
	if s.Took(time.Time{}, noon) != "" || s.When(time.Time{}) != "" {
		t.Error("a time that is not known is shown")
	}
}

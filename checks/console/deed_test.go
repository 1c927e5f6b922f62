package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const failed = "20261121T115401Z-4be91c7"

func rollBack(more ...string) url.Values {
	form := url.Values{"proof": {ann.Proof}, "repository": {"tminus/app"}, "environment": {"production"}, "release": {failed}, "reason": {"logins fail"}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

func TestADeedIsDoneForWhoMay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		what What
		form url.Values
		want Deed
		note string
	}{
		{ToRollBack, rollBack("reason", "  logins\r\n fail "), Deed{ToRollBack, "tminus/app", "production", failed, 0, "logins fail", "ann"}, `tminus/app production release ` + failed + `, because "logins fail"`},
		{ToHold, rollBack("environment", "staging"), Deed{ToHold, "tminus/app", "staging", "", 0, "logins fail", "ann"}, `tminus/app staging, because "logins fail"`},
		{ToLift, rollBack(), Deed{ToLift, "tminus/app", "production", "", 0, "logins fail", "ann"}, `tminus/app production, because "logins fail"`},
		{ToRedrive, url.Values{"proof": {ann.Proof}, "work": {"33"}}, Deed{ToRedrive, "tminus/app", "staging", "", 33, "", "ann"}, "tminus/app staging work 33"},
		// Whose work it is, the record says and not the form.
		{ToDismiss, url.Values{"proof": {ann.Proof}, "work": {"33"}, "repository": {"ann/own"}}, Deed{ToDismiss, "tminus/app", "staging", "", 33, "", "ann"}, "tminus/app staging work 33"},
	}
	for _, tt := range tests {
		t.Run(string(tt.what), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.person = &ann
			page := s.get(t, "/deeds/"+string(tt.what)+"?"+tt.form.Encode())
			if page.Code != 200 || !strings.Contains(page.Body.String(), `name="proof" value="the proof of ann&#39;s session"`) {
				t.Errorf("the page before: %d\n%s", page.Code, page.Body)
			}
			if len(s.deeds)+len(s.noted) != 0 {
				t.Error("the page before did something")
			}
			w := s.post(t, "/deeds/"+string(tt.what), tt.form)
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
				t.Fatalf("status %d\n%s", w.Code, w.Body)
			}
			if !slices.Equal(s.deeds, []Deed{tt.want}) {
				t.Errorf("done %+v", s.deeds)
			}
			what := string(tt.what)
			if len(s.noted) != 2 || s.noted[0] != "ann: "+what+" asked: "+tt.note || !strings.HasPrefix(s.noted[1], "ann: "+what+" done: ") || !strings.HasSuffix(s.noted[1], ": Work 43 is recorded") {
				t.Errorf("noted %q", s.noted)
			}
		})
	}
}

func TestADeedThatIsRefusedLeavesNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		path    string
		form    url.Values
		headers []string
		set     func(*stage)
		status  int
		noted   []string
	}{
		{name: "nobody is signed in", form: rollBack(), set: func(s *stage) { s.person = nil }, status: 303},
		{name: "no proof", form: rollBack("proof", ""), status: 403},
		{name: "the proof of another session", form: rollBack("proof", "x"), status: 403},
		{name: "a session without a proof", form: rollBack("proof", ""), set: func(s *stage) { s.person = &Person{Name: "ann"} }, status: 403},
		{name: "another's origin", form: rollBack(), headers: []string{"Origin", "https://evil.example"}, status: 403},
		{name: "another's page, as the browser says", form: rollBack(), headers: []string{"Sec-Fetch-Site", "cross-site"}, status: 403},
		{name: "a neighbour's page", form: rollBack(), headers: []string{"Sec-Fetch-Site", "same-site"}, status: 403},
		{name: "no permission", form: rollBack(), set: func(s *stage) { s.may = false }, status: 403, noted: []string{`ann: roll-back refused: tminus/app production release ` + failed + `, because "logins fail"`}},
		{name: "GitHub does not say", form: rollBack(), set: func(s *stage) { s.may, s.mayErr = true, errors.New("502") }, status: 503},
		{name: "no reason", form: rollBack("reason", " \n "), status: 400},
		{name: "too long a reason", form: rollBack("reason", strings.Repeat("é", longest+1)), status: 400},
		{name: "too long a form", form: rollBack("reason", strings.Repeat("x", 20<<10)), status: 400},
		{name: "another repository", form: rollBack("repository", "tminus/other"), status: 404},
		{name: "another environment", form: rollBack("environment", "preview"), status: 404},
		{name: "a release that is no longer live", form: rollBack("release", "20261121T090212Z-d881ac3"), status: 409},
		{name: "no release", form: rollBack("release", ""), set: func(s *stage) { s.view.Environments[0].Live = "" }, status: 409},
		{name: "a deed that nobody knows", path: "/deeds/deploy", form: rollBack(), status: 404},
		{name: "a work that is not there", path: "/deeds/redrive", form: rollBack("work", "7"), status: 404},
		{name: "no work at all", path: "/deeds/redrive", form: rollBack(), status: 404},
		{name: "a work that is no dead letter", path: "/deeds/dismiss", form: rollBack("work", "41"), status: 409},
		{name: "the database is away", path: "/deeds/dismiss", form: rollBack("work", "33"), set: func(s *stage) { s.fails = errors.New("away") }, status: 503},
		{name: "the audit log cannot be written", form: rollBack(), set: func(s *stage) { s.noteErr = errors.New("disk full") }, status: 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.person = &ann
			if tt.set != nil {
				tt.set(s)
			}
			if tt.path == "" {
				tt.path = "/deeds/roll-back"
			}
			if w := s.post(t, tt.path, tt.form, tt.headers...); w.Code != tt.status {
				t.Errorf("status %d, want %d\n%s", w.Code, tt.status, w.Body)
			}
			if len(s.deeds) != 0 || !slices.Equal(s.noted, tt.noted) {
				t.Errorf("done %v, noted %q", s.deeds, s.noted)
			}
		})
	}
}

func TestADeedThatFailsIsInTheLog(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.person, s.doErr = &ann, errors.New("a <b>rollback</b> is under way")
	w := s.post(t, "/deeds/roll-back", rollBack())
	if w.Code != 409 || !strings.Contains(w.Body.String(), "a &lt;b&gt;rollback&lt;/b&gt; is under way") {
		t.Errorf("status %d\n%s", w.Code, w.Body)
	}
	if len(s.noted) != 2 || !strings.Contains(s.noted[1], "roll-back failed") {
		t.Errorf("noted %q", s.noted)
	}
}

// A deed cannot be done by a link, and reading does none.
func TestADeedIsDoneByPostOnly(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.person = &ann
	for _, what := range []string{"roll-back", "hold", "lift", "redrive", "dismiss"} {
		s.get(t, "/deeds/"+what+"?work=33&"+rollBack().Encode())
	}
	if len(s.deeds)+len(s.noted) != 0 {
		t.Errorf("done %v, noted %q", s.deeds, s.noted)
	}
	s.person = nil
	if w := s.get(t, "/deeds/hold?repository=a/b"); w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), "/sign-in?next=%2Fdeeds%2Fhold") {
		t.Errorf("who is not signed in gets %d to %s", w.Code, w.Header().Get("Location"))
	}
}

func TestWhatCameOfADeedIsSaidOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.person = &ann
	cookies := s.post(t, "/deeds/lift", rollBack()).Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("cookies %v", cookies)
	}
	first := s.with(t, "/", cookies[0])
	if !strings.Contains(first.Body.String(), `<p class="said" role="status">Work 43 is recorded</p>`) || first.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("it is not said, or would be again: %v", first.Result().Cookies())
	}
	s.person = nil
	if strings.Contains(s.with(t, "/", cookies[0]).Body.String(), "Work 43") {
		t.Error("it is said to who did not do it")
	}
}

package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"
)

// underway is how long a person may take at GitHub, as long as a code is good.
const underway = 10 * time.Minute

// begin sends the browser to GitHub.
func (d *Door) begin(w http.ResponseWriter, r *http.Request) {
	out := way{State: rand.Text(), Verifier: rand.Text() + rand.Text(), Next: local(r.URL.Query().Get("next")), Until: d.o.Now().Add(underway).Unix()}
	d.give(w, r, wayCookie, d.seal(onTheWay, out), underway, http.SameSiteLaxMode)
	sum := sha256.Sum256([]byte(out.Verifier))
	q := url.Values{
		"client_id": {d.o.GitHub.ClientID}, "state": {out.State}, "allow_signup": {"false"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if to := d.redirect(); to != "" {
		q.Set("redirect_uri", to)
	}
	http.Redirect(w, r, d.o.GitHub.web()+"/login/oauth/authorize?"+q.Encode(), http.StatusSeeOther)
}

// redirect is where GitHub sends the browser back to. Without a known address that
// is what is written down at GitHub: the name in a request may be anybody's.
func (d *Door) redirect() string {
	if d.o.Origin == "" {
		return ""
	}
	return d.o.Origin + callback
}

// callback is where GitHub sends the browser back to.
func (d *Door) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	came, ok := unseal[way](d, onTheWay, d.taken(r, wayCookie))
	d.give(w, r, wayCookie, "", -1, http.SameSiteLaxMode)
	if !ok || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(came.State)) != 1 {
		d.ask(w, r, http.StatusForbidden, "This sign-in was not begun in this browser, or took too long. Begin again.")
		return
	}
	if q.Get("code") == "" {
		why := "GitHub did not let you in."
		if q.Get("error") == "access_denied" {
			why = "GitHub says that you did not agree."
		}
		d.ask(w, r, http.StatusForbidden, why)
		return
	}
	p, err := d.o.GitHub.person(r.Context(), q.Get("code"), came.Verifier, d.redirect())
	if err != nil {
		d.o.Log.Warn("sign-in with GitHub did not work", "error", err)
		d.ask(w, r, http.StatusBadGateway, "GitHub did not say who you are. Begin again.")
		return
	}
	admitted, err := d.o.Admit(r.Context(), p)
	switch {
	case err != nil:
		d.o.Log.Warn("nobody knows who may come in", "who", p.Name, "error", err)
		d.ask(w, r, http.StatusBadGateway, "GitHub did not say what you may do. Begin again in a moment.")
	case !admitted:
		d.o.Log.Warn("sign-in refused", "who", p.Name)
		d.ask(w, r, http.StatusForbidden, p.Name+" may not write to any repository that this server looks after.")
	default:
		d.enter(w, r, p, "with GitHub", local(came.Next))
	}
}

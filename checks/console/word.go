package console

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Asking is what the page of the sign-in shows.
type Asking struct {
	// GitHub and Token are the ways in that there are.
	GitHub, Token bool
	// Next is where the person wanted to go, a path.
	Next string
	// Why says why it did not work, empty at first.
	Why string
}

// SignIn shows the page of the sign-in.
func (c *Console) SignIn(w http.ResponseWriter, r *http.Request, status int, a Asking) {
	s := c.scene(r, "Sign in")
	s.More = a
	c.show(w, status, "sign-in", s)
}

// toSignIn sends a reader to the sign-in and lets them come back.
func (c *Console) toSignIn(w http.ResponseWriter, r *http.Request) {
	if c.o.Gate.Door == nil {
		c.say(w, r, http.StatusForbidden, "Reading only", "Nobody can sign in here: neither GitHub nor a local token is set up.")
		return
	}
	next := "/"
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		next = r.URL.RequestURI()
	}
	http.Redirect(w, r, "/sign-in?"+url.Values{"next": {next}}.Encode(), http.StatusSeeOther)
}

// told is the cookie with what came of a deed, shown once on the next page.
const told = "said"

// tell has the next page say something.
func (c *Console) tell(w http.ResponseWriter, r *http.Request, words string) {
	for len(words) > 300 {
		_, size := utf8.DecodeLastRuneInString(words)
		words = words[:len(words)-size]
	}
	c.set(w, r, base64.RawURLEncoding.EncodeToString([]byte(words)), 60)
}

func (c *Console) set(w http.ResponseWriter, r *http.Request, value string, age int) {
	secure := r.TLS != nil || strings.HasPrefix(c.o.Origin, "https://")
	http.SetCookie(w, &http.Cookie{Name: told, Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode})
}

// heard is what the page before wanted to have said. Only who is signed in does
// deeds, so nobody else has anything to hear.
func (c *Console) heard(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(told)
	if err != nil {
		return ""
	}
	c.set(w, r, "", -1)
	words, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if _, ok := c.o.Gate.Who(r); err != nil || !ok {
		return ""
	}
	return strings.ToValidUTF8(string(words), "")
}

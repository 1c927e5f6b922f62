package signin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// life is how long a session lasts.
const life = 8 * time.Hour

// The cookies. Where the connection is encrypted their names begin with __Host-, so
// that no neighbour's page can set them.
const (
	sessionCookie = "console"
	wayCookie     = "console-way"
)

// session is what a session's cookie says.
type session struct {
	Name    string `json:"n"`
	ID      int64  `json:"i,omitempty"`
	Session string `json:"s"`
	Until   int64  `json:"u"` // seconds
}

func (s session) until() int64 { return s.Until }

// way is what the cookie of a sign-in under way says.
type way struct {
	State    string `json:"s"`
	Verifier string `json:"v"`
	Next     string `json:"n"`
	Until    int64  `json:"u"`
}

func (w way) until() int64 { return w.Until }

// sealed is something that a cookie says until a time.
type sealed interface{ until() int64 }

// The kinds of what is sealed. What is of one kind is nothing of another, and what
// came of a local token ends with that token.
const (
	byGitHub = "github"
	onTheWay = "way"
)

func (d *Door) kind(p Person) string {
	if p.Local() {
		return d.localKind()
	}
	return byGitHub
}

func (d *Door) localKind() string { return "local " + d.local }

// mac signs a text for a purpose.
func (d *Door) mac(purpose, text string) []byte {
	h := hmac.New(sha256.New, d.key)
	h.Write([]byte(purpose + "\x00" + text))
	return h.Sum(nil)
}

// seal writes something down so that only who has the key can have written it.
func (d *Door) seal(kind string, s sealed) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return "" // nothing that is sealed can fail to be written
	}
	text := base64.RawURLEncoding.EncodeToString(raw)
	return text + "." + base64.RawURLEncoding.EncodeToString(d.mac(kind, text))
}

// longest bounds what is read of a cookie. Browsers keep 4096 bytes.
const longest = 4096

// unseal reads what was sealed, unless its time is over.
func unseal[T sealed](d *Door, kind, value string) (T, bool) {
	var it, none T
	text, signature, ok := strings.Cut(value, ".")
	if !ok || len(value) > longest {
		return none, false
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || !hmac.Equal(given, d.mac(kind, text)) {
		return none, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || json.Unmarshal(raw, &it) != nil || d.o.Now().Unix() >= it.until() {
		return none, false
	}
	return it, true
}

// Who is the person of a request; false if nobody is signed in.
func (d *Door) Who(r *http.Request) (Person, bool) {
	value := d.taken(r, sessionCookie)
	if value == "" {
		return Person{}, false
	}
	s, ok := unseal[session](d, byGitHub, value)
	if ok = ok && s.ID != 0 && d.o.GitHub != nil; !ok {
		s, ok = unseal[session](d, d.localKind(), value)
		ok = ok && s.ID == 0 && d.o.Token != ""
	}
	if !ok || s.Name == "" || s.Session == "" {
		return Person{}, false
	}
	return Person{Name: s.Name, ID: s.ID, Proof: base64.RawURLEncoding.EncodeToString(d.mac("form", s.Session))}, true
}

// secure tells whether the browser's connection is encrypted, here or at a proxy.
func (d *Door) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(d.o.Origin, "https://") || r.Header.Get("X-Forwarded-Proto") == "https"
}

func (d *Door) named(r *http.Request, name string) string {
	if d.secure(r) {
		return "__Host-" + name
	}
	return name
}

// give sets a cookie; a negative time takes it away.
func (d *Door) give(w http.ResponseWriter, r *http.Request, name, value string, lasts time.Duration, site http.SameSite) {
	age := int(lasts.Seconds())
	if lasts < 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{Name: d.named(r, name), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: d.secure(r), SameSite: site})
}

// taken is a cookie's value, empty if there is none.
func (d *Door) taken(r *http.Request, name string) string {
	c, err := r.Cookie(d.named(r, name))
	if err != nil {
		return ""
	}
	return c.Value
}

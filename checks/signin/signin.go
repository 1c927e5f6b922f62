package signin

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// Options make a Door.
type Options struct {
	// Secret is what the key of sessions is made of: servers that share it take each
	// other's sessions. It may serve for something else too.
	Secret string
	// Token is the local token; empty for none.
	Token string
	// GitHub is the way in over GitHub; nil for none.
	GitHub *GitHub
	// Admit tells whether a user of GitHub may come in at all.
	Admit func(ctx context.Context, user Person) (bool, error)
	// Page shows the sign-in.
	Page func(w http.ResponseWriter, r *http.Request, status int, a Asking)
	// Note adds to the audit log who has come in, and how.
	Note func(ctx context.Context, who, how string)
	// Origin is the address under which browsers know the server, such as
	// https://rollback.example; empty if that is how they call it.
	Origin string
	Log    *slog.Logger
	// Now is the clock; time.Now if it is nil.
	Now func() time.Time
}

// Asking is what the page of the sign-in has to show.
type Asking struct {
	GitHub, Token bool
	// Next is where the person wanted to go: a path of this server.
	Next string
	// Why says in a sentence why it did not work, empty at first.
	Why string
}

// Person is who is signed in.
type Person struct {
	// Name is the login at GitHub, or what somebody with the local token says.
	Name string
	// ID is GitHub's number of the user, zero for the local token. A login can become
	// another's.
	ID int64
	// Proof is in the forms of this session, and nobody else can make it.
	Proof string
}

// Local tells whether the person came in with the local token.
func (p Person) Local() bool { return p.ID == 0 }

// Door is the http.Handler below /sign-in and /sign-out.
type Door struct {
	o      Options
	key    []byte
	local  string // changes with the local token
	mux    *http.ServeMux
	origin *http.CrossOriginProtection
	tries  tries
}

// New makes a Door.
func New(o Options) (*Door, error) {
	if o.Token == "" && o.GitHub == nil {
		return nil, errors.New("make the sign-in: there is no way in")
	}
	if o.Secret == "" || o.Page == nil || o.Log == nil || o.GitHub != nil && o.Admit == nil {
		return nil, errors.New("make the sign-in: want a secret, a page, a log, and who may come in")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Note == nil {
		o.Note = func(context.Context, string, string) {}
	}
	key, err := hkdf.Key(sha256.New, []byte(o.Secret), nil, "rollback-webhook sessions 1", 32)
	if err != nil {
		return nil, fmt.Errorf("make the sign-in: %w", err)
	}
	d := &Door{o: o, key: key, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), tries: tries{now: o.Now}}
	d.local = base64.RawURLEncoding.EncodeToString(d.mac("token", o.Token))
	if o.Origin != "" {
		if err := d.origin.AddTrustedOrigin(o.Origin); err != nil {
			return nil, fmt.Errorf("make the sign-in: %w", err)
		}
	}
	d.mux.HandleFunc("GET /sign-in", func(w http.ResponseWriter, r *http.Request) { d.ask(w, r, http.StatusOK, "") })
	d.mux.HandleFunc("POST /sign-out", d.leave)
	if o.Token != "" {
		d.mux.HandleFunc("POST /sign-in/token", d.token)
	}
	if o.GitHub != nil {
		d.mux.HandleFunc("GET /sign-in/github", d.begin)
		d.mux.HandleFunc("GET "+callback, d.callback)
	}
	return d, nil
}

const callback = "/sign-in/github/callback"

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if d.origin.Check(r) != nil {
		http.Error(w, "another site sent this", http.StatusForbidden)
		return
	}
	d.mux.ServeHTTP(w, r)
}

func (d *Door) ask(w http.ResponseWriter, r *http.Request, status int, why string) {
	d.o.Page(w, r, status, Asking{GitHub: d.o.GitHub != nil, Token: d.o.Token != "", Next: local(r.FormValue("next")), Why: why})
}

// local is a path of this server, whatever was asked for.
func local(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, func(c rune) bool { return c == '\\' || unicode.IsControl(c) }) {
		return "/"
	}
	return next
}

// token lets in who has the local token.
func (d *Door) token(w http.ResponseWriter, r *http.Request) {
	if err := parse(w, r); err != nil {
		http.Error(w, "the form did not arrive whole", http.StatusBadRequest)
		return
	}
	from := source(r)
	if wait := d.tries.begin(from); wait > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(wait.Seconds())+1))
		d.ask(w, r, http.StatusTooManyRequests, "That was wrong too often. Wait a minute, then try again.")
		return
	}
	given, want := sha256.Sum256([]byte(r.PostForm.Get("token"))), sha256.Sum256([]byte(d.o.Token))
	if subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
		d.o.Log.Warn("wrong local token", "from", from)
		d.ask(w, r, http.StatusUnauthorized, "This is not the local token.")
		return
	}
	d.tries.right(from)
	name := called(r.PostForm.Get("name"))
	if name == "" {
		name = "somebody"
	}
	d.enter(w, r, Person{Name: name + " (local token)"}, "with the local token", local(r.PostForm.Get("next")))
}

// parse reads a form that is not too large from a client that is not too slow.
func parse(w http.ResponseWriter, r *http.Request) error {
	connection := http.NewResponseController(w)
	// Not every server behind a handler has a connection with a deadline.
	_ = connection.SetReadDeadline(time.Now().Add(10 * time.Second))
	defer func() { _ = connection.SetReadDeadline(time.Time{}) }()
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	return r.ParseForm()
}

// called is a name that a person gives, as far as it is one.
func called(name string) string {
	name = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) || c == '(' || c == ')' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(name, ""))
	runes := []rune(strings.Join(strings.Fields(name), " "))
	return string(runes[:min(len(runes), 60)])
}

// enter begins a session.
func (d *Door) enter(w http.ResponseWriter, r *http.Request, p Person, how, next string) {
	kind := d.kind(p)
	value := d.seal(kind, session{Name: p.Name, ID: p.ID, Session: rand.Text(), Until: d.o.Now().Add(life).Unix()})
	d.give(w, r, sessionCookie, value, life, http.SameSiteLaxMode)
	d.o.Log.Info("signed in", "who", p.Name, "how", how)
	d.o.Note(r.Context(), p.Name, how)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// leave ends a session.
func (d *Door) leave(w http.ResponseWriter, r *http.Request) {
	if err := parse(w, r); err != nil {
		http.Error(w, "the form did not arrive whole", http.StatusBadRequest)
		return
	}
	p, ok := d.Who(r)
	if ok && !hmac.Equal([]byte(r.PostForm.Get("proof")), []byte(p.Proof)) {
		http.Error(w, "the form was not made for this session", http.StatusForbidden)
		return
	}
	d.give(w, r, sessionCookie, "", -1, http.SameSiteLaxMode)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

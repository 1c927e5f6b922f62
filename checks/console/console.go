package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Sight is where the page gets what it shows. No call may take much longer than a
// person waits.
type Sight struct {
	Look func(context.Context) (View, error)
	// Work is one work with all its steps; false if there is none.
	Work func(ctx context.Context, id int64) (Work, bool, error)
	// Deliveries and Audit are a page of older ones, and where the next one begins;
	// empty for the newest, and at the end.
	Deliveries func(ctx context.Context, before string) (page []Delivery, next string, err error)
	Audit      func(ctx context.Context, before string) (page []Noted, next string, err error)
	// Watch gives a channel that gets something when what is shown may have changed,
	// until the function is called. It is closed when the server stops.
	Watch func() (<-chan struct{}, func())
}

// Gate says who may do what.
type Gate struct {
	// Who is the person of a request; false if nobody is signed in.
	Who func(*http.Request) (Person, bool)
	// May asks whether a person may change things in a repository.
	May func(ctx context.Context, p Person, repository string) (bool, error)
	// Door answers below /sign-in and /sign-out; nil if nobody can sign in.
	Door http.Handler
	// Private: who is not signed in sees nothing.
	Private bool
}

// Hands do what a person asks for.
type Hands struct {
	// Do does a deed and says in a sentence what follows.
	Do func(context.Context, Deed) (string, error)
	// Note adds to the audit log.
	Note func(ctx context.Context, who, what, about string) error
}

// Options make a Console.
type Options struct {
	Sight Sight
	Gate  Gate
	Hands Hands
	// Origin is the address under which browsers know the page, such as
	// https://rollback.example; empty if that is how they call it.
	Origin string
	// GitHub is the address of GitHub's pages, to which links may lead besides https.
	GitHub  string
	Version string
	Log     *slog.Logger
	// Now is the clock; time.Now if it is nil.
	Now func() time.Time
}

// Console is the http.Handler of all pages.
type Console struct {
	o      Options
	mux    *http.ServeMux
	origin *http.CrossOriginProtection
	crowd  crowd

	mu   sync.Mutex // over the newest view
	view View
	at   time.Time
}

// New makes a Console.
func New(o Options) (*Console, error) {
	s := o.Sight
	if s.Look == nil || s.Work == nil || s.Deliveries == nil || s.Audit == nil || s.Watch == nil {
		return nil, errors.New("make the status page: it has nothing to show")
	}
	if o.Gate.Who == nil || o.Gate.May == nil || o.Hands.Do == nil || o.Hands.Note == nil || o.Log == nil {
		return nil, errors.New("make the status page: want who may, who does, who notes and who logs")
	}
	if o.Gate.Private && o.Gate.Door == nil {
		return nil, errors.New("make the status page: it is private, and nobody can sign in")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Console{o: o, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), crowd: crowd{gone: make(chan struct{})}}
	if o.Origin != "" {
		if err := c.origin.AddTrustedOrigin(o.Origin); err != nil {
			return nil, fmt.Errorf("make the status page: %w", err)
		}
	}
	c.routes()
	return c, nil
}

func (c *Console) routes() {
	c.mux.HandleFunc("GET /{$}", c.reading(c.home))
	c.mux.HandleFunc("GET /works/{id}", c.reading(c.work))
	c.mux.HandleFunc("GET /deliveries", c.reading(c.deliveries))
	c.mux.HandleFunc("GET /audit", c.reading(c.audit))
	c.mux.HandleFunc("GET /events", c.events)
	c.mux.HandleFunc("GET /deeds/{what}", c.confirm)
	c.mux.HandleFunc("POST /deeds/{what}", c.deed)
	for name, file := range files {
		c.mux.HandleFunc("GET /"+name, file.serve)
	}
	if c.o.Gate.Door != nil {
		c.mux.Handle("/sign-in", c.o.Gate.Door)
		c.mux.Handle("/sign-in/", c.o.Gate.Door)
		c.mux.Handle("/sign-out", c.o.Gate.Door)
	}
	c.mux.HandleFunc("/", c.reading(c.lost))
}

// policy is what a browser may do on the pages: nothing but show what comes from here.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if err := c.origin.Check(r); err != nil {
		c.o.Log.Warn("request of another site refused", "path", r.URL.Path, "origin", r.Header.Get("Origin"))
		c.say(w, r, http.StatusForbidden, "Not from here", "Another site sent this. Nothing was done.")
		return
	}
	c.mux.ServeHTTP(w, r)
}

// reading lets through who may read, and sends everybody else to the sign-in.
func (c *Console) reading(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !c.mayRead(r) {
			c.toSignIn(w, r)
			return
		}
		next(w, r)
	}
}

func (c *Console) mayRead(r *http.Request) bool {
	if !c.o.Gate.Private {
		return true
	}
	_, ok := c.o.Gate.Who(r)
	return ok
}

// Stop ends what is shown as it happens.
func (c *Console) Stop() { c.crowd.stop() }

// gap is how long a view is good enough, and the least time between two changes that
// a reader is sent.
const gap = 250 * time.Millisecond

// looking bounds how long a reader waits for a view.
const looking = 5 * time.Second

// look gives the newest view. Many readers cost no more than one.
func (c *Console) look(ctx context.Context) (View, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.o.Now(); c.at.IsZero() || now.Sub(c.at) >= gap || now.Before(c.at) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), looking)
		defer cancel()
		v, err := c.o.Sight.Look(ctx)
		if err != nil {
			return View{}, err
		}
		c.view, c.at = v, c.o.Now()
	}
	return c.view, nil
}

// forget has the next reader see what a deed has changed.
func (c *Console) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Time{}
}

// Package tail lets clients watch a Worker: a tail is made over the API and
// read from a web socket, one event for each invocation.
//
// It follows what wrangler does rather than RFC 6455: the client's first frame
// comes unmasked and must be taken. Events are made by the runtime (package
// workerd); without one a tail is open and silent.
package tail

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

const (
	perScript = 10 // https://developers.cloudflare.com/workers/observability/logs/real-time-logs/
	lifetime  = 6 * time.Hour
)

type tail struct {
	id, script, secret string
	filters            []filter
	expires            time.Time
	sockets            []*socket
}

// Tails are all tails of the account. It is safe for concurrent use.
type Tails struct {
	mint *mint.Mint
	has  func(script string) bool

	mu  sync.Mutex
	all []*tail
}

// New returns an account without tails; has says whether a script exists.
func New(m *mint.Mint, has func(script string) bool) *Tails { return &Tails{mint: m, has: has} }

// Endpoints lists the making of tails, their end, and the socket.
func (ts *Tails) Endpoints() []envelope.Endpoint {
	const all = "/accounts/{account}/workers/scripts/{script}/tails"
	return []envelope.Endpoint{
		{Method: "GET", Path: all, Needs: envelope.TailRead, Do: ts.list},
		{Method: "POST", Path: all, Needs: envelope.TailRead, Do: ts.post},
		{Method: "DELETE", Path: all + "/{tail}", Needs: envelope.TailRead, Do: ts.delete},
		{Method: "GET", Path: "/tails/{secret}", Needs: envelope.Anyone, Do: ts.connect},
	}
}

type tailBody struct {
	ID      string `json:"id"`
	URL     string `json:"url"`
	Expires string `json:"expires_at"`
}

func body(c *envelope.Call, t *tail) tailBody {
	scheme := "ws"
	if c.TLS != nil {
		scheme = "wss"
	}
	return tailBody{ID: t.id, URL: scheme + "://" + c.Host + "/client/v4/tails/" + t.secret, Expires: t.expires.Format(time.RFC3339)}
}

func (ts *Tails) list(c *envelope.Call) (envelope.Answer, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var found []tailBody
	for _, t := range ts.all {
		if t.script == c.Param("script") {
			found = append(found, body(c, t))
		}
	}
	return envelope.List(found), nil
}

func (ts *Tails) post(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Filters []filter `json:"filters"`
	}
	if len(c.Body) > 0 {
		if err := c.Decode(&in); err != nil {
			return envelope.Answer{}, err
		}
	}
	script := c.Param("script")
	if !ts.has(script) {
		return envelope.Answer{}, envelope.Fail(http.StatusNotFound, 10007, "This Worker does not exist on your account. (%s)", script)
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	open := 0
	for _, t := range ts.all {
		if t.script == script {
			open++
		}
	}
	if open >= perScript {
		return envelope.Answer{}, envelope.Invalid("script %s already has %d tails", script, perScript)
	}
	made := &tail{id: ts.mint.Hex(), script: script, secret: ts.mint.Hex(), filters: in.Filters, expires: ts.mint.Clock().Add(lifetime)}
	ts.all = append(ts.all, made)
	return envelope.OK(body(c, made)), nil
}

func (ts *Tails) delete(c *envelope.Call) (envelope.Answer, error) {
	ts.mu.Lock()
	i := slices.IndexFunc(ts.all, func(t *tail) bool { return t.id == c.Param("tail") && t.script == c.Param("script") })
	if i < 0 {
		ts.mu.Unlock()
		return envelope.Answer{}, envelope.Fail(http.StatusNotFound, 10007, "the tail does not exist")
	}
	sockets := slices.Clone(ts.all[i].sockets)
	ts.all = slices.Delete(ts.all, i, i+1)
	ts.mu.Unlock()
	for _, s := range sockets {
		s.end()
	}
	return envelope.OK(nil), nil
}

// Close ends all tails.
func (ts *Tails) Close() {
	ts.mu.Lock()
	var sockets []*socket
	for _, t := range ts.all {
		sockets = append(sockets, t.sockets...)
	}
	ts.all = nil
	ts.mu.Unlock()
	for _, s := range sockets {
		s.end()
	}
}

// Watched says whether anyone listens to a script.
func (ts *Tails) Watched(script string) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return slices.ContainsFunc(ts.all, func(t *tail) bool { return t.script == script && len(t.sockets) > 0 })
}

// Send gives an event to the tails of a script whose filters let it through.
// The event is what the runtime hands a tail Worker, as JSON; script and
// version are put into it.
func (ts *Tails) Send(script, version string, event map[string]any) error {
	event["scriptName"] = script
	event["scriptVersion"] = map[string]string{"id": version}
	data, err := json.Marshal(event)
	if err != nil {
		return err
	}
	ts.mu.Lock()
	var to []*socket
	for _, t := range ts.all {
		if t.script == script && passes(t.filters, version, event) {
			to = append(to, t.sockets...)
		}
	}
	ts.mu.Unlock()
	for _, s := range to {
		s.write(ws.NewTextFrame(data))
	}
	return nil
}

// connect opens the socket of a tail. The address is the only secret.
func (ts *Tails) connect(c *envelope.Call) (envelope.Answer, error) {
	ts.mu.Lock()
	i := slices.IndexFunc(ts.all, func(t *tail) bool { return t.secret == c.Param("secret") })
	ts.mu.Unlock()
	if i < 0 {
		return envelope.Answer{}, envelope.NoRoute(c.URL.Path)
	}
	return envelope.Answer{Status: http.StatusSwitchingProtocols, Write: func(w http.ResponseWriter) {
		upgrader := ws.HTTPUpgrader{Protocol: func(name string) bool { return name == "trace-v1" }}
		ts.listen(c.Param("secret"), func() (net.Conn, error) {
			conn, _, _, err := upgrader.Upgrade(c.Request, w)
			return conn, err // of which the client was told
		})
	}}, nil
}

// listen gives a tail a socket. It belongs to the tail before its client is told that it
// is open, so nothing that happens from then on is missed.
func (ts *Tails) listen(secret string, open func() (net.Conn, error)) {
	s := &socket{}
	s.mu.Lock() // who writes waits until it is open
	ts.mu.Lock()
	i := slices.IndexFunc(ts.all, func(t *tail) bool { return t.secret == secret })
	var t *tail
	if i >= 0 {
		t = ts.all[i]
		t.sockets = append(t.sockets, s)
	}
	ts.mu.Unlock()
	var err error
	s.conn, err = open()
	s.mu.Unlock()
	if t == nil { // deleted since it was asked for
		s.end()
		return
	}
	go func() {
		if err == nil {
			s.read()
		}
		ts.mu.Lock()
		defer ts.mu.Unlock()
		t.sockets = slices.DeleteFunc(t.sockets, func(other *socket) bool { return other == s })
	}()
}

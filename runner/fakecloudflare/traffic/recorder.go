package traffic

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// MaxBody is the largest body that is read: Cloudflare's own limit for one API request.
const MaxBody = 100 << 20

// Recorder is the handler in front of the account. Name tells the pattern of
// a request's endpoint and is called once per request.
type Recorder struct {
	Next http.Handler
	Name func(*http.Request) string

	mu      sync.Mutex
	calls   []*Call
	faults  []*fault
	latency time.Duration
}

// Break adds a fault. Faults are asked in the order they were added and the first that hits wins.
func (r *Recorder) Break(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, &fault{Fault: f})
}

// Mend forgets all faults.
func (r *Recorder) Mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

// SetLatency makes every answer take at least this long.
func (r *Recorder) SetLatency(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latency = d
}

// Calls returns the finished calls, in the order they began.
func (r *Recorder) Calls() Calls {
	r.mu.Lock()
	defer r.mu.Unlock()
	var done Calls
	for _, call := range r.calls {
		if !call.End.IsZero() {
			done = append(done, *call)
		}
	}
	return done
}

// Forget drops the calls recorded so far.
func (r *Recorder) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = slices.DeleteFunc(r.calls, func(c *Call) bool { return !c.End.IsZero() })
}

// ServeHTTP records the request, applies latency and faults, and lets Next answer.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	call := &Call{Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.RawQuery, Pattern: r.Name(req), Start: time.Now()}
	broken, latency := r.begin(call)
	data, err := io.ReadAll(http.MaxBytesReader(w, req.Body, MaxBody))
	req.Body = io.NopCloser(bytes.NewReader(data))
	call.Size = len(data)
	if json.Valid(data) {
		call.Body = withoutSecrets(call.Path, data)
	}
	status := &watcher{ResponseWriter: w, begins: func(status int) { r.finish(call, status) }}
	drop := false
	if err != nil {
		envelope.Send(status, envelope.Answer{}, envelope.Fail(http.StatusRequestEntityTooLarge, 1001, "read the body: %v", err))
	} else {
		drop = r.answer(status, req, broken, latency)
	}
	if status.status == 0 {
		r.finish(call, 0)
	}
	if drop { // last, so that a client that sees it finds the call recorded
		status.drop()
	}
}

// answer lets the call be answered, or not, and says whether the connection is to be dropped.
func (r *Recorder) answer(w *watcher, req *http.Request, broken *Fault, latency time.Duration) (drop bool) {
	if broken == nil {
		pause(req.Context(), latency)
		r.Next.ServeHTTP(w, req)
		return false
	}
	pause(req.Context(), latency+broken.Delay)
	if broken.After {
		r.Next.ServeHTTP(&lost{header: http.Header{}}, req)
	}
	switch {
	case broken.Drop:
		return true
	case broken.Refusal != nil:
		envelope.Send(w, envelope.Answer{}, broken.Refusal)
	case broken.After:
		return true
	default:
		r.Next.ServeHTTP(w, req)
	}
	return false
}

func (r *Recorder) begin(call *Call) (*Fault, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
	var broken *Fault
	for _, f := range r.faults {
		if f.hits(call.Method, call.Path) && broken == nil {
			broken = &f.Fault
		}
	}
	return broken, r.latency
}

func (r *Recorder) finish(call *Call, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call.Status, call.End = status, time.Now()
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// watcher remembers the status and can close the connection without one.
type watcher struct {
	http.ResponseWriter
	status int
	// begins is told the status before a byte of the answer goes out, so that a client
	// that has all of it finds the call recorded.
	begins func(status int)
}

// WriteHeader implements http.ResponseWriter.
func (w *watcher) WriteHeader(status int) {
	w.begin(status)
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *watcher) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

func (w *watcher) begin(status int) {
	if w.status == 0 {
		w.status = status
		w.begins(status)
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *watcher) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack takes the connection over, for a socket.
func (w *watcher) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.begin(http.StatusSwitchingProtocols)
	}
	return conn, rw, err
}

// drop closes the connection. A writer without one (a test's recorder) answers 502 instead.
func (w *watcher) drop() {
	conn, _, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = conn.Close() // closing is the point
}

// lost is an answer nobody gets.
type lost struct{ header http.Header }

// Header implements http.ResponseWriter.
func (l *lost) Header() http.Header { return l.header }

// Write implements http.ResponseWriter.
func (l *lost) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements http.ResponseWriter.
func (l *lost) WriteHeader(int) {}

package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Difference is one thing about a call that GitHub does not describe so.
type Difference struct {
	Method, Path string
	Status       int
	What         string // path, request or answer
	Why          string
}

// String says all of it in one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s %s → %d: %s: %s", d.Method, d.Path, d.Status, d.What, d.Why)
}

// Wrap returns a handler that lets next answer and tells report what does not
// fit. A request is held to the description only when it was accepted: refusing
// a bad one is what the handler is for. Pages that are no API (HTML, and
// the web flow of OAuth) and connections that were cut are let through.
func (d *Description) Wrap(next http.Handler, report func(Difference)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
		seen := r.Clone(r.Context())
		out := &tee{ResponseWriter: w}
		next.ServeHTTP(out, r)
		if string(bytes.TrimSpace(sent)) == "null" {
			sent = nil // what ghinstallation writes for no body; one that is required is still missed
		}
		seen.Body, seen.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
		if out.status != 0 {
			d.hold(seen, out, func(what, why string) {
				report(Difference{Method: seen.Method, Path: seen.URL.Path, Status: out.status, What: what, Why: why})
			})
		}
	})
}

// deep are paths that end in a path of their own, which the description shows as one segment.
var deep = regexp.MustCompile(`^(/repos/[^/]+/[^/]+/(?:contents|git/ref)/)(.+)$`)

func (d *Description) hold(r *http.Request, out *tee, differs func(what, why string)) {
	if below, ok := strings.CutPrefix(r.URL.Path, "/api/v3"); ok {
		r.URL.Path = below
		r.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, "/api/v3")
	}
	if parts := deep.FindStringSubmatch(r.URL.EscapedPath()); parts != nil {
		r.URL.RawPath = parts[1] + strings.ReplaceAll(parts[2], "/", "%2F")
	}
	accepted := out.status < 400
	if strings.HasPrefix(out.Header().Get("Content-Type"), "text/html") || strings.HasPrefix(r.URL.Path, "/login/") {
		return
	}
	route, params, err := d.find(r)
	if err != nil {
		if accepted {
			differs("path", err.Error())
		}
		return
	}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: &openapi3filter.Options{
		MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
	}}
	if accepted {
		if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
			differs("request", brief(err))
		}
	}
	described := route.Operation.Responses.Status(out.status)
	if described == nil {
		if accepted {
			differs("answer", "the description has no such status here")
		}
		return
	}
	if out.body.Len() == 0 || !strings.HasPrefix(out.Header().Get("Content-Type"), "application/json") {
		return
	}
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: out.status, Header: out.Header(), Body: io.NopCloser(bytes.NewReader(out.body.Bytes())), Options: in.Options,
	}
	if err := openapi3filter.ValidateResponse(r.Context(), answer); err != nil {
		differs("answer", brief(err))
	}
}

func (d *Description) find(r *http.Request) (*routers.Route, map[string]string, error) {
	router, err := d.route(r.URL.EscapedPath())
	if err != nil {
		return nil, nil, err
	}
	if router == nil {
		return nil, nil, errors.New("the description has no such path")
	}
	return router.FindRoute(r)
}

// tee passes an answer on and keeps a copy.
type tee struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader keeps the status.
func (t *tee) WriteHeader(status int) {
	t.status = status
	t.ResponseWriter.WriteHeader(status)
}

// Write keeps the body.
func (t *tee) Write(b []byte) (int, error) {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	t.body.Write(b)
	return t.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (t *tee) Unwrap() http.ResponseWriter { return t.ResponseWriter }

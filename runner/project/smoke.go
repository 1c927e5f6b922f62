package project

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
)

// Smoke is a scenario: questions asked of one Worker after another, each of
// which may use what earlier answers gave.
type Smoke struct {
	// Worker is the short name of the Worker that is asked.
	Worker string
	Steps  []Question
}

// Question is one request of a scenario and the answer that it must get. In
// Path, Headers and Body, {name} stands for a value: what an earlier step
// saved, or one of {email} and {password}, which are new in every run.
type Question struct {
	Title   string
	Method  string
	Path    string
	Headers []Header
	// Body is sent as JSON when it is not nil.
	Body any
	// Status are the status codes that are right.
	Status []int
	// Save keeps the first JSON Web Token of the answer under this name.
	Save string
	// Health: the answer must also be a health answer of this Worker.
	Health bool
	// Remedy is what to do when the answer is wrong.
	Remedy string
	At     finding.Position
}

// Header is one request header.
type Header struct{ Name, Value string }

// defaultSmoke is the runbook's smoke test, section 3.5, with the remedies of
// section 6.
func defaultSmoke() Smoke {
	const auth = "look at three things: are all D1 migrations applied (deploy-action migrate), is JWT_SECRET set on the Worker, is the D1 binding in its [env] section right"
	credentials := map[string]any{"email": "{email}", "password": "{password}"}
	bearer := []Header{{"Authorization", "Bearer {token}"}}
	return Smoke{Worker: "api", Steps: []Question{
		{Title: "GET /health", Method: http.MethodGet, Path: "/health", Status: []int{200}, Health: true,
			Remedy: "read the Worker's logs with deploy-action logs; the version that answers may be an old one"},
		{Title: "GET /v1/events without a token is refused", Method: http.MethodGet, Path: "/v1/events", Status: []int{401},
			Remedy: "the protected endpoint answers without a login: do not let this out"},
		{Title: "POST /v1/auth/register gives a token", Method: http.MethodPost, Path: "/v1/auth/register", Body: credentials, Status: []int{200, 201}, Save: "token", Remedy: auth},
		{Title: "POST /v1/auth/login gives a token", Method: http.MethodPost, Path: "/v1/auth/login", Body: credentials, Status: []int{200}, Save: "token", Remedy: auth},
		{Title: "GET /v1/events with the token is answered", Method: http.MethodGet, Path: "/v1/events", Headers: bearer, Status: []int{200}, Remedy: auth},
	}}
}

var questionKeys = strings.Fields("title request headers body status save health remedy")

// smoke reads the scenario; what is not written stays as it was.
func (r *settingsReader) smoke(n *document.Node, s Smoke) Smoke {
	s.Worker = r.Str(n, "worker").Or(s.Worker)
	if n.Field("steps") == nil {
		return s
	}
	s.Steps = nil
	for _, step := range r.Tables(n, "steps") {
		s.Steps = append(s.Steps, r.question(step))
	}
	return s
}

func (r *settingsReader) question(n *document.Node) Question {
	for _, key := range n.Keys() {
		if !slices.Contains(questionKeys, key) {
			r.Unknown(n.Field(key), key, "a smoke step", questionKeys)
		}
	}
	request := r.Str(n, "request")
	method, path, ok := strings.Cut(request.V, " ")
	if !ok || !strings.HasPrefix(path, "/") {
		r.Add(finding.Errorf("config", n.Place(), "a smoke step has no request that can be sent").
			Hintf("write request: with a method and a path, such as GET /health"))
	}
	q := Question{
		Title:  r.Str(n, "title").Or(request.V),
		Method: method, Path: path,
		Body:   r.Any(n, "body").V,
		Save:   r.Str(n, "save").V,
		Health: r.Bool(n, "health").V,
		Remedy: r.Str(n, "remedy").V,
		At:     n.At,
	}
	headers := r.Dict(n, "headers")
	for _, name := range n.Field("headers").Keys() {
		q.Headers = append(q.Headers, Header{name, headers[name].V})
	}
	q.Status = r.statuses(n)
	return q
}

// statuses reads one status code or a list of them; 200 when none is written.
func (r *settingsReader) statuses(n *document.Node) []int {
	field := n.Field("status")
	items := field.Items()
	if field != nil && !field.IsList() {
		items = []*document.Node{field}
	}
	if field == nil {
		return []int{http.StatusOK}
	}
	var codes []int
	for _, item := range items {
		code, ok := item.Scalar.(int64)
		if !ok || code < 100 || code > 599 {
			r.Wrong(item, "status", "a status code between 100 and 599")
			continue
		}
		codes = append(codes, int(code))
	}
	return codes
}

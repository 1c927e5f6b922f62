package fakegithub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/contract"
)

// described is read once for all tests of this room.
var described = sync.OnceValues(func() (*contract.Description, error) { return contract.Open(context.Background()) })

// house is a fake behind a loopback address, held to GitHub's description.
type house struct {
	*fake.Server
	t     *testing.T
	url   string
	token string // of whoever asks; a workflow's with all permissions at first
}

func open(t *testing.T, o fake.Options) *house {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Server: fake.New(o), t: t}
	server := httptest.NewServer(d.Wrap(h.Server, func(diff contract.Difference) { t.Error(diff) }))
	t.Cleanup(func() {
		server.Close()
		h.Close()
	})
	h.url = server.URL
	h.Reached(h.url)
	h.token = h.WorkflowToken("checks:write", "deployments:write", "contents:read", "issues:write", "pull-requests:write", "actions:write")
	return h
}

// as is the same house seen by somebody else.
func (h *house) as(token string) *house {
	other := *h
	other.token = token
	return &other
}

type reply struct {
	Status int
	Header http.Header
	Raw    string
	Object map[string]any
	List   []map[string]any
}

// Text returns a field of the answer, reached by a path such as app.slug, as text.
func (r reply) text(path string) string {
	var at any = r.Object
	for _, key := range strings.Split(path, ".") {
		object, _ := at.(map[string]any)
		at = object[key]
	}
	if s, ok := at.(string); ok {
		return s
	}
	b, _ := json.Marshal(at)
	return string(b)
}

func (r reply) message() string { return r.text("message") + " " + r.text("errors") }

// do calls "METHOD /path", where R stands for /repos/acme/site; a body is JSON.
func (h *house) do(line, body string, header ...string) reply {
	h.t.Helper()
	method, path, _ := strings.Cut(line, " ")
	if rest, ok := strings.CutPrefix(path, "R"); ok {
		path = "/repos/" + h.FullName() + rest
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if h.token != "" {
		req.Header.Set("Authorization", "Bearer "+h.token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	out := reply{Status: resp.StatusCode, Header: resp.Header, Raw: string(data)}
	if bytes.HasPrefix(data, []byte("[")) {
		err = json.Unmarshal(data, &out.List)
	} else if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		err = json.Unmarshal(data, &out.Object)
	}
	if err != nil {
		h.t.Fatalf("%s: %v in %s", line, err, data)
	}
	return out
}

// must calls and fails the test when the answer has another status.
func (h *house) must(status int, line, body string, header ...string) reply {
	h.t.Helper()
	r := h.do(line, body, header...)
	if r.Status != status {
		h.t.Fatalf("%s %s: %d %s, want %d", line, body, r.Status, r.Raw, status)
	}
	return r
}

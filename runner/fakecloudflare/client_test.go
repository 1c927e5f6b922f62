package fakecloudflare_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"

	fake "github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// client asks an account over HTTP as anybody would.
type client struct {
	t     *testing.T
	url   string // of the API
	token string
	id    string // of the account
}

type reply struct {
	Status  int
	Header  http.Header
	Raw     string
	Success bool              `json:"success"`
	Errors  []envelope.Detail `json:"errors"`
	Result  json.RawMessage   `json:"result"`
}

func (r reply) code() int {
	if len(r.Errors) == 0 {
		return 0
	}
	return r.Errors[0].Code
}

// newAccount serves an account on loopback and returns it with a client of its token.
func newAccount(t *testing.T, o fake.Options) (*fake.Server, client) {
	t.Helper()
	server := fake.New(o)
	listener := httptest.NewServer(server)
	t.Cleanup(func() {
		listener.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, client{t: t, url: listener.URL + fake.Base, token: "fake-token", id: server.ID()}
}

// do calls "METHOD /path", where A stands for the account; a body is JSON unless headers say otherwise.
func (c client) do(line, body string, header ...string) reply {
	c.t.Helper()
	method, path, _ := strings.Cut(line, " ")
	path = strings.Replace(path, "/accounts/A", "/accounts/"+c.id, 1)
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	out := reply{Status: resp.StatusCode, Header: resp.Header, Raw: string(data)}
	_ = json.Unmarshal(data, &out) // not every answer is JSON
	return out
}

// must calls and fails the test on a refusal; into, when not nil, receives the result.
func (c client) must(line, body string, into any, header ...string) reply {
	c.t.Helper()
	r := c.do(line, body, header...)
	if !r.Success {
		c.t.Fatalf("%s: %d %s", line, r.Status, r.Raw)
	}
	if into != nil {
		if err := json.Unmarshal(r.Result, into); err != nil {
			c.t.Fatalf("%s: %s: %v", line, r.Result, err)
		}
	}
	return r
}

// form writes an upload: metadata and one module, index.js.
func form(t *testing.T, metadata, code string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, part := range []struct{ name, kind, text string }{{"metadata", "", metadata}, {"index.js", upload.ESModule, code}} {
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + part.name + `"`}}
		if part.kind != "" {
			header.Set("Content-Type", part.kind)
		}
		out, err := w.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(part.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// send uploads a module with more metadata as the inside of a JSON object.
func (c client) send(line, metadata, code string) reply {
	c.t.Helper()
	if metadata != "" {
		metadata = "," + metadata
	}
	body, kind := form(c.t, `{"main_module":"index.js","compatibility_date":"2026-03-20","compatibility_flags":["nodejs_compat"]`+metadata+`}`, code)
	return c.do(line, body, "Content-Type", kind)
}

// put makes a script live and returns its version.
func (c client) put(name, metadata, code string) string {
	c.t.Helper()
	r := c.send("PUT /accounts/A/workers/scripts/"+name, metadata, code)
	var made struct {
		Version string `json:"deployment_id"`
	}
	if !r.Success || json.Unmarshal(r.Result, &made) != nil {
		c.t.Fatalf("put %s: %s", name, r.Raw)
	}
	v := made.Version
	return v[:8] + "-" + v[8:12] + "-" + v[12:16] + "-" + v[16:20] + "-" + v[20:]
}

// upload makes a version that is not deployed and returns it.
func (c client) upload(name, metadata, code string) string {
	c.t.Helper()
	r := c.send("POST /accounts/A/workers/scripts/"+name+"/versions?bindings_inherit=strict", metadata, code)
	var made struct{ ID string }
	if !r.Success || json.Unmarshal(r.Result, &made) != nil {
		c.t.Fatalf("upload %s: %s", name, r.Raw)
	}
	return made.ID
}

// deploy gives all traffic to a version.
func (c client) deploy(name, version string) {
	c.t.Helper()
	c.must("POST /accounts/A/workers/scripts/"+name+"/deployments", `{"strategy":"percentage","versions":[{"version_id":"`+version+`","percentage":100}],"annotations":{}}`, nil)
}

const hello = `export default { fetch() { return new Response("hello") } }`

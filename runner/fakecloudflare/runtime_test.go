//go:build unix

package fakecloudflare_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	fake "github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/project"
	"github.com/tminus/deploy-action/runner/fakecloudflare/zone"
)

// site is a running account with a client for its API and one for its Workers.
type site struct {
	*fake.Running
	client
	web *http.Client
}

// newSite starts an account with the zone example.com, all of whose names come to Cloudflare.
func newSite(t *testing.T) site {
	t.Helper()
	server := fake.New(fake.Options{Subdomain: "sub", Zones: []fake.Zone{{Name: "example.com"}}})
	running, err := server.Start(t.Context(), project.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the runtime printed:\n%s", running.Fleet.Log())
		}
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := server.Zones.AddRecord("example.com", zone.Content{Type: "CNAME", Name: "*", Content: "example.com", Proxied: true}); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(running.CA) {
		t.Fatal("no authority")
	}
	web := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, running.Edge)
		},
	}}
	t.Cleanup(web.CloseIdleConnections)
	return site{Running: running, client: client{t: t, url: running.API, token: "fake-token", id: server.ID()}, web: web}
}

// route brings NAME.example.com to the script NAME.
func (s site) route(names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.must("PUT /accounts/A/workers/scripts/"+name+"/routes", fmt.Sprintf(`[{"pattern":"%s.example.com/*","zone_name":"example.com"}]`, name), nil)
	}
}

// ask asks NAME.example.com/path over https.
func (s site) ask(method, name, path, body string, header ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "https://"+name+".example.com"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.web.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s%s: %v", method, name, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// says asks with GET and checks the answer's body.
func (s site) says(name, path, want string) {
	s.t.Helper()
	if status, got := s.ask("GET", name, path, ""); got != want {
		s.t.Errorf("%s%s answers %d %q, want %q", name, path, status, got, want)
	}
}

func TestFirst(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s := newSite(t)
	t.Log("start", time.Since(began))
	s.put("w", `"bindings":[{"name":"G","type":"plain_text","text":"hello"}]`, `export default { fetch(r, env) { return new Response(env.G + " " + r.url + " " + r.headers.get("cf-connecting-ip") + " " + r.headers.get("host")) } }`)
	s.route("w")
	began = time.Now()
	s.says("w", "/x?y=1", "hello https://w.example.com/x?y=1 127.0.0.1 w.example.com")
	t.Log("first", time.Since(began))
}

//go:build unix

package fakecloudflare_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	fake "github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/asset"
	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/project"
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
	if _, err := server.Zones.AddRecord("example.com", dns.Content{Type: "CNAME", Name: "*", Content: "example.com", Proxied: true}); err != nil {
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

// files uploads static files for a script and returns the completion token.
func (s site) files(name string, files map[string]string) string {
	s.t.Helper()
	manifest := map[string]asset.Entry{}
	content := map[string]string{}
	for path, text := range files {
		hash := fmt.Sprintf("%032x", fnvOf(path+text))
		manifest[path], content[hash] = asset.Entry{Hash: hash, Size: len(text)}, text
	}
	body, err := json.Marshal(map[string]any{"manifest": manifest})
	if err != nil {
		s.t.Fatal(err)
	}
	var session struct {
		JWT     string
		Buckets [][]string
	}
	s.must("POST /accounts/A/workers/scripts/"+name+"/assets-upload-session", string(body), &session)
	token := session.JWT
	for _, bucket := range session.Buckets {
		var b strings.Builder
		for _, hash := range bucket {
			fmt.Fprintf(&b, "--x\r\nContent-Disposition: form-data; name=%q\r\nContent-Type: text/html\r\n\r\n%s\r\n", hash, base64.StdEncoding.EncodeToString([]byte(content[hash])))
		}
		var done struct{ JWT string }
		s.must("POST /accounts/A/workers/assets/upload?base64=true", b.String()+"--x--\r\n", &done, "Authorization", "Bearer "+token, "Content-Type", "multipart/form-data; boundary=x")
		session.JWT = done.JWT
	}
	return session.JWT
}

func fnvOf(text string) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(text))
	return sum.Sum64()
}

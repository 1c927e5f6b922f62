package edge_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/edge"
)

// visit serves an edge and returns a client that finds every host there and trusts only its authority.
func visit(t *testing.T, e *edge.Edge) *http.Client {
	t.Helper()
	authority, err := edge.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(e)
	server.TLS = authority.Config()
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority.PEM()) {
		t.Fatal("the authority's PEM holds no certificate")
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}}
}

func TestARequestKeepsItsAddress(t *testing.T) {
	t.Parallel()
	client := visit(t, &edge.Edge{
		Find: func(host, target string) edge.Outcome { return edge.Outcome{Script: host + " " + target} },
		Ask: func(w http.ResponseWriter, r *http.Request, script string, address *url.URL) {
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, strings.Join([]string{script, address.String(), r.Header.Get("Cf-Connecting-Ip"), r.Header.Get("Cf-Ray"), string(body)}, "|"))
		},
	})
	for i, ray := range []string{"fa5e000000000001", "fa5e000000000002"} {
		resp, err := client.Post("https://API.example.com/a%2Fb?q=1", "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if want := "api.example.com /a%2Fb?q=1|https://api.example.com/a%2Fb?q=1|127.0.0.1|" + ray + "|body"; string(got) != want || resp.Header.Get("Cf-Ray") != ray+"-AMS" {
			t.Errorf("request %d: %s, want %s", i, got, want)
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	client := visit(t, &edge.Edge{Find: func(string, string) edge.Outcome { return edge.Outcome{Status: 522, Code: 522, Why: "no route"} }})
	resp, err := client.Get("https://x.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 522 || !strings.HasPrefix(string(body), "error code: 522\n") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

package probe

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestResolveReadsWhatCurlReads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want Resolve
	}{
		{"api.tminus.ink:443:104.18.0.0", Resolve{"api.tminus.ink", 443, "104.18.0.0:443"}},
		{"API.tminus.ink:443:[2606:4700::1]", Resolve{"api.tminus.ink", 443, "[2606:4700::1]:443"}},
		{"*:443:127.0.0.1", Resolve{"*", 443, "127.0.0.1:443"}},
		{"api.tminus.ink:443:127.0.0.1:8443", Resolve{"api.tminus.ink", 443, "127.0.0.1:8443"}},
		{"api.tminus.ink:443:[::1]:8443", Resolve{"api.tminus.ink", 443, "[::1]:8443"}},
	}
	for _, tt := range tests {
		got, err := ParseResolve(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", "api", "api:443", "api:443:", "api:x:127.0.0.1", ":443:127.0.0.1", "api:443:example.com", "api:0:127.0.0.1", "api:443:127.0.0.1:"} {
		if r, err := ParseResolve(bad); err == nil || !strings.Contains(err.Error(), "HOST:PORT:ADDR") {
			t.Errorf("%q was read as %+v, %v", bad, r, err)
		}
	}
}

func FuzzParseResolve(f *testing.F) {
	f.Add("api.tminus.ink:443:104.18.0.0")
	f.Add("*:443:[::1]:8443")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseResolve(text)
		if err != nil {
			return
		}
		if _, _, err := net.SplitHostPort(r.To); err != nil || r.Port == 0 || r.Host == "" {
			t.Fatalf("%q gave %+v", text, r)
		}
	})
}

// server answers on loopback under the name example.com, which is in the test
// certificate of net/http/httptest.
func server(t *testing.T, h http.HandlerFunc) (*httptest.Server, Options) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	r, err := ParseResolve("example.com:443:" + s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return s, Options{Resolve: []Resolve{r}, CACert: ca, UserAgent: "probe-test"}
}

func ask(t *testing.T, o Options, q Question) (Answer, error) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return c.Ask(ctx, q)
}

func TestAQuestionReachesTheNamedHost(t *testing.T) {
	t.Parallel()
	_, o := server(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.Host+" "+r.TLS.ServerName+" "+r.UserAgent()+" "+r.Header.Get("X-A")+" "+string(body))
		w.Header().Set("Location", "https://elsewhere")
		w.WriteHeader(http.StatusFound)
	})
	a, err := ask(t, o, Question{Method: "POST", URL: "https://example.com/x", Header: http.Header{"X-A": {"1"}}, Body: map[string]int{"n": 1}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.Header.Get("X-Seen"), `POST example.com example.com probe-test 1 {"n":1}`; got != want || a.Status != 302 {
		t.Errorf("seen %q, status %d; want %q and the redirect itself", got, a.Status, want)
	}
}

func TestACertificateForAnotherNameIsRefused(t *testing.T) {
	t.Parallel()
	s, o := server(t, func(http.ResponseWriter, *http.Request) {})
	r, _ := ParseResolve("api.tminus.ink:443:" + s.Listener.Addr().String())
	o.Resolve = append(o.Resolve, r)
	if _, err := ask(t, o, Question{Method: "GET", URL: "https://api.tminus.ink/"}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v", err)
	}
}

func TestWhenDNSFailsTheFallbackIsAskedUnderTheRightName(t *testing.T) {
	t.Parallel()
	s, o := server(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Name", r.TLS.ServerName) })
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	o.Resolve, o.Fallback = nil, "127.0.0.1"
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	// A resolver that knows no name, asked on loopback only.
	c.dialer.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
	a, err := c.Ask(context.Background(), Question{Method: "GET", URL: "https://example.com:" + port + "/"})
	if err != nil || a.Header.Get("X-Name") != "example.com" || !c.RoundDNS("example.com") {
		t.Errorf("%v, %v", a.Header, err)
	}
	c.fallback = ""
	if _, err := c.Ask(context.Background(), Question{Method: "GET", URL: "https://other.example.com:" + port + "/"}); err == nil {
		t.Error("without a fallback the question was answered")
	}
}

func TestACABundleWithoutACertificateIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{CACert: []byte("hello")}); err == nil {
		t.Error("accepted")
	}
}

func TestUntilAsksAtOnceAndThenLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		err := Until(context.Background(), 10*time.Second, func(context.Context) error {
			at = append(at, time.Since(begin))
			return errors.New("not yet")
		}, func(error, time.Duration) {})
		if err == nil || len(at) != 6 || at[0] != 0 || at[5] != 7750*time.Millisecond {
			t.Errorf("asked at %v, %v", at, err)
		}
	})
}

func TestUntilEndsWhenTheAnswerIsGoodOrTheCallerGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		if err := Until(context.Background(), time.Minute, func(context.Context) error {
			if n++; n < 3 {
				return errors.New("not yet")
			}
			return nil
		}, func(error, time.Duration) {}); err != nil || n != 3 {
			t.Errorf("%d questions, %v", n, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		begin := time.Now()
		err := Until(ctx, time.Minute, func(context.Context) error { return errors.New("not yet") }, func(error, time.Duration) { cancel() })
		if !errors.Is(err, context.Canceled) || time.Since(begin) != 0 {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	})
}

func TestExcerptsAreShortAndOnOneLine(t *testing.T) {
	t.Parallel()
	a := Answer{Body: []byte("{\n  \"ok\": false,\n \"é\": 1 }")}
	if got, want := a.Excerpt(16), `{ "ok": false, "…`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

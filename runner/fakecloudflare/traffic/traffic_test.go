package traffic_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
)

type place struct {
	*traffic.Recorder
	url    string
	effect atomic.Int32
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{}
	p.Recorder = &traffic.Recorder{
		Name: func(r *http.Request) string { return r.Method + " pattern" },
		Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			p.effect.Add(1)
			w.WriteHeader(http.StatusTeapot)
		}),
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *place) post(path, body string) (*http.Response, error) {
	resp, err := http.Post(p.url+path, "application/json", strings.NewReader(body))
	if err == nil {
		_ = resp.Body.Close()
	}
	return resp, err
}

func TestTheNthCallIsBroken(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.Break(traffic.Fault{Method: "POST", Path: "/a/*/b", Nth: 2, Refusal: traffic.TooMany(3 * time.Second)})
	var got []int
	for _, path := range []string{"/a/1/b", "/a/1/c", "/a/2/b", "/a/3/b"} {
		resp, err := p.post(path, "{}")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, resp.StatusCode)
		if resp.StatusCode == 429 && resp.Header.Get("Retry-After") != "3" {
			t.Errorf("Retry-After is %q", resp.Header.Get("Retry-After"))
		}
	}
	if want := []int{418, 418, 429, 418}; !equal(got, want) {
		t.Errorf("statuses %v, want %v", got, want)
	}
	if p.effect.Load() != 3 {
		t.Errorf("%d calls had their effect, want 3", p.effect.Load())
	}
}

func TestAnAnswerLostAfterTheEffect(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.Break(traffic.Fault{Path: "/drop", After: true, Drop: true})
	p.Break(traffic.Fault{Path: "/fail", After: true, Times: -1, Refusal: traffic.Unknown()})
	if resp, err := p.post("/drop", "{}"); err == nil {
		t.Errorf("the dropped call was answered with %d", resp.StatusCode)
	}
	for range 2 {
		if resp, err := p.post("/fail", "{}"); err != nil || resp.StatusCode != 500 {
			t.Errorf("got %v, %v, want 500", resp, err)
		}
	}
	if p.effect.Load() != 3 {
		t.Errorf("%d calls had their effect, want 3", p.effect.Load())
	}
	calls := p.Calls()
	if len(calls) != 3 || calls[0].Status != 0 || calls[1].Status != 500 {
		t.Errorf("recorded %+v", calls)
	}
}

func TestCallsAreRecordedInOrderWithoutSecrets(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for path, body := range map[string]string{"/scripts/w/secrets": `{"name":"A","text":"hunter\"2"}`} {
		_, _ = p.post(path, body)
	}
	_, _ = p.post("/other?x=1", `{"text":"kept"}`)
	calls := p.Calls()
	if len(calls) != 2 {
		t.Fatalf("recorded %d calls", len(calls))
	}
	if got := string(calls[0].Body); strings.Contains(got, "hunter") || !strings.Contains(got, `"name":"A"`) {
		t.Errorf("the secret's body was recorded as %s", got)
	}
	second := calls[1]
	if second.Pattern != "POST pattern" || second.Query != "x=1" || second.Size != 15 || second.Status != 418 || string(second.Body) != `{"text":"kept"}` {
		t.Errorf("recorded %+v", second)
	}
	if n := len(calls.Matching("post", "/scripts/*/secrets")); n != 1 {
		t.Errorf("%d calls match, want 1", n)
	}
	p.Forget()
	if n := len(p.Calls()); n != 0 {
		t.Errorf("%d calls after forgetting", n)
	}
}

func TestLatencyAndDelay(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.SetLatency(20 * time.Millisecond)
	p.Break(traffic.Fault{Path: "/slow", Delay: 30 * time.Millisecond})
	for path, least := range map[string]time.Duration{"/slow": 50 * time.Millisecond, "/quick": 20 * time.Millisecond} {
		began := time.Now()
		if resp, err := p.post(path, "{}"); err != nil || resp.StatusCode != 418 {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
		if took := time.Since(began); took < least {
			t.Errorf("%s took %s, want at least %s", path, took, least)
		}
	}
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	at := time.Now()
	span := func(from, to int) traffic.Call {
		return traffic.Call{Method: "GET", Start: at.Add(time.Duration(from)), End: at.Add(time.Duration(to))}
	}
	for _, test := range []struct {
		name  string
		calls traffic.Calls
		want  int
	}{
		{"none", nil, 0},
		{"one after another", traffic.Calls{span(0, 1), span(1, 2), span(3, 4)}, 3},
		{"side by side", traffic.Calls{span(0, 9), span(1, 8), span(2, 7)}, 1},
		{"a long one beside two short ones", traffic.Calls{span(0, 9), span(1, 3), span(4, 6)}, 2},
	} {
		if got := test.calls.RoundTrips(); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Whoever has the whole of a long answer finds its call recorded, though the handler
// has not returned yet.
func TestACallCountsBeforeItsAnswerGoesOut(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	long := strings.Repeat("x", 1<<20)
	r := &traffic.Recorder{Name: func(*http.Request) string { return "long" }, Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1048576")
		_, _ = io.WriteString(w, long)
		select {
		case <-done:
		case <-r.Context().Done():
		}
	})}
	server := httptest.NewServer(r)
	defer server.Close()
	defer close(done)
	res, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || len(body) != len(long) {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
	if all := r.Calls(); len(all) != 1 || all[0].Status != http.StatusOK {
		t.Errorf("%+v", all)
	}
}

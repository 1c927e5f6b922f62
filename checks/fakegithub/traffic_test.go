package fakegithub_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// try is one call that may fail to be answered at all.
func (h *house) try(method, path string) (int, error) {
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+"/repos/"+h.FullName()+path, strings.NewReader(fmt.Sprintf(`{"name":"n","head_sha":%q}`, h.Head("main"))))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "token "+h.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func TestCallsThatAreBroken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		fault    traffic.Fault
		statuses string // of three attempts to make a run; 0 is no answer
		runs     int
	}{
		{"the second, before its effect", traffic.Fault{Nth: 2, Refusal: traffic.Unavailable()}, "201 503 201", 2},
		{"the second, after its effect", traffic.Fault{Nth: 2, After: true, Refusal: wire.Fail(502, "Server Error")}, "201 502 201", 3},
		{"the first two, cut", traffic.Fault{Times: 2, Drop: true}, "0 0 201", 1},
		{"the first, cut after its effect", traffic.Fault{After: true, Drop: true}, "0 201 201", 3},
		{"all", traffic.Fault{Times: -1, Refusal: traffic.TooOften(429, time.Minute)}, "429 429 429", 0},
		{"another method", traffic.Fault{Method: "PATCH", Times: -1, Drop: true}, "201 201 201", 3},
		{"another path", traffic.Fault{Path: "/repos/*/*/deployments", Times: -1, Drop: true}, "201 201 201", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, fake.Options{})
			if test.fault.Path == "" {
				test.fault.Path = "/repos/*/*/check-runs"
			}
			h.Break(test.fault)
			var got []string
			for range 3 {
				status, _ := h.try("POST", "/check-runs")
				got = append(got, fmt.Sprint(status))
			}
			if s := strings.Join(got, " "); s != test.statuses || len(h.Runs("")) != test.runs {
				t.Errorf("answered %s and made %d runs, want %s and %d", s, len(h.Runs("")), test.statuses, test.runs)
			}
			calls := h.Calls()
			if n := calls.Count("POST", "/repos/**/check-runs"); n != 3 || calls[0].Pattern != "POST /repos/{owner}/{repo}/check-runs" || !strings.Contains(string(calls[0].Body), `"name":"n"`) {
				t.Errorf("recorded %+v", calls)
			}
			if fmt.Sprintf("%+v", calls) == "" || strings.Contains(fmt.Sprintf("%+v", calls), h.token) {
				t.Error("the token is recorded")
			}
			h.Mend()
			h.Forget()
			if status, err := h.try("POST", "/check-runs"); status != 201 || len(h.Calls().Writes()) != 1 {
				t.Errorf("mended, it answers %d (%v)", status, err)
			}
		})
	}
}

func TestDownAndSlow(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	h.SetDown(true)
	if status, err := h.try("GET", ""); err == nil {
		t.Errorf("answered %d although it is down", status)
	}
	h.SetDown(false)
	h.SetLatency(30 * time.Millisecond)
	began := time.Now()
	if status, err := h.try("GET", ""); status != 200 || time.Since(began) < 30*time.Millisecond {
		t.Errorf("answered %d (%v) after %s", status, err, time.Since(began))
	}
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	now := time.Now()
	h := open(t, fake.Options{Clock: func() time.Time { return now }})
	r := h.must(200, "GET R", "")
	if r.Header.Get("X-RateLimit-Limit") != "1000" || r.Header.Get("X-RateLimit-Remaining") != "999" || r.Header.Get("X-RateLimit-Used") != "1" || r.Header.Get("X-RateLimit-Resource") != "core" {
		t.Errorf("headers %v", r.Header)
	}
	h.as(h.WorkflowToken("contents:read")).must(200, "GET R/branches", "")
	if got := h.must(200, "GET /rate_limit", "").text("resources.core.remaining"); got != "998" {
		t.Errorf("two workflows' tokens have %s left together, want 998", got)
	}
	ann := h.as(h.User("ann", "read"))
	if got := ann.must(200, "GET R", "").Header.Get("X-RateLimit-Limit"); got != "5000" {
		t.Errorf("a person's limit is %s", got)
	}
	if got := h.as("").must(401, "GET R", "").Header.Get("X-RateLimit-Limit"); got != "60" {
		t.Errorf("nobody's limit is %s", got)
	}
	for _, status := range []int{403, 429} {
		h.Leave(1, status)
		h.must(200, "GET R", "")
		r := h.must(status, "GET R", "")
		if r.Header.Get("X-RateLimit-Remaining") != "0" || !strings.HasPrefix(r.text("message"), "API rate limit exceeded for installation ID") {
			t.Errorf("refused with %s %v", r.Raw, r.Header)
		}
		h.must(200, "GET /rate_limit", "")
		now = now.Add(time.Hour)
		h.must(200, "GET R", "")
	}
	h.Leave(-1, 0)
	if got := h.must(200, "GET R", "").Header.Get("X-RateLimit-Remaining"); got != "999" {
		t.Errorf("put back, %s are left", got)
	}
}

package r2_test

import (
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/ask"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/r2"
)

func TestBuckets(t *testing.T) {
	t.Parallel()
	bs := r2.New(mint.New(nil, 1))
	room := ask.Room{T: t, Endpoints: bs.Endpoints()}
	const all = "/accounts/a/r2/buckets"
	for _, test := range []struct {
		name, line, body string
		status, code     int
	}{
		{"created", "POST " + all, `{"name":"exports"}`, 200, 0},
		{"created again", "POST " + all, `{"name":"exports"}`, 409, 10004},
		{"no name for a bucket", "POST " + all, `{"name":"Ex_ports"}`, 400, 10005},
		{"found", "GET " + all + "/exports", "", 200, 0},
		{"missing", "GET " + all + "/imports", "", 404, 10006},
	} {
		if reply := room.Do(test.line, test.body); reply.Status != test.status || reply.Code != test.code {
			t.Errorf("%s: %d %d, want %d %d", test.name, reply.Status, reply.Code, test.status, test.code)
		}
	}
	ask.Code(t, bs.Check("exports"), 0)
	ask.Code(t, bs.Check("imports"), 10085)
	ask.Code(t, bs.Check("Im_ports"), 10136)
	room.Must("DELETE "+all+"/exports", "", nil)
	if reply := room.Must("GET "+all, "", nil); strings.Contains(string(reply.Result), "exports") {
		t.Errorf("after deleting: %s", reply.Result)
	}
}

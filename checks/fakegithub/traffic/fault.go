package traffic

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Fault breaks some calls. The zero value of a field leaves that part alone;
// a fault with only a Delay lets the call through, late.
type Fault struct {
	Method, Path string        // which calls, as in Calls.Matching
	Nth          int           // the first call broken, counted among those that match; 0 means 1
	Times        int           // how many in a row; 0 means 1, below zero means all
	After        bool          // let the call have its effect first, then lose its answer
	Delay        time.Duration // wait before anything else
	Drop         bool          // close the connection instead of answering
	Refusal      *wire.Error   // answer this; any status, with Raw any body
}

// Unavailable is what GitHub says when it is in trouble: a 503 with a page, not JSON.
func Unavailable() *wire.Error {
	return &wire.Error{
		Status: http.StatusServiceUnavailable, Raw: []byte("<html><body>No server is currently available to service your request.</body></html>"),
	}
}

type fault struct {
	Fault
	seen int
}

// hits counts a call and says whether it is one of those to break.
func (f *fault) hits(method, path string) bool {
	if !fits(f.Method, f.Path, method, path) {
		return false
	}
	f.seen++
	first, times := max(f.Nth, 1), f.Times
	if times == 0 {
		times = 1
	}
	return f.seen >= first && (times < 0 || f.seen < first+times)
}

// TooOften is GitHub's refusal for who asks too fast, its secondary rate limit:
// 403 or 429, to be tried again after a while.
func TooOften(status int, after time.Duration) *wire.Error {
	refusal := wire.Fail(status, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
	refusal.Docs = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
	refusal.Header = http.Header{"Retry-After": {strconv.Itoa(int(after.Seconds()))}}
	return refusal
}

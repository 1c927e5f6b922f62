package traffic

import (
	"net/http"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
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
	Refusal      *envelope.Error
}

// TooMany is the refusal of a caller that asks too often: 429, code 971, to be tried again after a while.
func TooMany(after time.Duration) *envelope.Error {
	refusal := envelope.Fail(http.StatusTooManyRequests, 971, "Please wait and consider throttling your request speed")
	refusal.RetryAfter = after
	return refusal
}

// Unknown is the refusal Cloudflare has for its own troubles: 500, code 10013.
func Unknown() *envelope.Error {
	return envelope.Fail(http.StatusInternalServerError, 10013, "workers.api.error.unknown")
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

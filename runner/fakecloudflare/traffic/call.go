package traffic

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Call is one request as it came and went. Times are the machine's own, for
// measuring; Body is kept for JSON only, with secret texts replaced.
type Call struct {
	Method, Path, Query string
	Pattern             string // of the endpoint, such as "GET /zones/{zone}"; empty when no endpoint has the path
	Status              int    // 0 when the connection was dropped instead of answered
	Start, End          time.Time
	Size                int // bytes of the request's body
	Body                []byte
}

// Calls is a list of calls in the order they came.
type Calls []Call

// Matching returns the calls of a method (empty means any) whose path fits a
// pattern such as /accounts/*/workers/scripts/*/versions (empty means any).
func (c Calls) Matching(method, path string) Calls {
	var found Calls
	for _, call := range c {
		if fits(method, path, call.Method, call.Path) {
			found = append(found, call)
		}
	}
	return found
}

// Writes returns the calls that can change something: all but GET and HEAD, and but
// those of who only listens to a Worker.
func (c Calls) Writes() Calls {
	return slices.DeleteFunc(slices.Clone(c), func(call Call) bool {
		return call.Method == "GET" || call.Method == "HEAD" || strings.Contains(call.Path, "/tails")
	})
}

// RoundTrips returns the greatest number of calls of which no two overlap in
// time: how many times somebody waited for an answer before asking again.
func (c Calls) RoundTrips() int {
	byEnd := slices.Clone(c)
	slices.SortStableFunc(byEnd, func(a, b Call) int { return a.End.Compare(b.End) })
	chain := 0
	var free time.Time
	for _, call := range byEnd {
		if !call.Start.Before(free) {
			chain++
			free = call.End
		}
	}
	return chain
}

func fits(wantMethod, wantPath, method, path string) bool {
	return (wantMethod == "" || strings.EqualFold(wantMethod, method)) && (wantPath == "" || envelope.Matches(wantPath, path))
}

var secretText = regexp.MustCompile(`("text"\s*:\s*)"(?:[^"\\]|\\.)*"`)

// withoutSecrets replaces the text of secrets, so that a record can be printed.
func withoutSecrets(path string, body []byte) []byte {
	if strings.Contains(path, "/secrets") || strings.HasSuffix(path, "/versions/latest") {
		return secretText.ReplaceAll(body, []byte(`$1"(secret)"`))
	}
	return body
}

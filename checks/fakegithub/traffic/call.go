package traffic

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Call is one request as it came and went. Times are the machine's own, for
// measuring; Body is kept for JSON only, with secrets replaced.
type Call struct {
	Method, Path, Query string
	Pattern             string // of the endpoint, such as "GET /repos/{owner}/{repo}"; empty when no endpoint has the path
	Status              int    // 0 when the connection was dropped instead of answered
	Start, End          time.Time
	Size                int // bytes of the request's body
	Body                []byte
}

// Calls is a list of calls in the order they came.
type Calls []Call

// Matching returns the calls of a method (empty means any) whose path fits a
// pattern such as /repos/*/*/check-runs (empty means any).
func (c Calls) Matching(method, path string) Calls {
	var found Calls
	for _, call := range c {
		if fits(method, path, call.Method, call.Path) {
			found = append(found, call)
		}
	}
	return found
}

// Count tells how many calls match.
func (c Calls) Count(method, path string) int { return len(c.Matching(method, path)) }

// Writes returns the calls that can change something: all but GET and HEAD.
func (c Calls) Writes() Calls {
	return slices.DeleteFunc(slices.Clone(c), func(call Call) bool { return call.Method == "GET" || call.Method == "HEAD" })
}

func fits(wantMethod, wantPath, method, path string) bool {
	return (wantMethod == "" || strings.EqualFold(wantMethod, method)) && (wantPath == "" || wire.Fits(wantPath, path))
}

var (
	secretField = regexp.MustCompile(`("(?:secret|client_secret)"\s*:\s*)"(?:[^"\\]|\\.)*"`)
	tokenField  = regexp.MustCompile(`("(?:code|token|access_token|refresh_token|code_verifier)"\s*:\s*)"(?:[^"\\]|\\.)*"`)
	secretQuery = regexp.MustCompile(`(^|&)((?:client_secret|access_token|code|code_verifier|token)=)[^&]*`)
)

// withoutSecrets replaces secrets of hooks and Apps, and all that the web flow is about.
func withoutSecrets(path string, body []byte) []byte {
	body = secretField.ReplaceAll(body, []byte(`$1"(secret)"`))
	if strings.HasPrefix(path, "/login/") {
		body = tokenField.ReplaceAll(body, []byte(`$1"(secret)"`))
	}
	return body
}

func queryWithoutSecrets(q string) string { return secretQuery.ReplaceAllString(q, "$1$2(secret)") }

package envelope

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Handler does one endpoint's work.
type Handler func(*Call) (Answer, error)

// What an endpoint can demand: a permission by the name Cloudflare gives it
// (Edit includes Read), any live token, or nothing.
const (
	Anyone   = "anyone"    // no token is read: the URL or the body carries its own
	AnyToken = "any token" // a live token, whatever it may do

	AccountRead     = "Account Settings:Read"
	AnalyticsRead   = "Account Analytics:Read"
	D1Edit          = "D1:Edit"
	D1Read          = "D1:Read"
	DNSEdit         = "DNS:Edit"
	DNSRead         = "DNS:Read"
	KVEdit          = "Workers KV Storage:Edit"
	KVRead          = "Workers KV Storage:Read"
	MembershipsRead = "Memberships:Read"
	QueuesEdit      = "Queues:Edit"
	QueuesRead      = "Queues:Read"
	R2Edit          = "Workers R2 Storage:Edit"
	R2Read          = "Workers R2 Storage:Read"
	RoutesEdit      = "Workers Routes:Edit"
	RoutesRead      = "Workers Routes:Read"
	ScriptsEdit     = "Workers Scripts:Edit"
	ScriptsRead     = "Workers Scripts:Read"
	TailRead        = "Workers Tail:Read"
	UserRead        = "User Details:Read"
	ZoneRead        = "Zone:Read"
)

// Endpoint is one method of one path. Path is relative to the API base and
// has {name} for each part that varies; Needs is one of the constants above.
type Endpoint struct {
	Method, Path, Needs string
	Do                  Handler
}

// Pattern is the endpoint as it is written in records and faults.
func (e Endpoint) Pattern() string { return e.Method + " " + e.Path }

// Table is the set of all endpoints.
type Table struct{ endpoints []Endpoint }

// NewTable returns a Table sorted by path and method.
func NewTable(endpoints []Endpoint) Table {
	sorted := slices.Clone(endpoints)
	slices.SortStableFunc(sorted, func(a, b Endpoint) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
	return Table{endpoints: sorted}
}

// Endpoints returns all endpoints in order.
func (t Table) Endpoints() []Endpoint { return slices.Clone(t.endpoints) }

// Find returns the call for a method and an escaped path: the pattern with
// the most literal parts wins. A path nobody has is NoRoute; a path that
// exists with other methods is a 405 that names them.
func (t Table) Find(r *http.Request, escaped string) (*Call, error) {
	var best *Call
	fixed := -1
	var others []string
	for _, e := range t.endpoints {
		params, literal, ok := match(e.Path, escaped)
		switch {
		case !ok:
		case e.Method != r.Method:
			others = append(others, e.Method)
		case literal > fixed:
			best, fixed = &Call{Request: r, Endpoint: e, params: params}, literal
		}
	}
	if best != nil {
		return best, nil
	}
	if len(others) > 0 {
		slices.Sort(others)
		return nil, Fail(http.StatusMethodNotAllowed, 10405, "Method %s not allowed for this path, only %s",
			r.Method, strings.Join(slices.Compact(others), ", "))
	}
	return nil, NoRoute(escaped)
}

// Matches says whether an escaped path fits a pattern such as
// /accounts/{account}/queues/{queue}. A part written * also varies.
func Matches(pattern, escaped string) bool {
	_, _, ok := match(pattern, escaped)
	return ok
}

// match compares a pattern with an escaped path part by part and returns the
// varying parts unescaped and how many parts were literal.
func match(pattern, escaped string) (params map[string]string, literal int, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(escaped, "/")
	if len(want) != len(got) {
		return nil, 0, false
	}
	params = map[string]string{}
	for i, part := range want {
		if name, varies := strings.CutPrefix(part, "{"); varies {
			value, err := url.PathUnescape(got[i])
			if err != nil || value == "" {
				return nil, 0, false
			}
			params[strings.TrimSuffix(name, "}")] = value
			continue
		}
		if part == "*" && got[i] != "" {
			continue
		}
		if part != got[i] {
			return nil, 0, false
		}
		literal++
	}
	return params, literal, true
}

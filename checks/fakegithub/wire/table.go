package wire

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Handler is what an endpoint does.
type Handler func(*Call) (Answer, error)

// Endpoint is one method and path. {name} in the path is one segment, {name...}
// one or more, so that a branch may have slashes.
type Endpoint struct {
	Method, Path string
	Needs        string // a permission such as "checks:write", or one of the words package identity knows
	Do           Handler
}

// Pattern names the endpoint for the record.
func (e Endpoint) Pattern() string { return e.Method + " " + e.Path }

type row struct {
	Endpoint
	shape *regexp.Regexp
	names []string
}

// Table finds endpoints. Of several that fit, the first listed wins.
type Table struct{ rows []row }

var hole = regexp.MustCompile(`\{(\w+)(\.\.\.)?\}`)

// NewTable makes a table of endpoints.
func NewTable(endpoints []Endpoint) Table {
	var t Table
	for _, e := range endpoints {
		r := row{Endpoint: e}
		shape := "^"
		rest := e.Path
		for _, m := range hole.FindAllStringSubmatchIndex(e.Path, -1) {
			shape += regexp.QuoteMeta(e.Path[len(e.Path)-len(rest) : m[0]])
			r.names = append(r.names, e.Path[m[2]:m[3]])
			if m[4] >= 0 {
				shape += "(.+)"
			} else {
				shape += "([^/]+)"
			}
			rest = e.Path[m[1]:]
		}
		r.shape = regexp.MustCompile(shape + regexp.QuoteMeta(rest) + "$")
		t.rows = append(t.rows, r)
	}
	return t
}

// Find returns the call of a request, or a 404 that says which path is unknown.
func (t Table) Find(r *http.Request, path string) (*Call, error) {
	for _, row := range t.rows {
		if row.Method != r.Method {
			continue
		}
		found := row.shape.FindStringSubmatch(path)
		if found == nil {
			continue
		}
		call := &Call{Request: r, Endpoint: row.Endpoint, params: map[string]string{}}
		for i, name := range row.names {
			value, err := url.PathUnescape(found[i+1])
			if err != nil {
				return nil, Fail(http.StatusBadRequest, "the path has a bad escape: %s", found[i+1])
			}
			call.params[name] = value
		}
		return call, nil
	}
	return nil, Fail(http.StatusNotFound, "Not Found: the fake has no endpoint %s %s", r.Method, path)
}

// Fits says whether a path fits a pattern in which * is one segment and ** any number of them.
func Fits(pattern, path string) bool {
	return fits(strings.Split(pattern, "/"), strings.Split(path, "/"))
}

func fits(pattern, path []string) bool {
	for i, p := range pattern {
		if p == "**" {
			for j := i; j <= len(path); j++ {
				if fits(pattern[i+1:], path[j:]) {
					return true
				}
			}
			return false
		}
		if i >= len(path) || p != "*" && p != path[i] {
			return false
		}
	}
	return len(pattern) == len(path)
}

package wire

import (
	"net/http"
	"strconv"
	"time"
)

// Links are where the API and the pages live, as the caller reached them.
type Links struct{ API, Web string }

// Call is one request as an endpoint sees it: its path taken apart, its body read.
type Call struct {
	*http.Request
	Endpoint Endpoint
	Body     []byte
	Links
	params map[string]string
}

// Param returns a part of the path by the name the endpoint's pattern gives it, unescaped.
func (c *Call) Param(name string) string { return c.params[name] }

// ID returns a part of the path as a number; 0, which nothing has, when it is none.
func (c *Call) ID(name string) int64 {
	n, err := strconv.ParseInt(c.params[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Query returns the first value of a query parameter.
func (c *Call) Query(name string) string { return c.URL.Query().Get(name) }

// Choice returns a query parameter that must be one of a few; the first when it is not given.
func (c *Call) Choice(name string, allowed ...string) (string, error) {
	value := c.Query(name)
	if value == "" {
		return allowed[0], nil
	}
	for _, a := range allowed {
		if a == value {
			return value, nil
		}
	}
	return "", OneOf(name, value, allowed)
}

// Time writes a time as GitHub does: RFC 3339, UTC, whole seconds. The zero time is null.
func Time(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// Or returns what p points to, or otherwise when nothing was given.
func Or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

package meter

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Transport counts the calls that go through base, as calls to a platform.
func (m *Meter) Transport(platform string, base http.RoundTripper) http.RoundTripper {
	return counted{m, platform, base}
}

type counted struct {
	m        *Meter
	platform string
	base     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	res, err := c.base.RoundTrip(r)
	class := "error"
	if err == nil {
		class = strconv.Itoa(res.StatusCode/100) + "xx"
		c.m.left(c.platform, res.Header)
	}
	c.m.calls.WithLabelValues(c.platform, method(r.Method), class).Inc()
	c.m.waits.WithLabelValues(c.platform).Observe(time.Since(began).Seconds())
	return res, err
}

// method is a method as a label; a request without one is a GET.
func method(name string) string {
	switch name {
	case "":
		return http.MethodGet
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return name
	}
	return other
}

// item is a limit in a Ratelimit header, as in "default";r=50;t=30. Source:
// developers.cloudflare.com, API rate limits, after the IETF's draft.
var item = regexp.MustCompile(`"([^"]*)"\s*(?:;[^;,]*)*?;\s*r=(\d+)`)

// left notes what an answer says of limits, in GitHub's way or in the IETF's.
func (m *Meter) left(platform string, h http.Header) {
	if n, err := strconv.ParseFloat(h.Get("X-Ratelimit-Remaining"), 64); err == nil {
		resource := h.Get("X-Ratelimit-Resource")
		if resource == "" {
			resource = "core"
		}
		m.remaining.WithLabelValues(platform, m.limits.name(platform, resource)).Set(n)
	}
	for _, found := range item.FindAllStringSubmatch(strings.Join(h.Values("Ratelimit"), ", "), -1) {
		if n, err := strconv.ParseFloat(found[2], 64); err == nil {
			m.remaining.WithLabelValues(platform, m.limits.name(platform, found[1])).Set(n)
		}
	}
}

// mostLimits bounds how many limits of a platform are told apart. GitHub has about a
// dozen.
const mostLimits = 20

// known remembers the names of limits, as many as are told apart.
type known struct {
	mu  sync.Mutex
	all map[string][]string
}

func (k *known) name(platform, limit string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = map[string][]string{}
	}
	switch names := k.all[platform]; {
	case slices.Contains(names, limit):
	case len(names) >= mostLimits || !plain.MatchString(limit):
		return other
	default:
		k.all[platform] = append(names, limit)
	}
	return limit
}

var plain = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

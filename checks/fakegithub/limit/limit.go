package limit

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

const docs = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"

// Limits are the hours of all callers. Most is the limit for
// everybody once Leave was called; Status what a refusal is, 403 when 0.
type Limits struct {
	Who    *identity.Directory
	Most   int
	Status int
	cut    bool
	hours  map[string]*hour
}

type hour struct {
	limit, used int
	reset       time.Time
}

func (h *hour) remaining() int { return max(0, h.limit-h.used) }

// of returns the hour of whoever makes a call.
func (l *Limits) of(c *wire.Call) (*hour, string) {
	t := l.Who.Who(c)
	name, limit := "user ID "+strconv.FormatInt(t.Actor.ID, 10), 5000
	switch {
	case t.Workflow():
		name, limit = "installation ID "+strconv.FormatInt(t.Actor.App.Installation, 10), 1000
	case t.Actor.App != nil && t.Permissions != nil:
		name = "installation ID " + strconv.FormatInt(t.Actor.App.Installation, 10)
	case c.Endpoint.Needs == identity.JWT:
		name = "App"
	case t.Actor.ID == 0:
		name, limit = "127.0.0.1", 60
	}
	if l.cut {
		limit = l.Most
	}
	if l.hours == nil {
		l.hours = map[string]*hour{}
	}
	now := l.Who.Now()
	if h := l.hours[name]; h == nil || !now.Before(h.reset) {
		l.hours[name] = &hour{reset: now.Add(time.Hour)}
	}
	l.hours[name].limit = limit
	return l.hours[name], name
}

// Count counts a call, writes the headers that say where the caller stands, and
// refuses it when nothing is left.
func (l *Limits) Count(h http.Header, c *wire.Call) error {
	hour, name := l.of(c)
	over := hour.used >= hour.limit
	if c.Endpoint.Path != path && !over {
		hour.used++
	}
	for key, value := range map[string]int64{
		"Limit": int64(hour.limit), "Remaining": int64(hour.remaining()), "Used": int64(hour.used), "Reset": hour.reset.Unix(),
	} {
		h.Set("X-RateLimit-"+key, strconv.FormatInt(value, 10))
	}
	h.Set("X-RateLimit-Resource", "core")
	if !over || c.Endpoint.Path == path {
		return nil
	}
	status := l.Status
	if status == 0 {
		status = http.StatusForbidden
	}
	refusal := wire.Fail(status, "API rate limit exceeded for %s.", name)
	refusal.Docs = docs
	return refusal
}

// Leave lets every caller ask only so many times more in the hour that begins
// now; below zero, as many as at the beginning.
func (l *Limits) Leave(remaining int) {
	l.hours = nil
	l.Most, l.cut = remaining, remaining >= 0
}

const path = "/rate_limit"

// Endpoints is the one that tells where the caller stands, which counts as nothing.
func (l *Limits) Endpoints() []wire.Endpoint {
	return []wire.Endpoint{{Method: "GET", Path: path, Needs: identity.Anyone, Do: func(c *wire.Call) (wire.Answer, error) {
		hour, _ := l.of(c)
		core := wire.Object{"limit": hour.limit, "used": hour.used, "remaining": hour.remaining(), "reset": hour.reset.Unix()}
		search := wire.Object{"limit": 30, "used": 0, "remaining": 30, "reset": hour.reset.Unix()}
		return wire.OK(wire.Object{"resources": wire.Object{"core": core, "search": search}, "rate": core}), nil
	}}}
}

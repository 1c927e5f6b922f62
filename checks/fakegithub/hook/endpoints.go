package hook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Endpoints are those of the repository's hooks and of an App's own.
func (h *Hooks) Endpoints() []wire.Endpoint {
	const hooks, read, write, app = "/repos/{owner}/{repo}/hooks", "repository_hooks:read", "repository_hooks:write", "/app/hook/deliveries"
	one := hooks + "/{hook}/deliveries"
	return []wire.Endpoint{
		{Method: "GET", Path: hooks, Needs: read, Do: h.list},
		{Method: "POST", Path: hooks, Needs: write, Do: h.create},
		{Method: "GET", Path: hooks + "/{hook}", Needs: read, Do: h.get},
		{Method: "DELETE", Path: hooks + "/{hook}", Needs: write, Do: h.remove},
		{Method: "POST", Path: hooks + "/{hook}/pings", Needs: write, Do: h.ping},
		{Method: "GET", Path: one, Needs: read, Do: h.on(h.byPath, h.deliveries)},
		{Method: "GET", Path: one + "/{delivery}", Needs: read, Do: h.on(h.byPath, h.delivery)},
		{Method: "POST", Path: one + "/{delivery}/attempts", Needs: write, Do: h.on(h.byPath, h.attempt)},
		{Method: "GET", Path: app, Needs: identity.JWT, Do: h.on(h.bySigner, h.deliveries)},
		{Method: "GET", Path: app + "/{delivery}", Needs: identity.JWT, Do: h.on(h.bySigner, h.delivery)},
		{Method: "POST", Path: app + "/{delivery}/attempts", Needs: identity.JWT, Do: h.on(h.bySigner, h.attempt)},
	}
}

// on finds the hook a call is about.
func (h *Hooks) on(find func(*wire.Call) (*Hook, error), do func(*wire.Call, *Hook) (wire.Answer, error)) wire.Handler {
	return func(c *wire.Call) (wire.Answer, error) {
		hook, err := find(c)
		if err != nil {
			return wire.Answer{}, err
		}
		return do(c, hook)
	}
}

func (h *Hooks) byPath(c *wire.Call) (*Hook, error) {
	for _, hook := range h.All {
		if hook.ID == c.ID("hook") && hook.belongs(nil) {
			return hook, nil
		}
	}
	return nil, wire.NotFound()
}

func (h *Hooks) bySigner(c *wire.Call) (*Hook, error) {
	app, err := h.Who.Signer(c)
	if err != nil {
		return nil, err
	}
	for _, hook := range h.All {
		if hook.belongs(app) {
			return hook, nil
		}
	}
	return nil, wire.NotFound()
}

func (h *Hooks) list(c *wire.Call) (wire.Answer, error) {
	var own []*Hook
	for _, hook := range h.All {
		if hook.belongs(nil) {
			own = append(own, hook)
		}
	}
	return wire.List(c, own, func(k *Hook) wire.Object { return h.body(c.Links, k) })
}

func (h *Hooks) get(c *wire.Call) (wire.Answer, error) {
	hook, err := h.byPath(c)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.OK(h.body(c.Links, hook)), nil
}

func (h *Hooks) remove(c *wire.Call) (wire.Answer, error) {
	hook, err := h.byPath(c)
	if err != nil {
		return wire.Answer{}, err
	}
	h.All = slices.DeleteFunc(h.All, func(k *Hook) bool { return k == hook })
	return wire.None(), nil
}

func (h *Hooks) ping(c *wire.Call) (wire.Answer, error) {
	hook, err := h.byPath(c)
	if err != nil {
		return wire.Answer{}, err
	}
	h.Ping(c.Links, hook, h.Who.Who(c).Actor.User)
	return wire.None(), nil
}

func (h *Hooks) create(c *wire.Call) (wire.Answer, error) {
	var in struct {
		Name   *string   `json:"name"`
		Active *bool     `json:"active"`
		Events *[]string `json:"events"`
		Config struct {
			URL      string `json:"url"`
			Kind     string `json:"content_type"`
			Secret   string `json:"secret"`
			Insecure any    `json:"insecure_ssl"`
		} `json:"config"`
	}
	if err := c.Decode(&in); err != nil {
		return wire.Answer{}, err
	}
	u, err := url.Parse(in.Config.URL)
	switch {
	case in.Name != nil && *in.Name != "web":
		return wire.Answer{}, wire.Invalid("Hook", "name", "invalid", "The %q service is not supported: name must be web", *in.Name)
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return wire.Answer{}, wire.Invalid("Hook", "url", "missing_field", "Config must contain URL for webhooks")
	case in.Config.Kind != "" && in.Config.Kind != "json" && in.Config.Kind != "form":
		return wire.Answer{}, wire.OneOf("config.content_type", in.Config.Kind, []string{"json", "form"})
	}
	hook := h.Add(c.Links, Hook{
		URL: in.Config.URL, Secret: in.Config.Secret, Form: in.Config.Kind != "json", Events: wire.Or(in.Events, []string{"push"}), Active: wire.Or(in.Active, true),
	}, h.Who.Who(c).Actor.User)
	return wire.Created(h.body(c.Links, hook)), nil
}

func (h *Hooks) item(d *Delivery) wire.Object {
	b := wire.Object{
		"id": d.ID, "guid": d.GUID, "delivered_at": wire.Time(d.At), "redelivery": d.Redelivery, "duration": d.Duration.Round(10 * time.Millisecond).Seconds(),
		"status": d.Status, "status_code": d.Code, "event": d.Event, "action": nil, "installation_id": nil, "repository_id": h.Repo.ID, "throttled_at": nil,
	}
	if d.Action != "" {
		b["action"] = d.Action
	}
	if d.Installation != 0 {
		b["installation_id"] = d.Installation
	}
	return b
}

// kept lists a hook's deliveries of the last days, newest first.
func (h *Hooks) kept(hook *Hook) []*Delivery {
	var found []*Delivery
	for _, d := range slices.Backward(h.Deliveries) {
		if d.Hook == hook.ID && h.Who.Now().Sub(d.At) < Window {
			found = append(found, d)
		}
	}
	slices.SortStableFunc(found, func(a, b *Delivery) int { return int(b.ID - a.ID) })
	return found
}

func (h *Hooks) deliveries(c *wire.Call, hook *Hook) (wire.Answer, error) {
	status, err := c.Choice("status", "", "success", "failure")
	if err != nil {
		return wire.Answer{}, err
	}
	below := int64(1) << 62
	if cursor := c.Query("cursor"); cursor != "" {
		if below, err = strconv.ParseInt(strings.TrimPrefix(cursor, "v1_"), 10, 64); err != nil {
			return wire.Answer{}, wire.Fail(http.StatusBadRequest, "Invalid cursor %q", cursor)
		}
	}
	size, err := strconv.Atoi(c.Query("per_page"))
	if err != nil || size < 1 {
		size = 30
	}
	size = min(size, 100)
	bodies := []wire.Object{}
	answer := wire.Answer{}
	for _, d := range h.kept(hook) {
		if d.ID >= below || status != "" && (status == "success") != (d.Status == "OK") {
			continue
		}
		if len(bodies) == size {
			q := c.URL.Query()
			q.Set("cursor", fmt.Sprintf("v1_%v", bodies[size-1]["id"]))
			answer.Header = http.Header{"Link": {fmt.Sprintf(`<%s%s?%s>; rel="next"`, c.API, c.URL.EscapedPath(), q.Encode())}}
			break
		}
		bodies = append(bodies, h.item(d))
	}
	answer.Body = bodies
	return answer, nil
}

func (h *Hooks) find(c *wire.Call, hook *Hook) (*Delivery, error) {
	for _, d := range h.kept(hook) {
		if d.ID == c.ID("delivery") {
			return d, nil
		}
	}
	return nil, wire.NotFound()
}

func flat(headers http.Header) wire.Object {
	all := wire.Object{}
	for name, values := range headers {
		all[name] = strings.Join(values, ", ")
	}
	return all
}

func (h *Hooks) delivery(c *wire.Call, hook *Hook) (wire.Answer, error) {
	d, err := h.find(c, hook)
	if err != nil {
		return wire.Answer{}, err
	}
	b := h.item(d)
	b["url"] = hook.URL
	b["request"] = wire.Object{"headers": flat(d.Headers), "payload": json.RawMessage(d.Body)}
	b["response"] = wire.Object{"headers": flat(d.Answer), "payload": d.Response}
	return wire.OK(b), nil
}

func (h *Hooks) attempt(c *wire.Call, hook *Hook) (wire.Answer, error) {
	d, err := h.find(c, hook)
	if err != nil {
		return wire.Answer{}, err
	}
	h.Redeliver(hook, d)
	return wire.Answer{Status: http.StatusAccepted, Body: wire.Object{}}, nil
}

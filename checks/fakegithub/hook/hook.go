package hook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/identity"
	"github.com/tminus/deploy-action/checks/fakegithub/repository"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// Hook is one receiver: of the repository, or of an App when App is set.
type Hook struct {
	ID     int64
	URL    string
	Secret string
	Form   bool     // application/x-www-form-urlencoded instead of JSON
	Events []string // such as check_run; "*" means all
	Active bool
	App    *identity.App
	Made   time.Time

	last *Delivery
	tail chan struct{} // closed when the delivery before has been made
}

// Window is how long deliveries can be listed and sent again.
const Window = 3 * 24 * time.Hour

// Timeout is how long a receiver may take.
const Timeout = 10 * time.Second

// Hooks are all receivers and what was delivered to them. Lock guards them, and
// is held by whoever calls, but for Settle, Release and Close.
type Hooks struct {
	Lock       sync.Locker
	Repo       *repository.Repo
	Who        *identity.Directory
	Timeout    time.Duration     // for a receiver; the constant when 0
	Network    func(Parcel) Fate // what becomes of each parcel; all arrive when nil. Called without the lock.
	All        []*Hook
	Deliveries []*Delivery // finished ones, in the order they finished

	pending int
	held    []func()
	sent    int
	client  *http.Client
	stop    chan struct{}
	once    sync.Once
}

// New makes an empty set of hooks.
func New(lock sync.Locker, repo *repository.Repo, who *identity.Directory) *Hooks {
	return &Hooks{Lock: lock, Repo: repo, Who: who, stop: make(chan struct{}), client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Add registers a receiver and sends it a ping.
func (h *Hooks) Add(l wire.Links, hook Hook, by *identity.User) *Hook {
	hook.ID, hook.Made = h.Who.NewID(), h.Who.Now()
	added := &hook
	h.All = append(h.All, added)
	h.Ping(l, added, by)
	return added
}

// Ping sends a hook the greeting it gets when it is made.
func (h *Hooks) Ping(l wire.Links, hook *Hook, by *identity.User) {
	body := wire.Object{"zen": "Responsive is better than fast.", "hook_id": hook.ID, "hook": h.body(l, hook)}
	h.send(hook, h.parcel(l, hook, Event{Name: "ping", Sender: by, Body: body}, h.guid()))
}

// Tell sends an event to everybody who listens to it.
func (h *Hooks) Tell(l wire.Links, e Event) {
	guid := h.guid()
	for _, hook := range h.All {
		if hook.wants(e) {
			h.send(hook, h.parcel(l, hook, e, guid))
		}
	}
}

func (k *Hook) wants(e Event) bool {
	if !k.Active || e.Only != 0 && (k.App == nil || k.App.ID != e.Only) {
		return false
	}
	own := k.App != nil && k.App.Permissions["checks"] == "write" && e.Name == "check_run" // subscribed without asking
	return own || slices.Contains(k.Events, "*") || slices.Contains(k.Events, e.Name)
}

// parcel makes the payload of an event for one receiver.
func (h *Hooks) parcel(l wire.Links, hook *Hook, e Event, guid string) Parcel {
	body := wire.Object{"repository": h.Repo.Body(l), "organization": h.Repo.Organization(l), "sender": e.Sender.Body(l)}
	for key, value := range e.Body {
		body[key] = value
	}
	if e.Action != "" {
		body["action"] = e.Action
	}
	p := Parcel{ID: h.Who.NewID(), GUID: guid, Event: e.Name, Action: e.Action, Hook: hook.ID}
	if hook.App != nil {
		body["installation"] = wire.Object{"id": hook.App.Installation, "node_id": fmt.Sprintf("MDIzOk%08x", hook.App.Installation)}
		p.Installation = hook.App.Installation
		if e.Name == "ping" {
			delete(body, "repository")
			delete(body, "organization")
		}
	}
	p.Body, _ = json.Marshal(body) // maps of strings and numbers always encode
	h.sent++
	p.N = h.sent
	return p
}

func (h *Hooks) config(hook *Hook) wire.Object {
	kind := "json"
	if hook.Form {
		kind = "form"
	}
	config := wire.Object{"url": hook.URL, "content_type": kind, "insecure_ssl": "0"}
	if hook.Secret != "" {
		config["secret"] = "********"
	}
	return config
}

// body shows a hook; its secret never.
func (h *Hooks) body(l wire.Links, hook *Hook) wire.Object {
	events := hook.Events
	if events == nil {
		events = []string{}
	}
	url := fmt.Sprintf("%s/hooks/%d", h.Repo.API(l), hook.ID)
	b := wire.Object{
		"type": "Repository", "id": hook.ID, "name": "web", "active": hook.Active, "events": events, "config": h.config(hook),
		"updated_at": wire.Time(hook.Made), "created_at": wire.Time(hook.Made), "url": url, "test_url": url + "/test", "ping_url": url + "/pings",
		"deliveries_url": url + "/deliveries", "last_response": wire.Object{"code": nil, "status": "unused", "message": nil},
	}
	if hook.App != nil {
		b["type"], b["app_id"] = "App", hook.App.ID
		b["deliveries_url"] = l.API + "/app/hook/deliveries"
		for _, key := range []string{"url", "test_url", "ping_url", "last_response"} {
			delete(b, key)
		}
	}
	if d := hook.last; d != nil && hook.App == nil {
		b["last_response"] = wire.Object{"code": d.Code, "status": d.word(), "message": d.Status}
	}
	return b
}

// belongs says whether a hook is an App's own, or the repository's when app is nil.
func (k *Hook) belongs(app *identity.App) bool { return k.App == app }

package workerd

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Reach is what bindings of Workers reach in the account.
type Reach struct {
	D1, KV, Queue func(w http.ResponseWriter, r *http.Request, id string)
	// Tail is given the events of a script's version, as a tail Worker gets them.
	Tail func(script, version string, events []map[string]any)
	// Outbound answers what Workers ask of hosts outside; nil answers 530.
	Outbound http.Handler
}

// ServeHTTP passes a request of workerd on by the headers that its service
// injects. The key keeps others on this machine out.
func (f *Fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	take := func(name string) string {
		value := r.Header.Get(name)
		r.Header.Del(name)
		return value
	}
	kind, id := take("x-fake-kind"), take("x-fake-id")
	if take("x-fake-key") != f.key {
		http.Error(w, "this address is for the fake account's own runtime", http.StatusForbidden)
		return
	}
	reach := f.world.Reach
	switch kind {
	case "d1":
		reach.D1(w, r, id)
	case "kv":
		reach.KV(w, r, id)
	case "queue":
		reach.Queue(w, r, id)
	case "tail":
		f.heard(w, r, id)
	case "outbound":
		if reach.Outbound != nil {
			reach.Outbound.ServeHTTP(w, r)
			return
		}
		http.Error(w, "error code: 1016\nWorkers of the fake account reach no hosts outside, and asked for "+r.Host, 530)
	default:
		http.Error(w, "nothing here is called "+kind, http.StatusNotFound)
	}
}

// heard passes on what a Worker said and did. The Worker's name has its version when it is the smaller part of a split.
func (f *Fleet) heard(_ http.ResponseWriter, r *http.Request, worker string) {
	var events []map[string]any
	if json.NewDecoder(r.Body).Decode(&events) != nil {
		return // not ours to complain to a Worker about
	}
	name, version, split := strings.Cut(worker, "@")
	if s, err := f.world.Scripts.Get(name); err == nil && !split {
		version = s.Serving().ID
	}
	f.world.Reach.Tail(name, version, events)
}

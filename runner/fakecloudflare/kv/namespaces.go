package kv

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

// Namespace is one namespace. Its fields do not change except by Rename.
type Namespace struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	URLEncoding bool   `json:"supports_url_encoding"`
	values      map[string]entry
}

type entry struct {
	value    []byte
	metadata json.RawMessage
	expires  time.Time // zero: never
}

// Namespaces are all namespaces of the account. It is safe for concurrent use.
type Namespaces struct {
	mint *mint.Mint
	mu   sync.Mutex
	all  []*Namespace
}

// New returns an account without namespaces.
func New(m *mint.Mint) *Namespaces { return &Namespaces{mint: m} }

// Create makes a namespace. id is made up when empty; a fixture may want its own.
func (ns *Namespaces) Create(title, id string) (Namespace, error) {
	if strings.TrimSpace(title) == "" || len(title) > 512 {
		return Namespace{}, envelope.Fail(http.StatusBadRequest, 10019, "the namespace title must have 1 to 512 characters")
	}
	if id == "" {
		id = ns.mint.Hex()
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if slices.ContainsFunc(ns.all, func(n *Namespace) bool { return n.Title == title }) {
		return Namespace{}, envelope.Fail(http.StatusBadRequest, 10014, "a namespace with this account ID and title already exists")
	}
	made := &Namespace{ID: id, Title: title, URLEncoding: true, values: map[string]entry{}}
	ns.all = append(ns.all, made)
	return *made, nil
}

var idForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Check says whether a binding may name this namespace: 10042 when it is no
// identifier, 10041 when there is none.
func (ns *Namespaces) Check(id string) error {
	if !idForm.MatchString(id) {
		return envelope.Fail(http.StatusBadRequest, 10042, "KV namespace '%s' is not valid. Please verify the namespace_id in your configuration.", id)
	}
	if _, err := ns.find(id); err != nil {
		return envelope.Fail(http.StatusBadRequest, 10041, "KV namespace '%s' not found.", id)
	}
	return nil
}

func (ns *Namespaces) find(id string) (*Namespace, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	for _, n := range ns.all {
		if n.ID == id {
			return n, nil
		}
	}
	return nil, envelope.Fail(http.StatusNotFound, 10013, "get namespace: 'namespace not found'")
}

func (ns *Namespaces) delete(id string) error {
	found, err := ns.find(id)
	if err != nil {
		return err
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.all = slices.DeleteFunc(ns.all, func(n *Namespace) bool { return n == found })
	return nil
}

func (ns *Namespaces) list() []Namespace {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	out := make([]Namespace, len(ns.all))
	for i, n := range ns.all {
		out[i] = *n
	}
	slices.SortFunc(out, func(a, b Namespace) int { return strings.Compare(a.Title, b.Title) })
	return out
}

// Get returns a value with its metadata; ok is false when there is none or it has expired.
func (ns *Namespaces) Get(id, key string) (value []byte, metadata json.RawMessage, expires time.Time, ok bool) {
	found, err := ns.find(id)
	if err != nil {
		return nil, nil, time.Time{}, false
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	e, ok := found.values[key]
	if !ok || e.gone(ns.mint.Clock()) {
		return nil, nil, time.Time{}, false
	}
	return e.value, e.metadata, e.expires, true
}

func (e entry) gone(now time.Time) bool { return !e.expires.IsZero() && !now.Before(e.expires) }

func (ns *Namespaces) put(id, key string, e entry) error {
	found, err := ns.find(id)
	if err != nil {
		return err
	}
	if key == "" || key == "." || key == ".." || len(key) > 512 {
		return envelope.Fail(http.StatusBadRequest, 10047, "the key %q must have 1 to 512 bytes and be neither . nor ..", key)
	}
	if len(e.metadata) > 1024 {
		return envelope.Fail(http.StatusRequestEntityTooLarge, 10047, "Metadata length of %d exceeds limit of 1024.", len(e.metadata))
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	found.values[key] = e
	return nil
}

func (ns *Namespaces) remove(id, key string) error {
	found, err := ns.find(id)
	if err != nil {
		return err
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	delete(found.values, key)
	return nil
}

// Key is a key as a list shows it. Expiration is in seconds since 1970, 0 for never.
type Key struct {
	Name       string          `json:"name"`
	Expiration int64           `json:"expiration,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
}

// keys returns up to limit keys in order that begin with prefix and come
// after a cursor, which is the last key of the page before.
func (ns *Namespaces) keys(id, prefix, cursor string, limit int) (page []Key, next string, err error) {
	found, err := ns.find(id)
	if err != nil {
		return nil, "", err
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	page = []Key{}
	for name, e := range found.values {
		if !strings.HasPrefix(name, prefix) || name <= cursor && cursor != "" || e.gone(ns.mint.Clock()) {
			continue
		}
		key := Key{Name: name, Metadata: e.metadata}
		if !e.expires.IsZero() {
			key.Expiration = e.expires.Unix()
		}
		page = append(page, key)
	}
	slices.SortFunc(page, func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].Name
	}
	return page, next, nil
}

// expiry reads expiration (seconds since 1970) or expiration_ttl (seconds from now); at least a minute ahead.
func (ns *Namespaces) expiry(expiration, ttl string) (time.Time, error) {
	now := ns.mint.Clock()
	at, text := now, ttl
	if ttl == "" {
		at, text = time.Unix(0, 0).UTC(), expiration
	}
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := json.Number(text).Int64()
	if err != nil {
		return time.Time{}, envelope.Fail(http.StatusBadRequest, 10033, "expiration %q is not a whole number of seconds", text)
	}
	at = at.Add(time.Duration(seconds) * time.Second)
	if at.Before(now.Add(time.Minute)) {
		return time.Time{}, envelope.Fail(http.StatusBadRequest, 10033, "Invalid expiration of %s. Expiration times must be at least 60 seconds in the future.", text)
	}
	return at, nil
}

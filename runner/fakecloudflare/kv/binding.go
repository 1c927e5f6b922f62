package kv

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// ServeBinding answers what a Worker's binding to a namespace asks, in
// workerd's own protocol: the key is the path, metadata travels in
// CF-KV-Metadata, a list is GET / and several values are POST /bulk/get.
func (ns *Namespaces) ServeBinding(w http.ResponseWriter, r *http.Request, namespace string) {
	key, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
	if err == nil {
		switch {
		case r.Method == http.MethodPost && key == "bulk/get":
			err = ns.bulk(w, r, namespace)
		case r.Method == http.MethodGet && key == "":
			err = ns.bindingList(w, r, namespace)
		case r.Method == http.MethodGet:
			err = ns.bindingGet(w, namespace, key)
		case r.Method == http.MethodPut:
			err = ns.bindingPut(r, namespace, key)
		case r.Method == http.MethodDelete:
			err = ns.remove(namespace, key)
		default:
			err = envelope.Fail(http.StatusMethodNotAllowed, 10405, "%s is nothing a KV binding does", r.Method)
		}
	}
	if err != nil {
		status := http.StatusBadRequest
		var refusal *envelope.Error
		if errors.As(err, &refusal) {
			status = refusal.Status
		}
		http.Error(w, err.Error(), status)
	}
}

func (ns *Namespaces) bindingGet(w http.ResponseWriter, namespace, key string) error {
	value, metadata, expires, ok := ns.Get(namespace, key)
	if !ok {
		return envelope.Fail(http.StatusNotFound, 10009, "Not Found")
	}
	if len(metadata) > 0 {
		w.Header().Set("CF-KV-Metadata", string(metadata))
	}
	if !expires.IsZero() {
		w.Header().Set("CF-Expiration", strconv.FormatInt(expires.Unix(), 10))
	}
	_, err := w.Write(value)
	return err
}

func (ns *Namespaces) bindingPut(r *http.Request, namespace, key string) error {
	query := r.URL.Query()
	expires, err := ns.expiry(query.Get("expiration"), query.Get("expiration_ttl"))
	if err != nil {
		return err
	}
	value, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return ns.put(namespace, key, entry{value: value, metadata: json.RawMessage(r.Header.Get("CF-KV-Metadata")), expires: expires})
}

func (ns *Namespaces) bindingList(w http.ResponseWriter, r *http.Request, namespace string) error {
	query := r.URL.Query()
	limit := 1000
	if text := query.Get("key_count_limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return envelope.Invalid("Invalid key_count_limit of %s. Please specify an integer from 1 to 1000.", text)
		}
		limit = n
	}
	keys, next, err := ns.keys(namespace, query.Get("prefix"), query.Get("cursor"), limit)
	if err != nil {
		return err
	}
	type key struct {
		Name       string  `json:"name"`
		Expiration int64   `json:"expiration,omitempty"`
		Metadata   *string `json:"metadata,omitempty"` // JSON in a string, as workerd wants it
	}
	page := struct {
		Keys        []key  `json:"keys"`
		Complete    bool   `json:"list_complete"`
		Cursor      string `json:"cursor,omitempty"`
		CacheStatus any    `json:"cacheStatus"`
	}{Keys: []key{}, Complete: next == "", Cursor: next}
	for _, k := range keys {
		one := key{Name: k.Name, Expiration: k.Expiration}
		if len(k.Metadata) > 0 {
			text := string(k.Metadata)
			one.Metadata = &text
		}
		page.Keys = append(page.Keys, one)
	}
	return json.NewEncoder(w).Encode(page)
}

func (ns *Namespaces) bulk(w http.ResponseWriter, r *http.Request, namespace string) error {
	var in struct {
		Keys     []string `json:"keys"`
		Type     string   `json:"type"`
		Metadata bool     `json:"withMetadata"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return envelope.Invalid("read the keys: %v", err)
	}
	if len(in.Keys) < 1 || len(in.Keys) > 100 {
		return envelope.Invalid("You can request 1 to 100 keys, not %d", len(in.Keys))
	}
	out := map[string]any{}
	for _, key := range in.Keys {
		out[key] = nil
		value, metadata, _, ok := ns.Get(namespace, key)
		if !ok {
			continue
		}
		var shown any = string(value)
		switch {
		case in.Type == "json" && !json.Valid(value), in.Type != "json" && !utf8.Valid(value):
			return envelope.Invalid("At least one of the requested keys corresponds to a non-%s value", in.Type)
		case in.Type == "json":
			shown = json.RawMessage(value)
		}
		if in.Metadata {
			shown = map[string]any{"value": shown, "metadata": metadata}
		}
		out[key] = shown
	}
	return json.NewEncoder(w).Encode(out)
}

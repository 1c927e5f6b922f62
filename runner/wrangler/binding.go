package wrangler

import (
	"maps"
	"slices"

	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
)

// Binding is one name in a Worker's environment and what stands behind it.
type Binding struct {
	Name Value[string]
	// Type is the API's name for the kind: kv_namespace, d1, durable_object_namespace.
	Type string
	// Key is the configuration's name for it: kv_namespaces, d1_databases.
	Key string
	// At is the entry.
	At finding.Position
	// Wire are the fields beside name and type as the API wants them.
	Wire map[string]any

	entry *document.Node
}

// Field is a text field of the entry by the name that the configuration gives
// it, such as database_name; unwritten when the entry lacks it.
func (b Binding) Field(key string) Value[string] {
	n := b.entry.Field(key)
	if n == nil {
		return Value[string]{}
	}
	s, _ := n.Scalar.(string)
	return Value[string]{V: s, At: n.At}
}

// Shape is the whole binding as the API wants it.
func (b Binding) Shape() map[string]any {
	m := maps.Clone(b.Wire)
	if m == nil {
		m = map[string]any{}
	}
	m["name"], m["type"] = b.Name.V, b.Type
	return m
}

// kind is one row of the table of bindings: which key of the configuration
// becomes which type of the API.
type kind struct {
	key    string            // where the entries stand
	list   string            // a list inside the key, such as queues.producers
	typ    string            // the API's type
	name   string            // the field that holds the binding's name
	rename map[string]string // configuration field to API field
	drop   []string          // fields for local development or for other tools
}

// kinds is in the order in which wrangler emits bindings. Source:
// cloudflare/workers-sdk, packages/deploy-helpers create-worker-upload-form.ts.
var kinds = []kind{
	{key: "kv_namespaces", typ: "kv_namespace", name: "binding", rename: map[string]string{"id": "namespace_id"}, drop: []string{"preview_id", "remote"}},
	{key: "send_email", typ: "send_email", name: "name", drop: []string{"remote"}},
	{key: "durable_objects", list: "bindings", typ: "durable_object_namespace", name: "name"},
	{key: "workflows", typ: "workflow", name: "binding", rename: map[string]string{"name": "workflow_name"}, drop: []string{"limits", "schedules", "remote"}},
	{key: "queues", list: "producers", typ: "queue", name: "binding", rename: map[string]string{"queue": "queue_name"}, drop: []string{"remote"}},
	{key: "r2_buckets", typ: "r2_bucket", name: "binding", drop: []string{"preview_bucket_name", "remote"}},
	{key: "d1_databases", typ: "d1", name: "binding", rename: map[string]string{"database_id": "id", "database_internal_env": "internalEnv"}, drop: []string{"database_name", "preview_database_id", "migrations_dir", "migrations_pattern", "migrations_table", "remote"}},
	{key: "vectorize", typ: "vectorize", name: "binding", drop: []string{"remote"}},
	{key: "ai_search_namespaces", typ: "ai_search_namespace", name: "binding", drop: []string{"remote"}},
	{key: "ai_search", typ: "ai_search", name: "binding", drop: []string{"remote"}},
	{key: "hyperdrive", typ: "hyperdrive", name: "binding", drop: []string{"localConnectionString"}},
	{key: "secrets_store_secrets", typ: "secrets_store_secret", name: "binding"},
	{key: "ratelimits", typ: "ratelimit", name: "name"},
	{key: "vpc_services", typ: "vpc_service", name: "binding", drop: []string{"remote"}},
	{key: "vpc_networks", typ: "vpc_network", name: "binding", drop: []string{"remote"}},
	{key: "services", typ: "service", name: "binding", drop: []string{"remote"}},
	{key: "analytics_engine_datasets", typ: "analytics_engine", name: "binding"},
	{key: "dispatch_namespaces", typ: "dispatch_namespace", name: "binding", drop: []string{"remote"}},
	{key: "mtls_certificates", typ: "mtls_certificate", name: "binding", drop: []string{"remote"}},
	{key: "pipelines", typ: "pipelines", name: "binding", drop: []string{"remote"}},
	{key: "worker_loaders", typ: "worker_loader", name: "binding"},
	{key: "browser", typ: "browser", name: "binding", drop: []string{"remote"}},
	{key: "ai", typ: "ai", name: "binding", drop: []string{"remote"}},
	{key: "images", typ: "images", name: "binding", drop: []string{"remote"}},
	{key: "stream", typ: "stream", name: "binding", drop: []string{"remote"}},
	{key: "media", typ: "media", name: "binding", drop: []string{"remote"}},
	{key: "version_metadata", typ: "version_metadata", name: "binding"},
}

// bindings reads variables and then every row of the table.
func (r *reader) bindings(root *document.Node) []Binding {
	var all []Binding
	vars := r.Table(root, "vars")
	if vars != nil {
		for _, name := range vars.Keys() {
			all = append(all, variable(name, vars.Field(name)))
		}
	}
	for _, k := range kinds {
		for _, entry := range r.entries(root, k) {
			all = append(all, r.binding(k, entry))
		}
	}
	if assets := root.Field("assets"); assets.IsTable() {
		if name := r.Str(assets, "binding"); name.Written() {
			all = append(all, Binding{Name: name, Type: "assets", Key: "assets", At: assets.Place(), entry: assets})
		}
	}
	r.distinct(all)
	return all
}

// variable is a var: text stays text, everything else travels as JSON.
func variable(name string, n *document.Node) Binding {
	b := Binding{Name: Value[string]{V: name, At: n.Place()}, Key: "vars", At: n.Place(), entry: n}
	if text, ok := n.Scalar.(string); ok {
		b.Type, b.Wire = "plain_text", map[string]any{"text": text}
		return b
	}
	b.Type, b.Wire = "json", map[string]any{"json": n.Plain()}
	return b
}

// entries are the entries of one row: a list of tables, a list inside a table,
// or a single table, as ai and browser are written.
func (r *reader) entries(root *document.Node, k kind) []*document.Node {
	if k.list != "" {
		return r.Tables(r.Table(root, k.key), k.list)
	}
	if n := root.Field(k.key); n.IsTable() {
		return []*document.Node{n}
	}
	return r.Tables(root, k.key)
}

func (r *reader) binding(k kind, entry *document.Node) Binding {
	b := Binding{Name: r.Str(entry, k.name), Type: k.typ, Key: k.key, At: entry.Place(), Wire: map[string]any{}, entry: entry}
	if !b.Name.Written() {
		r.Add(finding.Errorf("config", entry.Place(), "an entry of %q has no %q", k.key, k.name).
			Hintf("give it the name by which the code reads it"))
	}
	for _, key := range entry.Keys() {
		if key == k.name || slices.Contains(k.drop, key) {
			continue
		}
		to := key
		if renamed, ok := k.rename[key]; ok {
			to = renamed
		}
		b.Wire[to] = entry.Field(key).Plain()
	}
	return b
}

// distinct finds two bindings of one name, which wrangler refuses too.
func (r *reader) distinct(all []Binding) {
	first := map[string]Binding{}
	for _, b := range all {
		if other, ok := first[b.Name.V]; ok && b.Name.Written() {
			r.Add(finding.Errorf("config", b.At, "binding %q is declared twice, as %s and as %s", b.Name.V, other.Key, b.Key).
				Hintf("give one of them another name").See(other.At))
			continue
		}
		first[b.Name.V] = b
	}
}

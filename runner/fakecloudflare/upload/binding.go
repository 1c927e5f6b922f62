package upload

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Binding is one binding of a version: a name, a type, and what else its type has.
type Binding struct {
	Name, Type string
	Fields     map[string]json.RawMessage
}

// UnmarshalJSON reads a binding. Fields of any name are kept; Check refuses those the type does not have.
func (b *Binding) UnmarshalJSON(data []byte) error {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for name, into := range map[string]*string{"name": &b.Name, "type": &b.Type} {
		if raw, ok := fields[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return err
			}
			delete(fields, name)
		}
	}
	b.Fields = fields
	return nil
}

// MarshalJSON writes name and type first, then the rest in order. The text of
// a secret is never written: no endpoint shows it.
func (b Binding) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	name, _ := json.Marshal(b.Name) // a string is always JSON
	kind, _ := json.Marshal(b.Type)
	out.WriteString(`{"name":`)
	out.Write(name)
	out.WriteString(`,"type":`)
	out.Write(kind)
	for _, field := range slices.Sorted(maps.Keys(b.Fields)) {
		if b.Secret() && (field == "text" || strings.HasPrefix(field, "key_")) {
			continue
		}
		key, _ := json.Marshal(field)
		out.WriteByte(',')
		out.Write(key)
		out.WriteByte(':')
		out.Write(b.Fields[field])
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// Secret says whether the binding holds a value nobody may read.
func (b Binding) Secret() bool { return b.Type == "secret_text" || b.Type == "secret_key" }

// Text returns a field that is a string, empty when it is absent or something else.
func (b Binding) Text(field string) string {
	var text string
	if json.Unmarshal(b.Fields[field], &text) != nil {
		return ""
	}
	return text
}

// Secret makes a secret_text binding.
func Secret(name, text string) Binding {
	raw, _ := json.Marshal(text) // a string is always JSON
	return Binding{Name: name, Type: "secret_text", Fields: map[string]json.RawMessage{"text": raw}}
}

type kind struct{ must, may []string }

// kinds are the binding types the API knows with their fields, as wrangler writes them.
func kinds() map[string]kind {
	f := strings.Fields
	return map[string]kind{
		"ai":                       {nil, f("staging raw")},
		"ai_search":                {f("instance_name"), nil},
		"ai_search_namespace":      {f("namespace"), nil},
		"analytics_engine":         {nil, f("dataset")},
		"assets":                   {nil, nil},
		"browser":                  {nil, f("raw")},
		"d1":                       {f("id"), f("internalEnv raw database_id")},
		"data_blob":                {f("part"), nil},
		"dispatch_namespace":       {f("namespace"), f("outbound")},
		"durable_object_namespace": {f("class_name"), f("script_name environment namespace_id dispatch_namespace")},
		"hyperdrive":               {f("id"), nil},
		"images":                   {nil, f("raw")},
		"inherit":                  {nil, f("version_id old_name")},
		"json":                     {f("json"), nil},
		"kv_namespace":             {f("namespace_id"), f("raw")},
		"logfwdr":                  {f("destination"), nil},
		"media":                    {nil, nil},
		"mtls_certificate":         {f("certificate_id"), nil},
		"pipelines":                {nil, f("pipeline stream")},
		"plain_text":               {f("text"), nil},
		"queue":                    {f("queue_name"), f("delivery_delay raw")},
		"r2_bucket":                {f("bucket_name"), f("jurisdiction raw")},
		"ratelimit":                {f("namespace_id simple"), nil},
		"secret_key":               {f("algorithm format usages"), f("key_base64 key_jwk")},
		"secret_text":              {f("text"), nil},
		"secrets_store_secret":     {f("store_id secret_name"), nil},
		"send_email":               {nil, f("destination_address allowed_destination_addresses allowed_sender_addresses")},
		"service":                  {f("service"), f("environment entrypoint props cross_account_grant")},
		"stream":                   {nil, nil},
		"text_blob":                {f("part"), nil},
		"vectorize":                {f("index_name"), f("raw")},
		"version_metadata":         {nil, nil},
		"wasm_module":              {f("part"), nil},
		"worker_loader":            {nil, nil},
		"workflow":                 {f("workflow_name"), f("class_name script_name raw")},
	}
}

// CheckBindings refuses bindings without a name, with the name of another,
// of an unknown type, or with fields their type lacks or does not have.
func CheckBindings(bindings []Binding) error {
	known, seen := kinds(), map[string]bool{}
	for _, b := range bindings {
		if b.Name == "" {
			return Refuse("a binding of type %q has no name", b.Type)
		}
		if seen[b.Name] {
			return Refuse("binding name %q is already in use. Please use a different name.", b.Name)
		}
		seen[b.Name] = true
		if err := b.check(known); err != nil {
			return err
		}
	}
	return nil
}

func (b Binding) check(known map[string]kind) error {
	k, ok := known[b.Type]
	if !ok {
		return Refuse("binding %s has the unknown type %q", b.Name, b.Type)
	}
	for _, field := range k.must {
		raw, has := b.Fields[field]
		if !has || string(raw) == "null" || string(raw) == `""` && field != "text" {
			if b.Type == "d1" {
				return Refuse("binding %s of type d1 must have a valid `id` specified", b.Name)
			}
			return Refuse("binding %s of type %s must have a %s specified", b.Name, b.Type, strings.TrimSuffix(field, "_name"))
		}
	}
	for _, field := range slices.Sorted(maps.Keys(b.Fields)) {
		if !slices.Contains(k.must, field) && !slices.Contains(k.may, field) {
			return envelope.Invalid("binding %s of type %s has no field %q", b.Name, b.Type, field)
		}
	}
	return nil
}

// Refuse is 10021, the code for an upload that does not validate.
func Refuse(format string, args ...any) *envelope.Error {
	return envelope.Fail(http.StatusBadRequest, 10021, format, args...)
}

package workerd

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// group returns the map of one of miniflare's options that holds bindings by name.
func (w *worker) group(option string) map[string]any {
	found, ok := w.Options[option].(map[string]any)
	if !ok {
		found = map[string]any{}
		w.Options[option] = found
	}
	return found
}

// host returns the name of a service that reaches the account: requests to it
// arrive at package workerd's own listener with what and whom they are about.
func (p *plan) host(kind, id string) string {
	name := hostName + kind + ":" + id
	p.services[name] = map[string]any{"name": name, "external": p.external(kind, id)}
	return name
}

func (p *plan) external(kind, id string) map[string]any {
	headers := []any{map[string]string{"name": "x-fake-kind", "value": kind}, map[string]string{"name": "x-fake-key", "value": p.fleet.key}}
	if id != "" {
		headers = append(headers, map[string]string{"name": "x-fake-id", "value": id})
	}
	return map[string]any{"address": p.fleet.host, "http": map[string]any{"injectRequestHeaders": headers}}
}

func (p *plan) sorted() []any {
	out := []any{}
	for _, name := range slices.Sorted(maps.Keys(p.services)) {
		out = append(out, p.services[name])
	}
	return out
}

// bind adds all bindings of a version.
func (p *plan) bind(w *worker, s script.Script, v *script.Version) {
	for _, b := range v.Bindings {
		switch b.Type {
		case "plain_text", "secret_text":
			w.group("bindings")[b.Name] = b.Text("text")
		case "json":
			w.group("bindings")[b.Name] = b.Fields["json"]
		case "version_metadata":
			w.group("bindings")[b.Name] = map[string]string{"id": v.ID, "tag": v.Annotations["workers/tag"], "timestamp": v.CreatedOn}
		case "d1":
			w.wrapped(b.Name, "cloudflare-internal:d1-api", map[string]any{"name": "fetcher", "service": service(p.host("d1", b.Text("id")))})
		case "kv_namespace":
			w.raw = append(w.raw, map[string]any{"name": b.Name, "kvNamespace": service(p.host("kv", b.Text("namespace_id")))})
		case "queue":
			w.raw = append(w.raw, map[string]any{"name": b.Name, "queue": service(p.host("queue", b.Text("queue_name")))})
		case "r2_bucket":
			w.group("r2Buckets")[b.Name] = b.Text("bucket_name")
		case "analytics_engine":
			dataset := b.Text("dataset")
			if dataset == "" {
				dataset = b.Name
			}
			w.group("analyticsEngineDatasets")[b.Name] = map[string]string{"dataset": dataset}
		case "ratelimit":
			w.group("ratelimits")[b.Name] = map[string]any{"simple": b.Fields["simple"]}
		case "assets": // with the files
		default:
			p.bindScript(w, s, b)
		}
	}
}

func service(name string) map[string]string { return map[string]string{"name": name} }

func (w *worker) wrapped(name, module string, inner map[string]any) {
	w.raw = append(w.raw, map[string]any{"name": name, "wrapped": map[string]any{"moduleName": module, "innerBindings": []any{inner}}})
}

// bindScript adds a binding to another script or to a class, and a sentence in place of what there is none of here.
func (p *plan) bindScript(w *worker, s script.Script, b upload.Binding) {
	switch b.Type {
	case "service":
		w.group("serviceBindings")[b.Name] = p.service(b)
	case "durable_object_namespace":
		owner := p.script(b.Text("script_name"), s)
		class, ok := owner.Classes.ByName[b.Text("class_name")]
		if !ok {
			w.absent(b, "its class %s of script %s does not exist any more", b.Text("class_name"), b.Text("script_name"))
			return
		}
		w.group("durableObjects")[b.Name] = map[string]any{
			"className": b.Text("class_name"), "scriptName": owner.Name, "useSQLite": class.SQLite, "unsafeUniqueKey": class.Namespace,
		}
	case "workflow":
		owner := p.script(b.Text("script_name"), s)
		if owner.Name == "" {
			w.absent(b, "its script %s does not exist any more", b.Text("script_name"))
			return
		}
		w.group("workflows")[b.Name] = map[string]any{"name": b.Text("workflow_name"), "className": b.Text("class_name"), "scriptName": owner.Name}
	default:
		w.absent(b, "bindings of type %s have no counterpart here", b.Type)
	}
}

// absent makes every use of a binding throw a sentence.
func (w *worker) absent(b upload.Binding, why string, args ...any) {
	text, _ := json.Marshal(fmt.Sprintf("env.%s cannot be used in the fake account: "+why, append([]any{b.Name}, args...)...)) // a string is always JSON
	w.wrapped(b.Name, absentName, map[string]any{"name": "what", "json": string(text)})
}

// script finds the script a binding names, its own when it names none.
func (p *plan) script(name string, own script.Script) script.Script {
	if name == "" || name == own.Name {
		return own
	}
	for _, s := range p.all {
		if s.Name == name {
			return s
		}
	}
	return script.Script{}
}

func (p *plan) service(b upload.Binding) any {
	target := p.script(b.Text("service"), script.Script{})
	if target.Name == "" {
		return goneName
	}
	out := map[string]any{"name": target.Name}
	if entry := b.Text("entrypoint"); entry != "" {
		out["entrypoint"] = entry
	}
	if props := b.Fields["props"]; len(props) > 0 {
		out["props"] = props
	}
	return out
}

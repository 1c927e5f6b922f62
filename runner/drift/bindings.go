package drift

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/preview"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/secret"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// pointing says for a type of binding what it is called and which field of the
// API names what it points to.
var pointing = map[string]struct{ kind, field string }{
	"kv_namespace":       {"KV namespace", "namespace_id"},
	"d1":                 {"D1 database", "id"},
	"r2_bucket":          {"R2 bucket", "bucket_name"},
	"queue":              {"queue", "queue_name"},
	"vectorize":          {"Vectorize index", "index_name"},
	"hyperdrive":         {"Hyperdrive", "id"},
	"analytics_engine":   {"Analytics Engine dataset", "dataset"},
	"mtls_certificate":   {"mTLS certificate", "certificate_id"},
	"dispatch_namespace": {"dispatch namespace", "namespace"},
	"pipelines":          {"pipeline", "pipeline"},
	"send_email":         {"e-mail", "destination_address"},
}

// Points says what a binding points to. Only fields that are names or ids are
// shown, whatever else a binding may carry.
func Points(b map[string]any, own string) string {
	text := func(field string) string { s, _ := b[field].(string); return s }
	kind := text("type")
	switch kind {
	case "service":
		target := "service " + text("service")
		if entry := text("entrypoint"); entry != "" {
			target += "#" + entry
		}
		return target
	case "durable_object_namespace":
		return "class " + text("class_name") + host(text("script_name"), own)
	case "workflow":
		return "workflow " + text("workflow_name") + host(text("script_name"), own)
	case "secrets_store_secret":
		return "secret " + text("secret_name") + " of store " + text("store_id")
	case "secret_text", "secret_key":
		return "a secret"
	case "plain_text", "json":
		return "a variable"
	}
	p, ok := pointing[kind]
	if !ok {
		return strings.ReplaceAll(kind, "_", " ")
	}
	return strings.TrimSpace(p.kind + " " + cmp.Or(text(p.field), text("database_id")))
}

func host(script, own string) string {
	if script == "" || script == own {
		return ""
	}
	return " of " + script
}

// Secrets are the names of the secrets that a live version has.
func Secrets(v cloudflare.Version) []string {
	var names []string
	for _, b := range v.Resources.Bindings {
		if name, _ := b["name"].(string); isSecret(b) {
			names = append(names, name)
		}
	}
	return names
}

func isSecret(b map[string]any) bool { return b["type"] == "secret_text" || b["type"] == "secret_key" }

func isVar(b map[string]any) bool { return b["type"] == "plain_text" || b["type"] == "json" }

// Bindings compares the configured bindings of a script with those of the live
// version, and gives what an upload would change of variables and of all else. What
// it keeps is left out: secrets, and variables if the configuration says so. Given
// are the names of secrets that would go up with it.
func Bindings(s project.Script, given []string, have []map[string]any) (bound, vars []preview.Difference) {
	own := s.Name
	before := map[string]map[string]any{}
	for _, b := range have {
		if name, _ := b["name"].(string); name != "" {
			before[name] = b
		}
	}
	wanted := map[string]bool{}
	for _, b := range s.Section.Bindings {
		wanted[b.Name.V] = true
		want, now := b.Shape(), before[b.Name.V]
		if sameBinding(want, now, own) {
			continue
		}
		if isVar(want) && (now == nil || isVar(now)) {
			vars = append(vars, variable(b, now, s.Secrets))
			continue
		}
		d := preview.Difference{Op: preview.Add, Name: b.Name.V, To: named(b, Points(want, own))}
		if now != nil {
			d.Op, d.From = preview.Change, Points(now, own)
		}
		bound = append(bound, d)
	}
	for name, now := range before {
		kept := isSecret(now) || isVar(now) && s.Section.Settings.KeepVars.V
		switch {
		case wanted[name] || kept:
		case isVar(now):
			vars = append(vars, preview.Difference{Op: preview.Remove, Name: name, Hidden: true})
		default:
			bound = append(bound, preview.Difference{Op: preview.Remove, Name: name, From: Points(now, own)})
		}
	}
	for _, name := range given {
		if now, ok := before[name]; !ok || !isSecret(now) {
			bound = append(bound, preview.Difference{Op: preview.Add, Name: name, To: "a secret"})
		}
	}
	byName := func(a, b preview.Difference) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(bound, byName)
	slices.SortFunc(vars, byName)
	return bound, vars
}

// named adds the name by which people know a database.
func named(b wrangler.Binding, target string) string {
	if name := b.Field("database_name").V; b.Type == "d1" && name != "" {
		return fmt.Sprintf("%s (%s)", target, name)
	}
	return target
}

// sameBinding tells whether a live binding is as wanted. What the account adds to
// it, or does not tell of it, makes no difference.
func sameBinding(want, have map[string]any, own string) bool {
	if have == nil || want["type"] != have["type"] || Points(want, own) != Points(have, own) {
		return false
	}
	for key, v := range want {
		if now, told := have[key]; told && key != "script_name" && !live.Within(v, now) {
			return false
		}
	}
	return true
}

// variable is a variable that would be added or changed. Its values are shown only
// if it is a text that does not look like a secret.
func variable(b wrangler.Binding, now map[string]any, secrets []string) preview.Difference {
	d := preview.Difference{Op: preview.Add, Name: b.Name.V}
	if now != nil {
		d.Op = preview.Change
	}
	to, plain := b.Wire["text"].(string)
	from, was := now["text"].(string)
	d.Hidden = !plain || now != nil && !was || slices.Contains(secrets, b.Name.V) || secret.Like(b.Name.V, to) || secret.Like(b.Name.V, from)
	if !d.Hidden {
		d.From, d.To = from, to
	}
	return d
}

// Runtime compares the compatibility settings of a script with those of the live
// version, as far as the version tells them.
func Runtime(s project.Script, v cloudflare.Version) []preview.Difference {
	var all []preview.Difference
	have, module := v.Resources.Runtime, s.Section.Module
	if have.Date != "" && have.Date != module.Date.V {
		all = append(all, preview.Difference{Op: preview.Change, Name: "compatibility_date", From: have.Date, To: module.Date.V})
	}
	var flags []string
	for _, f := range module.Flags {
		flags = append(flags, f.V)
	}
	was, is := slices.Sorted(slices.Values(have.Flags)), slices.Sorted(slices.Values(flags))
	if have.Date != "" && !slices.Equal(was, is) {
		all = append(all, preview.Difference{Op: preview.Change, Name: "compatibility_flags", From: strings.Join(was, ", "), To: strings.Join(is, ", ")})
	}
	return all
}

package drift_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/drift"
	"github.com/tminus/deploy-action/runner/preview"
)

const config = `name = "tminus-api"
main = "index.js"
compatibility_date = "2026-03-17"
[env.staging]
compatibility_flags = ["nodejs_compat"]
kv_namespaces = [{ binding = "CACHE", id = "one" }]
durable_objects.bindings = [{ name = "GRAPH", class_name = "Graph" }]
vars = { MODE = "new", LIMITS = { perHour = 5 } }
`

func words(all []preview.Difference) string {
	var text []string
	for _, d := range all {
		text = append(text, strings.TrimSpace(fmt.Sprintf("%s %s [%s] [%s]", d.Op, d.Name, d.From, d.To)))
	}
	return strings.Join(text, "; ")
}

func TestALiveVersionIsHeldAgainstTheConfiguration(t *testing.T) {
	t.Parallel()
	same := []map[string]any{
		{"name": "CACHE", "type": "kv_namespace", "namespace_id": "one"},
		{"name": "GRAPH", "type": "durable_object_namespace", "class_name": "Graph", "script_name": "tminus-api-staging", "namespace_id": "told by the account"},
		{"name": "MODE", "type": "plain_text", "text": "new"},
		{"name": "LIMITS", "type": "json", "json": map[string]any{"perHour": 5.0}},
		{"name": "JWT_SECRET", "type": "secret_text"},
	}
	tests := []struct {
		name        string
		have        []map[string]any
		bound, vars string
	}{
		{"the same, and a secret that an upload keeps", same, "", ""},
		{"nothing is live", nil, "add CACHE [] [KV namespace one]; add GRAPH [] [class Graph]", "add LIMITS [] []; add MODE [] [new]"},
		{"another store, another value", append([]map[string]any{
			{"name": "CACHE", "type": "kv_namespace", "namespace_id": "two"}, {"name": "MODE", "type": "plain_text", "text": "old"},
		}, same[1], same[3]), "change CACHE [KV namespace two] [KV namespace one]", "change MODE [old] [new]"},
		{"more than is configured", append([]map[string]any{
			{"name": "EXTRA", "type": "queue", "queue_name": "work"}, {"name": "LEFT", "type": "plain_text", "text": "a-value-that-nobody-reads"},
		}, same...), "remove EXTRA [queue work] []", "remove LEFT [] []"},
	}
	for _, tt := range tests {
		bound, vars := drift.Bindings(script(t, config), nil, tt.have)
		if words(bound) != tt.bound || words(vars) != tt.vars {
			t.Errorf("%s: %q, %q", tt.name, words(bound), words(vars))
		}
	}
	if bound, _ := drift.Bindings(script(t, config), []string{"NEW_SECRET"}, same); words(bound) != "add NEW_SECRET [] [a secret]" {
		t.Errorf("%q", words(bound))
	}
}

func TestCompatibilityIsComparedAsFarAsItIsTold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		date  string
		flags []string
		want  string
	}{
		{"2026-03-17", []string{"nodejs_compat"}, ""},
		{"", nil, ""},
		{"2025-01-01", nil, "change compatibility_date [2025-01-01] [2026-03-17]; change compatibility_flags [] [nodejs_compat]"},
	} {
		var v cloudflare.Version
		v.Resources.Runtime.Date, v.Resources.Runtime.Flags = tt.date, tt.flags
		if got := words(drift.Runtime(script(t, config), v)); got != tt.want {
			t.Errorf("%s %v: %q", tt.date, tt.flags, got)
		}
	}
}

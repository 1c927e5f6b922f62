package wrangler

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/finding"
)

const apiTOML = `name = "tminus-api"
main = "src/index.ts"
compatibility_date = "2026-03-17"
compatibility_flags = ["nodejs_compat"]
routes = [ "dev.tminus.ink/*" ]

[vars]
ENVIRONMENT = "development"

[[d1_databases]]
binding = "DB"
database_name = "tminus-registry-dev"
database_id = "d1-dev"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["UserGraphDO"]

[triggers]
crons = ["*/5 * * * *"]

[env.staging]
workers_dev = false
compatibility_flags = [
  # the ulid case
  "nodejs_compat",
  "x",
]
routes = [
  { pattern = "api-staging.tminus.ink/*", zone_name = "tminus.ink" },
  { pattern = "api2-staging.tminus.ink", custom_domain = true },
]
limits = { cpu_ms = 50 }
placement.mode = "smart"

[env.staging.vars]
ENVIRONMENT = "staging"
FLAGS = { a = 1, b = [true, "c"] }

[[env.staging.d1_databases]]
binding = "DB"
database_name = "tminus-registry-staging"
database_id = "d1-staging"

[[env.staging.durable_objects.bindings]]
name = "GRAPH"
class_name = "UserGraphDO"

[[env.staging.durable_objects.bindings]]
name = "OTHER"
class_name = "X"
script_name = "tminus-other-staging"

[[env.staging.queues.producers]]
binding = "OUT"
queue = "out-staging"

[[env.staging.queues.consumers]]
queue = "in-staging"
max_batch_size = 10
max_batch_timeout = 5
dead_letter_queue = "in-staging-dlq"

[env.staging.triggers]
crons = []

[env.production]
name = "api-live"
`

func mustParse(t *testing.T, name, src string) *File {
	t.Helper()
	f, err := Parse(name, []byte(src))
	if err != nil {
		t.Fatalf("Parse(%s): %v", name, err)
	}
	return f
}

func TestAnEnvironmentIsReadAsMeant(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "w.toml", apiTOML)
	s, ok := f.In("staging")
	if !ok {
		t.Fatal("no environment staging")
	}
	if got, want := s.Name.V, "tminus-api-staging"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
	if got := s.Name.At.Line; got != 1 {
		t.Errorf("the name's line is %d, want 1, where it is written", got)
	}
	if got, want := s.At.Line, 22; got != want {
		t.Errorf("header at line %d, want %d", got, want)
	}
	if s.Module.Date.V != "2026-03-17" || !s.Keys["compatibility_date"].FromTop {
		t.Errorf("the date was not inherited: %+v", s.Module.Date)
	}
	if got := s.Module.Flags; len(got) != 2 || got[0].At.Line != 26 || got[1].At != (finding.Position{File: "w.toml", Line: 27, Column: 3, EndLine: 27, EndColumn: 6}) {
		t.Errorf("flags %+v", got)
	}
	if s.Triggers.Crons == nil || len(s.Triggers.Crons) != 0 {
		t.Errorf("crons %v, want an empty list that is written", s.Triggers.Crons)
	}
	if got := s.Triggers.Routes; len(got) != 2 || got[0].Pattern.At.Line != 30 || got[0].Zone.V != "tminus.ink" || !got[1].Custom || got[1].At.Line != 31 {
		t.Errorf("routes %+v", got)
	}
	if got, want := s.Settings.Placement.V, any(map[string]any{"mode": "smart"}); !reflect.DeepEqual(got, want) {
		t.Errorf("placement %v, want %v", got, want)
	}
	if got := len(s.Objects); got != 1 {
		t.Errorf("%d class migrations, want the inherited one", got)
	}
}

func TestBindingsTakeTheShapeOfTheAPI(t *testing.T) {
	t.Parallel()
	s, _ := mustParse(t, "w.toml", apiTOML).In("staging")
	var got []string
	for _, b := range s.Bindings {
		raw, err := json.Marshal(b.Shape())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(raw))
	}
	want := []string{
		`{"name":"ENVIRONMENT","text":"staging","type":"plain_text"}`,
		`{"json":{"a":1,"b":[true,"c"]},"name":"FLAGS","type":"json"}`,
		`{"class_name":"UserGraphDO","name":"GRAPH","type":"durable_object_namespace"}`,
		`{"class_name":"X","name":"OTHER","script_name":"tminus-other-staging","type":"durable_object_namespace"}`,
		`{"name":"OUT","queue_name":"out-staging","type":"queue"}`,
		`{"id":"d1-staging","name":"DB","type":"d1"}`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("bindings\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	db := s.Bindings[len(s.Bindings)-1]
	if name := db.Field("database_name"); name.V != "tminus-registry-staging" || name.At.Line != 42 {
		t.Errorf("database_name %+v", name)
	}
	consumer := s.Triggers.Consumers[0]
	if want := map[string]any{"batch_size": int64(10), "max_wait_time_ms": int64(5000)}; !reflect.DeepEqual(consumer.Settings, want) {
		t.Errorf("consumer settings %v, want %v", consumer.Settings, want)
	}
	if consumer.At.Line != 59 || consumer.DeadLetter.V != "in-staging-dlq" {
		t.Errorf("consumer %+v", consumer)
	}
}

func TestWhatAnEnvironmentDoesNotInheritIsTold(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "w.toml", apiTOML)
	s, _ := f.In("production")
	if s.Name.V != "api-live" {
		t.Errorf("an environment's own name got a suffix: %q", s.Name.V)
	}
	if len(s.Bindings) != 0 {
		t.Errorf("bindings were inherited: %+v", s.Bindings)
	}
	var got []string
	for _, m := range f.Missing("production") {
		got = append(got, m.V)
	}
	if want := []string{"vars", "d1_databases"}; !reflect.DeepEqual(got, want) {
		t.Errorf("missing %v, want %v", got, want)
	}
	if !s.Keys["routes"].FromTop || !s.Keys["triggers"].FromTop {
		t.Errorf("inherited routes and crons are not marked: %+v", s.Keys)
	}
	if got := f.Missing("staging"); got != nil {
		t.Errorf("staging misses %v", got)
	}
}

func TestJSONReadsAsTOMLDoes(t *testing.T) {
	t.Parallel()
	const src = `{
  // comment
  "$schema": "x",
  "name": "w",
  "main": "a.js",
  "compatibility_date": "2026-03-17",
  "kv_namespaces": [{ "binding": "KV", "id": "k0", },],
  "env": {
    "staging": {
      "kv_namespaces": [{ "binding": "KV", "id": "k1" }],
      "queues": { "consumers": [{ "queue": "q", "max_concurrency": null }] },
      "vars": { "N": 1.5 },
    },
  },
}`
	s, ok := mustParse(t, "w.jsonc", src).In("staging")
	if !ok || s.Name.V != "w-staging" {
		t.Fatalf("section %+v", s)
	}
	if got := s.At; got.Line != 9 || got.Column != 5 {
		t.Errorf("header at %v", got)
	}
	if got := s.Bindings; len(got) != 2 || got[0].Type != "json" || got[1].Wire["namespace_id"] != "k1" || got[1].At.Line != 10 {
		t.Errorf("bindings %+v", got)
	}
	if v, ok := s.Triggers.Consumers[0].Settings["max_concurrency"]; !ok || v != nil {
		t.Errorf("a null max_concurrency must stay null, got %v", v)
	}
}

func TestBadInputIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, src, rule, at, message string }{
		{"broken TOML", "w.toml", "name = \"a\"\nmain = \n", "syntax", "w.toml:2:8", "not valid TOML"},
		{"a key twice in TOML", "w.toml", "name = \"a\"\nname = \"b\"\n", "syntax", "w.toml:2", "name"},
		{"not UTF-8", "w.toml", "name = \"\xff\"", "syntax", "w.toml", "UTF-8"},
		{"broken JSON", "w.json", "{\n  \"name\": }\n", "syntax", "w.json:2:11", "not valid JSON"},
		{"a key twice in JSON", "w.json", "{\n  \"name\": 1,\n  \"name\": 2\n}", "syntax", "w.json:3:3", "twice"},
		{"JSON without an object", "w.json", "[]", "syntax", "w.json:1:1", "no table"},
		{"a number for a text", "w.toml", "name = 7", "config", "w.toml:1:1", `"name" must be a text`},
		{"a text for a list", "w.toml", "name = \"a\"\ncompatibility_flags = \"x\"", "config", "w.toml:2:1", "list of texts"},
		{"a text for an environment", "w.toml", "name = \"a\"\n[env]\nstaging = \"x\"", "config", "w.toml:3:1", "must be a table"},
		{"a binding without a name", "w.toml", "[[kv_namespaces]]\nid = \"a\"", "config", "w.toml:1:3", `no "binding"`},
		{"a binding twice", "w.toml", "[[kv_namespaces]]\nbinding = \"A\"\nid = \"a\"\n[vars]\nA = \"x\"", "config", "w.toml:1:3", "declared twice"},
		{"route and routes", "w.toml", "route = \"a/*\"\nroutes = [\"b/*\"]", "config", "w.toml:1:1", "both written"},
		{"a key that would be lost", "w.toml", "name = \"a\"\n[[containers]]\nclass_name = \"X\"", "unsupported", "w.toml:2:3", "containers"},
		{"a consumer without a queue", "w.toml", "[[queues.consumers]]\nmax_retries = 1", "config", "w.toml:1:10", `no "queue"`},
		{"a pull consumer", "w.toml", "[[queues.consumers]]\nqueue = \"q\"\ntype = \"http_pull\"", "unsupported", "w.toml:3:8", "http_pull"},
		{"a text for a number", "w.toml", "[[queues.consumers]]\nqueue = \"q\"\nmax_retries = \"1\"", "config", "w.toml:3:1", "whole number"},
		{"a migration without a tag", "w.toml", "[[migrations]]\nnew_classes = [\"A\"]", "config", "w.toml:1:3", `no "tag"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tt.file, []byte(tt.src))
			f, ok := errors.AsType[finding.Finding](err)
			if !ok {
				t.Fatalf("error %v, want a finding", err)
			}
			if f.Rule != tt.rule || !strings.HasPrefix(f.At.String(), tt.at) || !strings.Contains(f.Message, tt.message) || f.Hint == "" {
				t.Errorf("got %s at %s: %s (hint %q), want %s at %s: …%s…", f.Rule, f.At, f.Message, f.Hint, tt.rule, tt.at, tt.message)
			}
		})
	}
}

func TestAnInheritedMistakeIsToldOnce(t *testing.T) {
	t.Parallel()
	_, err := Parse("w.toml", []byte("name = 7\n[env.staging]\nmain = \"a\"\n[env.production]\nmain = \"a\"\n"))
	if all := finding.From(err, "", finding.Position{}); len(all) != 1 {
		t.Errorf("%d findings, want 1: %v", len(all), all)
	}
}

func TestUnknownKeysAreWarnedOf(t *testing.T) {
	t.Parallel()
	tests := []struct{ key, hint string }{
		{"compatability_date", "compatibility_date"},
		{"r2_bucket", "r2_buckets"},
		{"Main", "main"},
		{"something_else", ""},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			t.Parallel()
			f := mustParse(t, "w.toml", "name = \"a\"\n"+tt.key+" = \"x\"\n")
			if len(f.Warnings) != 1 || f.Warnings[0].At.Line != 2 || !strings.Contains(f.Warnings[0].Hint, tt.hint) {
				t.Errorf("warnings %+v, want one at line 2 with hint %q", f.Warnings, tt.hint)
			}
		})
	}
}

func TestEveryKnownKeyIsCarriedOrRefusedOrLocal(t *testing.T) {
	t.Parallel()
	if refused("vars") || refused("kv_namespaces") || refused("nobody_knows") {
		t.Error("a carried or unknown key is refused")
	}
	for _, key := range []string{"unsafe", "containers", "exports", "site"} {
		if !refused(key) {
			t.Errorf("%q would be dropped in silence", key)
		}
	}
}

func TestAFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := Read(fstest.MapFS{}, "workers/api/wrangler.toml")
	f, ok := errors.AsType[finding.Finding](err)
	if !ok || f.Rule != "no-config" || f.At.File != "workers/api/wrangler.toml" {
		t.Errorf("error %v, want no-config at the file", err)
	}
}

package upload_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime/multipart"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// form writes parts given as name, media type, body.
func form(t *testing.T, parts ...[3]string) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, part := range parts {
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + part[0] + `"`}}
		if part[1] != "" {
			header.Set("Content-Type", part[1])
		}
		out, err := w.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(part[2])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

func refused(t *testing.T, err error, code int, text string) {
	t.Helper()
	var refusal *envelope.Error
	switch {
	case code == 0 && err == nil:
	case !errors.As(err, &refusal) || refusal.Details[0].Code != code || !strings.Contains(refusal.Details[0].Message, text):
		t.Errorf("got %v, want code %d with %q", err, code, text)
	}
}

const worker = `export default { fetch() { return new Response("ok") } }`

func TestReadingAnUpload(t *testing.T) {
	t.Parallel()
	js := [3]string{"index.js", upload.ESModule, worker}
	meta := func(text string) [3]string { return [3]string{"metadata", "", text} }
	for _, test := range []struct {
		name  string
		parts [][3]string
		code  int
		text  string
	}{
		{"what wrangler sends", [][3]string{meta(`{"main_module":"index.js","bindings":[{"name":"A","type":"plain_text","text":""},{"type":"workflow","name":"W","workflow_name":"w","class_name":"C"}],
			"compatibility_date":"2026-01-15","compatibility_flags":[],"keep_bindings":["secret_text"],"placement":{"mode":"smart"},"limits":{"cpu_ms":1},"observability":{"enabled":true},
			"migrations":{"new_tag":"v1","steps":[{"new_sqlite_classes":["X"],"renamed_classes":[{"from":"a","to":"b"}]}]},"logpush":false,"tail_consumers":[{"service":"t"}],"annotations":{"workers/tag":"t"},
			"package_dependencies":[{"name":"x"}],"code_update_strategy":{"mode":"deferred"}}`), js}, 0, ""},
		{"a module named with a dot", [][3]string{meta(`{"main_module":"./index.js"}`), {"./index.js", upload.ESModule, worker}}, 0, ""},
		{"only files", [][3]string{meta(`{"assets":{"jwt":"x"}}`)}, 0, ""},
		{"no metadata", [][3]string{js}, 10021, `"metadata"`},
		{"metadata that is no JSON", [][3]string{meta(`{`), js}, 6007, ""},
		{"an unknown field", [][3]string{meta(`{"main":"index.js"}`), js}, 1001, "main"},
		{"no main module", [][3]string{meta(`{}`), js}, 10021, "neither"},
		{"two main modules", [][3]string{meta(`{"main_module":"index.js","body_part":"index.js"}`), js}, 10021, "both"},
		{"a main module that is not there", [][3]string{meta(`{"main_module":"main.js"}`), js}, 10021, "not present in bundle"},
		{"a module without a type", [][3]string{meta(`{"main_module":"index.js"}`), {"index.js", "", worker}}, 10021, "Content-Type"},
		{"a module twice", [][3]string{meta(`{"main_module":"index.js"}`), js, js}, 10021, "two parts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			kind, body := form(t, test.parts...)
			_, err := upload.Read(kind, body)
			refused(t, err, test.code, test.text)
		})
	}
	_, err := upload.Read("application/json", []byte(`{}`))
	refused(t, err, 6003, "multipart/form-data")
}

func TestBindings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, bindings string
		code           int
		text           string
	}{
		{"all fields", `[{"name":"A","type":"service","service":"s","entrypoint":"E","props":{"a":1}}]`, 0, ""},
		{"no name", `[{"type":"ai"}]`, 10021, "no name"},
		{"one name twice", `[{"name":"A","type":"ai"},{"name":"A","type":"version_metadata"}]`, 10021, "already in use"},
		{"an unknown type", `[{"name":"A","type":"kv"}]`, 10021, "unknown type"},
		{"a missing field", `[{"name":"Q","type":"queue"}]`, 10021, "binding Q of type queue must have a queue specified"},
		{"a database without its id", `[{"name":"DB","type":"d1","id":""}]`, 10021, "must have a valid `id` specified"},
		{"a field the type does not have", `[{"name":"DB","type":"d1","id":"x","name_":"y"}]`, 1001, "name_"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var bindings []upload.Binding
			if err := json.Unmarshal([]byte(test.bindings), &bindings); err != nil {
				t.Fatal(err)
			}
			refused(t, upload.CheckBindings(bindings), test.code, test.text)
		})
	}
}

func TestASecretIsNeverWritten(t *testing.T) {
	t.Parallel()
	out, err := json.Marshal([]upload.Binding{upload.Secret("A", "hunter2"), {Name: "B", Type: "plain_text", Fields: map[string]json.RawMessage{"text": []byte(`"shown"`)}}})
	if want := `[{"name":"A","type":"secret_text"},{"name":"B","type":"plain_text","text":"shown"}]`; err != nil || string(out) != want {
		t.Errorf("got %s, %v, want %s", out, err, want)
	}
}

func TestInspectingCode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		node    bool
		modules map[string]string
		exports []string
		text    string
	}{
		{"exports of all kinds", false, map[string]string{"index.js": `export class A {}; export * from "./b.js"; const x = 1; export { x as Y }; ` + worker, "b.js": `export const Z = 1`}, []string{"A", "Y", "Z", "default"}, ""},
		{"an import of the runtime", false, map[string]string{"index.js": `import { DurableObject } from "cloudflare:workers"; export class A extends DurableObject {}; export default {}`}, []string{"A", "default"}, ""},
		{"a file beside it", false, map[string]string{"index.js": `import w from "./0a1b-x.wasm"; export default { w }`, "./0a1b-x.wasm": "\x00asm"}, []string{"default"}, ""},
		{"Node's modules with the flag", true, map[string]string{"index.js": `import "node:crypto"; import { x } from "fs/promises"; export default {}`}, []string{"default"}, ""},
		{"a require that may never run", false, map[string]string{"index.js": `export default { fetch() { return require("nope") } }`}, []string{"default"}, ""},
		{"Node's modules without the flag", false, map[string]string{"index.js": `import "node:crypto"; export default {}`}, nil, `No such module "node:crypto"`},
		{"a missing module", true, map[string]string{"index.js": `import "./nope.js"; export default {}`}, nil, `No such module "nope.js".` + "\n  imported from \"index.js\""},
		{"a package nobody bundled", true, map[string]string{"index.js": `import "ulid"; export default {}`}, nil, `No such module "ulid"`},
		{"a name its module does not export", false, map[string]string{"index.js": `import { a } from "./b.js"; export default { a }`, "b.js": ``}, nil, `SyntaxError: No matching export in "b.js"`},
		{"a syntax error", false, map[string]string{"index.js": "export default {\n  import from\n}"}, nil, "Uncaught SyntaxError: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u := upload.Upload{Metadata: upload.Metadata{MainModule: "index.js"}}
			for name, text := range test.modules {
				kind := upload.ESModule
				if strings.HasSuffix(name, ".wasm") {
					kind = upload.Wasm
				}
				u.Modules = append(u.Modules, upload.Module{Name: name, Type: kind, Body: []byte(text)})
			}
			code, err := upload.Inspect(u, test.node)
			if test.text != "" {
				refused(t, err, 10021, test.text)
				return
			}
			if err != nil || !reflect.DeepEqual(code.Exports, test.exports) {
				t.Errorf("exports %v, %v, want %v", code.Exports, err, test.exports)
			}
		})
	}
}

func TestHandlersAreGuessedFromTheText(t *testing.T) {
	t.Parallel()
	u := upload.Upload{Metadata: upload.Metadata{MainModule: "index.js"}, Modules: []upload.Module{
		{Name: "index.js", Type: upload.ESModule, Body: []byte(`export default { async fetch(r) {}, queue: (b) => {} }`)},
	}}
	code, err := upload.Inspect(u, false)
	if want := []string{"fetch", "queue"}; err != nil || !reflect.DeepEqual(code.Handlers, want) {
		t.Errorf("got %v, %v, want %v", code.Handlers, err, want)
	}
}

func TestCompatibility(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, date string
		flags      []string
		node       bool
		text       string
	}{
		{"with the flag", "2026-01-15", []string{"nodejs_compat"}, true, ""},
		{"without it", "2026-01-15", nil, false, ""},
		{"by its date", "2026-08-04", nil, true, ""},
		{"by its date but refused", "2026-08-04", []string{"no_nodejs_compat"}, false, ""},
		{"the flag after the date", "2026-08-04", []string{"nodejs_compat"}, true, "became the default as of 2026-08-04"},
		{"tomorrow", "2026-11-22", nil, true, "in the future"},
		{"no date", "yesterday", nil, true, "YYYY-MM-DD"},
	} {
		r := upload.Runtime{Date: test.date, Flags: test.flags}
		if got := r.Node(); got != test.node {
			t.Errorf("%s: Node is %v", test.name, got)
		}
		code := 0
		if test.text != "" {
			code = 10021
		}
		refused(t, r.Check(now), code, test.text)
	}
}

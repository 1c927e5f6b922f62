package document

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// find gives the first text value of a document that holds a word.
func find(t *testing.T, file, src, word string) *Node {
	t.Helper()
	root, err := Parse(file, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var found *Node
	root.Walk(func(n *Node) {
		if s, ok := n.Scalar.(string); ok && found == nil && strings.Contains(s, word) {
			found = n
		}
	})
	if found == nil {
		t.Fatalf("%q is not in %s", word, src)
	}
	return found
}

func TestOneTextIsWrittenAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ file, src, want string }{
		"a line of TOML with a comment":   {"a.toml", "# é\n[[kv]]\n id =  \"HERE\"  # the id\r\nx = 1", "# é\n[[kv]]\n id =  \"f00d\"  # the id\r\nx = 1"},
		"single quotes stay":              {"a.toml", "id = 'HERE'", "id = 'f00d'"},
		"quotes of several lines":         {"a.toml", "id = \"\"\"\nHERE\"\"\"\n", "id = \"f00d\"\n"},
		"an inline table":                 {"a.toml", "kv = [{ b = \"é\", id = \"HERE\" }, { b = \"B\", id = \"HERE\" }]\n", "kv = [{ b = \"é\", id = \"f00d\" }, { b = \"B\", id = \"HERE\" }]\n"},
		"JSON with comments":              {"a.jsonc", "{ // HERE\n\t\"id\": \"HERE\", /* c */\n}", "{ // HERE\n\t\"id\": \"f00d\", /* c */\n}"},
		"an escape in what was":           {"a.json", `{"id": "\u0048ERE"}`, `{"id": "f00d"}`},
		"a file with Windows' line ends":  {"a.toml", "a = 1\r\nid = \"HERE\"\r\n", "a = 1\r\nid = \"f00d\"\r\n"},
		"a file that begins with no line": {"a.toml", "id=\"HERE\"", "id=\"f00d\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := SetText(tt.file, []byte(tt.src), find(t, tt.file, tt.src, "HERE"), "f00d")
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestAKeyIsAddedBehindAnotherInItsManner(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ file, src, want string }{
		"lines of TOML":             {"a.toml", "[[kv]]\n  binding = \"HERE\" # c\n[x]\n", "[[kv]]\n  binding = \"HERE\" # c\n  id = \"f00d\"\n[x]\n"},
		"Windows' line ends":        {"a.toml", "[[kv]]\r\nbinding = \"HERE\"\r\n", "[[kv]]\r\nbinding = \"HERE\"\r\nid = \"f00d\"\r\n"},
		"the end of the file":       {"a.toml", "[[kv]]\nbinding = \"HERE\"", "[[kv]]\nbinding = \"HERE\"\nid = \"f00d\""},
		"an inline table":           {"a.toml", "kv = [{ binding = \"HERE\" }]", "kv = [{ binding = \"HERE\", id = \"f00d\" }]"},
		"JSON on one line":          {"a.json", `{"kv": [{"binding": "HERE"}]}`, `{"kv": [{"binding": "HERE", "id": "f00d"}]}`},
		"JSON on lines":             {"a.jsonc", "{\"kv\": [{\n  \"binding\": \"HERE\", // c\n}]}", "{\"kv\": [{\n  \"binding\": \"HERE\",\n  \"id\": \"f00d\", // c\n}]}"},
		"a table before a subtable": {"a.toml", "[kv]\nbinding = \"HERE\"\n[kv.sub]\nx = 1\n", "[kv]\nbinding = \"HERE\"\nid = \"f00d\"\n[kv.sub]\nx = 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := AddText(tt.file, []byte(tt.src), find(t, tt.file, tt.src, "HERE"), "id", "f00d")
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	t.Parallel()
	src := "id = \"HERE\"\n"
	n := find(t, "a.toml", src, "HERE")
	for name, try := range map[string]func() ([]byte, error){
		"a file that changed in between": func() ([]byte, error) { return SetText("a.toml", []byte("x = 1\n"+src), n, "f00d") },
		"a text that needs escapes":      func() ([]byte, error) { return SetText("a.toml", []byte(src), n, "a\"b") },
		"YAML":                           func() ([]byte, error) { return SetText("a.yaml", []byte("id: HERE"), n, "f00d") },
		"a file that is no TOML now":     func() ([]byte, error) { return SetText("a.toml", []byte("id = \"HERE"), n, "f00d") },
		"a key that is there":            func() ([]byte, error) { return AddText("a.toml", []byte(src), n, "id", "f00d") },
		"a dotted key": func() ([]byte, error) {
			src := "[x]\na.b = \"HERE\"\n"
			return AddText("a.toml", []byte(src), find(t, "a.toml", src, "HERE"), "id", "f00d")
		},
	} {
		if out, err := try(); err == nil {
			t.Errorf("%s: made %q", name, out)
		}
	}
}

// Whatever the file holds: after an edit it parses to the same but for the one value,
// and all other bytes are the same.
func FuzzEdit(f *testing.F) {
	f.Add("a.toml", asTOML, 0)
	f.Add("a.toml", "[[env.staging.kv_namespaces]]\r\nbinding = 'KV' # c\r\nid = \"\"\"\nPLACEHOLDER\"\"\"\r\n", 1)
	f.Add("a.toml", "a.b.c = [[\"x\"], {x = \"é\\\"\"}]\n\"q.\\u0000\" = 'v'", 1)
	f.Add("a.jsonc", asJSON, 1)
	f.Add("a.jsonc", "{ \"é\": \"\\u00e9\", // x\n \"a\": [\"b\",], }", 1)
	f.Fuzz(func(t *testing.T, file, text string, which int) {
		if file != "a.toml" {
			file = "a.jsonc"
		}
		src := []byte(text)
		root, err := Parse(file, src)
		if err != nil {
			return
		}
		var texts []*Node
		root.Walk(func(n *Node) {
			if _, ok := n.Scalar.(string); ok {
				texts = append(texts, n)
			}
		})
		if len(texts) == 0 || which < 0 {
			return
		}
		n := texts[which%len(texts)]
		if out, err := SetText(file, src, n, "0123-abc"); err == nil {
			proveEdit(t, file, src, out, n)
		}
		if out, err := AddText(file, src, n, "new_id", "0123-abc"); err == nil {
			at := commonPrefix(src, out)
			if again, err := Parse(file, out); err != nil || !bytes.HasSuffix(out, src[at:]) || reflect.DeepEqual(again.Plain(), root.Plain()) {
				t.Fatalf("%q became %q: %v", src, out, err)
			}
		}
	})
}

// proveEdit sees that the bytes around one value are the same, and all other values.
func proveEdit(t *testing.T, file string, src, out []byte, n *Node) {
	t.Helper()
	start, end, _ := offsets(src, n.At)
	if !bytes.HasPrefix(out, src[:start]) || !bytes.HasSuffix(out, src[end:]) {
		t.Fatalf("%q became %q", src, out)
	}
	before, _ := Parse(file, src)
	after, err := Parse(file, out)
	if err != nil {
		t.Fatalf("%q became %q: %v", src, out, err)
	}
	var old, now []any
	before.Walk(func(v *Node) { old = append(old, v.Scalar) })
	after.Walk(func(v *Node) { now = append(now, v.Scalar) })
	different := 0
	for i := range min(len(old), len(now)) {
		if !reflect.DeepEqual(old[i], now[i]) {
			different++
		}
	}
	if len(old) != len(now) || different > 1 {
		t.Fatalf("%q became %q, in which %d values differ", src, out, different)
	}
}

func commonPrefix(a, b []byte) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

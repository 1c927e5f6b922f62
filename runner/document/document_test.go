package document

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/finding"
)

const asTOML = `name = "a"
[deep.er]
list = [1, "two", { three = 3.5 }]
on = true
[[many]]
n = 1
[[many]]
n = 2
`

const asJSON = `{
  // the same
  "name": "a",
  "deep": { "er": { "list": [1, "two", { "three": 3.5 }], "on": true } },
  "many": [{ "n": 1 }, { "n": 2 }],
}`

const asYAML = `name: a
deep:
  er:
    list: [1, two, {three: 3.5}]
    on: true
many:
  - n: 1
  - n: 2
`

func TestThreeFormatsGiveOneTree(t *testing.T) {
	t.Parallel()
	want := map[string]any{
		"name": "a",
		"deep": map[string]any{"er": map[string]any{"list": []any{int64(1), "two", map[string]any{"three": 3.5}}, "on": true}},
		"many": []any{map[string]any{"n": int64(1)}, map[string]any{"n": int64(2)}},
	}
	tests := []struct {
		file, src string
		second    string // place of the second n
	}{
		{"a.toml", asTOML, "a.toml:8:5"},
		{"a.jsonc", asJSON, "a.jsonc:5:31"},
		{"a.yaml", asYAML, "a.yaml:8:8"},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			root, err := Parse(tt.file, []byte(tt.src))
			if err != nil {
				t.Fatal(err)
			}
			if got := root.Plain(); !reflect.DeepEqual(got, want) {
				t.Errorf("got %#v, want %#v", got, want)
			}
			if got := root.Keys(); !reflect.DeepEqual(got, []string{"name", "deep", "many"}) {
				t.Errorf("keys %v are not in the order written", got)
			}
			if got := root.Field("many").Items()[1].Field("n").At.String(); got != tt.second {
				t.Errorf("the second n stands at %s, want %s", got, tt.second)
			}
		})
	}
}

func TestWhatIsNotReadIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, src, at, message string }{
		{"YAML with a tab", "a.yaml", "a:\n\tb: 1\n", "a.yaml:2", "not valid YAML"},
		{"a YAML key twice", "a.yaml", "a: 1\nb: 2\na: 3\n", "a.yaml:3", "twice"},
		{"a YAML alias", "a.yaml", "a: &x 1\nb: *x\n", "a.yaml:2", "alias"},
		{"a YAML list", "a.yaml", "- 1\n", "a.yaml:1", "no table"},
		{"a JSON text", "a.json", `"x"`, "a.json:1", "no table"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tt.file, []byte(tt.src))
			f, ok := errors.AsType[finding.Finding](err)
			if !ok || f.Rule != "syntax" || !strings.HasPrefix(f.At.String(), tt.at) || !strings.Contains(f.Message, tt.message) {
				t.Errorf("got %v, want …%s… at %s", err, tt.message, tt.at)
			}
		})
	}
}

func TestAnEmptyYAMLFileIsAnEmptyTable(t *testing.T) {
	t.Parallel()
	root, err := Parse("a.yaml", []byte("# nothing\n"))
	if err != nil || !root.IsTable() || !root.Empty() {
		t.Errorf("got %+v, %v", root, err)
	}
}

func TestReaderTakesWhatFitsAndTellsWhatDoesNot(t *testing.T) {
	t.Parallel()
	root, err := Parse("a.toml", []byte("text = \"t\"\non = true\nlist = [\"a\", 2]\nempty = []\n[dict]\nx = \"1\"\n[[tables]]\na = 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	var r Reader
	if v := r.Str(root, "text"); v.V != "t" || v.At.Line != 1 {
		t.Errorf("text %+v", v)
	}
	if v := r.Bool(root, "on"); !v.V || v.Or(false) != true {
		t.Errorf("bool %+v", v)
	}
	if v := r.Strs(root, "empty"); v == nil || len(v) != 0 {
		t.Error("an empty list reads as not written")
	}
	if v := r.Strs(root, "nothing"); v != nil {
		t.Error("a list that is not written reads as written")
	}
	if v := r.Dict(root, "dict"); v["x"].V != "1" {
		t.Errorf("dict %+v", v)
	}
	if v := r.Tables(root, "tables"); len(v) != 1 {
		t.Errorf("tables %+v", v)
	}
	if v := r.Str(root, "nothing"); v.Written() || v.Or("x") != "x" {
		t.Errorf("unwritten text %+v", v)
	}
	if len(r.Errors) != 0 {
		t.Fatalf("errors %v", r.Errors)
	}
	r.Strs(root, "list")
	r.Strs(root, "list")
	r.Str(root, "on")
	r.Bool(root, "text")
	r.Table(root, "text")
	r.Tables(root, "dict")
	if len(r.Errors) != 5 {
		t.Errorf("%d errors, want 5, each told once: %v", len(r.Errors), r.Errors)
	}
}

// Every place lies inside the file, whatever the file holds.
func FuzzParse(f *testing.F) {
	f.Add(uint8(0), asTOML)
	f.Add(uint8(0), "a.b.c = [[1, {x = 2}], []]\n[[a.list]]\n[a.list.sub]\nk = 'v'\n[[a.list]]\n")
	f.Add(uint8(0), "\"\\u0000\" = 1\n'a b'.c = \"\"\"\nx\"\"\"\n")
	f.Add(uint8(1), asJSON)
	f.Add(uint8(1), "{ \"000\": {\"\": \"é")
	f.Add(uint8(2), asYAML)
	f.Fuzz(func(t *testing.T, format uint8, src string) {
		name := [...]string{"w.toml", "w.jsonc", "w.yaml"}[format%3]
		lines := strings.Split(src, "\n")
		inside := func(what string, p finding.Position) {
			if p.IsZero() {
				return
			}
			if p.File != name || p.Line < 0 || p.Line > len(lines) || p.EndLine > len(lines) {
				t.Fatalf("%s stands at %+v, outside a file of %d lines", what, p, len(lines))
			}
			if p.Line > 0 && p.Column > len([]rune(lines[p.Line-1]))+1 {
				t.Fatalf("%s stands at column %d of %q", what, p.Column, lines[p.Line-1])
			}
		}
		root, err := Parse(name, []byte(src))
		for _, f := range finding.From(err, "", finding.Position{}) {
			inside("finding "+f.Message, f.At)
		}
		root.Walk(func(n *Node) {
			inside("a value", n.At)
			inside("a key", n.Key)
		})
	})
}

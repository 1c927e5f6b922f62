package wrangler

import (
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/finding"
)

// Every place that a reader tells, in a value or in a finding, lies inside the
// file, whatever the file holds.
func FuzzParse(f *testing.F) {
	f.Add("w.toml", apiTOML)
	f.Add("w.toml", "a.b.c = [[1, {x = 2}], []]\n[[a.list]]\n[a.list.sub]\nk = 'v'\n[[a.list]]\n")
	f.Add("w.toml", "\"\\u0000\" = 1\n'a b'.c = \"\"\"\nx\"\"\"\n")
	f.Add("w.jsonc", "{ \"env\": { \"a\": { \"vars\": { \"x\": [1, null,] } } }, /* c */ \"name\": \"é\" }")
	f.Fuzz(func(t *testing.T, name, src string) {
		if name != "w.toml" {
			name = "w.jsonc"
		}
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
		file, err := Parse(name, []byte(src))
		for _, f := range finding.From(err, "", finding.Position{}) {
			inside("finding "+f.Message, f.At)
		}
		if file == nil {
			return
		}
		file.Texts(func(text Value[string]) { inside("a text", text.At) })
		for _, env := range file.Envs {
			s, _ := file.In(env.V)
			inside("header", s.At)
			for _, b := range s.Bindings {
				inside("binding", b.At)
			}
		}
	})
}

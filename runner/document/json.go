package document

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"

	"github.com/tminus/deploy-action/runner/finding"
)

// parseJSON reads JSON with comments and trailing commas, as wrangler reads
// both wrangler.json and wrangler.jsonc.
func parseJSON(file string, src []byte) (*Node, error) {
	v, err := hujson.Parse(src)
	if err != nil {
		return nil, jsonError(file, src, err)
	}
	j := jsonFile{file: file, src: src}
	root, err := j.node(v)
	if err != nil {
		return nil, err
	}
	return root, nil
}

var jsonPlace = regexp.MustCompile(`line (\d+), column (\d+): *`)

// jsonError finds the place in the library's message, which carries it as text.
func jsonError(file string, src []byte, err error) error {
	at := finding.Position{File: file, Line: 1, Column: 1}
	message := strings.TrimPrefix(err.Error(), "hujson: ")
	if m := jsonPlace.FindStringSubmatch(message); m != nil {
		line, _ := strconv.Atoi(m[1])
		column, _ := strconv.Atoi(m[2])
		at = finding.ByteColumn(file, src, line, column)
		message = strings.Replace(message, m[0], "", 1)
	}
	return finding.Errorf("syntax", at, "not valid JSON: %s", message).
		Hintf("correct the line; nothing was read from this file")
}

type jsonFile struct {
	file string
	src  []byte
}

func (j jsonFile) node(v hujson.Value) (*Node, error) {
	at := finding.Span(j.file, j.src, v.StartOffset, v.EndOffset)
	switch inner := v.Value.(type) {
	case *hujson.Object:
		return j.table(at, inner)
	case *hujson.Array:
		n := &Node{At: at, items: make([]*Node, len(inner.Elements))}
		for i, e := range inner.Elements {
			item, err := j.node(e)
			if err != nil {
				return nil, err
			}
			n.items[i] = item
		}
		return n, nil
	case hujson.Literal:
		return &Node{At: at, Scalar: scalar(inner)}, nil
	}
	return &Node{At: at}, nil
}

func (j jsonFile) table(at finding.Position, o *hujson.Object) (*Node, error) {
	n := &Node{At: at, fields: make(map[string]*Node, len(o.Members))}
	for _, m := range o.Members {
		name, _ := m.Name.Value.(hujson.Literal)
		member, err := j.node(m.Value)
		if err != nil {
			return nil, err
		}
		member.Key = finding.Span(j.file, j.src, m.Name.StartOffset, m.Name.EndOffset)
		if first := n.fields[name.String()]; first != nil {
			return nil, finding.Errorf("syntax", member.Key, "key %q is written twice in one object", name.String()).
				Hintf("keep one of the two").See(first.Key)
		}
		n.Set(name.String(), member)
	}
	return n, nil
}

// scalar is a literal in the types that TOML's decoder gives, so that nothing
// later needs to know which format a file had.
func scalar(l hujson.Literal) any {
	switch l.Kind() {
	case 't', 'f':
		return l.Bool()
	case '"':
		return l.String()
	case '0':
		if i, err := strconv.ParseInt(string(l), 10, 64); err == nil {
			return i
		}
		var f float64
		if json.Unmarshal(l, &f) == nil {
			return f
		}
	}
	return nil
}

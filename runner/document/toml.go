package document

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/tminus/deploy-action/runner/finding"
)

// parseTOML reads TOML twice: the library's decoder gives the values and
// refuses what is not TOML, its parser tells where they stand. The parser's
// interface is not promised to stay, so it is used in this file alone.
func parseTOML(file string, src []byte) (*Node, error) {
	if !utf8.Valid(src) {
		return nil, finding.Errorf("syntax", finding.Position{File: file}, "the file is not UTF-8 text").
			Hintf("save it as UTF-8")
	}
	var values map[string]any
	if err := toml.Unmarshal(src, &values); err != nil {
		return nil, tomlError(file, src, err)
	}
	p := places{file: file, src: src, at: map[string]finding.Position{}, key: map[string]finding.Position{}, count: map[string]int{}}
	if err := p.collect(); err != nil {
		return nil, tomlError(file, src, err)
	}
	root := p.node("", values)
	root.At = finding.Span(file, src, 0, 0)
	return root, nil
}

func tomlError(file string, src []byte, err error) error {
	at := finding.Position{File: file, Line: 1, Column: 1}
	message := err.Error()
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := d.Position()
		at = finding.ByteColumn(file, src, line, column)
	}
	return finding.Errorf("syntax", at, "not valid TOML: %s", strings.TrimPrefix(message, "toml: ")).
		Hintf("correct the line; nothing was read from this file")
}

// places holds where the values of a document stand, by path.
type places struct {
	file  string
	src   []byte
	at    map[string]finding.Position // of the value
	key   map[string]finding.Position // of the key
	count map[string]int              // elements seen so far of each array of tables
}

// collect walks the document's expressions and notes the place of each.
func (p *places) collect() error {
	parser := unstable.Parser{}
	parser.Reset(p.src)
	table := ""
	for parser.NextExpression() {
		e := parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = p.header(e)
		case unstable.KeyValue:
			path, _ := p.keys(table, e.Key())
			p.value(path, e.Value())
		}
	}
	return parser.Error()
}

// header notes a [table] or [[array of tables]] line and gives the path that
// the lines below it belong to.
func (p *places) header(e *unstable.Node) string {
	path, at := p.keys("", e.Key())
	p.key[path] = at
	if e.Kind == unstable.ArrayTable {
		path = join(path, strconv.Itoa(p.count[path]))
		p.count[parent(path)]++
	}
	p.at[path] = at
	return path
}

// keys follows a dotted key from a path and notes the place of each part, which
// is the first one where several lines add to a table. The path goes on in the
// newest element where a part is an array of tables. It gives the path and the
// place of the last part.
func (p *places) keys(path string, it unstable.Iterator) (string, finding.Position) {
	var at finding.Position
	for it.Next() {
		if n := p.count[path]; n > 0 {
			path = join(path, strconv.Itoa(n-1))
		}
		part := it.Node()
		path = join(path, string(part.Data))
		at = p.span(part.Raw)
		if _, ok := p.key[path]; !ok {
			p.at[path], p.key[path] = at, at
		}
	}
	return path, at
}

func (p *places) value(path string, v *unstable.Node) {
	switch v.Kind {
	case unstable.Array:
		i := 0
		for it := v.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			p.value(join(path, strconv.Itoa(i)), it.Node())
			i++
		}
	case unstable.InlineTable:
		p.at[path] = p.span(v.Raw)
		for it := v.Children(); it.Next(); {
			if e := it.Node(); e.Kind == unstable.KeyValue {
				inner, _ := p.keys(path, e.Key())
				p.value(inner, e.Value())
			}
		}
	default:
		p.at[path] = p.span(v.Raw)
	}
}

func (p *places) span(r unstable.Range) finding.Position {
	return finding.Span(p.file, p.src, int(r.Offset), int(r.Offset+r.Length))
}

// node joins a decoded value with the places noted for its path. A value whose
// own place is unknown stands where its container does.
func (p *places) node(path string, value any) *Node {
	n := &Node{At: p.at[path], Key: p.key[path]}
	if n.At.IsZero() {
		n.At = n.Key
	}
	switch v := value.(type) {
	case map[string]any:
		fields := make(map[string]*Node, len(v))
		for key, member := range v {
			fields[key] = p.node(join(path, key), member)
		}
		key := n.Key
		n = tableOf(n.At, fields)
		n.Key = key
	case []any:
		n.items = make([]*Node, len(v))
		for i, item := range v {
			n.items[i] = p.node(join(path, strconv.Itoa(i)), item)
			if n.items[i].At.IsZero() {
				n.items[i].At = n.At
			}
		}
	default:
		n.Scalar = v
	}
	return n
}

// join adds a part to a path. The separator cannot stand in a TOML key unquoted,
// and a quoted key that holds it only loses its place.
func join(path, part string) string { return path + "\x00" + part }

func parent(path string) string { return path[:strings.LastIndexByte(path, 0)] }

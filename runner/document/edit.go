package document

import (
	"bytes"
	"fmt"
	"path"
	"reflect"
	"regexp"

	"github.com/tminus/deploy-action/runner/finding"
)

// editable are texts that are written alike in every format, so that an edit needs
// to escape nothing. Ids of Cloudflare are.
var editable = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

// SetText writes another text in place of the text value n of a document, and leaves
// every other byte as it is: comments, spaces, line ends, the kind of quotes. The
// result was read again and differs in that value alone; where that cannot be had,
// the error says so and nothing was made. YAML is not written.
func SetText(file string, src []byte, n *Node, text string) ([]byte, error) {
	change := func(root *Node) { same(root, n).Scalar = text }
	return edit(file, src, n, text, change, func(_ *Node, start, end int) ([]byte, error) {
		literal := src[start:end]
		if len(literal) < 2 || literal[0] != '"' && literal[0] != '\'' {
			return nil, fmt.Errorf("%s holds no text in quotes", n.At)
		}
		quote := literal[:1]
		if len(literal) >= 6 && literal[1] == literal[0] && literal[2] == literal[0] {
			quote = []byte(`"`) // three quotes are for texts of several lines
		}
		return bytes.Join([][]byte{src[:start], quote, []byte(text), quote, src[end:]}, nil), nil
	})
}

// AddText writes a new key with a text into the table of a document that has the text
// value n, behind that value, in the manner in which that one is written. It promises
// what SetText does.
func AddText(file string, src []byte, n *Node, key, text string) ([]byte, error) {
	change := func(root *Node) { holder(root, n).Set(key, &Node{Scalar: text}) }
	return edit(file, src, n, text, change, func(root *Node, _, end int) ([]byte, error) {
		table := holder(root, n)
		if table == nil || table.Field(key) != nil || !editable.MatchString(key) {
			return nil, fmt.Errorf("%s is in no table that lacks %q", n.At, key)
		}
		keyAt, _, _ := offsets(src, n.Key)
		indent, first := indentOf(src, keyAt)
		tableAt, _, braced := offsets(src, table.At)
		braced = braced && src[tableAt] == '{'
		switch {
		case isJSON(file) && first:
			return splice(src, end, ","+newline(src)+indent+`"`+key+`": "`+text+`"`), nil
		case isJSON(file):
			return splice(src, end, `, "`+key+`": "`+text+`"`), nil
		case braced:
			return splice(src, end, ", "+key+` = "`+text+`"`), nil
		}
		return splice(src, lineEnd(src, end), newline(src)+indent+key+` = "`+text+`"`), nil
	})
}

// edit makes a change and proves it: the result, read again, is the tree of before
// with the change, and nothing else.
func edit(file string, src []byte, n *Node, text string, change func(root *Node), write func(root *Node, start, end int) ([]byte, error)) ([]byte, error) {
	if ext := path.Ext(file); ext == ".yaml" || ext == ".yml" {
		return nil, fmt.Errorf("%s is YAML, which is not written", file)
	}
	if !editable.MatchString(text) {
		return nil, fmt.Errorf("the text for %s is no plain word", n.At)
	}
	want, err := Parse(file, src)
	if err != nil {
		return nil, err
	}
	start, end, ok := offsets(src, n.At)
	if !ok || same(want, n) == nil {
		return nil, fmt.Errorf("%s is not what it was", n.At)
	}
	out, err := write(want, start, end)
	if err != nil {
		return nil, err
	}
	change(want)
	got, err := Parse(file, out)
	if err != nil || !reflect.DeepEqual(got.Plain(), want.Plain()) {
		return nil, fmt.Errorf("%s cannot be written without changing something else", n.At)
	}
	return out, nil
}

func isJSON(file string) bool { return path.Ext(file) == ".json" || path.Ext(file) == ".jsonc" }

// same finds the text that stands where n does and says what n does.
func same(root, n *Node) (found *Node) {
	root.Walk(func(v *Node) {
		if _, text := v.Scalar.(string); text && v.Scalar == n.Scalar && v.At == n.At && v.Key == n.Key {
			found = v
		}
	})
	return found
}

// holder finds the table that has the member n.
func holder(root, n *Node) (found *Node) {
	root.Walk(func(v *Node) {
		for _, member := range v.fields {
			if member.At == n.At && member.Key == n.Key && !n.Key.IsZero() {
				found = v
			}
		}
	})
	return found
}

// offsets are the bytes of src that a place covers.
func offsets(src []byte, at finding.Position) (start, end int, ok bool) {
	start, end = -1, -1
	line, column := 1, 1
	for i, r := range string(src) {
		if line == at.Line && column == at.Column {
			start = i
		}
		if line == at.EndLine && column == at.EndColumn {
			end = i
		}
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	if line == at.Line && column == at.Column {
		start = len(src)
	}
	if line == at.EndLine && column == at.EndColumn {
		end = len(src)
	}
	return start, end, start >= 0 && end >= start && start < len(src)
}

// indentOf is the white space before a place, and whether nothing else is before it
// on its line.
func indentOf(src []byte, at int) (string, bool) {
	begin := bytes.LastIndexByte(src[:at], '\n') + 1
	before := src[begin:at]
	indent := before[:len(before)-len(bytes.TrimLeft(before, " \t"))]
	return string(indent), len(indent) == len(before)
}

// lineEnd is where the line of a place ends, before its line break.
func lineEnd(src []byte, at int) int {
	line := src[at:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	return at + len(bytes.TrimSuffix(line, []byte("\r")))
}

// newline is how the lines of src end.
func newline(src []byte) string {
	if i := bytes.IndexByte(src, '\n'); i > 0 && src[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

func splice(src []byte, at int, text string) []byte {
	return bytes.Join([][]byte{src[:at], []byte(text), src[at:]}, nil)
}

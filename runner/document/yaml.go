package document

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/tminus/deploy-action/runner/finding"
)

// parseYAML reads one YAML document. Aliases and merge keys are refused: they
// would give one value several places.
func parseYAML(file string, src []byte) (*Node, error) {
	if at := oddLineEnd.FindIndex(src); at != nil {
		return nil, finding.Errorf("syntax", finding.Span(file, src, at[0], at[1]), "a line ends in neither LF nor CRLF").
			Hintf("save the file with LF line ends")
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		return nil, yamlError(file, err)
	}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		return Table(finding.Position{File: file, Line: 1, Column: 1}), nil
	}
	y := yamlFile{file: file, lines: bytes.Split(src, []byte("\n"))}
	return y.node(doc.Content[0])
}

type yamlFile struct {
	file  string
	lines [][]byte
}

// at is the place of a node. The library puts an empty value behind the end of
// its line, or of the file; such a place is pulled back into the file.
func (f yamlFile) at(y *yaml.Node) finding.Position {
	line := min(max(y.Line, 1), len(f.lines))
	column := min(max(y.Column, 1), utf8.RuneCount(f.lines[line-1])+1)
	return finding.Position{File: f.file, Line: line, Column: column}
}

// oddLineEnd matches what YAML takes for the end of a line and editors do not,
// so that every place told is one that a person finds.
var oddLineEnd = regexp.MustCompile("\r(?:[^\n]|$)|\u0085|\u2028|\u2029")

var yamlPlace = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func yamlError(file string, err error) error {
	at := finding.Position{File: file, Line: 1}
	message := strings.ReplaceAll(err.Error(), "\n", " ")
	if m := yamlPlace.FindStringSubmatch(message); m != nil {
		if line, err := strconv.Atoi(m[1]); err == nil {
			at.Line = line
		}
		message = message[len(m[0]):]
	}
	return finding.Errorf("syntax", at, "not valid YAML: %s", message).
		Hintf("correct the line; nothing was read from this file")
}

func (f yamlFile) node(y *yaml.Node) (*Node, error) {
	at := f.at(y)
	switch y.Kind {
	case yaml.MappingNode:
		return f.table(at, y)
	case yaml.SequenceNode:
		n := &Node{At: at, items: make([]*Node, len(y.Content))}
		for i, c := range y.Content {
			item, err := f.node(c)
			if err != nil {
				return nil, err
			}
			n.items[i] = item
		}
		return n, nil
	case yaml.ScalarNode:
		var v any
		if err := y.Decode(&v); err != nil {
			return nil, finding.Errorf("syntax", at, "not valid YAML: %s", err).Hintf("put the value in quotes")
		}
		if i, ok := v.(int); ok {
			v = int64(i)
		}
		return &Node{At: at, Scalar: v}, nil
	}
	return nil, finding.Errorf("syntax", at, "aliases are not read here").Hintf("write the value out")
}

func (f yamlFile) table(at finding.Position, y *yaml.Node) (*Node, error) {
	n := Table(at)
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		place := f.at(key)
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return nil, finding.Errorf("syntax", place, "a key must be a plain word").Hintf("write the keys out")
		}
		member, err := f.node(y.Content[i+1])
		if err != nil {
			return nil, err
		}
		if first := n.Field(key.Value); first != nil {
			return nil, finding.Errorf("syntax", place, "key %q is written twice in one table", key.Value).
				Hintf("keep one of the two").See(first.Key)
		}
		member.Key = place
		n.Set(key.Value, member)
	}
	return n, nil
}

package document

import (
	"maps"
	"slices"

	"github.com/tminus/deploy-action/runner/finding"
)

// Node is a value of a document, of whatever kind, with its places. All methods
// take a nil Node for a value that is not written.
type Node struct {
	// At is the value's place.
	At finding.Position
	// Key is the place of the key that names the value; zero for the items of a list.
	Key finding.Position
	// Scalar is a string, bool, int64, float64 or, from TOML, a date or time; nil
	// for tables, lists and null.
	Scalar any

	keys   []string
	fields map[string]*Node
	items  []*Node
}

// Table makes an empty table at a place.
func Table(at finding.Position) *Node { return &Node{At: at, fields: map[string]*Node{}} }

// IsTable tells whether n is a table, called an object in JSON and a mapping in YAML.
func (n *Node) IsTable() bool { return n != nil && n.fields != nil }

// IsList tells whether n is a list, called an array in TOML and JSON.
func (n *Node) IsList() bool { return n != nil && n.items != nil }

// Keys are the keys of a table in the order written.
func (n *Node) Keys() []string {
	if n == nil {
		return nil
	}
	return n.keys
}

// Items are the items of a list.
func (n *Node) Items() []*Node {
	if n == nil {
		return nil
	}
	return n.items
}

// Empty tells whether n is a table or a list with nothing in it.
func (n *Node) Empty() bool {
	return n.IsTable() && len(n.keys) == 0 || n.IsList() && len(n.items) == 0
}

// Field is the member of a table, nil when n is none or lacks it.
func (n *Node) Field(key string) *Node {
	if n == nil {
		return nil
	}
	return n.fields[key]
}

// Set adds or replaces a member of a table.
func (n *Node) Set(key string, member *Node) {
	if _, ok := n.fields[key]; !ok {
		n.keys = append(n.keys, key)
	}
	n.fields[key] = member
}

// Place is where a reader should look for n: its key if it has one.
func (n *Node) Place() finding.Position {
	switch {
	case n == nil:
		return finding.Position{}
	case n.Key.IsZero():
		return n.At
	}
	return n.Key
}

// Plain is n as encoding/json would have decoded it.
func (n *Node) Plain() any {
	switch {
	case n == nil:
		return nil
	case n.IsTable():
		m := make(map[string]any, len(n.fields))
		for key, member := range n.fields {
			m[key] = member.Plain()
		}
		return m
	case n.IsList():
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.Plain()
		}
		return list
	default:
		return n.Scalar
	}
}

// Walk visits n and all that is in it, in the order written.
func (n *Node) Walk(visit func(*Node)) {
	if n == nil {
		return
	}
	visit(n)
	for _, key := range n.keys {
		n.fields[key].Walk(visit)
	}
	for _, item := range n.items {
		item.Walk(visit)
	}
}

// tableOf makes a table node with its members in the order of their places.
func tableOf(at finding.Position, fields map[string]*Node) *Node {
	n := &Node{At: at, fields: fields}
	n.keys = slices.SortedFunc(maps.Keys(fields), func(a, b string) int {
		if c := fields[a].Place().Compare(fields[b].Place()); c != 0 {
			return c
		}
		if a < b {
			return -1
		}
		return 1
	})
	return n
}

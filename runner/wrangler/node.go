package wrangler

import (
	"maps"
	"slices"

	"github.com/tminus/deploy-action/runner/finding"
)

// Value is a value of the configuration and the place where it is written. A
// zero place means that it is not written, and V is then the zero value.
type Value[T any] struct {
	V  T
	At finding.Position
}

// Written tells whether the value stands in the file.
func (v Value[T]) Written() bool { return !v.At.IsZero() }

// Or is the value, or the given one when none is written.
func (v Value[T]) Or(other T) T {
	if v.Written() {
		return v.V
	}
	return other
}

// node is a value of the file, of whatever kind, with its places. A table keeps
// its members in fields and their order in keys; a list keeps items; all else
// is a scalar (string, bool, int64, float64 or, from TOML, a date or time).
type node struct {
	at     finding.Position // the value
	key    finding.Position // the key that names it; zero for the items of a list
	scalar any
	keys   []string
	fields map[string]*node
	items  []*node
}

func (n *node) isTable() bool { return n != nil && n.fields != nil }
func (n *node) isList() bool  { return n != nil && n.items != nil }

// field is the member of a table, nil when n is none or lacks it.
func (n *node) field(key string) *node {
	if n == nil {
		return nil
	}
	return n.fields[key]
}

// set adds or replaces a member.
func (n *node) set(key string, member *node) {
	if _, ok := n.fields[key]; !ok {
		n.keys = append(n.keys, key)
	}
	n.fields[key] = member
}

// place is where a reader should look for n: its key if it has one.
func (n *node) place() finding.Position {
	if n.key.IsZero() {
		return n.at
	}
	return n.key
}

// plain is n as encoding/json would have decoded it.
func (n *node) plain() any {
	switch {
	case n == nil:
		return nil
	case n.isTable():
		m := make(map[string]any, len(n.fields))
		for key, member := range n.fields {
			m[key] = member.plain()
		}
		return m
	case n.isList():
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.plain()
		}
		return list
	default:
		return n.scalar
	}
}

// walk visits n and all that is in it, in the order written.
func (n *node) walk(visit func(*node)) {
	if n == nil {
		return
	}
	visit(n)
	for _, key := range n.keys {
		n.fields[key].walk(visit)
	}
	for _, item := range n.items {
		item.walk(visit)
	}
}

// tableOf makes a table node with its members in the order of their places.
func tableOf(at finding.Position, fields map[string]*node) *node {
	n := &node{at: at, fields: fields}
	n.keys = slices.SortedFunc(maps.Keys(fields), func(a, b string) int {
		if c := fields[a].place().Compare(fields[b].place()); c != 0 {
			return c
		}
		if a < b {
			return -1
		}
		return 1
	})
	return n
}

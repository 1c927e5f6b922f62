package document

import (
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
)

// Value is a value of a document and the place where it is written. A zero
// place means that it is not written, and V is then the zero value.
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

// Reader takes typed values out of nodes and collects what does not fit. The
// zero Reader is ready.
type Reader struct {
	// Errors and Warnings are what was found so far, each once.
	Errors, Warnings []finding.Finding

	told map[string]bool
}

// Add keeps a finding once: a node may be read several times.
func (r *Reader) Add(f finding.Finding) {
	if r.told == nil {
		r.told = map[string]bool{}
	}
	if key := f.Rule + f.At.String() + f.Message; !r.told[key] {
		r.told[key] = true
		if f.Severity == finding.Error {
			r.Errors = append(r.Errors, f)
		} else {
			r.Warnings = append(r.Warnings, f)
		}
	}
}

// Wrong says that a value is not of the kind that it must be.
func (r *Reader) Wrong(n *Node, key, want string) {
	r.Add(finding.Errorf("config", n.Place(), "%q must be %s", key, want).
		Hintf("write %s for %q", want, key))
}

// get reads a scalar member of a table as a T.
func get[T any](r *Reader, table *Node, key, want string) Value[T] {
	n := table.Field(key)
	if n == nil || !n.IsTable() && !n.IsList() && n.Scalar == nil {
		return Value[T]{}
	}
	v, ok := n.Scalar.(T)
	if !ok {
		r.Wrong(n, key, want)
		return Value[T]{}
	}
	return Value[T]{V: v, At: n.At}
}

// Str reads a text.
func (r *Reader) Str(table *Node, key string) Value[string] {
	return get[string](r, table, key, "a text in quotes")
}

// Bool reads true or false.
func (r *Reader) Bool(table *Node, key string) Value[bool] {
	return get[bool](r, table, key, "true or false")
}

// Any reads a member of whatever kind, as it would be sent.
func (r *Reader) Any(table *Node, key string) Value[any] {
	n := table.Field(key)
	if n == nil {
		return Value[any]{}
	}
	return Value[any]{V: n.Plain(), At: n.Place()}
}

// Strs reads a list of texts. A key that is not written gives nil, an empty
// list gives an empty one.
func (r *Reader) Strs(table *Node, key string) []Value[string] {
	n := table.Field(key)
	if n == nil {
		return nil
	}
	if !n.IsList() {
		r.Wrong(n, key, "a list of texts")
		return nil
	}
	list := make([]Value[string], 0, len(n.items))
	for _, item := range n.Items() {
		s, ok := item.Scalar.(string)
		if !ok {
			r.Wrong(item, key, "a list of texts")
			continue
		}
		list = append(list, Value[string]{V: s, At: item.At})
	}
	return list
}

// Dict reads a table of texts.
func (r *Reader) Dict(table *Node, key string) map[string]Value[string] {
	n := r.Table(table, key)
	if n == nil {
		return nil
	}
	m := make(map[string]Value[string], len(n.keys))
	for _, name := range n.Keys() {
		m[name] = r.Str(n, name)
	}
	return m
}

// Table is a member that must be a table; nil when it is not written.
func (r *Reader) Table(table *Node, key string) *Node {
	n := table.Field(key)
	if n == nil {
		return nil
	}
	if !n.IsTable() {
		r.Wrong(n, key, "a table")
		return nil
	}
	return n
}

// Tables is a member that must be a list of tables.
func (r *Reader) Tables(table *Node, key string) []*Node {
	n := table.Field(key)
	if n == nil {
		return nil
	}
	if !n.IsList() {
		r.Wrong(n, key, "a list of tables")
		return nil
	}
	var list []*Node
	for _, item := range n.Items() {
		if !item.IsTable() {
			r.Wrong(item, key, "a list of tables")
			continue
		}
		list = append(list, item)
	}
	return list
}

// Unknown is the warning for a key that nobody reads. Known keys are looked
// through for one that differs by one slip, to be offered.
func (r *Reader) Unknown(n *Node, key, where string, known []string) {
	f := finding.Warnf("unknown-key", n.Place(), "%s has a key %q that nothing reads", where, key)
	if like, ok := Near(strings.ToLower(key), known); ok {
		f = f.Hintf("did you mean %q?", like)
	}
	r.Add(f)
}

// Near finds among known words the first that differs from a given one by one letter
// changed, added, dropped or swapped with the next: what may have been meant.
func Near(word string, known []string) (string, bool) {
	i := slices.IndexFunc(known, func(like string) bool { return oneSlip(word, like) })
	if i < 0 {
		return "", false
	}
	return known[i], true
}

// oneSlip tells whether two words differ by one letter changed, added, dropped
// or swapped with the next.
func oneSlip(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	switch len(a) - len(b) {
	case 0:
		return a == b || a[1:] == b[1:] || len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]
	case 1:
		return a[1:] == b
	case -1:
		return a == b[1:]
	}
	return false
}

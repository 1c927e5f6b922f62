package wrangler

import (
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
)

// reader takes typed values out of nodes and collects what does not fit.
type reader struct {
	errors   []finding.Finding
	warnings []finding.Finding
	told     map[string]bool
}

// add keeps a finding once: what an environment inherits would be told again.
func (r *reader) add(f finding.Finding) {
	if r.told == nil {
		r.told = map[string]bool{}
	}
	if key := f.Rule + f.At.String() + f.Message; !r.told[key] {
		r.told[key] = true
		if f.Severity == finding.Error {
			r.errors = append(r.errors, f)
		} else {
			r.warnings = append(r.warnings, f)
		}
	}
}

func (r *reader) wrong(n *node, key, want string) {
	r.add(finding.Errorf("config", n.place(), "%q must be %s", key, want).
		Hintf("see wrangler's configuration reference for %q", key))
}

// get reads a scalar member of a table as a T.
func get[T any](r *reader, table *node, key, want string) Value[T] {
	n := table.field(key)
	if n == nil || n.isTable() == false && n.isList() == false && n.scalar == nil {
		return Value[T]{}
	}
	v, ok := n.scalar.(T)
	if !ok {
		r.wrong(n, key, want)
		return Value[T]{}
	}
	return Value[T]{V: v, At: n.at}
}

func (r *reader) str(table *node, key string) Value[string] {
	return get[string](r, table, key, "a text in quotes")
}

func (r *reader) boolean(table *node, key string) Value[bool] {
	return get[bool](r, table, key, "true or false")
}

// any reads a member of whatever kind, as it would be sent.
func (r *reader) any(table *node, key string) Value[any] {
	n := table.field(key)
	if n == nil {
		return Value[any]{}
	}
	return Value[any]{V: n.plain(), At: n.place()}
}

// strs reads a list of texts. A key that is not written gives nil, an empty
// list gives an empty one.
func (r *reader) strs(table *node, key string) []Value[string] {
	n := table.field(key)
	if n == nil {
		return nil
	}
	if !n.isList() {
		r.wrong(n, key, "a list of texts")
		return nil
	}
	list := make([]Value[string], 0, len(n.items))
	for _, item := range n.items {
		s, ok := item.scalar.(string)
		if !ok {
			r.wrong(item, key, "a list of texts")
			continue
		}
		list = append(list, Value[string]{V: s, At: item.at})
	}
	return list
}

// dict reads a table of texts.
func (r *reader) dict(table *node, key string) map[string]Value[string] {
	n := r.table(table, key)
	if n == nil {
		return nil
	}
	m := make(map[string]Value[string], len(n.keys))
	for _, name := range n.keys {
		m[name] = r.str(n, name)
	}
	return m
}

// table is a member that must be a table; nil when it is not written.
func (r *reader) table(table *node, key string) *node {
	n := table.field(key)
	if n == nil {
		return nil
	}
	if !n.isTable() {
		r.wrong(n, key, "a table")
		return nil
	}
	return n
}

// tables is a member that must be a list of tables.
func (r *reader) tables(table *node, key string) []*node {
	n := table.field(key)
	if n == nil {
		return nil
	}
	if !n.isList() {
		r.wrong(n, key, "a list of tables")
		return nil
	}
	var list []*node
	for _, item := range n.items {
		if !item.isTable() {
			r.wrong(item, key, "a list of tables")
			continue
		}
		list = append(list, item)
	}
	return list
}

// unknownKeys warns of keys that wrangler does not know, and refuses those that
// this tool cannot carry.
func (r *reader) unknownKeys(table *node, where string) {
	for _, key := range table.keys {
		n := table.fields[key]
		switch {
		case reaches(key) == unknown:
			f := finding.Warnf("unknown-key", n.place(), "%s has a key %q that wrangler does not know", where, key)
			if like := nearest(key); like != "" {
				f = f.Hintf("did you mean %q?", like)
			}
			r.add(f)
		case refused(key):
			r.add(finding.Errorf("unsupported", n.place(), "%q is not carried to Cloudflare by this tool", key).
				Hintf("deploy this Worker with wrangler, or remove the key"))
		}
	}
}

// nearest is a known key that differs from key by one slip: a letter changed,
// added, dropped, or in the other case or number.
func nearest(key string) string {
	for _, known := range append(append(append([]string{}, inheritedKeys...), repeatedKeys...), topOnlyKeys...) {
		if oneSlip(strings.ToLower(key), known) {
			return known
		}
	}
	return ""
}

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

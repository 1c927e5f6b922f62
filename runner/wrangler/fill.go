package wrangler

import (
	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
)

// Entry names one entry of a file's bindings, in a way that stays true while other
// parts of the file are written.
type Entry struct {
	// Env is the environment, empty for the top level.
	Env string
	// Key is the configuration's name for the kind, such as d1_databases.
	Key string
	// Binding is the name by which the code reads it.
	Binding string
}

// Fill writes a text into a field of a binding's entry, such as database_id, where was
// is written now; an empty was means that the field is not there yet, and it is then
// added behind the last text of the entry. Every other byte of the file
// stays as it is. It gives the new file and the place of what was written. The error
// is a finding of rule "moved" when the file is not as it was when it was read.
func Fill(name string, src []byte, e Entry, field, was, text string) ([]byte, finding.Position, error) {
	b, err := entry(name, src, e)
	if err != nil {
		return nil, finding.Position{}, err
	}
	now := b.entry.Field(field)
	var out []byte
	switch {
	case now == nil && was == "":
		out, err = document.AddText(name, src, lastText(b.entry), field, text)
	case now != nil && now.Scalar == was:
		out, err = document.SetText(name, src, now, text)
	default:
		err = moved(name, b.At, e)
	}
	if err != nil {
		return nil, finding.Position{}, err
	}
	b, err = entry(name, out, e)
	return out, b.Field(field).At, err
}

// entry finds a binding of a file.
func entry(name string, src []byte, e Entry) (Binding, error) {
	f, err := Parse(name, src)
	if err != nil {
		return Binding{}, err
	}
	s, _ := f.In(e.Env)
	for _, b := range s.Bindings {
		if b.Key == e.Key && b.Name.V == e.Binding {
			return b, nil
		}
	}
	return Binding{}, moved(name, finding.Position{File: name}, e)
}

func moved(name string, at finding.Position, e Entry) error {
	return finding.Errorf("moved", at, "%s was changed by somebody while binding %q of %s was to be written", name, e.Binding, e.Key).
		Hintf("run again")
}

// lastText is the text value of an entry that stands last.
func lastText(entry *document.Node) *document.Node {
	var last *document.Node
	for _, key := range entry.Keys() {
		n := entry.Field(key)
		if _, ok := n.Scalar.(string); ok && (last == nil || last.At.Compare(n.At) < 0) {
			last = n
		}
	}
	return last
}

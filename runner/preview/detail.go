package preview

import (
	"fmt"
	"strings"
)

// Detail is one change of a Worker in words, for a reader.
type Detail struct {
	Op   Op
	What string // binding, var, route, crons
	Name string // empty where there is only one
	Text string // what it is and would be; empty if the name says it
}

// Details are all changes of the Worker but that of its code. What a new Worker
// brings with it is told together.
func (w Worker) Details() []Detail {
	var all []Detail
	if w.Way == New {
		all = append(all, brought("bindings", w.Bindings)...)
		all = append(all, brought("vars", w.Vars)...)
	} else {
		all = append(all, told("binding", w.Bindings)...)
		all = append(all, told("var", w.Vars)...)
		all = append(all, told("runtime", w.Runtime)...)
	}
	if c := w.Classes; c != nil {
		all = append(all, Detail{Op: Change, What: "classes", Name: arrow(c.From, c.To), Text: strings.Join(c.Steps, "; ")})
	}
	for _, t := range w.Triggers {
		all = append(all, Detail{Op: t.Op, What: t.Kind, Name: t.Subject, Text: t.text()})
	}
	if len(w.Settings) > 0 && w.Way != New {
		all = append(all, Detail{Op: Change, What: "settings", Name: strings.Join(w.Settings, ", ")})
	}
	return all
}

// brought tells together what a new Worker has.
func brought(what string, all []Difference) []Detail {
	if len(all) == 0 {
		return nil
	}
	var names []string
	for _, d := range all {
		names = append(names, d.Name)
	}
	return []Detail{{Op: Add, What: what, Name: strings.Join(names, ", ")}}
}

func told(what string, all []Difference) []Detail {
	var details []Detail
	for _, d := range all {
		one := Detail{Op: d.Op, What: what, Name: d.Name, Text: arrow(d.From, d.To)}
		if d.Hidden && d.Op != Remove {
			one.Text = "its value is not shown"
		}
		details = append(details, one)
	}
	return details
}

// text says what a trigger is and would be, and whose it is.
func (t Trigger) text() string {
	text := arrow(t.From, t.To)
	if t.Op == Remove {
		text = t.From
	}
	if t.Owner != "" {
		text = strings.TrimPrefix(text+", taken from "+t.Owner, ", ")
	}
	if t.Kept {
		text = "is left alone: give --remove-workflows to delete it with its instances"
	}
	return text
}

func arrow(from, to string) string {
	switch {
	case from == "":
		return to
	case to == "":
		return from
	}
	return fmt.Sprintf("%s → %s", from, to)
}

// Code says in words what becomes of the Worker's code: "changed, sha256:1a2b3c4d
// → sha256:5e6f7a8b".
func (w Worker) Code() string {
	switch w.Way {
	case Unchanged:
		return "unchanged"
	case New:
		return "new, " + short(w.To)
	case Whole:
		return "put as a whole because of " + w.Why + ", " + arrow(short(w.From), short(w.To))
	}
	text := "changed, " + arrow(short(w.From), short(w.To))
	if w.Why != "" {
		text += " (" + w.Why + ")"
	}
	return text
}

// shown is how many hex digits of a digest a reader sees.
const shown = 8

func short(digest string) string { return digest[:min(len(digest), len("sha256:")+shown)] }

// Proof says in words what is known of the pending migrations: on what they were
// proven, or which one would be refused and where. Nothing if none is pending.
func (d Database) Proof() string {
	if r, ok := d.Refuses(); ok {
		return fmt.Sprintf("%s would be refused at %s: %s", r.Name, r.At, r.Refused)
	}
	switch {
	case d.Unread:
		return "which migrations are pending is not known"
	case len(d.Pending) == 0 || d.Proven != "":
		return d.Proven
	}
	return "not proven"
}

// Refuses is the pending migration that the database would refuse, if it would one.
func (d Database) Refuses() (Migration, bool) {
	for _, m := range d.Pending {
		if m.Refused != "" {
			return m, true
		}
	}
	return Migration{}, false
}

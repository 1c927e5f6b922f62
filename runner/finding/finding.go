package finding

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Severity says how much a finding weighs. Only [Error] closes a gate.
type Severity uint8

// The severities, lightest first, named as GitHub's annotation levels are in
// the job log.
const (
	// Notice is good to know: a bookmark taken, a Worker left as it is.
	Notice Severity = iota
	// Warning is likely wrong and does not stop anything.
	Warning
	// Error closes the gate of the stage it is found in.
	Error
)

// String is the severity in lower case: notice, warning or error.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	default:
		return "notice"
	}
}

// MarshalText writes the severity's name, so that JSON shows a word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, one := range []Severity{Notice, Warning, Error} {
		if one.String() == string(text) {
			*s = one
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q", text)
}

// Finding is one thing that a person can act on.
type Finding struct {
	// Rule names the kind of finding in kebab case, the key of waivers and policies.
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	// At is the line at fault, if a line is.
	At Position `json:"at,omitzero"`
	// Related are other places that a reader needs to see, say the first of two duplicates.
	Related []Position `json:"related,omitempty"`
	// Message is one sentence that says what is.
	Message string `json:"message"`
	// Hint is one sentence that says what to do.
	Hint string `json:"hint,omitempty"`
}

// Error makes a finding an error value: place, message and hint on one line.
func (f Finding) Error() string {
	s := f.Message
	if !f.At.IsZero() {
		s = f.At.String() + ": " + s
	}
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// Errorf is a finding of severity Error.
func Errorf(rule string, at Position, format string, args ...any) Finding {
	return Finding{Rule: rule, Severity: Error, At: at, Message: fmt.Sprintf(format, args...)}
}

// Warnf is a finding of severity Warning.
func Warnf(rule string, at Position, format string, args ...any) Finding {
	return Finding{Rule: rule, Severity: Warning, At: at, Message: fmt.Sprintf(format, args...)}
}

// Notef is a finding of severity Notice.
func Notef(rule string, at Position, format string, args ...any) Finding {
	return Finding{Rule: rule, Severity: Notice, At: at, Message: fmt.Sprintf(format, args...)}
}

// Hintf is f with a hint.
func (f Finding) Hintf(format string, args ...any) Finding {
	f.Hint = fmt.Sprintf(format, args...)
	return f
}

// See is f with places that a reader should look at too. Zero places are left out.
func (f Finding) See(places ...Position) Finding {
	f.Related = slices.Clone(f.Related)
	for _, p := range places {
		if !p.IsZero() {
			f.Related = append(f.Related, p)
		}
	}
	return f
}

// From turns an error into findings. Findings inside the error, joined or
// wrapped, keep their rule and place; an error without any becomes one finding
// of the given rule. A finding without a place is put at the given one. A nil
// error gives none.
func From(err error, rule string, at Position) []Finding {
	if err == nil {
		return nil
	}
	all := inside(err)
	if len(all) == 0 {
		all = []Finding{Errorf(rule, at, "%s", err)}
	}
	for i, f := range all {
		if f.At.IsZero() {
			all[i].At = at
		}
		all[i].Rule = cmp.Or(f.Rule, rule)
	}
	return all
}

// inside collects the findings of an error tree. An error of a join that holds
// none is kept as a finding of its own, so that nothing of a join is lost.
func inside(err error) []Finding {
	switch e := err.(type) {
	case Finding:
		return []Finding{e}
	case interface{ Unwrap() error }:
		if next := e.Unwrap(); next != nil {
			return inside(next)
		}
	case interface{ Unwrap() []error }:
		var all []Finding
		for _, one := range e.Unwrap() {
			all = append(all, From(one, "", Position{})...)
		}
		return all
	}
	return nil
}

// Join makes one error of findings, nil when there are none.
func Join(all []Finding) error {
	errs := make([]error, len(all))
	for i, f := range all {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// Closes tells whether any of the findings closes a gate.
func Closes(all []Finding) bool {
	return slices.ContainsFunc(all, func(f Finding) bool { return f.Severity == Error })
}

// Sort orders findings by place, then weight, then rule and message.
func Sort(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(
			a.At.Compare(b.At),
			cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

package preview

import (
	"slices"

	"github.com/tminus/deploy-action/runner/finding"
)

// Redacted is the plan with every text that comes from outside redacted. Digests
// stay as they are.
func (p Plan) Redacted(redact func(string) string) Plan {
	p.Environments = slices.Clone(p.Environments)
	for i, e := range p.Environments {
		p.Environments[i] = e.redacted(redact)
	}
	return p
}

func (e Environment) redacted(redact func(string) string) Environment {
	e.Workers, e.Databases, e.Findings = slices.Clone(e.Workers), slices.Clone(e.Databases), slices.Clone(e.Findings)
	for i, w := range e.Workers {
		w.Why = redact(w.Why)
		w.Bindings, w.Vars, w.Runtime = differences(w.Bindings, redact), differences(w.Vars, redact), differences(w.Runtime, redact)
		w.Triggers = slices.Clone(w.Triggers)
		for j, t := range w.Triggers {
			t.Subject, t.From, t.To = redact(t.Subject), redact(t.From), redact(t.To)
			w.Triggers[j] = t
		}
		e.Workers[i] = w
	}
	for i, d := range e.Databases {
		d.Pending = slices.Clone(d.Pending)
		for j := range d.Pending {
			d.Pending[j].SQL, d.Pending[j].Refused = redact(d.Pending[j].SQL), redact(d.Pending[j].Refused)
		}
		e.Databases[i] = d
	}
	for i, f := range e.Findings {
		e.Findings[i] = redactedFinding(f, redact)
	}
	return e
}

func redactedFinding(f finding.Finding, redact func(string) string) finding.Finding {
	f.Message, f.Hint = redact(f.Message), redact(f.Hint)
	return f
}

func differences(all []Difference, redact func(string) string) []Difference {
	all = slices.Clone(all)
	for i, d := range all {
		all[i].From, all[i].To = redact(d.From), redact(d.To)
	}
	return all
}

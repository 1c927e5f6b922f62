package project

import (
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/finding"
)

// Rollback says what is done about a release that fails, and how an environment is
// held after one was taken back.
type Rollback struct {
	// Strict holds the environment against every release; without it only the same
	// code and configuration is held back.
	Strict bool
	// Policy is read from the top: the first entry that fits says what is done.
	Policy []Policy
}

// Action is what is done about a failure.
type Action string

// The actions.
const (
	RollBack   Action = "roll-back"
	FixForward Action = "fix-forward" // leave it and tell: a new release mends it
	KeepOut    Action = "hold"        // leave it, and keep every release out until a person decides
	Tell       Action = "notify"
)

// Policy says what is done when a stage fails, or when a finding of a rule closes a
// gate. An empty field fits everything.
type Policy struct {
	Stage       string // health, smoke, deploy, ...
	Rule        string // of a finding
	Environment string
	Do          Action
	// Then is what a person does next, in words.
	Then string
	At   finding.Position
}

// defaultRollback is the runbook's table, "When to rollback vs fix-forward". What it
// says of an error rate, of a bug and of data comes as a rule of that name, from
// whoever reports it. Staging is left as it is, for somebody to look at.
func defaultRollback() Rollback {
	return Rollback{Policy: []Policy{
		{Environment: "staging", Do: Tell},
		{Rule: "error-rate", Do: RollBack, Then: "investigate"},
		{Rule: "minor-bug", Do: FixForward, Then: "deploy a correction"},
		{Rule: "data-corruption", Do: RollBack},
		{Stage: "health", Do: RollBack},
		{Stage: "smoke", Do: RollBack},
		{Stage: "deploy", Do: RollBack},
	}}
}

// Decide is what the policy says about a stage that failed with some findings.
func (r Rollback) Decide(stage, environment string, found []finding.Finding) Policy {
	for _, p := range r.Policy {
		rule := p.Rule == "" || slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Rule == p.Rule && f.Severity == finding.Error })
		if (p.Stage == "" || p.Stage == stage) && (p.Environment == "" || p.Environment == environment) && rule {
			return p
		}
	}
	return Policy{Do: Tell}
}

var (
	rollbackKeys = strings.Fields("hold policy")
	policyKeys   = strings.Fields("stage rule environment do then")
)

// rollback reads the key rollback; a policy that is written replaces the default.
func (r *settingsReader) rollback(n *document.Node, s Rollback) Rollback {
	r.known(n, "rollback", rollbackKeys)
	switch hold := r.Str(n, "hold"); {
	case hold.V == "strict":
		s.Strict = true
	case hold.Written() && hold.V != "normal":
		r.Wrong(n.Field("hold"), "hold", "normal or strict")
	}
	if n.Field("policy") == nil {
		return s
	}
	s.Policy = nil
	for _, entry := range r.Tables(n, "policy") {
		r.known(entry, "a policy", policyKeys)
		p := Policy{
			Stage: r.Str(entry, "stage").V, Rule: r.Str(entry, "rule").V, Environment: r.Str(entry, "environment").V,
			Do: Action(r.Str(entry, "do").V), Then: r.Str(entry, "then").V, At: entry.Place(),
		}
		if !slices.Contains([]Action{RollBack, FixForward, KeepOut, Tell}, p.Do) {
			r.Add(finding.Errorf("config", p.At, "a policy does %q, which is nothing", p.Do).
				Hintf("write do: roll-back, fix-forward, hold or notify"))
		}
		s.Policy = append(s.Policy, p)
	}
	return s
}

// known complains about keys that nothing reads.
func (r *settingsReader) known(n *document.Node, where string, keys []string) {
	for _, key := range n.Keys() {
		if !slices.Contains(keys, key) {
			r.Unknown(n.Field(key), key, where, keys)
		}
	}
}

package preview

import (
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/release"
)

// Plan is what a promotion would change now.
type Plan struct {
	// Digest is that of all environments, as promote --plan takes it.
	Digest       string        `json:"digest"`
	Environments []Environment `json:"environments"`
}

// Environment is what would change in one environment.
type Environment struct {
	Name string `json:"environment"`
	// Workers are in deploy order.
	Workers   []Worker   `json:"workers"`
	Databases []Database `json:"databases"`
	// Findings are what is in the way or missing, beside what check finds.
	Findings []finding.Finding `json:"findings,omitempty"`
	Seen     Seen              `json:"-"`
}

// Way is how a script gets from what serves to what is wanted.
type Way string

// The ways.
const (
	Unchanged Way = "unchanged" // the live version has the same digest
	New       Way = "new"       // the account does not serve the script yet
	Changed   Way = "changed"   // a version is uploaded and switched to
	Whole     Way = "whole"     // put as a whole: it cannot go the way of versions
)

// Worker is what would change of one script.
type Worker struct {
	Worker string           `json:"worker"`
	Script string           `json:"script"`
	At     finding.Position `json:"at,omitzero"`
	Way    Way              `json:"way"`
	// Why says why the script is put as a whole, or what may have it changed.
	Why string `json:"why,omitempty"`
	// From is the digest that the live version says it has, empty if it says none;
	// To is the wanted one. Both are as a release's label holds them.
	From string `json:"from,omitempty"`
	To   string `json:"to"`
	// Release is the one that serves, empty if it is not of this tool.
	Release string          `json:"release,omitempty"`
	Serving []release.Share `json:"serving,omitempty"`
	Size    int             `json:"size"` // of the code in bytes
	// Bindings, Vars and Runtime are sorted by name.
	Bindings []Difference `json:"bindings,omitempty"`
	Vars     []Difference `json:"vars,omitempty"`
	Runtime  []Difference `json:"runtime,omitempty"`
	Triggers []Trigger    `json:"triggers,omitempty"`
	Classes  *Classes     `json:"classes,omitempty"`
	// Settings are properties outside of versions that would be set: logpush, tags.
	Settings []string `json:"settings,omitempty"`
	Secrets  Secrets  `json:"secrets,omitzero"`
}

// Changes tells whether anything of the Worker would change.
func (w Worker) Changes() bool {
	return w.Way != Unchanged || len(w.Triggers) > 0 || len(w.Settings) > 0
}

// Op is what would happen to something.
type Op string

// The operations.
const (
	Add    Op = "add"
	Change Op = "change"
	Remove Op = "remove"
)

// Difference is one name that would be added, changed or removed. Neither text is
// there for a value that nobody should read.
type Difference struct {
	Op   Op     `json:"op"`
	Name string `json:"name"`
	From string `json:"from,omitempty"` // what it points to now
	To   string `json:"to,omitempty"`   // what it would point to
	// Hidden: the value is not shown.
	Hidden bool `json:"hidden,omitempty"`
}

// Trigger is a route, custom domain, list of crons, consumer, workflow or
// workers.dev that would be changed.
type Trigger struct {
	Kind    string `json:"kind"`
	Op      Op     `json:"op"`
	Subject string `json:"subject"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	// Owner is the script that has it now, if another has.
	Owner string `json:"owner,omitempty"`
	// Kept: it would have to go and is left alone without a flag.
	Kept bool `json:"kept,omitempty"`
}

// Classes is a migration of Durable Object classes.
type Classes struct {
	From  string   `json:"from,omitempty"` // the account's tag
	To    string   `json:"to"`
	Steps []string `json:"steps"`
}

// Secrets are names of secrets, sorted.
type Secrets struct {
	Given   []string `json:"given,omitempty"`   // their values would go up with the version
	Kept    []string `json:"kept,omitempty"`    // they would stay as they are on the account
	Missing []string `json:"missing,omitempty"` // neither given nor on the account
}

// Database is a D1 database and what would be applied to it.
type Database struct {
	Name    string           `json:"name"`
	ID      string           `json:"id,omitempty"`
	At      finding.Position `json:"at,omitzero"`
	Applied int              `json:"applied"` // how many are applied already
	Pending []Migration      `json:"pending"`
	// Proven says on what all pending migrations were proven, empty if they were not.
	Proven string `json:"proven,omitempty"`
	// Unread: what is pending is not known, for the token may not read the ledger.
	Unread bool `json:"unread,omitempty"`
}

// Migration is one that would be applied.
type Migration struct {
	Name   string `json:"name"` // in the ledger
	File   string `json:"file"`
	SQL    string `json:"sql"`
	Digest string `json:"digest"` // of the file
	// Refused is why the database would refuse it, empty if it is not known to; At is
	// the statement.
	Refused string           `json:"refused,omitempty"`
	At      finding.Position `json:"at,omitzero"`
}

package release

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
)

// Schema is the version of the manifest's form. A reader refuses one that it
// does not know.
const Schema = 1

// Manifest is what one release did to one environment.
type Manifest struct {
	Schema      int        `json:"schema"`
	Release     string     `json:"release"`
	Commit      string     `json:"commit,omitempty"`
	Environment string     `json:"environment"`
	Created     time.Time  `json:"created"`
	Workers     []Placed   `json:"workers"`
	Databases   []Migrated `json:"databases,omitempty"`
	Endpoints   []string   `json:"endpoints,omitempty"` // URLs that answer for the environment
	// Compromised are secrets that the release replaced because somebody else may know
	// them: no later rollback may bring their old values back.
	Compromised []string `json:"compromised,omitempty"`
	// Rotated are secrets to which the release gave new values, sorted; it changed
	// nothing else.
	Rotated []string `json:"rotated,omitempty"`
	// Replaced are values that secrets had before this release or one before it.
	Replaced []Replaced `json:"replaced,omitempty"`
	// Back is set when the release brings an earlier one back.
	Back *Back `json:"back,omitempty"`
}

// Back says what a rollback took back, and why.
type Back struct {
	From   string `json:"from"`         // the release that was taken back
	To     string `json:"to,omitempty"` // the release that serves again; empty for what was there before From
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"` // who asked for it
	// Strict holds the environment against every release until it is released.
	Strict bool `json:"strict,omitempty"`
}

// Placed is one script of a release.
type Placed struct {
	Worker string `json:"worker"`
	Script string `json:"script"`
	// Version is the version that the release has serve; empty for a script that is
	// put as a whole, until that is done.
	Version string `json:"version,omitempty"`
	// Previous is what served before, with its shares; empty for a new script.
	Previous []Share `json:"previous,omitempty"`
	// Digest is the fingerprint of code and configuration.
	Digest string `json:"digest"`
	// Unchanged: the live version has the same digest, so the release left it alone.
	Unchanged bool `json:"unchanged,omitempty"`
	// OneWay says why the script cannot come back to Previous; empty if it can.
	OneWay string `json:"one_way,omitempty"`
	// Triggers are wanted by the release, PreviousTriggers were live before it.
	Triggers         Triggers         `json:"triggers"`
	PreviousTriggers Triggers         `json:"previous_triggers"`
	At               finding.Position `json:"at,omitzero"`
	// Secrets are fingerprints of the secrets that went up with the version.
	Secrets Fingerprints `json:"secrets,omitzero"`
}

// Fingerprints tell whether secrets are the same without telling what they are: keyed
// hashes, which can be compared where the key was the same.
type Fingerprints struct {
	Key    string            `json:"key"` // a fingerprint of the key itself
	Values map[string]string `json:"values"`
}

// Changed are the names of secrets whose values are others in two releases, sorted.
// What cannot be compared is left out.
func (f Fingerprints) Changed(g Fingerprints) []string {
	var names []string
	for name, v := range f.Values {
		if w, ok := g.Values[name]; ok && f.Key == g.Key && v != w {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Share is a version's part of a script's requests, in percent.
type Share struct {
	Version string  `json:"version"`
	Percent float64 `json:"percent"`
}

// Migrated is a database and what the release did to it.
type Migrated struct {
	Name string `json:"name"`
	ID   string `json:"id"`
	// Bookmark is the place in Time Travel from before the first migration.
	Bookmark string `json:"bookmark,omitempty"`
	// Applied are the ledger names of the migrations that the release applied.
	Applied []string `json:"applied,omitempty"`
}

// Triggers are what makes a script run. Cloudflare does not version them.
type Triggers struct {
	Routes     []Route    `json:"routes,omitempty"`
	Domains    []string   `json:"domains,omitempty"` // custom domains, host names
	Crons      []string   `json:"crons,omitempty"`
	Consumers  []Consumer `json:"consumers,omitempty"`
	Workflows  []Workflow `json:"workflows,omitempty"`
	WorkersDev bool       `json:"workers_dev,omitempty"`
	Previews   bool       `json:"preview_urls,omitempty"`
}

// Route is a pattern on a zone.
type Route struct {
	Pattern string `json:"pattern"`
	Zone    string `json:"zone"` // the zone's id
}

// Consumer is a queue that the script takes messages from.
type Consumer struct {
	Queue      string         `json:"queue"`
	DeadLetter string         `json:"dead_letter,omitempty"`
	Settings   map[string]any `json:"settings,omitempty"` // in the API's names and units
}

// Workflow is a workflow that a class of the script runs.
type Workflow struct {
	Name  string `json:"name"`
	Class string `json:"class"`
}

// Parse reads a manifest from JSON and refuses what is none.
func Parse(raw []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return Manifest{}, fmt.Errorf("not a release manifest: %w", err)
	}
	if m.Schema != Schema || m.Release == "" || m.Environment == "" {
		return Manifest{}, fmt.Errorf("not a release manifest of schema %d", Schema)
	}
	return m, nil
}

// Placed finds a script of the release.
func (m Manifest) Placed(script string) (Placed, bool) {
	for _, p := range m.Workers {
		if p.Script == script {
			return p, true
		}
	}
	return Placed{}, false
}

// Changed tells whether the release has any script serve something else.
func (m Manifest) Changed() bool {
	return slices.ContainsFunc(m.Workers, func(p Placed) bool { return !p.Unchanged })
}

// Draft is a manifest that is being written, by several tasks at once.
type Draft struct {
	mu sync.Mutex
	m  Manifest
}

// NewDraft begins the manifest of a release.
func NewDraft(release, commit, environment string, now time.Time) *Draft {
	return &Draft{m: Manifest{Schema: Schema, Release: release, Commit: commit, Environment: environment, Created: now.UTC().Truncate(time.Second)}}
}

// Release is the name of the release.
func (d *Draft) Release() string { return d.m.Release }

// Place adds or replaces a script.
func (d *Draft) Place(p Placed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.m.Workers, func(q Placed) bool { return q.Script == p.Script })
	if i < 0 {
		d.m.Workers = append(d.m.Workers, p)
		return
	}
	d.m.Workers[i] = p
}

// Migrate adds or replaces a database.
func (d *Draft) Migrate(db Migrated) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.m.Databases, func(e Migrated) bool { return e.ID == db.ID })
	if i < 0 {
		d.m.Databases = append(d.m.Databases, db)
		return
	}
	d.m.Databases[i] = db
}

// Rotate says which secrets the release gives new values, and whether somebody else
// may know the old ones.
func (d *Draft) Rotate(names []string, compromised bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.m.Rotated = slices.Sorted(slices.Values(names))
	if compromised {
		d.m.Compromised = d.m.Rotated
	}
}

// Carry has the release remember values that secrets had before.
func (d *Draft) Carry(all ...Replaced) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.m.Replaced = Merge(d.m.Replaced, all)
}

// Answer adds URLs that answer for the environment.
func (d *Draft) Answer(urls ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.m.Endpoints = append(d.m.Endpoints, urls...)
}

// Manifest is the manifest as it stands, with its scripts in the given order.
func (d *Draft) Manifest(order ...string) Manifest {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.m
	m.Workers = slices.Clone(d.m.Workers)
	m.Databases = slices.Clone(d.m.Databases)
	m.Endpoints = slices.Clone(d.m.Endpoints)
	slices.SortStableFunc(m.Workers, func(a, b Placed) int {
		return slices.Index(order, a.Script) - slices.Index(order, b.Script)
	})
	return m
}

package fleet

import (
	"fmt"
	"slices"
	"sync"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/drift"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/upload"
)

// Fleet is the scripts of one environment on their way from what serves now to
// what the release wants. Deploy moves it, PutBack moves it back. The zero Fleet
// is ready.
type Fleet struct {
	mu      sync.Mutex
	account *live.Account
	moves   map[string]*move
	touched []string // scripts whose triggers were changed
}

// way is how a script gets from one version to the next.
type way uint8

const (
	unchanged way = iota // the live version has the same digest
	versioned            // upload a version, then deploy it
	late                 // the same, but the upload must wait for a provider that is put
	asWhole              // put as a whole: it serves at once
)

// move is one script on its way.
type move struct {
	script project.Script
	upload upload.Script
	digest string
	way    way
	oneWay string // why it cannot come back, empty if it can
	before live.Script
	want   release.Triggers

	// rekeyed are the fingerprints that a rotation leaves behind, nil for other releases.
	rekeyed *release.Fingerprints

	version string // the release's version, once it is known
	// switched: a call that has the version serve was made; whether it took effect
	// may not be known.
	switched bool
	putBack  bool
}

// take remembers the account as it was and what is to become of each script.
func (f *Fleet) take(a *live.Account, all []*move) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.account, f.moves = a, map[string]*move{}
	for _, m := range all {
		f.moves[m.script.Name] = m
	}
}

// of gives the move of a script; nil before the account was read.
func (f *Fleet) of(script string) *move {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moves[script]
}

// uploaded notes the version that a script will be, or is, switched to.
func (f *Fleet) uploaded(script, version string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moves[script].version = version
}

// switching notes that a script is about to be switched.
func (f *Fleet) switching(script string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moves[script].switched = true
}

// triggering notes that the triggers of a script are about to be changed.
func (f *Fleet) triggering(script string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.touched, script) {
		f.touched = append(f.touched, script)
	}
}

// Version is the version of a script that the release has serve; empty if it is
// not known.
func (f *Fleet) Version(script string) string {
	m := f.of(script)
	if m == nil {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return m.version
}

// Moved are the scripts whose traffic the release moved and that were not put
// back, sorted.
func (f *Fleet) Moved() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name, m := range f.moves {
		if m.switched && !m.putBack {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Serves tells whether a script serves the release's version, as far as is known:
// it was switched and not put back, or it was unchanged.
func (f *Fleet) Serves(script string) bool {
	m := f.of(script)
	if m == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return m.way == unchanged || m.switched && !m.putBack
}

// returned notes that a script serves what it served before.
func (f *Fleet) returned(script string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moves[script].putBack = true
}

// placed is a move as the manifest keeps it.
func (m *move) placed() release.Placed {
	secrets := m.upload.Fingerprints()
	if m.rekeyed != nil {
		secrets = *m.rekeyed
	}
	return release.Placed{
		Worker: m.script.Worker, Script: m.script.Name, Version: m.version, Previous: m.before.Shares(), Digest: m.digest,
		Unchanged: m.way == unchanged, OneWay: m.oneWay, Triggers: m.want, PreviousTriggers: m.before.Triggers, At: m.script.At(),
		Secrets: secrets,
	}
}

// chart decides how a script gets where it is wanted. Providers must have been
// charted before.
func (m *move) chart(provided map[string]*move) error {
	classes, err := upload.Classes(m.script, m.before.Listed.MigrationTag)
	if err != nil {
		return err
	}
	m.upload.Migrations = classes
	m.digest = m.upload.Digest()
	label, ours := m.before.Label()
	switch {
	case !m.before.Exists || len(m.before.Serving.Versions) == 0:
		m.way, m.oneWay = asWhole, "its first release, so there is no version to come back to"
	case classes != nil:
		m.way, m.oneWay = asWhole, fmt.Sprintf("class migration %v, across which Cloudflare does not go back", classes["new_tag"])
	case ours && label.Digest == release.Short(m.digest):
		m.way, m.version = unchanged, m.before.Serving.Versions[0].Version
	default:
		m.way = versioned
		for _, need := range m.script.Needs {
			if p := provided[need.Script]; p != nil && (p.way == asWhole || p.way == late) {
				m.way = late
			}
		}
	}
	return nil
}

// settings are the properties of a script that no version carries, and the names
// of those that the account has otherwise.
func (m *move) settings() (cloudflare.Settings, []string) {
	return drift.Settings(m.script, m.before.Listed)
}

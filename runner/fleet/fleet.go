package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
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

// Wanted are the triggers that a script's configuration asks for. Zones are
// named by id, as the account has them; a route in no zone is a finding.
func Wanted(a *live.Account, s project.Script) (release.Triggers, []finding.Finding) {
	var t release.Triggers
	var problems []finding.Finding
	section := s.Section
	for _, r := range section.Triggers.Routes {
		if r.Custom {
			t.Domains = append(t.Domains, r.Pattern.V)
			continue
		}
		zone := r.ZoneID.V
		if zone == "" {
			z, ok := a.Zone(cmp.Or(r.Zone.V, hostOf(r.Pattern.V)))
			if !ok {
				problems = append(problems, finding.Errorf("no-zone", r.At, "no zone of the account holds %s", r.Pattern.V).
					Hintf("add the domain to the account, or give the token Zone:Read for it"))
				continue
			}
			zone = z.ID
		}
		t.Routes = append(t.Routes, release.Route{Pattern: r.Pattern.V, Zone: zone})
	}
	for _, c := range section.Triggers.Crons {
		t.Crons = append(t.Crons, c.V)
	}
	for _, c := range section.Triggers.Consumers {
		t.Consumers = append(t.Consumers, release.Consumer{Queue: c.Queue.V, DeadLetter: c.DeadLetter.V, Settings: c.Settings})
	}
	for _, b := range section.Bindings {
		if host := b.Field("script_name").V; b.Type == "workflow" && (host == "" || host == s.Name) {
			t.Workflows = append(t.Workflows, release.Workflow{Name: b.Field("name").V, Class: b.Field("class_name").V})
		}
	}
	t.WorkersDev = section.Triggers.WorkersDev.V
	t.Previews = section.Triggers.PreviewURLs.Or(t.WorkersDev)
	return t, problems
}

func hostOf(pattern string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(pattern, "https://"), "http://"), "/")
	return host
}

// Place finds the line of configuration that a trigger comes from.
func Place(s project.Script, c live.Change) finding.Position {
	for _, r := range s.Section.Triggers.Routes {
		if r.Pattern.V == c.Subject {
			return r.At
		}
	}
	for _, q := range s.Section.Triggers.Consumers {
		if q.Queue.V == c.Subject {
			return q.At
		}
	}
	for _, b := range s.Section.Bindings {
		if b.Type == "workflow" && b.Field("name").V == c.Subject {
			return b.At
		}
	}
	if c.Kind == live.KindCrons {
		if k, ok := s.Section.Keys["triggers"]; ok {
			return k.At
		}
	}
	if c.Kind == live.KindWorkersDev && s.Section.Triggers.WorkersDev.Written() {
		return s.Section.Triggers.WorkersDev.At
	}
	return s.At()
}

// settings are the properties of a script that no version carries, and the names
// of those that the account has otherwise.
func (m *move) settings() (cloudflare.Settings, []string) {
	return Settings(m.script, m.before.Listed)
}

// Settings are the properties of a script that no version carries, and the names,
// sorted, of those that the account has otherwise.
func Settings(script project.Script, have cloudflare.Script) (cloudflare.Settings, []string) {
	s := script.Section.Settings
	want := cloudflare.Settings{Tags: tags(script, have.Tags), Observability: map[string]any{"enabled": false}, TailConsumers: upload.Tails(script)}
	if s.Observability.V != nil {
		want.Observability = s.Observability.V
	}
	logpush := s.Logpush.V
	want.Logpush = &logpush
	var differs []string
	for _, one := range []struct {
		name string
		same bool
	}{
		{"logpush", have.Logpush == logpush},
		{"observability", live.Within(want.Observability, have.Observability)},
		{"tags", slices.Equal(want.Tags, have.Tags)},
		{"tail_consumers", live.Same(want.TailConsumers, have.TailConsumers)},
	} {
		if !one.same {
			differs = append(differs, one.name)
		}
	}
	return want, differs
}

// tags are the script's tags with the two that wrangler sets, so that its
// dashboard shows the environments of a Worker together.
func tags(script project.Script, have []string) []string {
	var tags []string
	for _, t := range have {
		if !strings.HasPrefix(t, "cf:service=") && !strings.HasPrefix(t, "cf:environment=") {
			tags = append(tags, t)
		}
	}
	return append(tags, "cf:service="+script.Title, "cf:environment="+script.Section.Env)
}

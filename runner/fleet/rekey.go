package fleet

import (
	"context"
	"slices"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
)

// Rekey is a release that changes nothing but secrets: each of its scripts gets a
// version of the code that serves. Triggers and settings stay.
type Rekey struct {
	// Prints are the fingerprints of a script's secrets once the release serves, by
	// script. One that is not among them keeps its secrets.
	Prints map[string]release.Fingerprints
	// Make makes a version that serves nothing yet and gives its id.
	Make func(ctx context.Context, script, tag string, label release.Label) (string, error)
}

// nobody stands for the digest of code that was not deployed by us.
const nobody = "sha256:00000000000000000000000000000000"

// whole is everything that the record of the release holds.
func (d Deploy) whole() project.Target {
	if len(d.Whole.Scripts) > 0 {
		return d.Whole
	}
	return d.Target
}

// part are the moves of the release's own scripts. A rotation is judged as a whole.
func (d Deploy) part(all []*move) []*move {
	if d.Rekey != nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(m *move) bool { _, ours := d.Target.Script(m.script.Name); return !ours })
}

// stays is what becomes of a script whose code stays; nil if it is not there.
func (d Deploy) stays(a *live.Account, s project.Script) (*move, error) {
	m := &move{script: s, before: a.Scripts[s.Name], way: unchanged}
	m.want, m.rekeyed = m.before.Triggers, &release.Fingerprints{}
	if !m.before.Exists || len(m.before.Serving.Versions) == 0 {
		return nil, nil
	}
	if len(m.before.Serving.Versions) == 1 {
		m.version = m.before.Serving.Versions[0].Version
	}
	m.digest = nobody
	if label, ours := m.before.Label(); ours {
		m.digest = label.Digest
	}
	if d.Rekey == nil {
		return m, nil
	}
	if prints, ok := d.Rekey.Prints[s.Name]; ok {
		m.way, m.version = versioned, ""
		m.rekeyed, m.digest = &prints, release.Remix(m.digest, prints)
	}
	return m, nil
}

// rekey makes the version of a script that has the new secrets.
func (d Deploy) rekey(ctx context.Context, m *move) (string, error) {
	version, err := d.Rekey.Make(ctx, m.script.Name, d.release(), release.Label{Release: d.release(), Digest: m.digest})
	if err != nil {
		return "", remedy.For(err, "Workers Scripts:Edit")
	}
	d.Fleet.uploaded(m.script.Name, version)
	return version, nil
}

func (d Deploy) replaced(ctx context.Context) []release.Replaced {
	if d.Replaced == nil {
		return nil
	}
	return d.Replaced(ctx)
}

// brought finds values that would go up although they were replaced: an environment
// that nobody told of a rotation.
func brought(all []*move, replaced []release.Replaced) []finding.Finding {
	where := map[string][]finding.Position{}
	var found []finding.Finding
	for _, m := range all {
		prints := m.upload.Fingerprints()
		for _, name := range m.upload.Known() {
			r, ok := prints.Brings(name, replaced)
			if !ok {
				continue
			}
			if where[name] = append(where[name], m.script.At()); len(where[name]) == 1 {
				found = append(found, r.Finding(m.script.At()))
			}
		}
	}
	return slices.Clip(found)
}

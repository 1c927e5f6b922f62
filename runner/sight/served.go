package sight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/release"
)

// Serving is the id of the version that serves the most requests of a script, empty if
// nothing serves it.
func (s *Sight) Serving(script string) string {
	shares := s.Script(script).Shares()
	if len(shares) == 0 {
		return ""
	}
	return slices.MaxFunc(shares, func(a, b release.Share) int { return cmp.Compare(a.Percent, b.Percent) }).Version
}

// Served says which version serves a script, since when, by whom and of which release.
func (s *Sight) Served(script string) string {
	if s.Live == nil {
		return "which version serves is not known"
	}
	now := s.Script(script).Serving
	if len(now.Versions) == 0 {
		return "nothing serves it"
	}
	return fmt.Sprintf("version %s serves since %s, deployed by %s%s", release.Brief(s.Serving(script)), finding.When(now.CreatedOn.Time), Author(now), s.of(script))
}

// of names the release that serves a script, or says that it is none of ours.
func (s *Sight) of(script string) string {
	text := ", of no release of this tool"
	if label, ok := s.Label(script); ok {
		text = ", of release " + label.Release
	}
	if now := s.Script(script); brought(now).ID != now.Serving.ID {
		text += " with other secrets"
	}
	return text
}

// Expected says what the last recorded release put, if something else serves a script.
func (s *Sight) Expected(script string, last release.Manifest) string {
	placed, ok := last.Placed(script)
	by := brought(s.Script(script))
	if !ok || placed.Version == "" || slices.ContainsFunc(by.Versions, func(v cloudflare.Traffic) bool { return v.Version == placed.Version }) {
		return ""
	}
	return fmt.Sprintf("; release %s, the last that was recorded here, put version %s", last.Release, release.Brief(placed.Version))
}

// Label is what the release says of itself that serves a script alone.
func (s *Sight) Label(script string) (release.Label, bool) {
	now := s.Script(script)
	if len(now.Serving.Versions) != 1 || len(brought(now).Versions) != 1 {
		return release.Label{}, false
	}
	return release.ParseLabel(brought(now).Message())
}

// brought is the deployment that brought the code which serves. Setting a secret makes
// a deployment too, of a version with the code of the one before. Source: the values of
// workers/triggered_by in cloudflare/workers-sdk.
func brought(s live.Script) cloudflare.Deployment {
	for _, d := range s.History {
		if d.Annotations["workers/triggered_by"] != "secret" {
			return d
		}
	}
	return s.Serving
}

// Author is who made a deployment, and with what.
func Author(d cloudflare.Deployment) string {
	with := map[string]string{"dash": "the dashboard", "api": "the API", "": "nobody knows what"}[d.Source]
	return strings.TrimSpace(cmp.Or(d.Author, "somebody") + " with " + cmp.Or(with, d.Source))
}

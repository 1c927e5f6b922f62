package fleet

import (
	"fmt"
	"slices"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/release"
)

// held refuses what an environment was taken back from: the very same code and
// configuration, or anything at all where the hold is strict. Cloudflare's own
// deployments tell it, so that no other record can be missing.
// A release that changes another Worker too is another release. A hold that a person
// asked for names the very release that serves.
func (d Deploy) held(all []*move) []finding.Finding {
	var hold release.Label
	newest := ""
	for _, m := range all {
		l, _ := release.ParseLabel(m.before.Serving.Message())
		if newest = max(newest, l.Release); l.From > hold.From {
			hold = l
		}
	}
	if hold.From == "" || !hold.Strict && newest > hold.From {
		return nil // none, or a later release has come since
	}
	var at *move
	for _, m := range all {
		if l, _ := release.ParseLabel(m.before.Serving.Message()); l.From != hold.From {
			if !hold.Strict && m.way != unchanged && !m.served() {
				return nil // another Worker was corrected
			}
			continue
		}
		if at = m; !hold.Strict && release.Short(m.digest) != m.taken(hold.From) {
			return nil // something was corrected
		}
	}
	by := at.before.Serving
	f := finding.Errorf("held", at.script.At(), "%s was taken back from release %s%s, and is held%s", d.Target.Env, hold.From, whoWhen(by.Author, by.CreatedOn.Time), d.why(hold.From))
	if hold.From == hold.Release {
		f.Message = fmt.Sprintf("%s is held on release %s%s%s", d.Target.Env, hold.Release, whoWhen(by.Author, by.CreatedOn.Time), d.why(hold.From))
	}
	if hold.Strict {
		return []finding.Finding{f.Hintf("lift the hold with deploy-action release-hold --env %s --reason TEXT", d.Target.Env)}
	}
	f.Message += "; this is the same code and configuration"
	return []finding.Finding{f.Hintf("correct what was wrong with it; if it was right after all, deploy-action release-hold --env %s --reason TEXT lets it through", d.Target.Env)}
}

// served tells whether a script has served what is wanted before.
func (m *move) served() bool {
	return slices.ContainsFunc(m.before.History, func(d cloudflare.Deployment) bool {
		l, ok := release.ParseLabel(d.Message())
		return ok && l.Digest == release.Short(m.digest)
	})
}

// taken is the digest of the release that a script was taken back from.
func (m *move) taken(from string) string {
	for _, d := range m.before.History {
		if l, ok := release.ParseLabel(d.Message()); ok && l.Release == from {
			return l.Digest
		}
	}
	return ""
}

func (d Deploy) why(from string) string {
	if d.Why == nil {
		return ""
	}
	return d.Why(from)
}

func whoWhen(who string, when time.Time) string {
	text := ""
	if who != "" {
		text += " by " + who
	}
	if !when.IsZero() {
		text += " at " + finding.When(when)
	}
	return text
}

package hold

import (
	"fmt"
	"slices"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/release"
)

// Wanted is what a release wants one script to be.
type Wanted struct {
	Before live.Script // as the account has it
	Digest string      // of what is wanted
	// Unchanged: it serves already.
	Unchanged bool
	At        finding.Position
}

// Refuse refuses what an environment was taken back from: the very same code and
// configuration, or anything at all where the hold is strict. Cloudflare's own
// deployments tell it, so that no other record can be missing.
// A release that changes another Worker too is another release. A hold that a person
// asked for names the very release that serves. Why tells the reason for which a
// release was taken back, with a blank or a comma before it; nil if nobody knows.
func Refuse(env string, all []Wanted, why func(release string) string) []finding.Finding {
	var hold release.Label
	newest := ""
	for _, w := range all {
		l := w.label()
		if newest = max(newest, l.Release); l.From > hold.From {
			hold = l
		}
	}
	if hold.From == "" || !hold.Strict && newest > hold.From {
		return nil // none, or a later release has come since
	}
	var at Wanted
	for _, w := range all {
		if w.label().From != hold.From {
			if !hold.Strict && !w.Unchanged && !w.served() {
				return nil // another Worker was corrected
			}
			continue
		}
		if at = w; !hold.Strict && release.Short(w.Digest) != w.taken(hold.From) {
			return nil // something was corrected
		}
	}
	return []finding.Finding{refusal(env, hold, at, why)}
}

// refusal says who holds an environment, since when and why, and what lets it in.
func refusal(env string, hold release.Label, at Wanted, why func(release string) string) finding.Finding {
	reason := ""
	if why != nil {
		reason = why(hold.From)
	}
	by := at.Before.Serving
	f := finding.Errorf("held", at.At, "%s was taken back from release %s%s, and is held%s", env, hold.From, whoWhen(by.Author, by.CreatedOn.Time), reason)
	if hold.From == hold.Release {
		f.Message = fmt.Sprintf("%s is held on release %s%s%s", env, hold.Release, whoWhen(by.Author, by.CreatedOn.Time), reason)
	}
	if hold.Strict {
		return f.Hintf("lift the hold with deploy-action release-hold --env %s --reason TEXT", env)
	}
	f.Message += "; this is the same code and configuration"
	return f.Hintf("correct what was wrong with it; if it was right after all, deploy-action release-hold --env %s --reason TEXT lets it through", env)
}

// label is what the deployment that serves says of itself.
func (w Wanted) label() release.Label {
	l, _ := release.ParseLabel(w.Before.Serving.Message())
	return l
}

// served tells whether a script has served what is wanted before.
func (w Wanted) served() bool {
	return slices.ContainsFunc(w.Before.History, func(d cloudflare.Deployment) bool {
		l, ok := release.ParseLabel(d.Message())
		return ok && l.Digest == release.Short(w.Digest)
	})
}

// taken is the digest of the release that a script was taken back from.
func (w Wanted) taken(from string) string {
	for _, d := range w.Before.History {
		if l, ok := release.ParseLabel(d.Message()); ok && l.Release == from {
			return l.Digest
		}
	}
	return ""
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

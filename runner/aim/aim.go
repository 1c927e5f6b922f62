package aim

import (
	"cmp"
	"slices"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/release"
)

// Aim is where one script goes back to.
type Aim struct {
	Script string
	// Leaves is the version that is taken back; empty when it is known by the label
	// of its release alone.
	Leaves string
	// Serves are the versions that serve again, with their shares.
	Serves []release.Share
	// Digest is that of the release that serves again, for its label; empty if unknown.
	Digest string
	// Triggers are those to be had again; nil leaves them as they are.
	Triggers *release.Triggers
	// OneWay says why there is no way back; empty if there is one.
	OneWay string
	// Secrets are the names of those whose values have changed since.
	Secrets []string
	At      finding.Position
}

// Return is the way back of an environment.
type Return struct {
	Environment string
	// From is the release that is taken back, To the one that serves again; To is
	// empty when it is not known by name.
	From, To string
	Aims     []Aim
	// Migrated are the databases that From migrated.
	Migrated []release.Migrated
	// Compromised are secrets whose values have been replaced since, because somebody
	// else may know them. Their old values may not come back.
	Compromised []string
	// Source says where this is known from.
	Source string
	// Dated: the record may not know of later releases. The labels on Cloudflare are
	// asked whether there are some, and then Else is taken, or the way that they tell.
	Dated bool
	Else  *Return
}

// Stale tells whether a later release than the one that is to be taken back has been
// deployed, or taken back, since.
func (r Return) Stale(scripts []live.Script) bool {
	return r.Dated && slices.ContainsFunc(scripts, func(s live.Script) bool {
		l, ok := release.ParseLabel(s.Serving.Message())
		return ok && max(l.Release, l.From) > r.From
	})
}

// Renewed is the way back with the newest secrets that the release to go back to had:
// they may have been changed while it served, which made a version of the same code.
func (r Return) Renewed(scripts []live.Script) Return {
	r.Aims = slices.Clone(r.Aims)
	for i, a := range r.Aims {
		at := slices.IndexFunc(scripts, func(s live.Script) bool { return s.Name == a.Script })
		if r.To == "" || at < 0 || len(a.Serves) != 1 {
			continue
		}
		for _, d := range scripts[at].History {
			if l, ok := release.ParseLabel(d.Message()); ok && l.Release == r.To && len(d.Versions) == 1 {
				if release.CodeOf(l.Digest) == release.CodeOf(a.Digest) && l.Digest != release.Short(a.Digest) {
					r.Aims[i].Serves, r.Aims[i].Digest, r.Aims[i].Secrets = shares(d), l.Digest, nil
				}
				break
			}
		}
	}
	return r
}

// Aim finds a script's way back.
func (r Return) Aim(script string) (Aim, bool) {
	i := slices.IndexFunc(r.Aims, func(a Aim) bool { return a.Script == script })
	if i < 0 {
		return Aim{}, false
	}
	return r.Aims[i], true
}

// Undo is the way back from a release to what was there before it.
func Undo(m release.Manifest) Return {
	r := Return{Environment: m.Environment, From: m.Release, Migrated: m.Databases, Compromised: m.Compromised, Source: "the release's own record"}
	for _, w := range m.Workers {
		if w.Unchanged {
			continue
		}
		triggers := w.PreviousTriggers
		r.Aims = append(r.Aims, Aim{Script: w.Script, Leaves: w.Version, Serves: w.Previous, Triggers: &triggers, OneWay: w.OneWay, At: w.At})
	}
	return r
}

// To is the way back from a release to one that was good. Where the good one was
// serving right before, it comes back with the shares that it had. A script that the
// good one left alone comes back to what served right before.
func To(from, good release.Manifest) Return {
	r := Undo(from)
	r.To, r.Source = good.Release, "the records of both releases"
	r.Aims = nil
	for _, w := range from.Workers {
		g, ok := good.Placed(w.Script)
		a := Aim{Script: w.Script, Leaves: w.Version, OneWay: w.OneWay, At: w.At, Digest: g.Digest}
		switch {
		case !ok && w.Unchanged:
			continue
		case !ok && len(w.Previous) > 0:
			// The good release was of some Workers only, and this one stayed on what it served.
			a.Serves = w.Previous
		case !ok:
			a.OneWay = cmp.Or(w.OneWay, "release "+good.Release+" did not have it")
		case g.Version == "":
			a.Serves = w.Previous // put as a whole, so its version was never written down
		case w.Unchanged && w.Version == g.Version:
			continue
		case slices.ContainsFunc(w.Previous, func(s release.Share) bool { return s.Version == g.Version }):
			a.Serves = w.Previous
		default:
			a.Serves = []release.Share{{Version: g.Version, Percent: 100}}
		}
		a.Secrets = g.Secrets.Changed(w.Secrets)
		triggers := g.Triggers
		if slices.Equal(a.Serves, w.Previous) {
			triggers = w.PreviousTriggers
		}
		a.Triggers = &triggers
		r.Aims = append(r.Aims, a)
	}
	return r
}

// Version is the way to one version of one script, whatever release it was of.
func Version(environment, script, version string, at finding.Position) Return {
	return Return{Environment: environment, Source: "the version that was named", Aims: []Aim{
		{Script: script, Serves: []release.Share{{Version: version, Percent: 100}}, At: at},
	}}
}

// ByLabels is the way back as the labels on Cloudflare tell it: from the newest
// release that any script serves, or was taken back from, to what each of its
// scripts served before. A name takes the environment back to that release instead.
// Triggers are not in the labels and are left alone.
func ByLabels(environment string, scripts []live.Script, to string) (Return, bool) {
	r := Return{Environment: environment, To: to, Source: "the labels of the versions on Cloudflare"}
	for _, s := range scripts {
		if l, ok := release.ParseLabel(s.Serving.Message()); ok {
			r.From = max(r.From, l.Release, l.From)
		}
	}
	if r.From == "" || to >= r.From {
		return Return{}, false
	}
	for _, s := range scripts {
		at := slices.IndexFunc(s.History, func(d cloudflare.Deployment) bool { return before(d, r.From, to) })
		l, _ := release.ParseLabel(s.Serving.Message())
		if to == "" && l.Release != r.From && l.From != r.From || at == 0 && l.From != r.From {
			continue // it was no part of that release
		}
		a := Aim{Script: s.Name}
		if len(s.Serving.Versions) == 1 && l.Release == r.From {
			a.Leaves = s.Serving.Versions[0].Version
		}
		if at < 0 {
			a.OneWay = "its first release, so there is no version to come back to"
		} else {
			a.Serves, a.Digest = shares(s.History[at]), digestOf(s.History[at])
		}
		r.Aims = append(r.Aims, a)
	}
	return r, true
}

// before tells whether a deployment is of a time before a release, or not later
// than another one that is named. Names of releases sort by time.
func before(d cloudflare.Deployment, from, to string) bool {
	l, ok := release.ParseLabel(d.Message())
	if to != "" {
		return ok && l.Release <= to
	}
	return !ok || l.Release < from
}

func digestOf(d cloudflare.Deployment) string {
	l, _ := release.ParseLabel(d.Message())
	return l.Digest
}

func shares(d cloudflare.Deployment) []release.Share { return live.Script{Serving: d}.Shares() }

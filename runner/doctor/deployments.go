package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

// Deployment is one line of the table of deployments.
type Deployment struct {
	Environment string          `json:"environment"`
	Script      string          `json:"script"`
	When        time.Time       `json:"when"`
	Versions    []release.Share `json:"versions"`
	By          string          `json:"by"`
	Release     string          `json:"release,omitempty"`
	// Trigger is what made it, as Cloudflare says: deployment, rollback, secret.
	Trigger string `json:"trigger,omitempty"`
	// Serving: it is the newest, which serves.
	Serving bool `json:"serving,omitempty"`
}

// History are the last deployments of every script, the newest first, at most n of
// each; none before the account was read.
func (d *Doctor) History(n int) []Deployment {
	var all []Deployment
	for _, s := range d.patients() {
		for i, one := range d.seen.account().Scripts[s.Name].History {
			if i == n {
				break
			}
			line := Deployment{Environment: s.env, Script: s.Name, When: one.CreatedOn.Time, By: author(one), Trigger: one.Annotations["workers/triggered_by"], Serving: i == 0}
			for _, v := range one.Versions {
				line.Versions = append(line.Versions, release.Share{Version: v.Version, Percent: v.Percent})
			}
			if label, ok := release.ParseLabel(one.Message()); ok {
				line.Release = label.Release
			}
			all = append(all, line)
		}
	}
	return all
}

// author is who made a deployment, and with what.
func author(d cloudflare.Deployment) string {
	with := map[string]string{"dash": "the dashboard", "api": "the API", "": "nobody knows what"}[d.Source]
	return strings.TrimSpace(cmp.Or(d.Author, "somebody") + " with " + cmp.Or(with, d.Source))
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

// labelled is what the release says of itself that serves a script alone.
func labelled(s live.Script) (release.Label, bool) {
	if len(s.Serving.Versions) != 1 || len(brought(s).Versions) != 1 {
		return release.Label{}, false
	}
	return release.ParseLabel(brought(s).Message())
}

// of names the release that serves a script, or says that it is none of ours.
func of(s live.Script) string {
	text := ", of no release of this tool"
	if label, ok := labelled(s); ok {
		text = ", of release " + label.Release
	}
	if brought(s).ID != s.Serving.ID {
		text += " with other secrets"
	}
	return text
}

// deployments asks of each script whether it is deployed, and by whom.
func (d *Doctor) deployments() []pipeline.Task {
	return d.each("Does a release serve", nil, func(_ context.Context, out *pipeline.Out, s patient) error {
		now := d.seen.live.Scripts[s.Name]
		shares := now.Shares()
		if len(shares) == 0 {
			out.Endf("no")
			return finding.Errorf("not-deployed", s.At(), "%s is not deployed", s.Name).Hintf("deploy it: %s", s.promote())
		}
		out.Endf("%s", d.served(s))
		label, ours := labelled(now)
		switch {
		case len(shares) > 1:
			var words []string
			for _, v := range shares {
				words = append(words, fmt.Sprintf("%s %g%%", release.Brief(v.Version), v.Percent))
			}
			out.Note(finding.Warnf("split-traffic", s.At(), "%s is served by several versions: %s, deployed by %s at %s", s.Name, strings.Join(words, ", "), author(now.Serving), finding.When(now.Serving.CreatedOn.Time)).
				Hintf("end the gradual deployment with npx wrangler versions deploy, or with %s", s.promote()))
		case !ours:
			out.Note(finding.Warnf("foreign-deployment", s.At(), "%s", s.Name+" is served by something else than a release: "+d.served(s)+d.expected(s)).
				Hintf("find out what was deployed and why; %s brings the code of this checkout, deploy-action rollback --env %s --worker %s the last good release", s.promote(), s.env, s.Worker))
		case label.From != "": // taken back on purpose, by this tool
			out.Endf("%s, brought back in place of %s", d.served(s), label.From)
		case d.expected(s) != "" && label.Release <= d.Recorded[s.env].Release:
			out.Note(finding.Warnf("foreign-deployment", s.At(), "%s serves an earlier version than it was given: %s%s", s.Name, d.served(s), d.expected(s)).
				Hintf("if nobody took it back on purpose, %s", s.promote()))
		}
		return nil
	})
}

// exposure asks of each script whether it answers where the configuration does not want
// it to: on workers.dev, and at preview URLs.
func (d *Doctor) exposure() []pipeline.Task {
	return d.each("Is it private on workers.dev:", nil, d.deployed(func(_ context.Context, out *pipeline.Out, s patient) error {
		want, have := s.Section.Triggers, d.seen.live.Scripts[s.Name].Triggers
		previews := want.PreviewURLs.Or(want.WorkersDev.V)
		out.Endf("workers.dev %s, preview URLs %s", onOff(have.WorkersDev), onOff(have.Previews))
		if have.WorkersDev && !want.WorkersDev.V {
			place := s.At()
			if want.WorkersDev.Written() {
				place = want.WorkersDev.At
			}
			out.Note(finding.Errorf("exposed", place, "%s is public on workers.dev, past its routes and what guards them", s.Name).
				Hintf("%s turns it off", s.promote()))
		}
		if have.Previews && !previews {
			out.Note(finding.Warnf("exposed", s.At(), "every version of %s has a public preview URL", s.Name).Hintf("%s turns them off", s.promote()))
		}
		return nil
	}))
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

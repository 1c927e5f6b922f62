package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/sight"
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
	for _, s := range sight.Patients(d.Targets) {
		for i, one := range d.seen.Script(s.Name).History {
			if i == n {
				break
			}
			line := Deployment{Environment: s.Env, Script: s.Name, When: one.CreatedOn.Time, By: sight.Author(one), Trigger: one.Annotations["workers/triggered_by"], Serving: i == 0}
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

// deployments asks of each script whether it is deployed, and by whom.
func (d *Doctor) deployments() []pipeline.Task {
	return d.each("Does a release serve", nil, func(_ context.Context, out *pipeline.Out, s sight.Patient) error {
		now := d.seen.Script(s.Name)
		shares := now.Shares()
		if len(shares) == 0 {
			out.Endf("no")
			return finding.Errorf("not-deployed", s.At(), "%s is not deployed", s.Name).Hintf("deploy it: %s", s.Promote())
		}
		out.Endf("%s", d.seen.Served(s.Name))
		label, ours := d.seen.Label(s.Name)
		switch {
		case len(shares) > 1:
			var words []string
			for _, v := range shares {
				words = append(words, fmt.Sprintf("%s %g%%", release.Brief(v.Version), v.Percent))
			}
			out.Note(finding.Warnf("split-traffic", s.At(), "%s is served by several versions: %s, deployed by %s at %s", s.Name, strings.Join(words, ", "), sight.Author(now.Serving), finding.When(now.Serving.CreatedOn.Time)).
				Hintf("end the gradual deployment with npx wrangler versions deploy, or with %s", s.Promote()))
		case !ours:
			out.Note(finding.Warnf("foreign-deployment", s.At(), "%s", s.Name+" is served by something else than a release: "+d.seen.Served(s.Name)+d.seen.Expected(s.Name, d.Recorded[s.Env])).
				Hintf("find out what was deployed and why; %s brings the code of this checkout, deploy-action rollback --env %s --worker %s the last good release", s.Promote(), s.Env, s.Worker))
		case label.From != "": // taken back on purpose, by this tool
			out.Endf("%s, brought back in place of %s", d.seen.Served(s.Name), label.From)
		case d.seen.Expected(s.Name, d.Recorded[s.Env]) != "" && label.Release <= d.Recorded[s.Env].Release:
			out.Note(finding.Warnf("foreign-deployment", s.At(), "%s serves an earlier version than it was given: %s%s", s.Name, d.seen.Served(s.Name), d.seen.Expected(s.Name, d.Recorded[s.Env])).
				Hintf("if nobody took it back on purpose, %s", s.Promote()))
		}
		return nil
	})
}

// exposure asks of each script whether it answers where the configuration does not want
// it to: on workers.dev, and at preview URLs.
func (d *Doctor) exposure() []pipeline.Task {
	return d.each("Is it private on workers.dev:", nil, d.deployed(func(_ context.Context, out *pipeline.Out, s sight.Patient) error {
		want, have := s.Section.Triggers, d.seen.Script(s.Name).Triggers
		previews := want.PreviewURLs.Or(want.WorkersDev.V)
		out.Endf("workers.dev %s, preview URLs %s", onOff(have.WorkersDev), onOff(have.Previews))
		if have.WorkersDev && !want.WorkersDev.V {
			place := s.At()
			if want.WorkersDev.Written() {
				place = want.WorkersDev.At
			}
			out.Note(finding.Errorf("exposed", place, "%s is public on workers.dev, past its routes and what guards them", s.Name).
				Hintf("%s turns it off", s.Promote()))
		}
		if have.Previews && !previews {
			out.Note(finding.Warnf("exposed", s.At(), "every version of %s has a public preview URL", s.Name).Hintf("%s turns them off", s.Promote()))
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

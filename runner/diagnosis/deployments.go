package diagnosis

import (
	"context"
	"fmt"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/sight"
)

// Deployments asks of each script whether it is deployed, and by whom.
func (q Questions) Deployments() []pipeline.Task {
	return q.each("Does a release serve", nil, func(_ context.Context, out *pipeline.Out, s sight.Patient) error {
		now := q.Seen.Script(s.Name)
		shares := now.Shares()
		if len(shares) == 0 {
			out.Endf("no")
			return finding.Errorf("not-deployed", s.At(), "%s is not deployed", s.Name).Hintf("deploy it: %s", s.Promote())
		}
		out.Endf("%s", q.Seen.Served(s.Name))
		label, ours := q.Seen.Label(s.Name)
		switch {
		case len(shares) > 1:
			var words []string
			for _, v := range shares {
				words = append(words, fmt.Sprintf("%s %g%%", release.Brief(v.Version), v.Percent))
			}
			out.Note(finding.Warnf("split-traffic", s.At(), "%s is served by several versions: %s, deployed by %s at %s", s.Name, strings.Join(words, ", "), sight.Author(now.Serving), finding.When(now.Serving.CreatedOn.Time)).
				Hintf("end the gradual deployment with npx wrangler versions deploy, or with %s", s.Promote()))
		case !ours:
			out.Note(finding.Warnf("foreign-deployment", s.At(), "%s", s.Name+" is served by something else than a release: "+q.Seen.Served(s.Name)+q.Seen.Expected(s.Name, q.Recorded[s.Env])).
				Hintf("find out what was deployed and why; %s brings the code of this checkout, deploy-action rollback --env %s --worker %s the last good release", s.Promote(), s.Env, s.Worker))
		case label.From != "": // taken back on purpose, by this tool
			out.Endf("%s, brought back in place of %s", q.Seen.Served(s.Name), label.From)
		case q.Seen.Expected(s.Name, q.Recorded[s.Env]) != "" && label.Release <= q.Recorded[s.Env].Release:
			out.Note(finding.Warnf("foreign-deployment", s.At(), "%s serves an earlier version than it was given: %s%s", s.Name, q.Seen.Served(s.Name), q.Seen.Expected(s.Name, q.Recorded[s.Env])).
				Hintf("if nobody took it back on purpose, %s", s.Promote()))
		}
		return nil
	})
}

// Exposure asks of each script whether it answers where the configuration does not want
// it to: on workers.dev, and at preview URLs.
func (q Questions) Exposure() []pipeline.Task {
	return q.each("Is it private on workers.dev:", nil, q.deployed(func(_ context.Context, out *pipeline.Out, s sight.Patient) error {
		want, have := s.Section.Triggers, q.Seen.Script(s.Name).Triggers
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

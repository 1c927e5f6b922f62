package doctor

import (
	"context"
	"net/http"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/sight"
	"github.com/tminus/deploy-action/runner/stage"
)

// health asks every face for its health, and says of one that is not well which code
// it is that answers, and why it may.
func (d *Doctor) health() []pipeline.Task {
	var tasks []pipeline.Task
	for _, t := range d.Targets {
		h := stage.Health{Target: t, Redact: d.Redact}
		for _, e := range t.Endpoints {
			s, _ := t.Script(e.Script)
			tasks = append(tasks, pipeline.Task{Title: "Is it well: " + e.Host, At: e.At, Do: func(ctx context.Context, out *pipeline.Out) error {
				return d.face(ctx, out, h, e, sight.Patient{Env: t.Env, Script: s})
			}})
		}
	}
	return tasks
}

func (d *Doctor) face(ctx context.Context, out *pipeline.Out, h stage.Health, e project.Endpoint, s sight.Patient) error {
	if d.seen.Live != nil && d.seen.Serving(s.Name) == "" {
		sight.Unknown(out, e.At, "%s is not deployed", s.Name) // another topic's finding
		return nil
	}
	r := d.ask(ctx, e.Host)
	if r.err != nil {
		out.Endf("no answer")
		return stage.Unreachable(e, r.url, r.err)
	}
	words, err := h.Judge(e, r.url, r.Answer)
	out.Endf("%s", strings.TrimPrefix(words+", "+d.seen.Served(s.Name), ", "))
	switch {
	case err == nil:
		return nil
	case stage.Legacy(r.Answer):
		return finding.Errorf("old-code", e.At, "%s answers in the legacy format, so old code is live: %s%s", r.url, d.seen.Served(s.Name), d.seen.Expected(s.Name, d.Recorded[s.Env])).
			Hintf("bring the newest code with %s", s.Promote())
	case threw(r.Answer):
		return d.thrown(e, s, r)
	}
	return err
}

// threw tells whether an answer is Cloudflare's page for a Worker that threw.
func threw(a probe.Answer) bool {
	return a.Status >= http.StatusInternalServerError && strings.Contains(string(a.Body), "error code: 1101") ||
		a.Status >= http.StatusInternalServerError && strings.Contains(string(a.Body), "Worker threw exception")
}

// thrown connects error 1101 with its cause, if one of the known ones is there.
func (d *Doctor) thrown(e project.Endpoint, s sight.Patient, r reply) error {
	f := finding.Errorf("error-1101", e.At, "%s answers error 1101, the Worker threw; %s", r.url, d.seen.Served(s.Name))
	causes, places := d.causes(s)
	if len(causes) == 0 {
		return f.Hintf("none of the known causes is there: see what it throws with %s", s.Logs())
	}
	f.Message += "; the cause: " + strings.Join(causes, "; and ")
	return f.Hintf("mend that, then %s; what it throws is seen with %s", s.Promote(), s.Logs()).See(places...)
}

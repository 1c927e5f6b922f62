package diagnosis

import (
	"context"
	"fmt"
	"strings"

	"github.com/tminus/deploy-action/runner/drift"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/preview"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/sight"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// Drift asks of each script whether it is on the account as the configuration says.
func (q Questions) Drift() []pipeline.Task {
	return q.each("Is it as configured:", nil, q.deployed(func(_ context.Context, out *pipeline.Out, s sight.Patient) error {
		out.Endf("as configured")
		all := append(Lost(q.Seen, s), q.changed(s)...)
		all = append(all, q.triggers(out, s)...)
		for _, f := range all {
			out.Note(f)
		}
		if len(all) > 0 {
			out.Endf("%d differences; %s", len(all), q.Seen.Served(s.Name))
		}
		if _, err := q.Seen.Version(s.Name); err != nil {
			sight.Unknown(out, s.At(), "its version cannot be read: %s", finding.Quote(err))
		}
		return nil
	}))
}

// differences are those of a script's bindings and variables, but for databases, which
// are a topic of their own.
func differences(seen *sight.Sight, s sight.Patient) (bound, vars []preview.Difference) {
	v, err := seen.Version(s.Name)
	if err != nil {
		return nil, nil
	}
	all, vars := drift.Bindings(s.Script, nil, v.Resources.Bindings)
	for _, one := range all {
		if b, ok := binding(s, one.Name); !ok || !isD1(b) {
			bound = append(bound, one)
		}
	}
	return bound, vars
}

func binding(s sight.Patient, name string) (wrangler.Binding, bool) {
	for _, b := range s.Section.Bindings {
		if b.Name.V == name {
			return b, true
		}
	}
	return wrangler.Binding{}, false
}

// Lost are bindings that the configuration has and the live version lacks: code that
// uses one throws.
func Lost(seen *sight.Sight, s sight.Patient) []finding.Finding {
	var all []finding.Finding
	bound, vars := differences(seen, s)
	for _, one := range append(bound, vars...) {
		if b, ok := binding(s, one.Name); ok && one.Op == preview.Add {
			all = append(all, finding.Errorf("binding-lost", b.At, "the live version of %s has no binding %s, %s here; %s", s.Name, one.Name, drift.Points(b.Shape(), s.Name), seen.Served(s.Name)).
				Hintf("bring it with %s", s.Promote()))
		}
	}
	return all
}

// changed are bindings, variables and settings that are otherwise on the account.
func (q Questions) changed(s sight.Patient) []finding.Finding {
	var all []finding.Finding
	say := func(at finding.Position, what string) {
		all = append(all, finding.Warnf("drift", at, "%s of %s; %s", what, s.Name, q.Seen.Served(s.Name)).
			Hintf("write it into %s, or have the configuration win with %s", s.File, s.Promote()))
	}
	bound, vars := differences(q.Seen, s)
	for i, one := range append(bound, vars...) {
		kind := "binding"
		if i >= len(bound) {
			kind = "variable"
		}
		b, _ := binding(s, one.Name)
		switch one.Op {
		case preview.Remove:
			say(s.At(), fmt.Sprintf("%s %s%s, which the configuration does not have, is in the live version", kind, one.Name, bracketed(one.From)))
		case preview.Change:
			say(b.At, fmt.Sprintf("%s %s is otherwise%s in the live version", kind, one.Name, bracketed(one.From)))
		}
	}
	v, _ := q.Seen.Version(s.Name) // without one, nothing differs
	for _, one := range drift.Runtime(s.Script, v) {
		say(s.Section.Keys[one.Name].At, fmt.Sprintf("%s is %q, not %q, in the live version", one.Name, one.From, one.To))
	}
	if _, names := drift.Settings(s.Script, q.Seen.Script(s.Name).Listed); len(names) > 0 {
		say(s.At(), fmt.Sprintf("%s differ from the configuration, as settings", strings.Join(names, ", ")))
	}
	return all
}

func bracketed(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// triggers compares what makes a script run, but for workers.dev, a topic of its own,
// and consumers that are not registered, which the queues tell.
func (q Questions) triggers(out *pipeline.Out, s sight.Patient) []finding.Finding {
	want, all := drift.Wanted(q.Seen.Live, s.Script)
	if q.Seen.Refused(sight.Zones) != nil || q.Seen.Refused(sight.Routes) != nil || q.Seen.Refused(sight.Queues) != nil {
		sight.Unknown(out, s.At(), "the account does not list routes or queues")
		return nil
	}
	for _, c := range q.Seen.Live.Changes(map[string]release.Triggers{s.Name: want}) {
		f := finding.Finding{Rule: "drift", Severity: finding.Warning, At: drift.Place(s.Script, c)}
		f = f.Hintf("%s has the configuration win", s.Promote())
		switch {
		case c.Kind == live.KindWorkersDev || c.Kind == live.KindConsumer && c.Op == live.Add:
			continue
		case c.Op == live.Remove:
			f.Message = fmt.Sprintf("%s %s leads to %s, and the configuration does not have it", c.Kind, c.Subject, s.Name)
		case c.Kind == live.KindCrons:
			f.Message = fmt.Sprintf("crons of %s are %s on the account, not %s", s.Name, strings.Join(q.Seen.Script(s.Name).Triggers.Crons, ", "), c.Subject)
			if len(q.Seen.Script(s.Name).Triggers.Crons) == 0 {
				f.Severity, f.Message = finding.Error, fmt.Sprintf("no cron starts %s, which wants %s", s.Name, c.Subject)
			}
		case c.Owner != "" && c.Owner != s.Name:
			f.Severity, f.Message = finding.Error, fmt.Sprintf("%s %s of %s leads to %s", c.Kind, c.Subject, s.Name, c.Owner)
			f = f.Hintf("take it from %s; if it is of this project, %s", c.Owner, s.Promote())
		case c.Op == live.Add:
			f.Severity, f.Message = finding.Error, fmt.Sprintf("%s %s of %s is not on the account", c.Kind, c.Subject, s.Name)
		case c.Kind == live.KindWorkflow:
			f.Severity, f.Message = finding.Error, fmt.Sprintf("workflow %s is not on the account, or not of the class of %s that is configured", c.Subject, s.Name)
		default:
			f.Message = fmt.Sprintf("%s %s of %s has other settings on the account", c.Kind, c.Subject, s.Name)
		}
		all = append(all, f)
	}
	return all
}

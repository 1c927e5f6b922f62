package drift

import (
	"cmp"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
)

// Wanted are the triggers that a script's configuration asks for. Zones are
// named by id, as the account has them; a route in no zone is a finding.
func Wanted(a *live.Account, s project.Script) (release.Triggers, []finding.Finding) {
	var t release.Triggers
	var problems []finding.Finding
	section := s.Section
	for _, r := range section.Triggers.Routes {
		if r.Custom {
			t.Domains = append(t.Domains, r.Pattern.V)
			continue
		}
		zone := r.ZoneID.V
		if zone == "" {
			z, ok := a.Zone(cmp.Or(r.Zone.V, hostOf(r.Pattern.V)))
			if !ok {
				problems = append(problems, finding.Errorf("no-zone", r.At, "no zone of the account holds %s", r.Pattern.V).
					Hintf("add the domain to the account, or give the token Zone:Read for it"))
				continue
			}
			zone = z.ID
		}
		t.Routes = append(t.Routes, release.Route{Pattern: r.Pattern.V, Zone: zone})
	}
	for _, c := range section.Triggers.Crons {
		t.Crons = append(t.Crons, c.V)
	}
	for _, c := range section.Triggers.Consumers {
		t.Consumers = append(t.Consumers, release.Consumer{Queue: c.Queue.V, DeadLetter: c.DeadLetter.V, Settings: c.Settings})
	}
	for _, b := range section.Bindings {
		if host := b.Field("script_name").V; b.Type == "workflow" && (host == "" || host == s.Name) {
			t.Workflows = append(t.Workflows, release.Workflow{Name: b.Field("name").V, Class: b.Field("class_name").V})
		}
	}
	t.WorkersDev = section.Triggers.WorkersDev.V
	t.Previews = section.Triggers.PreviewURLs.Or(t.WorkersDev)
	return t, problems
}

func hostOf(pattern string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(pattern, "https://"), "http://"), "/")
	return host
}

// Place finds the line of configuration that a trigger comes from.
func Place(s project.Script, c live.Change) finding.Position {
	for _, r := range s.Section.Triggers.Routes {
		if r.Pattern.V == c.Subject {
			return r.At
		}
	}
	for _, q := range s.Section.Triggers.Consumers {
		if q.Queue.V == c.Subject {
			return q.At
		}
	}
	for _, b := range s.Section.Bindings {
		if b.Type == "workflow" && b.Field("name").V == c.Subject {
			return b.At
		}
	}
	if c.Kind == live.KindCrons {
		if k, ok := s.Section.Keys["triggers"]; ok {
			return k.At
		}
	}
	if c.Kind == live.KindWorkersDev && s.Section.Triggers.WorkersDev.Written() {
		return s.Section.Triggers.WorkersDev.At
	}
	return s.At()
}

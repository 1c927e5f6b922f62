package diagnosis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/sight"
	"github.com/tminus/deploy-action/runner/upload"
	"github.com/tminus/deploy-action/runner/wrangler"
)

func isObject(b wrangler.Binding) bool { return b.Type == "durable_object_namespace" }

// Objects asks whether the Durable Objects that a script binds are there: the script
// that hosts them under the right name, deployed, with the class.
func (q Questions) Objects() []pipeline.Task {
	return q.each("Are there the objects of", sight.Patient.HasObjects, func(_ context.Context, out *pipeline.Out, s sight.Patient) error {
		told := map[finding.Position]bool{}
		for _, f := range check.Files(q.Project, s.Env) {
			if f.At.File == s.File && (f.Rule == "wrong-environment" || f.Rule == "object-class") {
				out.Note(q.Project.Settings.Waived(f))
				told[f.At] = true
			}
		}
		classes, hosts := 0, map[string]bool{}
		for _, b := range s.Section.Bindings {
			if !isObject(b) {
				continue
			}
			classes++
			if host := b.Field("script_name"); told[host.At] {
				hosts[host.V] = true
			} else {
				hosts[q.object(out, s, b)] = true
			}
		}
		q.migration(out, s)
		var words []string
		for host := range hosts {
			words = append(words, q.since(s, host))
		}
		slices.Sort(words)
		if q.Seen.Live.Known[s.Name] {
			out.Endf("%s, %s", finding.Many(classes, "class"), strings.Join(words, "; "))
		}
		return nil
	})
}

// object asks for one binding, and gives the script that hosts it.
func (q Questions) object(out *pipeline.Out, s sight.Patient, b wrangler.Binding) string {
	host, place, class := s.Name, b.At, b.Field("class_name").V
	if name := b.Field("script_name"); name.V != "" {
		host, place = name.V, name.At
	}
	provider, ours := q.sibling(s, host)
	kept, unread := q.Seen.Objects()
	switch {
	case host == s.Name && !q.Seen.Live.Known[host]:
		sight.Unknown(out, s.At(), "%s is not deployed", s.Name)
	case !q.Seen.Live.Known[host]:
		f := finding.Errorf("object-provider", place, "binding %s of %s names script %s, which is not on the account", b.Name.V, s.Name, host)
		if ours {
			out.Note(f.Hintf("deploy it first: %s", provider.Promote()))
		} else if meant, ok := q.sibling(s, host+"-"+s.Env); ok {
			out.Note(f.Hintf("write script_name = %q: a script has its environment in its name", meant.Name))
		} else {
			out.Note(f.Hintf("correct the name, or deploy that Worker first"))
		}
	case unread != nil:
		sight.Unknown(out, place, "the account does not list its objects: %s", finding.Quote(unread))
	case !slices.ContainsFunc(kept, func(o cloudflare.Objects) bool { return o.Script == host && o.Class == class }):
		f := finding.Errorf("object-class", b.At, "binding %s of %s names class %s, which %s does not have on the account", b.Name.V, s.Name, class, host)
		if ours {
			out.Note(f.Hintf("deploy the migration that makes the class: %s", provider.Promote()))
		} else {
			out.Note(f.Hintf("correct class_name, or deploy the script that has the class"))
		}
	}
	return host
}

// sibling finds a script of the same environment, asked about or not.
func (q Questions) sibling(s sight.Patient, name string) (sight.Patient, bool) {
	t, err := q.Project.In(s.Env)
	if err != nil {
		return sight.Patient{}, false
	}
	found, ok := t.Script(name)
	return sight.Patient{Env: s.Env, Script: found}, ok
}

// migration asks whether the classes of a script are those of the configuration.
func (q Questions) migration(out *pipeline.Out, s sight.Patient) {
	now := q.Seen.Script(s.Name)
	if !now.Exists {
		return
	}
	payload, err := upload.Classes(s.Script, now.Listed.MigrationTag)
	for _, f := range finding.From(err, "object-class", s.At()) {
		out.Note(f)
	}
	if payload != nil {
		newest := s.Section.Objects[len(s.Section.Objects)-1]
		out.Note(finding.Warnf("class-migration", newest.At, "class migration %q of %s is not applied; the account is at %q", newest.Tag.V, s.Name, now.Listed.MigrationTag).
			Hintf("%s applies it; it cannot be rolled back", s.Promote()))
	}
}

// since says which of two scripts was deployed first, as far as the account lists.
func (q Questions) since(s sight.Patient, host string) string {
	own, theirs := q.Seen.Script(s.Name), q.Seen.Script(host)
	switch {
	case host == s.Name:
		return "its own"
	case len(theirs.History) == 0:
		return "of " + host
	case len(own.History) == 0:
		return fmt.Sprintf("of %s, deployed %s", host, finding.When(theirs.Serving.CreatedOn.Time))
	}
	first, later := theirs.History[len(theirs.History)-1].CreatedOn.Time, own.History[len(own.History)-1].CreatedOn.Time
	order := "before"
	if later.Before(first) {
		order = "after"
	}
	return fmt.Sprintf("of %s, deployed %s it", host, order)
}

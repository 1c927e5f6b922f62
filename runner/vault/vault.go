package vault

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/secret"
)

// Mode says how far the stage goes.
type Mode uint8

// The modes.
const (
	Put   Mode = iota // compare, and put up what differs
	Prove             // compare, and say what would be put up
	List              // compare, and say how it stands
)

// Secrets is the stage that brings the secrets of one environment up to date.
type Secrets struct {
	Client *cloudflare.Client
	// Target is the whole environment: what Workers share is compared among all.
	Target project.Target
	// Only are the scripts that are meant; none means all.
	Only   []string
	Values secret.Store
	// Key makes fingerprints unguessable; the same as that of a deploy.
	Key string
	// Records tell by their versions what went up last.
	Records []release.Manifest
	Mode    Mode
	// Journal keeps which secrets went up with which version.
	Journal release.Journal
	Draft   *release.Draft
	Into    *Table
}

// Name implements pipeline.Stage.
func (Secrets) Name() string { return "secrets" }

const (
	shareTitle  = "Compare what Workers share"
	recordTitle = "Record the fingerprints"
)

func compareTitle(script string) string { return "Compare the secrets of " + script }
func putTitle(script string) string     { return "Set the secrets of " + script }

// Tasks implements pipeline.Stage: all Workers are compared before one is changed.
func (s Secrets) Tasks() []pipeline.Task {
	var tasks []pipeline.Task
	share := pipeline.Task{Title: shareTitle, Do: s.share}
	for _, script := range s.Target.Scripts {
		if len(script.Secrets) == 0 && !s.writes(script.Name) {
			continue
		}
		t := pipeline.Task{Title: compareTitle(script.Name), At: script.At(), Do: func(ctx context.Context, out *pipeline.Out) error {
			return s.compare(ctx, out, script)
		}}
		tasks, share.Needs = append(tasks, t), append(share.Needs, t.Title)
	}
	tasks = append(tasks, share)
	if s.Mode != Put {
		return tasks
	}
	record := pipeline.Task{Title: recordTitle, Needs: []string{shareTitle}, Do: s.record}
	for _, script := range s.Target.Scripts {
		if len(script.Secrets) == 0 || !s.writes(script.Name) {
			continue
		}
		t := pipeline.Task{Title: putTitle(script.Name), At: script.At(), Needs: []string{shareTitle}, Do: func(ctx context.Context, out *pipeline.Out) error {
			return s.put(ctx, out, script)
		}}
		tasks, record.After = append(tasks, t), append(record.After, t.Title)
	}
	return append(tasks, record)
}

// writes tells whether a script is meant.
func (s Secrets) writes(script string) bool {
	return len(s.Only) == 0 || slices.Contains(s.Only, script)
}

// share sees that a secret of several Workers has one value on all of them, once the
// stage has ended. Fingerprints tell; no value is asked for.
func (s Secrets) share(_ context.Context, out *pipeline.Out) error {
	first, shared := map[string]*shelf{}, 0
	for _, script := range s.Target.Scripts {
		have := s.Into.of(script.Name)
		if have == nil || !have.exists {
			continue
		}
		putting := s.Mode != List && s.writes(script.Name)
		prints := have.after(putting)
		for _, name := range script.Secrets {
			other := first[name]
			if other == nil {
				first[name] = have
				continue
			}
			shared++
			theirs := other.after(s.Mode != List && s.writes(other.script.Name))
			if slices.Contains(theirs.Changed(prints), name) {
				out.Note(finding.Errorf("secret-differs", script.At(), "%s is not the same on %s and %s, which share it", name, other.script.Name, script.Name).
					Hintf("run deploy-action secrets --env %s without --worker, so that both get the same value", s.Target.Env).See(other.script.At()))
			}
		}
	}
	if todo := s.todo(); s.Mode == Prove && len(todo) > 0 {
		out.Endf("would be set: %s", strings.Join(todo, "; "))
		return nil
	}
	out.Endf("%d shared", shared)
	return nil
}

// todo says which secrets would be put up, by script.
func (s Secrets) todo() []string {
	var all []string
	for _, script := range s.Target.Scripts {
		if have := s.Into.of(script.Name); have != nil && s.writes(script.Name) {
			if names := have.todo(); len(names) > 0 {
				all = append(all, script.Name+" "+strings.Join(names, ", "))
			}
		}
	}
	return all
}

// put gives a Worker all its secrets in one call, if one of them differs.
func (s Secrets) put(ctx context.Context, out *pipeline.Out, script project.Script) error {
	have := s.Into.of(script.Name)
	todo := have.todo()
	if len(todo) == 0 {
		out.Endf("nothing differs")
		return nil
	}
	values := map[string]string{}
	for name := range have.prints.Values {
		values[name], _ = s.Values.Value(name)
	}
	bindings, err := s.Client.Bindings(ctx, script.Name)
	if err != nil {
		return remedy.For(err, "Workers Scripts:Edit")
	}
	if clash := clashes(bindings, values); clash != "" {
		return finding.Errorf("secret-in-vars", script.At(), "%s has %s as something else than a secret", script.Name, clash).
			Hintf("take it out of the configuration and promote; then set the secret")
	}
	message := ""
	if have.ours {
		label := have.label
		label.Digest = release.Remix(label.Digest, have.prints)
		message = label.String()
	}
	if err := s.Client.SetSecrets(ctx, script.Name, bindings, values, message); err != nil {
		if cloudflare.Has(err, 10215) {
			return s.unsafe(have)
		}
		return remedy.For(err, "Workers Scripts:Edit")
	}
	have.put = true
	out.Endf("%s", strings.Join(todo, ", "))
	return nil
}

// clashes finds a secret whose name something else has.
func clashes(bindings []map[string]any, values map[string]string) string {
	for _, b := range bindings {
		name, _ := b["name"].(string)
		kind, _ := b["type"].(string)
		if _, ok := values[name]; ok && kind != "secret_text" {
			return name
		}
	}
	return ""
}

// record writes down which secrets went up with the versions that serve now. Values
// are known by fingerprints only. It runs whatever became of the others, so that what
// was done is known.
func (s Secrets) record(ctx context.Context, out *pipeline.Out) error {
	n := 0
	for _, script := range s.Target.Scripts {
		have := s.Into.of(script.Name)
		if have == nil || !have.put {
			continue
		}
		now, err := s.Client.Deployments(ctx, script.Name)
		if err != nil || len(now) == 0 || len(now[0].Versions) != 1 || now[0].ID == have.serving.ID {
			out.Note(finding.Warnf("unrecorded", script.At(), "it is not known as which version %s has its secrets: %v", script.Name, errors.Join(err, errSilent)).
				Hintf("run deploy-action secrets --env %s --list", s.Target.Env))
			continue
		}
		n++
		placed := release.Placed{Worker: script.Worker, Script: script.Name, Version: now[0].Versions[0].Version, Secrets: have.after(true), At: script.At()}
		if have.ours {
			placed.Digest = release.Remix(have.label.Digest, have.prints)
		}
		s.Draft.Place(placed)
	}
	if n == 0 {
		out.Endf("nothing was set")
		return nil
	}
	if err := s.Journal.Record(ctx, s.Draft.Manifest()); err != nil {
		out.Note(finding.Warnf("unrecorded", finding.Position{}, "the fingerprints could not be kept: %s", err).
			Hintf("make the workspace writable; without them the next run may not know which secrets are the same"))
	}
	out.Endf("%d Workers", n)
	return nil
}

var errSilent = errors.New("the account shows no new deployment")

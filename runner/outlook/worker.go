package outlook

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/drift"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/preview"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
)

// versions reads the live versions of the scripts that change or get secrets: an
// unchanged one has the bindings of the configuration.
func (l Look) versions(ctx context.Context, s view) (map[string]cloudflare.Version, error) {
	var mu sync.Mutex
	all := map[string]cloudflare.Version{}
	group, ctx := errgroup.WithContext(ctx)
	for _, m := range s.Moves {
		shares := m.Before.Shares()
		if len(shares) == 0 || m.Unchanged && len(m.Script.Secrets) == 0 {
			continue
		}
		most := slices.MaxFunc(shares, func(a, b release.Share) int { return cmp.Compare(a.Percent, b.Percent) })
		group.Go(func() error {
			v, err := l.Deploy.Client.Version(ctx, m.Script.Name, most.Version)
			if err != nil {
				return remedy.For(err, "Workers Scripts:Read")
			}
			mu.Lock()
			defer mu.Unlock()
			all[m.Script.Name] = v
			return nil
		})
	}
	return all, group.Wait()
}

// worker is what would change of one script. The version is the live one, zero
// when it was not read.
func (l Look) worker(s view, m fleet.Move, v cloudflare.Version) preview.Worker {
	w := preview.Worker{
		Worker: m.Script.Worker, Script: m.Script.Name, At: m.Script.At(), Way: preview.Changed, Why: m.OneWay,
		To: release.Short(m.Digest), Serving: m.Before.Shares(), Settings: m.Settings,
	}
	if label, ok := m.Before.Label(); ok {
		w.From, w.Release = label.Digest, label.Release
	}
	switch {
	case m.Unchanged:
		w.Way = preview.Unchanged
	case len(w.Serving) == 0:
		w.Way, w.Why = preview.New, "" // its way says it
	case m.OneWay != "":
		w.Way = preview.Whole
	}
	if m.Upload.Bundle != nil {
		w.Size = m.Upload.Bundle.Size()
	}
	w.Secrets = secrets(m, v)
	if w.Way != preview.Unchanged {
		w.Bindings, w.Vars = drift.Bindings(m.Script, m.Upload.Known(), v.Resources.Bindings)
		w.Classes = classes(m.Upload.Migrations)
	}
	if w.Way == preview.Changed || w.Way == preview.Whole {
		w.Runtime = drift.Runtime(m.Script, v)
	}
	if w.Way == preview.Changed {
		w.Why = why(m, w)
	}
	for _, c := range s.Changes {
		unseen := w.Way == preview.New && c.Kind == live.KindWorkersDev && !m.Want.WorkersDev && !m.Want.Previews // it never was on
		if c.Script == m.Script.Name && !unseen {
			w.Triggers = append(w.Triggers, l.trigger(m, c))
		}
	}
	return w
}

// why says what may have a script changed that no reader of the code would see.
func why(m fleet.Move, w preview.Worker) string {
	absent := slices.DeleteFunc(slices.Clone(m.Script.Secrets), func(name string) bool { return !slices.Contains(w.Secrets.Kept, name) })
	slices.Sort(absent)
	switch {
	case len(w.Serving) > 1:
		return "several versions share its traffic"
	case w.From == "":
		return "what serves is not a release of this tool"
	case len(absent) > 0:
		return fmt.Sprintf("%s not given here, with which it may be unchanged", list(absent))
	}
	return ""
}

func list(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names, ", ") + " are"
}

// secrets says what becomes of each secret, by the bindings of the live version.
func secrets(m fleet.Move, v cloudflare.Version) preview.Secrets {
	s := preview.Secrets{Given: m.Upload.Known()}
	bound := drift.Secrets(v)
	for _, name := range bound {
		if !slices.Contains(s.Given, name) {
			s.Kept = append(s.Kept, name)
		}
	}
	for _, name := range m.Script.Secrets {
		if !slices.Contains(bound, name) && !slices.Contains(s.Given, name) {
			s.Missing = append(s.Missing, name)
		}
	}
	slices.Sort(s.Kept)
	slices.Sort(s.Missing)
	return s
}

// missing is the finding for secrets that a script would not have.
func missing(m fleet.Move, names []string) finding.Finding {
	return finding.Warnf("missing-secret", m.Script.At(), "%s has no %s: not on the account, and not given here", m.Script.Name, strings.Join(names, ", ")).
		Hintf("give promote the variables of these names; their values go up with the next version")
}

// classes says in words what a migration of Durable Object classes does.
func classes(payload map[string]any) *preview.Classes {
	if payload == nil {
		return nil
	}
	c := &preview.Classes{Steps: []string{}}
	c.From, _ = payload["old_tag"].(string)
	c.To, _ = payload["new_tag"].(string)
	steps, _ := payload["steps"].([]map[string]any)
	for _, step := range steps {
		for _, key := range slices.Sorted(maps.Keys(step)) {
			items, _ := step[key].([]any)
			for _, item := range items {
				c.Steps = append(c.Steps, strings.ReplaceAll(key, "_", " ")+": "+className(item))
			}
		}
	}
	return c
}

func className(item any) string {
	m, ok := item.(map[string]any)
	if !ok {
		return fmt.Sprint(item)
	}
	text := fmt.Sprintf("%v to %v", m["from"], m["to"])
	if script, ok := m["from_script"]; ok {
		text += fmt.Sprintf(" (from %v)", script)
	}
	return text
}

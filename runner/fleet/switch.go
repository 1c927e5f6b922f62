package fleet

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/drift"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
)

// change has the release's version of one script serve all requests.
func (d Deploy) change(ctx context.Context, out *pipeline.Out, s project.Script) error {
	m := d.Fleet.of(s.Name)
	if m.way == unchanged {
		out.Endf("already serves %s", release.Brief(m.version))
		return nil
	}
	if m.way == asWhole {
		return d.put(ctx, out, m)
	}
	version := d.Fleet.Version(s.Name)
	if m.way == late {
		sent, err := d.send(ctx, m)
		if err != nil {
			return err
		}
		version = sent
	}
	d.Fleet.switching(s.Name)
	if _, err := d.Client.Deploy(ctx, s.Name, whole(version), d.label(m), false); err != nil {
		return remedy.For(err, "Workers Scripts:Edit")
	}
	d.Draft.Place(m.placed())
	out.Endf("%s serves, after %s", release.Brief(version), shares(m.before.Shares()))
	return nil
}

// put uploads a script that cannot go the way of versions. It serves at once.
func (d Deploy) put(ctx context.Context, out *pipeline.Out, m *move) error {
	made, err := d.make(ctx, m)
	if err != nil {
		return err
	}
	out.Note(finding.Notef("one-way", m.script.At(), "%s cannot be taken back from this release: %s", m.script.Name, m.oneWay))
	d.Fleet.switching(m.script.Name)
	version, err := d.Client.Put(ctx, m.script.Name, made)
	if err != nil {
		return remedy.For(err, "Workers Scripts:Edit")
	}
	d.Fleet.uploaded(m.script.Name, version)
	d.Draft.Place(m.placed())
	out.Endf("%s serves, put as a whole, %s", release.Brief(version), describeUpload(m))
	return nil
}

// whole is all traffic for one version.
func whole(version string) []cloudflare.Traffic {
	return []cloudflare.Traffic{{Version: version, Percent: 100}}
}

// trigger sets what makes the scripts run, where it differs from what is live,
// and the settings that no version carries.
func (d Deploy) trigger(ctx context.Context, out *pipeline.Out) error {
	var all []*move
	for _, s := range d.Target.Scripts {
		all = append(all, d.Fleet.of(s.Name))
	}
	changes := d.Fleet.account.Changes(wants(all))
	made := 0
	group, changing := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, c := range changes {
		s, _ := d.Target.Script(c.Script)
		if c.Kind == live.KindWorkflow && c.Op == live.Remove && !d.RemoveWorkflows {
			out.Note(finding.Warnf("leftover-workflow", s.At(), "workflow %s is still run by %s, whose configuration no longer has it", c.Subject, s.Name).
				Hintf("delete it with wrangler workflows delete %s, or run with --remove-workflows; its instances go with it", c.Subject))
			continue
		}
		made++
		group.Go(func() error { return d.apply(changing, out, s, c) })
	}
	for _, m := range all {
		if want, differs := m.settings(); len(differs) > 0 {
			made++
			group.Go(func() error {
				out.Sayf("set the settings of %s", m.script.Name)
				return at(remedy.For(d.Client.SetSettings(changing, m.script.Name, want), "Workers Scripts:Edit"), m.script.At())
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	d.complete(ctx, out)
	if made == 0 {
		out.Endf("nothing differs")
		return nil
	}
	out.Endf("%d changes", made)
	return nil
}

func (d Deploy) apply(ctx context.Context, out *pipeline.Out, s project.Script, c live.Change) error {
	d.Fleet.triggering(c.Script)
	out.Sayf("%s: %s", c.Script, c)
	return at(remedy.For(c.Apply(ctx, d.Client), permissionFor(c.Kind)), drift.Place(s, c))
}

func permissionFor(k live.Kind) string {
	switch k {
	case live.KindRoute:
		return "Workers Routes:Edit"
	case live.KindConsumer:
		return "Queues:Edit"
	}
	return "Workers Scripts:Edit"
}

// at puts a finding without a place at the given one.
func at(err error, p finding.Position) error {
	f, ok := errors.AsType[finding.Finding](err)
	if !ok || !f.At.IsZero() {
		return err
	}
	f.At = p
	return f
}

// describeUpload says in a few words what is uploaded.
func describeUpload(m *move) string {
	if m.rekeyed != nil {
		return "the code that serves, with new secrets"
	}
	text := "static files alone"
	if b := m.upload.Bundle; b != nil {
		text = bundle.SizeText(b.Size())
	}
	if n := len(m.upload.Files); n > 0 {
		text += fmt.Sprintf(", %d static files", n)
	}
	if names := m.upload.Known(); len(names) > 0 {
		text += fmt.Sprintf(", %d secrets", len(names))
	}
	return text
}

// shares says which versions served.
func shares(all []release.Share) string {
	switch len(all) {
	case 0:
		return "nothing"
	case 1:
		return release.Brief(all[0].Version)
	}
	text := ""
	for i, s := range all {
		if i > 0 {
			text += " and "
		}
		text += fmt.Sprintf("%s at %g %%", release.Brief(s.Version), s.Percent)
	}
	return text
}

// since says since which release a script is unchanged.
func since(m *move) string {
	if label, ok := m.before.Label(); ok {
		return "release " + label.Release
	}
	return "the last release"
}

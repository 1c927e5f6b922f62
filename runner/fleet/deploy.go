package fleet

import (
	"context"
	"io/fs"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/secret"
)

// Deploy brings a release to one environment in two movements: every version is
// uploaded and the release recorded, and only then traffic moves, providers
// before those that need them. Triggers come last, and only where they differ.
type Deploy struct {
	Client *cloudflare.Client
	Target project.Target
	// Whole is the environment, of which the target may be a part. The record holds all
	// of it, so that every later release can come back to this one. Empty means the target.
	Whole project.Target
	FS    fs.FS
	From  *bundle.Shelf
	Fleet *Fleet
	Draft *release.Draft
	// Journal keeps the manifest before any traffic moves.
	Journal release.Journal
	// Secrets go up with the versions of the scripts that they are for.
	Secrets secret.Store
	// Key makes fingerprints of secrets unguessable.
	Key string
	// RemoveWorkflows deletes workflows that the configuration no longer has, with
	// their instances. Without it they are left alone and told.
	RemoveWorkflows bool
	// Why tells the reason for which a release was taken back, with a blank or a comma
	// before it; nil if nobody knows.
	Why func(release string) string
	// Replaced gives values that secrets had before they were rotated, which may not go
	// up again; nil if nothing is known of any.
	Replaced func(context.Context) []release.Replaced
	// Rekey has the release give new secrets to versions that serve; nil for a release
	// of code.
	Rekey *Rekey
}

// Name implements pipeline.Stage.
func (Deploy) Name() string { return "deploy" }

const (
	readTitle    = "Read the account"
	recordTitle  = "Record the release"
	triggerTitle = "Set routes, crons, consumers and workflows"
)

// Tasks implements pipeline.Stage.
func (d Deploy) Tasks() []pipeline.Task {
	tasks := []pipeline.Task{{Title: readTitle, Do: d.read}}
	record := pipeline.Task{Title: recordTitle, Do: d.record}
	var switches []pipeline.Task
	trigger := pipeline.Task{Title: triggerTitle, Do: d.trigger}
	earlier := map[string]bool{}
	for _, s := range d.Target.Scripts {
		up := pipeline.Task{Title: "Upload " + s.Name, At: s.At(), Needs: []string{readTitle}, Do: func(ctx context.Context, out *pipeline.Out) error {
			return d.upload(ctx, out, s)
		}}
		tasks = append(tasks, up)
		record.Needs = append(record.Needs, up.Title)
		sw := pipeline.Task{Title: switchTitle(s.Name), At: s.At(), Needs: []string{recordTitle}, Do: func(ctx context.Context, out *pipeline.Out) error {
			return d.change(ctx, out, s)
		}}
		for _, need := range s.Needs {
			if earlier[need.Script] {
				sw.Needs = append(sw.Needs, switchTitle(need.Script))
			}
		}
		earlier[s.Name] = true
		switches = append(switches, sw)
		trigger.Needs = append(trigger.Needs, sw.Title)
	}
	tasks = append(append(tasks, record), switches...)
	if d.Rekey != nil {
		return tasks
	}
	return append(tasks, trigger)
}

func switchTitle(script string) string { return "Switch " + script }

// read reads the account, decides how each script gets where it is wanted and
// finds what is in the way, before anything is changed.
func (d Deploy) read(ctx context.Context, out *pipeline.Out) error {
	a, all, found, err := d.look(ctx)
	if err != nil {
		return err
	}
	for _, f := range found {
		out.Note(f)
	}
	d.Fleet.take(a, all)
	out.Endf("%s", tally(d.part(all)))
	return nil
}

// upload brings one version to the account, where it serves nothing yet.
func (d Deploy) upload(ctx context.Context, out *pipeline.Out, s project.Script) error {
	m := d.Fleet.of(s.Name)
	switch m.way {
	case unchanged:
		out.Endf("unchanged since %s: %s", since(m), release.Brief(m.version))
		return nil
	case asWhole:
		out.Endf("goes with its switch: %s", m.oneWay)
		return nil
	case late:
		out.Endf("goes with its switch: it needs a script that is put as a whole")
		return nil
	}
	version, err := d.send(ctx, m)
	if err != nil {
		return err
	}
	out.Endf("version %s, %s", release.Brief(version), describeUpload(m))
	return nil
}

// send uploads a version with its static files.
func (d Deploy) send(ctx context.Context, m *move) (string, error) {
	if d.Rekey != nil {
		return d.rekey(ctx, m)
	}
	made, err := d.make(ctx, m)
	if err != nil {
		return "", err
	}
	version, err := d.Client.UploadVersion(ctx, m.script.Name, made)
	if err != nil {
		return "", remedy.For(err, "Workers Scripts:Edit")
	}
	d.Fleet.uploaded(m.script.Name, version)
	return version, nil
}

// make makes the upload, after the static files are on the account.
func (d Deploy) make(ctx context.Context, m *move) (cloudflare.Upload, error) {
	token := ""
	if m.upload.Files != nil {
		var err error
		if token, err = d.Client.UploadAssets(ctx, m.script.Name, m.upload.Files); err != nil {
			return cloudflare.Upload{}, remedy.For(err, "Workers Scripts:Edit")
		}
	}
	return m.upload.Make(d.release(), d.label(m), token), nil
}

func (d Deploy) release() string { return d.Draft.Release() }

// label is what version and deployment say of themselves.
func (d Deploy) label(m *move) string {
	return release.Label{Release: d.release(), Digest: m.digest}.String()
}

// record writes the release down before any traffic moves.
func (d Deploy) record(ctx context.Context, out *pipeline.Out) error {
	changed := 0
	for _, s := range d.whole().Scripts {
		m := d.Fleet.of(s.Name)
		if m == nil {
			continue
		}
		if m.way != unchanged {
			changed++
		}
		d.Draft.Place(m.placed())
	}
	d.Draft.Carry(d.replaced(ctx)...)
	err := d.write(ctx)
	if err != nil && ctx.Err() != nil {
		return err // cancelled, which is no failure
	}
	for _, f := range finding.From(err, "record", finding.Position{}) {
		if f.Severity == finding.Error && f.Hint == "" {
			f.Message = "the release could not be recorded, so no traffic was moved: " + f.Message
			f = f.Hintf("make the workspace writable; without the record nobody could take the release back")
		}
		out.Note(f)
	}
	if changed == 0 {
		out.Endf("every script is unchanged")
		return nil
	}
	out.Endf("%s", d.Draft.Release())
	return nil
}

// write hands the manifest to the journal.
func (d Deploy) write(ctx context.Context) error {
	var order []string
	for _, s := range d.whole().Scripts {
		order = append(order, s.Name)
	}
	return d.Journal.Record(ctx, d.Draft.Manifest(order...))
}

// complete records the release once more when versions became known only with
// their switch.
func (d Deploy) complete(ctx context.Context, out *pipeline.Out) {
	for _, s := range d.Target.Scripts {
		if w := d.Fleet.of(s.Name).way; w == asWhole || w == late {
			if err := d.write(ctx); err != nil {
				out.Note(finding.Warnf("record", finding.Position{}, "the record of the release lacks the versions of scripts that were put as a whole: %s", err).
					Hintf("deploy-action status shows them"))
			}
			return
		}
	}
}

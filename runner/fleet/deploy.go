package fleet

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/secret"
	"github.com/tminus/deploy-action/runner/upload"
)

// Deploy brings a release to one environment in two movements: every version is
// uploaded and the release recorded, and only then traffic moves, providers
// before those that need them. Triggers come last, and only where they differ.
type Deploy struct {
	Client *cloudflare.Client
	Target project.Target
	FS     fs.FS
	From   *bundle.Shelf
	Fleet  *Fleet
	Draft  *release.Draft
	// Journal keeps the manifest before any traffic moves.
	Journal release.Journal
	// Secrets go up with the versions of the scripts that they are for.
	Secrets secret.Store
	// Key makes fingerprints of secrets unguessable.
	Key string
	// RemoveWorkflows deletes workflows that the configuration no longer has, with
	// their instances. Without it they are left alone and told.
	RemoveWorkflows bool
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
	tasks = append(tasks, record)
	return append(append(tasks, switches...), trigger)
}

func switchTitle(script string) string { return "Switch " + script }

// read reads the account, decides how each script gets where it is wanted and
// finds what is in the way, before anything is changed.
func (d Deploy) read(ctx context.Context, out *pipeline.Out) error {
	a, err := live.Read(ctx, d.Client, check.Scope(d.Target))
	if err != nil {
		return remedy.For(err, "Workers Scripts:Read")
	}
	var all []*move
	charted := map[string]*move{}
	for _, s := range d.Target.Scripts {
		m, err := d.plan(a, s, out)
		if err == nil {
			err = d.Fleet.chart(m, charted)
		}
		for _, f := range finding.From(err, "deploy", s.At()) {
			out.Note(f)
		}
		if err == nil {
			all = append(all, m)
			charted[s.Name] = m
		}
	}
	d.Fleet.take(a, all)
	for _, f := range d.inTheWay(a, all) {
		out.Note(f)
	}
	out.Endf("%s", tally(all))
	return nil
}

// plan gathers what is known of one script.
func (d Deploy) plan(a *live.Account, s project.Script, out *pipeline.Out) (*move, error) {
	files, err := upload.ReadFiles(d.FS, &s)
	if err != nil {
		return nil, err
	}
	m := &move{script: s, before: a.Scripts[s.Name]}
	m.upload = upload.Script{Script: s, Bundle: d.From.Get(s.Worker, d.Target.Env), Files: files, Secrets: d.Secrets, Key: d.Key}
	if m.upload.Bundle == nil && s.Section.Module.Main.Written() {
		return nil, fmt.Errorf("%s was not bundled", s.Worker)
	}
	var problems []finding.Finding
	m.want, problems = wanted(a, s)
	return m, finding.Join(problems)
}

// inTheWay finds triggers that scripts outside of this release hold.
func (d Deploy) inTheWay(a *live.Account, all []*move) []finding.Finding {
	var found []finding.Finding
	for _, c := range a.Changes(wants(all)) {
		if c.Owner == "" || c.Owner == c.Script {
			continue
		}
		if _, ours := d.Target.Script(c.Owner); ours {
			continue // it gives it up in this release
		}
		s, _ := d.Target.Script(c.Script)
		found = append(found, finding.Errorf("trigger-taken", place(s, c), "%s %s belongs to %s", c.Kind, c.Subject, c.Owner).
			Hintf("take it from %s first, or remove it here", c.Owner))
	}
	return found
}

func wants(all []*move) map[string]release.Triggers {
	want := map[string]release.Triggers{}
	for _, m := range all {
		want[m.script.Name] = m.want
	}
	return want
}

// tally counts the scripts by what becomes of them.
func tally(all []*move) string {
	count := map[way]int{}
	for _, m := range all {
		count[m.way]++
	}
	return fmt.Sprintf("%d scripts: %d to change, %d to put as a whole, %d unchanged", len(all), count[versioned]+count[late], count[asWhole], count[unchanged])
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
	for _, s := range d.Target.Scripts {
		m := d.Fleet.of(s.Name)
		if m.way != unchanged {
			changed++
		}
		d.Draft.Place(m.placed())
	}
	for _, f := range finding.From(d.write(ctx), "record", finding.Position{}) {
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
	for _, s := range d.Target.Scripts {
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

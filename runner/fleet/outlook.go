package fleet

import (
	"context"
	"fmt"

	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/drift"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/hold"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/upload"
)

// Outlook is what a deploy would do to its environment now: decided by what the
// account has, and not begun.
type Outlook struct {
	Account *live.Account
	// Moves are in deploy order. A script of which it cannot be told how it would
	// travel is not among them; a finding says why.
	Moves []Move
	// Changes are those of the scripts' triggers.
	Changes []live.Change
	// Findings are what is in the way.
	Findings []finding.Finding
}

// Move is how one script would get from what serves now to what is wanted.
type Move struct {
	Script project.Script
	Before live.Script
	// Upload is what would be sent, with the class migrations that go with it.
	Upload upload.Script
	Digest string
	Want   release.Triggers
	// Unchanged: the live version has the same digest, so nothing is uploaded.
	Unchanged bool
	// OneWay says why the script is put as a whole; empty if it goes the way of versions.
	OneWay string
	// Settings are the names of the properties outside of versions that would be set.
	Settings []string
}

// Outlook decides what the deploy would do, by the very steps with which it
// begins, and changes nothing. It needs no Fleet, no Draft and no Journal.
func (d Deploy) Outlook(ctx context.Context) (Outlook, error) {
	a, all, found, err := d.look(ctx)
	if err != nil {
		return Outlook{}, err
	}
	o := Outlook{Account: a, Changes: a.Changes(wants(all)), Findings: found}
	for _, m := range d.part(all) {
		_, differs := m.settings()
		o.Moves = append(o.Moves, Move{
			Script: m.script, Before: m.before, Upload: m.upload, Digest: m.digest, Want: m.want,
			Unchanged: m.way == unchanged, OneWay: m.oneWay, Settings: differs,
		})
	}
	return o, nil
}

// look reads the account, decides how each script gets where it is wanted, in
// deploy order, and finds what is in the way.
func (d Deploy) look(ctx context.Context) (*live.Account, []*move, []finding.Finding, error) {
	a, err := live.Read(ctx, d.Client, check.Scope(d.whole()))
	if err != nil {
		return nil, nil, nil, remedy.For(err, "Workers Scripts:Read")
	}
	var all []*move
	var found []finding.Finding
	charted := map[string]*move{}
	for _, s := range d.whole().Scripts {
		m, err := d.course(a, s, charted)
		if m == nil && err == nil {
			continue
		}
		found = append(found, finding.From(err, "deploy", s.At())...)
		if err == nil {
			all = append(all, m)
			charted[s.Name] = m
		}
	}
	found = append(append(found, d.inTheWay(a, all)...), d.held(d.part(all))...)
	return a, all, append(found, brought(all, d.replaced(ctx))...), nil
}

// course is what becomes of one script; nil if nothing can.
func (d Deploy) course(a *live.Account, s project.Script, charted map[string]*move) (*move, error) {
	if _, ours := d.Target.Script(s.Name); !ours || d.Rekey != nil {
		return d.stays(a, s)
	}
	m, err := d.plan(a, s)
	if err == nil {
		err = m.chart(charted)
	}
	return m, err
}

// plan gathers what is known of one script.
func (d Deploy) plan(a *live.Account, s project.Script) (*move, error) {
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
	m.want, problems = drift.Wanted(a, s)
	return m, finding.Join(problems)
}

// held is what a hold of the environment has against the release.
func (d Deploy) held(all []*move) []finding.Finding {
	var wanted []hold.Wanted
	for _, m := range all {
		wanted = append(wanted, hold.Wanted{Before: m.before, Digest: m.digest, Unchanged: m.way == unchanged, At: m.script.At()})
	}
	return hold.Refuse(d.Target.Env, wanted, d.Why)
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
		found = append(found, finding.Errorf("trigger-taken", drift.Place(s, c), "%s %s belongs to %s", c.Kind, c.Subject, c.Owner).
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

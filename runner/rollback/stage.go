package rollback

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
)

// Stage brings one environment back.
type Stage struct {
	Client *cloudflare.Client
	Target project.Target // narrowed to the Workers that are meant
	Scope  live.Scope
	// Known is the way back as records tell it; nil means that labels are asked.
	Known *aim.Return
	// To is the release that labels are asked for; empty for the one before.
	To string
	// Force brings versions back although secrets have changed since.
	Force bool
	// Partial takes what can come back although something else cannot.
	Partial bool
	// Prove stops before anything is changed.
	Prove bool
	// Explain says why the account cannot be read by this token, nil if it does not
	// know. It is asked only when something was denied.
	Explain func(context.Context) error
	// Again records the rollback although nothing is left to put back, because the
	// records do not say yet that it was done.
	Again bool
	// Replaced are values that secrets had before they were rotated, as far as a record
	// beside the known ones tells.
	Replaced []release.Replaced
	// Manifest is the record of the rollback itself, without its Workers.
	Manifest release.Manifest
	Journal  release.Journal
	// Way is what the stage finds out and does.
	Way *Way
}

// Name implements pipeline.Stage.
func (Stage) Name() string { return "rollback" }

const (
	readTitle    = "Read the account"
	recordTitle  = "Record the rollback"
	triggerTitle = "Put back routes, crons, consumers and workflows"
	dataTitle    = "Look at the migrations"
)

func proveTitle(script string) string { return "Prove " + script }
func backTitle(script string) string  { return "Put back " + script }

// Tasks implements pipeline.Stage: everything is proven, then written down, and only
// then changed, those that need others first.
func (s Stage) Tasks() []pipeline.Task {
	tasks := []pipeline.Task{{Title: readTitle, Do: s.read}}
	record := pipeline.Task{Title: recordTitle, Needs: []string{readTitle}, Do: s.record}
	for _, script := range slices.Backward(s.Target.Scripts) {
		tasks = append(tasks, pipeline.Task{Title: proveTitle(script.Name), At: script.At(), Needs: []string{readTitle}, Do: func(ctx context.Context, out *pipeline.Out) error {
			return s.prove(ctx, out, script)
		}})
		record.After = append(record.After, proveTitle(script.Name))
	}
	if s.Prove {
		return append(tasks, pipeline.Task{Title: dataTitle, Needs: []string{readTitle}, Do: s.data})
	}
	trigger := pipeline.Task{Title: triggerTitle, Needs: []string{recordTitle}, Do: s.triggers}
	tasks = append(tasks, record)
	dependents := map[string][]string{}
	for _, script := range s.Target.Scripts {
		for _, need := range script.Needs {
			dependents[need.Script] = append(dependents[need.Script], backTitle(script.Name))
		}
	}
	done := map[string]bool{}
	for _, script := range slices.Backward(s.Target.Scripts) {
		t := pipeline.Task{Title: backTitle(script.Name), At: script.At(), Needs: []string{recordTitle}, Do: func(ctx context.Context, out *pipeline.Out) error {
			return s.back(ctx, out, script)
		}}
		for _, other := range dependents[script.Name] {
			if done[other] { // in a circle one of the two must be first
				t.After = append(t.After, other)
			}
		}
		done[t.Title] = true
		trigger.After = append(trigger.After, t.Title)
		tasks = append(tasks, t)
	}
	return append(tasks, trigger, pipeline.Task{Title: dataTitle, Needs: []string{recordTitle}, Do: s.data})
}

// read reads the account and, beside it, the versions that records name.
func (s Stage) read(ctx context.Context, out *pipeline.Out) error {
	group, reading := errgroup.WithContext(ctx)
	var a *live.Account
	group.Go(func() (err error) {
		a, err = live.Read(reading, s.Client, s.Scope)
		return err
	})
	have := newEvidence(s.Client)
	have.stores(reading, group)
	if s.Known != nil {
		have.versions(reading, group, s.meant(*s.Known))
	}
	if err := group.Wait(); err != nil {
		return remedy.Explained(ctx, s.Explain, err, "Workers Scripts:Read")
	}
	r, err := s.way(a)
	if err != nil {
		return err
	}
	r.Aims = s.meant(r)
	if s.Known == nil || !slices.EqualFunc(r.Aims, s.meant(*s.Known), func(a, b aim.Aim) bool { return a.Script == b.Script && slices.Equal(a.Serves, b.Serves) }) {
		group, reading := errgroup.WithContext(ctx)
		have.versions(reading, group, r.Aims)
		if err := group.Wait(); err != nil {
			return remedy.For(err, "Workers Scripts:Read")
		}
	}
	s.Way.begin(a, have, r)
	s.judge(out, r)
	return nil
}

// way finds the way back: a known one that is not out of date, or by labels.
func (s Stage) way(a *live.Account) (aim.Return, error) {
	var scripts []live.Script
	for _, script := range s.Target.Scripts {
		scripts = append(scripts, a.Scripts[script.Name])
	}
	for r := s.Known; r != nil; r = r.Else {
		if !r.Stale(scripts) {
			return r.Renewed(scripts), nil
		}
	}
	r, ok := aim.ByLabels(s.Target.Env, scripts, s.To)
	if !ok {
		return r, finding.Errorf("no-record", finding.Position{}, "nothing tells what %s served before", s.Target.Env).
			Hintf("name a version with --worker NAME --to VERSION; deploy-action status and wrangler versions list show them")
	}
	for i := range r.Aims {
		if script, ok := s.Target.Script(r.Aims[i].Script); ok {
			r.Aims[i].At = script.At()
		}
	}
	return r, nil
}

// meant are the aims of the scripts that this rollback is about.
func (s Stage) meant(r aim.Return) []aim.Aim {
	var aims []aim.Aim
	for _, a := range r.Aims {
		if _, ok := s.Target.Script(a.Script); ok {
			aims = append(aims, a)
		}
	}
	return aims
}

// judge says for each script whether it has to go back, and sums it up.
func (s Stage) judge(out *pipeline.Out, r aim.Return) {
	count := map[state]int{}
	for _, script := range s.Target.Scripts {
		count[s.Way.of(script.Name).state]++
	}
	from := cmp.Or(r.From, "what serves")
	to := cmp.Or(r.To, "what was there before")
	out.Endf("%s, back to %s (%s): %d to put back, %d there already, %d superseded", from, to, r.Source, count[leaving], count[there], count[superseded])
}

// record writes the rollback down before anything is changed. One refusal keeps it
// from being begun, unless a part is asked for.
func (s Stage) record(ctx context.Context, out *pipeline.Out) error {
	refused := s.Way.named(refusedState)
	if len(refused) > 0 && !s.Partial {
		return finding.Errorf("not-begun", finding.Position{}, "nothing was put back, because %d of %d Workers cannot be", len(refused), len(s.Target.Scripts)).
			Hintf("see what speaks against it above; --partial puts the others back")
	}
	going := s.Way.named(leaving)
	if again := s.Again && len(s.Way.named(superseded)) == 0; len(going) == 0 && !s.Way.differs() && !again {
		out.Endf("there is nothing to put back")
		return nil
	}
	m := s.Manifest
	m.Back.From, m.Back.To = s.Way.back.From, s.Way.back.To
	for _, script := range s.Target.Scripts {
		m.Workers = append(m.Workers, s.Way.placed(script))
	}
	err := s.Journal.Record(ctx, m)
	if err != nil && ctx.Err() != nil {
		return err // cancelled, which is no failure
	}
	for _, f := range finding.From(err, "record", finding.Position{}) {
		if f.Severity == finding.Error && f.Hint == "" {
			f = f.Hintf("make the workspace writable")
		}
		out.Note(f)
	}
	out.Endf("%s", m.Release)
	return nil
}

// back brings one script back.
func (s Stage) back(ctx context.Context, out *pipeline.Out, script project.Script) error {
	b := s.Way.of(script.Name)
	if b.state != leaving {
		out.Endf("%s", b.why)
		return nil
	}
	if failed := s.Way.stuck(); failed != "" && !s.Partial {
		out.Endf("not begun, because %s could not be put back", failed)
		return nil
	}
	s.Way.switching(script.Name)
	message := release.Label{Release: cmp.Or(b.release, s.Way.back.To, "unknown"), Digest: cmp.Or(b.aim.Digest, noDigest), From: s.Way.back.From, Strict: s.Manifest.Back.Strict}.String()
	_, err := s.Client.Deploy(ctx, script.Name, traffic(b.aim.Serves), message, s.Force)
	if err != nil {
		s.Way.stick(script.Name)
	}
	if names, changed := changedSecrets(err); changed {
		return finding.Errorf("secrets-changed", script.At(), "%s cannot go back without its old secrets: %s changed since", script.Name, names).
			Hintf("fix forward with the new values, or accept what the old version has with --force-secrets")
	}
	if err != nil {
		return remedy.For(err, "Workers Scripts:Edit")
	}
	out.Endf("%s serves again, after %s", brief(b.aim.Serves), brief(b.now))
	return nil
}

// noDigest stands in a label for a digest that nobody knows.
const noDigest = "sha256:00000000000000000000000000000000"

func traffic(all []release.Share) []cloudflare.Traffic {
	var t []cloudflare.Traffic
	for _, s := range all {
		t = append(t, cloudflare.Traffic{Version: s.Version, Percent: s.Percent})
	}
	return t
}

// brief says which versions serve.
func brief(all []release.Share) string {
	if len(all) == 1 {
		return release.Brief(all[0].Version)
	}
	text := ""
	for i, s := range all {
		if i > 0 {
			text += " and "
		}
		text += fmt.Sprintf("%s at %g %%", release.Brief(s.Version), s.Percent)
	}
	return cmp.Or(text, "nothing")
}

func shares(d cloudflare.Deployment) []release.Share { return live.Script{Serving: d}.Shares() }

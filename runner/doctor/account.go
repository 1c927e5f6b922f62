package doctor

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/sight"
)

const reach = "Is the account reached"

// account asks whether the account can be asked at all, and reads it.
func (d *Doctor) account() []pipeline.Task {
	return []pipeline.Task{
		{Title: reach, Do: d.reach},
		{Title: "Is it the right account", Needs: []string{reach}, Do: d.right},
	}
}

// reach asks for the account's name. What is wrong with the token is asked only when
// something is.
func (d *Doctor) reach(ctx context.Context, out *pipeline.Out) error {
	if d.Account.Missing != nil {
		return d.Account.Missing
	}
	name, err := d.Account.Client.Account(ctx)
	if _, refused := errors.AsType[*cloudflare.Error](err); refused {
		name, err = check.Access(ctx, d.Account.Client)
	}
	if err != nil {
		return remedy.For(err, "Account Settings:Read")
	}
	out.Endf("%s, %s", name, d.Account.ID)
	return nil
}

// right reads what is there and asks whether any of it is this project's.
func (d *Doctor) right(ctx context.Context, out *pipeline.Out) error {
	if err := d.seen.Read(ctx, d.Account.Client, d.scope(), d.Targets); err != nil {
		return err
	}
	a, all := d.seen.Live, sight.Patients(d.Targets)
	here := len(slices.DeleteFunc(slices.Clone(all), func(s sight.Patient) bool { return !a.Scripts[s.Name].Exists }))
	out.Endf("%d of %s deployed, %d on the account; %s, %s", here, finding.Many(len(all), "Worker"), len(a.Known), finding.Many(len(a.Zones), "zone"), finding.Many(len(a.Queues), "queue"))
	if here > 0 || len(all) == 0 {
		return nil
	}
	var hosts []string
	for _, t := range d.Targets {
		hosts = append(hosts, t.Hosts()...)
	}
	zoned := func(host string) bool { _, ok := a.Zone(host); return ok }
	if len(hosts) == 0 || a.Refused(sight.Zones) != nil || slices.ContainsFunc(hosts, zoned) {
		return nil
	}
	return finding.Errorf("wrong-account", all[0].At(), "account %s has none of the %d scripts, and no zone of their hosts", d.Account.ID, len(all)).
		Hintf("check CLOUDFLARE_ACCOUNT_ID and account_id in the wrangler files; a new project needs its domain on the account first")
}

// scope is all environments together, so that every kind of thing is listed once.
func (d *Doctor) scope() live.Scope {
	all := live.Scope{Stores: true, Lenient: true}
	for _, t := range d.Targets {
		one := check.Scope(t)
		all.Scripts, all.Hosts, all.Zones = append(all.Scripts, one.Scripts...), append(all.Hosts, one.Hosts...), append(all.Zones, one.Zones...)
		all.Uses.Queues = all.Uses.Queues || one.Uses.Queues
		all.Uses.Databases = all.Uses.Databases || one.Uses.Databases
		all.Uses.Namespaces = all.Uses.Namespaces || one.Uses.Namespaces
		all.Uses.Buckets = all.Uses.Buckets || one.Uses.Buckets
		all.Uses.Domains = all.Uses.Domains || one.Uses.Domains
		for _, s := range t.Scripts { // providers that are not asked about
			for _, n := range s.Needs {
				all.Scripts = append(all.Scripts, n.Script)
			}
		}
	}
	slices.Sort(all.Scripts)
	all.Scripts = slices.Compact(all.Scripts)
	return all
}

// token asks what the token may, and whether this machine's clock is right.
func (d *Doctor) token() []pipeline.Task {
	return []pipeline.Task{
		{Title: "May the token read all that is asked about", Do: d.permissions},
		{Title: "Is the clock of this machine right", Do: d.clock},
	}
}

func (d *Doctor) permissions(_ context.Context, out *pipeline.Out) error {
	needed := []string{sight.Queues, sight.Databases, "Workers KV Storage:Read", "Workers R2 Storage:Read", sight.Zones, sight.Routes}
	lacking := 0
	for _, p := range append(needed, sight.DNS) {
		err := d.seen.Refused(p)
		if err == nil {
			continue
		}
		lacking++
		f := finding.Errorf("missing-permission", finding.Position{}, "the account refuses what needs %s: %s", p, err)
		if p == sight.DNS { // no promotion needs it
			f.Severity = finding.Warning
		}
		out.Note(f.Hintf("give the token the permission %q; what it is for is not known until then", p))
	}
	out.Endf("%s lacking", finding.Many(lacking, "permission"))
	if lacking == 0 {
		out.Endf("all")
	}
	return nil
}

// clockTolerance is how wrong a clock may be before somebody should look: the Date of
// an answer has whole seconds.
const clockTolerance = 30 * time.Second

func (d *Doctor) clock(_ context.Context, out *pipeline.Out) error {
	if d.Account.Clock == nil {
		sight.Unknown(out, finding.Position{}, "nothing compared it")
		return nil
	}
	skew, ok := d.Account.Clock.Skew()
	switch {
	case !ok:
		sight.Unknown(out, finding.Position{}, "no answer told a date")
		return nil
	case skew.Abs() < clockTolerance:
		out.Endf("to within %s", max(skew.Abs().Round(time.Second), time.Second))
		return nil
	}
	word := "ahead of"
	if skew < 0 {
		word = "behind"
	}
	out.Endf("%s %s", skew.Abs().Round(time.Second), word)
	out.Note(finding.Warnf("clock", finding.Position{}, "the clock of this machine is %s %s Cloudflare's: certificates and tokens may seem to be invalid", skew.Abs().Round(time.Second), word).
		Hintf("set the clock, or start its synchronization"))
	return nil
}

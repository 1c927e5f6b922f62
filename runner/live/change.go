package live

import (
	"context"
	"fmt"
	"slices"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/release"
)

// Change is one difference between wanted and live triggers of a script.
type Change struct {
	Script string
	Kind   Kind
	Op     Op
	// Subject is the pattern, host name, queue, workflow or list of crons.
	Subject string
	// Owner is another script that has the subject now; empty if none has.
	Owner string

	apply func(context.Context, *cloudflare.Client) error
}

// Kind is a kind of trigger.
type Kind string

// The kinds of triggers.
const (
	KindRoute      Kind = "route"
	KindDomain     Kind = "custom domain"
	KindCrons      Kind = "crons"
	KindConsumer   Kind = "queue consumer"
	KindWorkflow   Kind = "workflow"
	KindWorkersDev Kind = "workers.dev"
)

// Op is what a change does.
type Op string

// The operations.
const (
	Add    Op = "add"
	Set    Op = "set"
	Remove Op = "remove"
)

// String says what the change does: "add route api.tminus.ink/*".
func (c Change) String() string { return fmt.Sprintf("%s %s %s", c.Op, c.Kind, c.Subject) }

// Apply makes the change.
func (c Change) Apply(ctx context.Context, client *cloudflare.Client) error {
	return c.apply(ctx, client)
}

// Changes are what would have to change for the scripts to have the wanted
// triggers, in the order of the scripts' names. What is live and not wanted is
// removed, except what another script wants, which takes it over.
func (a *Account) Changes(want map[string]release.Triggers) []Change {
	d := &differ{Account: a, want: want}
	names := make([]string, 0, len(want))
	for name := range want {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		d.script(name, want[name], a.Scripts[name].Triggers)
	}
	return d.all
}

type differ struct {
	*Account
	want map[string]release.Triggers
	all  []Change
}

func (d *differ) add(c Change) { d.all = append(d.all, c) }

func (d *differ) script(name string, want, have release.Triggers) {
	sortTriggers(&want)
	d.routes(name, want, have)
	d.hosts(name, want, have)
	if !slices.Equal(want.Crons, have.Crons) {
		d.add(Change{Script: name, Kind: KindCrons, Op: Set, Subject: list(want.Crons), apply: func(ctx context.Context, c *cloudflare.Client) error {
			return c.SetSchedules(ctx, name, want.Crons)
		}})
	}
	d.consumers(name, want, have)
	d.flows(name, want, have)
	// A script that did not exist before has what Cloudflare gave it.
	if want.WorkersDev != have.WorkersDev || want.Previews != have.Previews || !d.Scripts[name].Exists {
		d.add(Change{Script: name, Kind: KindWorkersDev, Op: Set, Subject: onOff(want.WorkersDev), apply: func(ctx context.Context, c *cloudflare.Client) error {
			return c.SetSubdomain(ctx, name, cloudflare.Subdomain{Enabled: want.WorkersDev, PreviewsEnabled: want.Previews})
		}})
	}
}

func (d *differ) routes(name string, want, have release.Triggers) {
	for _, r := range want.Routes {
		if slices.Contains(have.Routes, r) {
			continue
		}
		now := d.routeNow(r)
		d.add(Change{Script: name, Kind: KindRoute, Op: Add, Subject: r.Pattern, Owner: now.Script, apply: func(ctx context.Context, c *cloudflare.Client) error {
			if now.ID != "" {
				return c.SetRoute(ctx, r.Zone, cloudflare.Route{ID: now.ID, Pattern: r.Pattern, Script: name})
			}
			return c.AddRoute(ctx, r.Zone, cloudflare.Route{Pattern: r.Pattern, Script: name})
		}})
	}
	for _, r := range have.Routes {
		wanted := func(t release.Triggers) bool { return slices.Contains(t.Routes, r) }
		if wanted(want) || d.elsewhere(name, wanted) {
			continue
		}
		now := d.routeNow(r)
		d.add(Change{Script: name, Kind: KindRoute, Op: Remove, Subject: r.Pattern, apply: func(ctx context.Context, c *cloudflare.Client) error {
			return c.RemoveRoute(ctx, r.Zone, now)
		}})
	}
}

// routeNow is the live route of a pattern, whoever's it is.
func (d *differ) routeNow(r release.Route) cloudflare.Route {
	for _, now := range d.Account.routes[r.Zone] {
		if now.Pattern == r.Pattern {
			return now
		}
	}
	return cloudflare.Route{}
}

// elsewhere tells whether another script of the same change wants something.
func (d *differ) elsewhere(name string, wanted func(release.Triggers) bool) bool {
	for other, t := range d.want {
		if other != name && wanted(t) {
			return true
		}
	}
	return false
}

func (d *differ) hosts(name string, want, have release.Triggers) {
	for _, host := range want.Domains {
		if slices.Contains(have.Domains, host) {
			continue
		}
		zone, _ := d.Zone(host)
		d.add(Change{Script: name, Kind: KindDomain, Op: Add, Subject: host, Owner: d.domainNow(host).Service, apply: func(ctx context.Context, c *cloudflare.Client) error {
			return c.PutDomain(ctx, cloudflare.Domain{Hostname: host, Service: name, ZoneID: zone.ID})
		}})
	}
	for _, host := range have.Domains {
		wanted := func(t release.Triggers) bool { return slices.Contains(t.Domains, host) }
		if wanted(want) || d.elsewhere(name, wanted) {
			continue
		}
		now := d.domainNow(host)
		d.add(Change{Script: name, Kind: KindDomain, Op: Remove, Subject: host, apply: func(ctx context.Context, c *cloudflare.Client) error {
			return c.RemoveDomain(ctx, now)
		}})
	}
}

func (d *differ) domainNow(host string) cloudflare.Domain {
	for _, now := range d.domains {
		if now.Hostname == host {
			return now
		}
	}
	return cloudflare.Domain{}
}

func (d *differ) consumers(name string, want, have release.Triggers) {
	for _, w := range want.Consumers {
		i := slices.IndexFunc(have.Consumers, func(h release.Consumer) bool { return h.Queue == w.Queue })
		if i >= 0 && sameConsumer(w, have.Consumers[i]) {
			continue
		}
		queue, now := d.consumerNow(w.Queue)
		c := Change{Script: name, Kind: KindConsumer, Op: Add, Subject: w.Queue}
		if i >= 0 {
			c.Op = Set
		} else {
			c.Owner = now.Script
		}
		c.apply = func(ctx context.Context, client *cloudflare.Client) error {
			wire := cloudflare.Consumer{Script: name, DeadLetter: w.DeadLetter, Settings: w.Settings}
			if now.Script == name {
				wire.ID = now.ID
			} else if now.ID != "" {
				if err := client.RemoveConsumer(ctx, queue.ID, now.ID); err != nil {
					return err
				}
			}
			return client.PutConsumer(ctx, queue.ID, wire)
		}
		d.add(c)
	}
	for _, h := range have.Consumers {
		wanted := func(t release.Triggers) bool {
			return slices.ContainsFunc(t.Consumers, func(c release.Consumer) bool { return c.Queue == h.Queue })
		}
		if wanted(want) || d.elsewhere(name, wanted) {
			continue
		}
		queue, now := d.consumerNow(h.Queue)
		d.add(Change{Script: name, Kind: KindConsumer, Op: Remove, Subject: h.Queue, apply: func(ctx context.Context, c *cloudflare.Client) error {
			return c.RemoveConsumer(ctx, queue.ID, now.ID)
		}})
	}
}

// consumerNow is a queue and its one push consumer.
func (d *differ) consumerNow(name string) (cloudflare.Queue, cloudflare.Consumer) {
	for _, q := range d.Queues {
		if q.Name != name {
			continue
		}
		if len(q.Consumers) > 0 {
			return q, q.Consumers[0]
		}
		return q, cloudflare.Consumer{}
	}
	return cloudflare.Queue{}, cloudflare.Consumer{}
}

func (d *differ) flows(name string, want, have release.Triggers) {
	for _, w := range want.Workflows {
		if slices.Contains(have.Workflows, w) {
			continue
		}
		owner := ""
		for _, now := range d.workflows {
			if now.Name == w.Name && now.Script != name {
				owner = now.Script
			}
		}
		d.add(Change{Script: name, Kind: KindWorkflow, Op: Set, Subject: w.Name, Owner: owner, apply: func(ctx context.Context, c *cloudflare.Client) error {
			return c.PutWorkflow(ctx, cloudflare.Workflow{Name: w.Name, Script: name, Class: w.Class})
		}})
	}
	for _, h := range have.Workflows {
		wanted := func(t release.Triggers) bool {
			return slices.ContainsFunc(t.Workflows, func(w release.Workflow) bool { return w.Name == h.Name })
		}
		if wanted(want) || d.elsewhere(name, wanted) {
			continue
		}
		d.add(Change{Script: name, Kind: KindWorkflow, Op: Remove, Subject: h.Name, apply: func(ctx context.Context, c *cloudflare.Client) error {
			return c.RemoveWorkflow(ctx, h.Name)
		}})
	}
}

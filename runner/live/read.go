package live

import (
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/release"
)

// Scope says what is read.
type Scope struct {
	// Scripts are the names of the scripts whose deployments and triggers are read.
	Scripts []string
	// Hosts are the host names of their routes and custom domains, by which their
	// zones are found.
	Hosts []string
	// Zones are ids of zones that routes name themselves.
	Zones []string
	// Uses says which kinds of things the configuration names, so that they must
	// be readable.
	Uses Uses
	// Stores has databases, namespaces and buckets listed, as far as they are used.
	Stores bool
	// Lenient: what the account refuses to list is left out, whatever needs it;
	// Refused tells. Schedules are read of those scripts only that handle them.
	Lenient bool
}

// Uses says which kinds of things a configuration names.
type Uses struct {
	Queues, Databases, Namespaces, Buckets, Domains bool
}

// Account is the account as it was read.
type Account struct {
	// Scripts are those asked for, by name, whether they exist or not.
	Scripts map[string]Script
	// Known are the names of all scripts of the account.
	Known map[string]bool
	// Zones are all zones that the token sees.
	Zones      []cloudflare.Zone
	Queues     []cloudflare.Queue
	Databases  []cloudflare.Database
	Namespaces []cloudflare.Namespace
	Buckets    []string

	routes    map[string][]cloudflare.Route // by zone id
	domains   []cloudflare.Domain
	workflows []cloudflare.Workflow
	unread    []string // what the token may not read and nothing needs
	refused   map[string]error
}

// Script is one script as it stands.
type Script struct {
	Name   string
	Exists bool
	// Listed is the script as the account lists it.
	Listed cloudflare.Script
	// Serving is the newest deployment; zero when there is none.
	Serving cloudflare.Deployment
	// History are all deployments that the account still lists, the newest first.
	History  []cloudflare.Deployment
	Triggers release.Triggers
}

// Shares are the versions that serve the script.
func (s Script) Shares() []release.Share {
	var shares []release.Share
	for _, v := range s.Serving.Versions {
		shares = append(shares, release.Share{Version: v.Version, Percent: v.Percent})
	}
	return shares
}

// Label is what the newest deployment says of itself, if it was ours and one
// version serves everything.
func (s Script) Label() (release.Label, bool) {
	if len(s.Serving.Versions) != 1 {
		return release.Label{}, false
	}
	return release.ParseLabel(s.Serving.Message())
}

// reader is one reading on its way.
type reader struct {
	c     *cloudflare.Client
	scope Scope
	group *errgroup.Group
	ctx   context.Context

	mu  sync.Mutex
	out *Account
	per map[string]*Script
	bad []finding.Finding
}

// Read reads the account. The error holds a finding for each thing that the
// token may not read, with the permission's name, or is what kept it from being
// read.
func Read(ctx context.Context, c *cloudflare.Client, scope Scope) (*Account, error) {
	group, ctx := errgroup.WithContext(ctx)
	r := &reader{c: c, scope: scope, group: group, ctx: ctx, per: map[string]*Script{}, out: &Account{
		Scripts: map[string]Script{}, Known: map[string]bool{}, routes: map[string][]cloudflare.Route{}, refused: map[string]error{},
	}}
	for _, name := range scope.Scripts {
		r.per[name] = &Script{Name: name}
	}
	r.start()
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(r.bad) > 0 {
		finding.Sort(r.bad)
		return nil, finding.Join(r.bad)
	}
	r.assemble()
	return r.out, nil
}

// start begins all reads at once.
func (r *reader) start() {
	read(r, true, scriptsRead, r.c.Scripts, func(all []cloudflare.Script) {
		for _, s := range all {
			r.out.Known[s.Name] = true
			if one := r.per[s.Name]; one != nil {
				one.Exists, one.Listed = true, s
				if r.scope.Lenient && (s.Handlers == nil || slices.Contains(s.Handlers, "scheduled")) {
					r.schedules(s.Name)
				}
			}
		}
	})
	uses := r.scope.Uses
	read(r, uses.Queues, "Queues:Read", r.c.Queues, func(all []cloudflare.Queue) { r.out.Queues = all })
	if len(r.scope.Scripts) > 0 {
		read(r, uses.Domains, scriptsRead, r.c.Domains, func(all []cloudflare.Domain) { r.out.domains = all })
		read(r, false, scriptsRead, r.c.Workflows, func(all []cloudflare.Workflow) { r.out.workflows = all })
	}
	if r.scope.Stores && uses.Databases {
		read(r, true, "D1:Read", r.c.Databases, func(all []cloudflare.Database) { r.out.Databases = all })
	}
	if r.scope.Stores && uses.Namespaces {
		read(r, true, "Workers KV Storage:Read", r.c.Namespaces, func(all []cloudflare.Namespace) { r.out.Namespaces = all })
	}
	if r.scope.Stores && uses.Buckets {
		read(r, true, "Workers R2 Storage:Read", r.c.Buckets, func(all []string) { r.out.Buckets = all })
	}
	r.zones()
	if len(r.scope.Scripts) > 0 {
		r.subdomains()
	}
	for _, name := range r.scope.Scripts {
		r.script(name)
	}
}

// scriptsRead is the permission without which nothing can be said of any script.
const scriptsRead = "Workers Scripts:Read"

// read does one read beside the others. A denial is a finding if the read is
// needed, else it is left out and said.
func read[T any](r *reader, needed bool, permission string, ask func(context.Context) (T, error), take func(T)) {
	r.group.Go(func() error {
		v, err := ask(r.ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case err == nil:
			take(v)
		case r.scope.Lenient && permission != scriptsRead && isRefusal(err):
			r.out.refused[permission] = err
		case cloudflare.IsDenied(err) && needed:
			r.bad = append(r.bad, Denied(err, permission))
		case cloudflare.IsDenied(err):
			r.out.unread = append(r.out.unread, permission)
		default:
			return err
		}
		return nil
	})
}

// Denied is the finding for a token that may not do something.
func Denied(err error, permission string) finding.Finding {
	return finding.Errorf("missing-permission", finding.Position{}, "the API token is refused: %s", err).
		Hintf("give the token the permission %q", permission)
}

// script reads what the account keeps of one script by itself.
func (r *reader) script(name string) {
	one := r.per[name]
	r.unlessMissing(func() error {
		all, err := r.c.Deployments(r.ctx, name)
		if err == nil && len(all) > 0 {
			one.Serving, one.History = all[0], all
		}
		return err
	})
	if !r.scope.Lenient {
		r.schedules(name)
	}
}

// schedules reads the crons of a script.
func (r *reader) schedules(name string) {
	one := r.per[name]
	r.unlessMissing(func() error {
		crons, err := r.c.Schedules(r.ctx, name)
		one.Triggers.Crons = crons
		return err
	})
}

// subdomains reads which scripts are on workers.dev, all at once; where the
// account does not list that, one by one.
func (r *reader) subdomains() {
	r.group.Go(func() error {
		all, err := r.c.Subdomains(r.ctx)
		if _, refused := errors.AsType[*cloudflare.Error](err); refused {
			for _, name := range r.scope.Scripts {
				r.unlessMissing(func() error {
					s, err := r.c.Subdomain(r.ctx, name)
					r.onWorkersDev(name, s)
					return err
				})
			}
			return nil
		}
		for _, name := range r.scope.Scripts {
			r.onWorkersDev(name, all[name])
		}
		return err
	})
}

func (r *reader) onWorkersDev(name string, s cloudflare.Subdomain) {
	t := &r.per[name].Triggers
	t.WorkersDev, t.Previews = s.Enabled, s.PreviewsEnabled
}

func (r *reader) unlessMissing(ask func() error) {
	r.group.Go(func() error {
		err := ask()
		if cloudflare.IsMissing(err) {
			return nil
		}
		if cloudflare.IsDenied(err) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.bad = append(r.bad, Denied(err, scriptsRead))
			return nil
		}
		return err
	})
}

// assemble gives every script the triggers that are listed elsewhere.
func (r *reader) assemble() {
	a := r.out
	for name, one := range r.per {
		t := &one.Triggers
		for zone, routes := range a.routes {
			for _, route := range routes {
				if route.Script == name {
					t.Routes = append(t.Routes, release.Route{Pattern: route.Pattern, Zone: zone})
				}
			}
		}
		for _, d := range a.domains {
			if d.Service == name {
				t.Domains = append(t.Domains, d.Hostname)
			}
		}
		for _, q := range a.Queues {
			for _, c := range q.Consumers {
				if c.Script == name && c.Type != "http_pull" {
					t.Consumers = append(t.Consumers, release.Consumer{Queue: q.Name, DeadLetter: c.DeadLetter, Settings: c.Settings})
				}
			}
		}
		for _, w := range a.workflows {
			if w.Script == name {
				t.Workflows = append(t.Workflows, release.Workflow{Name: w.Name, Class: w.Class})
			}
		}
		sortTriggers(t)
		a.Scripts[name] = *one
	}
	slices.Sort(a.unread)
	a.unread = slices.Compact(a.unread)
}

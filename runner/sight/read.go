package sight

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/schema"
)

// Read reads what the targets give cause to read, in three round trips. The scope is
// what live reads for them. What the account refuses is left out and kept as the reason,
// but for the scripts, without which there is nothing to judge; the error is that
// refusal, or what kept the account from being asked.
func (s *Sight) Read(ctx context.Context, client *cloudflare.Client, scope live.Scope, targets []project.Target) error {
	*s = Sight{
		versions: map[string]cloudflare.Version{}, records: map[string][]cloudflare.WholeRecord{},
		backlogs: map[string]cloudflare.Backlog{}, ledgers: map[string][]string{}, refused: map[string]error{},
	}
	r := &reader{client: client, targets: targets, into: s}
	for _, movement := range []func(context.Context, *errgroup.Group){
		func(ctx context.Context, group *errgroup.Group) { r.account(ctx, group, scope) }, r.rest,
	} {
		group, inner := errgroup.WithContext(ctx)
		movement(inner, group)
		if err := group.Wait(); err != nil {
			return remedy.For(err, "Workers Scripts:Read")
		}
	}
	return nil
}

// reader is one reading on its way.
type reader struct {
	client  *cloudflare.Client
	targets []project.Target

	mu   sync.Mutex
	into *Sight
}

// one reads one thing beside the others, and keeps it, or why the account refuses it.
func one[T any](r *reader, group *errgroup.Group, what string, ask func() (T, error), keep func(T)) {
	group.Go(func() error {
		v, err := ask()
		if err != nil && !isRefusal(err) {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if err == nil {
			keep(v)
		} else if r.into.refused[what] == nil {
			r.into.refused[what] = err
		}
		return nil
	})
}

// isRefusal tells whether the account was asked and did not tell.
func isRefusal(err error) bool {
	_, refused := errors.AsType[*cloudflare.Error](err)
	_, query := errors.AsType[*cloudflare.QueryError](err)
	return refused || query
}

// account reads what needs nothing else to be known.
func (r *reader) account(ctx context.Context, group *errgroup.Group, scope live.Scope) {
	group.Go(func() (err error) { r.into.Live, err = live.Read(ctx, r.client, scope); return err })
	for _, p := range Patients(r.targets) {
		if p.HasObjects() {
			one(r, group, objects, func() ([]cloudflare.Objects, error) { return r.client.Objects(ctx) }, func(all []cloudflare.Objects) { r.into.objects = all })
			return
		}
	}
}

// rest reads what is found by the ids of the account.
func (r *reader) rest(ctx context.Context, group *errgroup.Group) {
	r.versions(ctx, group)
	r.records(ctx, group)
	r.backlogs(ctx, group)
	r.ledgers(ctx, group)
}

func (r *reader) versions(ctx context.Context, group *errgroup.Group) {
	for _, p := range Patients(r.targets) {
		if id := r.into.Serving(p.Name); id != "" {
			one(r, group, versionOf(p.Name),
				func() (cloudflare.Version, error) { return r.client.Version(ctx, p.Name, id) },
				func(v cloudflare.Version) { r.into.versions[p.Name] = v })
		}
	}
}

func (r *reader) records(ctx context.Context, group *errgroup.Group) {
	zones := map[string]bool{}
	for _, t := range r.targets {
		for _, host := range t.Hosts() {
			if z, ok := r.into.Live.Zone(host); ok {
				zones[z.ID] = true
			}
		}
	}
	for id := range zones {
		one(r, group, DNS,
			func() ([]cloudflare.WholeRecord, error) { return r.client.WholeRecords(ctx, id) },
			func(all []cloudflare.WholeRecord) { r.into.records[id] = all })
	}
}

func (r *reader) backlogs(ctx context.Context, group *errgroup.Group) {
	wanted := map[string]bool{}
	for _, p := range Patients(r.targets) {
		for _, c := range p.Section.Triggers.Consumers {
			wanted[c.Queue.V], wanted[c.DeadLetter.V] = true, true
		}
	}
	for _, q := range r.into.Live.Queues {
		if wanted[q.Name] {
			one(r, group, backlogs,
				func() (cloudflare.Backlog, error) { return r.client.Backlog(ctx, q.ID) },
				func(b cloudflare.Backlog) { r.into.backlogs[q.Name] = b })
		}
	}
}

func (r *reader) ledgers(ctx context.Context, group *errgroup.Group) {
	for _, t := range r.targets {
		for _, db := range t.Databases {
			if there, ok := r.into.Database(db); ok && db.Dir != "" {
				ledger := schema.Ledger{Client: r.client, Database: there.ID, Table: db.Table}
				one(r, group, ledgerOf(there.ID),
					func() ([]string, error) { return ledger.Read(ctx) },
					func(applied []string) { r.into.ledgers[there.ID] = applied })
			}
		}
	}
}

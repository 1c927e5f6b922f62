package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/schema"
)

// Permissions that topics need, by the names that Cloudflare gives them.
const (
	dnsRead    = "DNS:Read"
	databases  = "D1:Read"
	queuesRead = "Queues:Read"
	zoneRead   = "Zone:Read"
	routesRead = "Workers Routes:Read"
)

// sight is what was read of the account. It is written once, before anything is judged.
type sight struct {
	live *live.Account
	// versions are those that serve the most requests of each script.
	versions map[string]cloudflare.Version
	objects  []cloudflare.Objects
	records  map[string][]cloudflare.WholeRecord // by zone
	backlogs map[string]cloudflare.Backlog       // by queue
	ledgers  map[string][]string                 // applied migrations by database id

	mu      sync.Mutex
	refused map[string]error // by what was not read
}

// refuse notes what the account did not tell; what kept it from being asked is an error.
func (s *sight) refuse(what string, err error) error {
	_, refused := errors.AsType[*cloudflare.Error](err)
	_, query := errors.AsType[*cloudflare.QueryError](err)
	if err != nil && !refused && !query {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.refused[what] == nil {
		s.refused[what] = err
	}
	return nil
}

// account is the account as it was read, empty if it was not.
func (s *sight) account() *live.Account {
	if s.live == nil {
		return &live.Account{}
	}
	return s.live
}

// why is why something was not read, nil if it was.
func (s *sight) why(what string) error {
	if s.live != nil && s.live.Refused(what) != nil {
		return s.live.Refused(what)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused[what]
}

// unknown says that a question has no answer. It is neither well nor broken.
func (d *Doctor) unknown(out *pipeline.Out, at finding.Position, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	out.Note(finding.Notef(notKnown, at, "not known: %s", text))
	out.Endf("not known: %s", text)
}

// notKnown is the rule of a question without an answer.
const notKnown = "not-known"

// read reads everything that the topics need, in three round trips.
func (d *Doctor) read(ctx context.Context) error {
	s := &d.seen
	s.versions, s.records, s.backlogs, s.ledgers, s.refused = map[string]cloudflare.Version{}, map[string][]cloudflare.WholeRecord{}, map[string]cloudflare.Backlog{}, map[string][]string{}, map[string]error{}
	first, inner := errgroup.WithContext(ctx)
	first.Go(func() (err error) { s.live, err = live.Read(inner, d.Account.Client, d.scope()); return err })
	if d.usesObjects() {
		first.Go(func() (err error) {
			s.objects, err = d.Account.Client.Objects(inner)
			return s.refuse("objects", err)
		})
	}
	if err := first.Wait(); err != nil {
		return remedy.For(err, "Workers Scripts:Read")
	}
	rest, ctx := errgroup.WithContext(ctx)
	d.readVersions(ctx, rest)
	d.readRecords(ctx, rest)
	d.readBacklogs(ctx, rest)
	d.readLedgers(ctx, rest)
	return remedy.For(rest.Wait(), "Workers Scripts:Read")
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

// serving is the version that serves the most requests of a script.
func serving(s live.Script) string {
	shares := s.Shares()
	if len(shares) == 0 {
		return ""
	}
	return slices.MaxFunc(shares, func(a, b release.Share) int { return cmp.Compare(a.Percent, b.Percent) }).Version
}

func (d *Doctor) readVersions(ctx context.Context, group *errgroup.Group) {
	for _, p := range d.patients() {
		id := serving(d.seen.live.Scripts[p.Name])
		if id == "" {
			continue
		}
		group.Go(func() error {
			v, err := d.Account.Client.Version(ctx, p.Name, id)
			if err == nil {
				d.seen.mu.Lock()
				defer d.seen.mu.Unlock()
				d.seen.versions[p.Name] = v
				return nil
			}
			return d.seen.refuse("version "+p.Name, err)
		})
	}
}

func (d *Doctor) readRecords(ctx context.Context, group *errgroup.Group) {
	zones := map[string]bool{}
	for _, t := range d.Targets {
		for _, host := range t.Hosts() {
			if z, ok := d.seen.live.Zone(host); ok {
				zones[z.ID] = true
			}
		}
	}
	for id := range zones {
		group.Go(func() error {
			all, err := d.Account.Client.WholeRecords(ctx, id)
			if err != nil {
				return d.seen.refuse(dnsRead, err)
			}
			d.seen.mu.Lock()
			defer d.seen.mu.Unlock()
			d.seen.records[id] = all
			return nil
		})
	}
}

func (d *Doctor) readBacklogs(ctx context.Context, group *errgroup.Group) {
	wanted := map[string]bool{}
	for _, s := range d.patients() {
		for _, c := range s.Section.Triggers.Consumers {
			wanted[c.Queue.V], wanted[c.DeadLetter.V] = true, true
		}
	}
	for _, q := range d.seen.live.Queues {
		if !wanted[q.Name] {
			continue
		}
		group.Go(func() error {
			b, err := d.Account.Client.Backlog(ctx, q.ID)
			if err != nil {
				return d.seen.refuse("backlog", err)
			}
			d.seen.mu.Lock()
			defer d.seen.mu.Unlock()
			d.seen.backlogs[q.Name] = b
			return nil
		})
	}
}

func (d *Doctor) readLedgers(ctx context.Context, group *errgroup.Group) {
	for _, t := range d.Targets {
		for _, db := range t.Databases {
			there, ok := d.database(db)
			if !ok || db.Dir == "" {
				continue
			}
			group.Go(func() error {
				applied, err := schema.Ledger{Client: d.Account.Client, Database: there.ID, Table: db.Table}.Read(ctx)
				if err != nil {
					return d.seen.refuse("ledger "+there.ID, err)
				}
				d.seen.mu.Lock()
				defer d.seen.mu.Unlock()
				d.seen.ledgers[there.ID] = append([]string{}, applied...)
				return nil
			})
		}
	}
}

// database finds a configured database on the account.
func (d *Doctor) database(db project.Database) (cloudflare.Database, bool) {
	for _, there := range d.seen.live.Databases {
		if there.ID == db.ID || db.ID == "" && there.Name == db.Name {
			return there, true
		}
	}
	return cloudflare.Database{}, false
}

// usesObjects tells whether any script binds a Durable Object.
func (d *Doctor) usesObjects() bool { return slices.ContainsFunc(d.patients(), hasObjects) }

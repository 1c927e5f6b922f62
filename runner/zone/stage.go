package zone

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/remedy"
)

// Options say which host names are brought to Cloudflare, and how.
type Options struct {
	Client  *cloudflare.Client
	Targets []project.Target
	// ZoneID, if not empty, is the zone of all hosts that lie in it.
	ZoneID string
	// Replace are host names whose records may be replaced, whoever made them.
	Replace []string
	// DryRun finds out what would be written, and writes nothing.
	DryRun bool
	// Explain, if set, finds out what is wrong with the token or the account when the
	// account refuses to be read.
	Explain func(context.Context) error
}

// Stage makes the records of some environments.
type Stage struct {
	options *Options
	hosts   []host
	run     *run
}

// run is what the tasks of a stage have found out.
type run struct {
	mu      sync.Mutex
	zones   map[string]cloudflare.Zone // by host
	records map[string][]cloudflare.Record
	changes map[string][]cloudflare.RecordChanges // by zone id, one for each host
	names   map[string]string                     // of zones by id
	kept    int                                   // hosts that are right already
}

// New is a stage. The error is a finding for a name in [Options.Replace] that no route
// claims.
func New(o Options) (Stage, error) {
	o.Replace = slices.Clone(o.Replace)
	s := Stage{options: &o, hosts: hosts(o.Targets), run: &run{
		zones: map[string]cloudflare.Zone{}, records: map[string][]cloudflare.Record{}, changes: map[string][]cloudflare.RecordChanges{}, names: map[string]string{},
	}}
	var have []string
	for _, h := range s.hosts {
		have = append(have, h.name)
	}
	for i, name := range o.Replace {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		o.Replace[i] = name
		if !slices.Contains(have, name) {
			return s, finding.Errorf("bad-flag", finding.Position{}, "--replace %s: no route claims that name", name).
				Hintf("the names are %s", strings.Join(have, ", "))
		}
	}
	return s, nil
}

// Name implements pipeline.Stage.
func (Stage) Name() string { return "records" }

// ReadTask is the title of the task before which nothing is done.
const ReadTask = "Read the zones and their records"

const writeTask = "Write the records"

// Tasks implements pipeline.Stage.
func (s Stage) Tasks() []pipeline.Task {
	tasks := []pipeline.Task{{Title: ReadTask, Do: s.read}}
	last := pipeline.Task{Title: writeTask, Do: s.write}
	for _, h := range s.hosts {
		t := pipeline.Task{Title: "Record of " + h.name, At: h.at, Needs: []string{ReadTask}, Do: func(_ context.Context, out *pipeline.Out) error {
			return s.decide(out, h)
		}}
		tasks, last.Needs = append(tasks, t), append(last.Needs, t.Title)
	}
	if len(last.Needs) == 0 {
		last.Needs = []string{ReadTask}
	}
	return append(tasks, last)
}

// read reads the zones, and then the records of all that matter at once.
func (s Stage) read(ctx context.Context, out *pipeline.Out) error {
	for _, f := range anyName(s.options.Targets) {
		out.Note(f)
	}
	wanted := slices.DeleteFunc(slices.Clone(s.hosts), func(h host) bool { return h.custom })
	if len(wanted) == 0 {
		out.Endf("no route needs a record")
		return nil
	}
	all, err := s.options.Client.Zones(ctx)
	if err != nil {
		return remedy.Explained(ctx, s.options.Explain, err, "Zone:Read")
	}
	if err := s.options.wrongZone(wanted, all); err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	for _, h := range wanted {
		z, err := s.options.zoneOf(h, all)
		if err != nil {
			out.Note(finding.From(err, "no-zone", h.at)[0])
			continue
		}
		s.run.zones[h.name] = z
		if s.run.names[z.ID] != "" {
			continue
		}
		s.run.names[z.ID] = z.Name
		group.Go(func() error {
			records, err := s.options.Client.Records(within, z.ID)
			s.run.mu.Lock()
			defer s.run.mu.Unlock()
			s.run.records[z.ID] = records
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return remedy.Explained(ctx, s.options.Explain, err, "DNS:Edit")
	}
	var have []string
	for id, name := range s.run.names {
		have = append(have, fmt.Sprintf("%s: %d", name, len(s.run.records[id])))
	}
	slices.Sort(have)
	out.Endf("%s", strings.Join(have, ", "))
	return nil
}

// decide finds out what one host needs.
func (s Stage) decide(out *pipeline.Out, h host) error {
	if h.custom {
		out.Endf("left alone: a custom domain, whose record Cloudflare makes at the deploy")
		return nil
	}
	if strings.ContainsFunc(h.name, func(r rune) bool { return r > 127 }) {
		return finding.Errorf("bad-route", h.at, "%s is not written as the DNS has it", h.name).Hintf("write the pattern in punycode, xn--…")
	}
	z := s.run.zones[h.name]
	q := ask(h, z.Name, s.run.records[z.ID], slices.Contains(s.options.Replace, h.name))
	d, err := q.decide()
	if err != nil {
		return err
	}
	out.Endf("%s", d.says)
	if len(q.faces) > 0 && len(d.changes.Delete)+len(d.changes.Patch) > 0 {
		out.Note(finding.Notef("dns-before", h.at, "%s had %s", h.name, q.now()))
	}
	if len(q.others) > 0 && len(d.changes.Add) > 0 && h.name != z.Name {
		out.Note(finding.Notef("no-cname", h.at, "%s bears %s records, beside which the DNS allows no CNAME, so it gets an AAAA record without an origin", h.name, strings.Join(q.others, " and ")))
	}
	s.run.mu.Lock()
	defer s.run.mu.Unlock()
	if d.changes.Count() > 0 {
		s.run.changes[z.ID] = append(s.run.changes[z.ID], d.changes)
	} else {
		s.run.kept++
	}
	return nil
}

// write changes the records of every zone, each in one call, the zones side by side.
func (s Stage) write(ctx context.Context, out *pipeline.Out) error {
	total, custom := 0, 0
	for _, changes := range s.run.changes {
		total += len(changes)
	}
	for _, h := range s.hosts {
		if h.custom {
			custom++
		}
	}
	rest := fmt.Sprintf("%d right already, %d custom domains", s.run.kept, custom)
	if s.options.DryRun || total == 0 {
		out.Endf("nothing was written: %d names to be changed, %s", total, rest)
		return nil
	}
	group, within := errgroup.WithContext(ctx)
	for id, changes := range s.run.changes {
		group.Go(func() error {
			for _, one := range packed(changes) {
				if err := s.options.Client.ChangeRecords(within, id, one); err != nil {
					return err
				}
				out.Sayf("%s: %d made, %d changed, %d removed", s.run.names[id], len(one.Add), len(one.Patch), len(one.Delete))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return s.failed(err)
	}
	out.Endf("%d names changed, %s", total, rest)
	return nil
}

// failed says what a refused change means: of its zone, nothing was done.
func (s Stage) failed(err error) error {
	if cloudflare.Has(err, 81053, 81054, 81056, 81057, 81058) {
		return finding.Errorf("dns-conflict", finding.Position{}, "%s", err).
			Hintf("somebody changed a record in between, and nothing was written in this zone; run again")
	}
	return remedy.For(err, "DNS:Edit")
}

// packed puts the changes of several hosts into as few calls as Cloudflare takes. Those
// of one host stay together, so that its name is never without a record.
func packed(all []cloudflare.RecordChanges) []cloudflare.RecordChanges {
	var calls []cloudflare.RecordChanges
	for _, one := range all {
		if n := len(calls); n == 0 || calls[n-1].Count()+one.Count() > cloudflare.MostRecordChanges {
			calls = append(calls, cloudflare.RecordChanges{})
		}
		last := &calls[len(calls)-1]
		last.Delete, last.Patch, last.Add = append(last.Delete, one.Delete...), append(last.Patch, one.Patch...), append(last.Add, one.Add...)
	}
	return calls
}

package outlook

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/fleet"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/preview"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// trigger is a change of a trigger with what it is now and what it would be.
func (l Look) trigger(m fleet.Move, c live.Change) preview.Trigger {
	t := preview.Trigger{Kind: string(c.Kind), Op: operations[c.Op], Subject: c.Subject}
	if c.Owner != m.Script.Name {
		t.Owner = c.Owner
	}
	have, want := m.Before.Triggers, m.Want
	switch c.Kind {
	case live.KindCrons:
		t.Subject, t.From, t.To = "", strings.Join(have.Crons, ", "), strings.Join(want.Crons, ", ")
	case live.KindWorkersDev:
		t.Subject, t.To = "", reachable(want)
		if m.Before.Exists {
			t.From = reachable(have)
		}
	case live.KindConsumer:
		t.From, t.To = consumers(have, want, c.Subject)
	case live.KindWorkflow:
		t.Kept = c.Op == live.Remove && !l.Deploy.RemoveWorkflows
		t.From, t.To = class(have, c.Subject), class(want, c.Subject)
	}
	switch {
	case t.Op != preview.Change:
	case t.From == "":
		t.Op = preview.Add
	case t.To == "":
		t.Op = preview.Remove
	}
	return t
}

var operations = map[live.Op]preview.Op{live.Add: preview.Add, live.Set: preview.Change, live.Remove: preview.Remove}

// reachable says whether a script is on workers.dev, and its previews.
func reachable(t release.Triggers) string {
	onOff := map[bool]string{true: "on", false: "off"}
	return onOff[t.WorkersDev] + ", preview URLs " + onOff[t.Previews]
}

func class(t release.Triggers, workflow string) string {
	for _, w := range t.Workflows {
		if w.Name == workflow {
			return "class " + w.Class
		}
	}
	return ""
}

// consumers describe a consumer as it is and as it would be, by what the
// configuration says of it.
func consumers(have, want release.Triggers, queue string) (from, to string) {
	find := func(t release.Triggers) (release.Consumer, bool) {
		i := slices.IndexFunc(t.Consumers, func(c release.Consumer) bool { return c.Queue == queue })
		if i < 0 {
			return release.Consumer{}, false
		}
		return t.Consumers[i], true
	}
	w, wanted := find(want)
	h, there := find(have)
	letters := w.DeadLetter != "" || h.DeadLetter != ""
	keys := slices.Sorted(maps.Keys(w.Settings))
	if wanted {
		to = describe(w, letters, keys)
	}
	if there {
		from = describe(h, letters, keys)
	}
	return from, to
}

// describe says some settings of a consumer.
func describe(c release.Consumer, letters bool, keys []string) string {
	var words []string
	if letters {
		words = append(words, "dead letters "+cmp.Or(c.DeadLetter, "nowhere"))
	}
	for _, key := range keys {
		raw, err := json.Marshal(c.Settings[key])
		if err == nil {
			words = append(words, strings.ReplaceAll(key, "_", " ")+" "+string(raw))
		}
	}
	return strings.Join(words, ", ")
}

// records finds routes whose host no proxied DNS record brings to Cloudflare. A
// token that may not read records is told, once.
func (l Look) records(ctx context.Context, s view) ([]finding.Finding, error) {
	hosts, custom := map[string]wrangler.Route{}, map[string]bool{}
	for _, m := range s.Moves {
		for _, r := range m.Script.Section.Triggers.Routes {
			h, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.Pattern.V, "https://"), "http://"), "/")
			if _, seen := hosts[h]; h != "" && !seen && !r.Custom {
				hosts[h] = r
			}
			custom[h] = custom[h] || r.Custom // Cloudflare makes its record
		}
	}
	zones := map[string][]cloudflare.Record{}
	for h := range hosts {
		if z, ok := s.Account.Zone(strings.TrimPrefix(h, "*.")); ok {
			zones[z.ID] = nil
		}
	}
	denied, err := l.read(ctx, zones)
	if err != nil || denied != nil {
		return denied, err
	}
	var found []finding.Finding
	for _, h := range slices.Sorted(maps.Keys(hosts)) {
		z, ok := s.Account.Zone(strings.TrimPrefix(h, "*."))
		if !ok || custom[h] || strings.Contains(strings.TrimPrefix(h, "*."), "*") || covered(zones[z.ID], h) {
			continue
		}
		r := hosts[h]
		found = append(found, finding.Warnf("no-dns-record", r.At, "no proxied DNS record of zone %s leads %s to Cloudflare, so route %s gets no requests", z.Name, h, r.Pattern.V).
			Hintf("run deploy-action dns, which makes a proxied record for %s, or make the route a custom domain", h))
	}
	return found, nil
}

// read reads the records of some zones into the map.
func (l Look) read(ctx context.Context, zones map[string][]cloudflare.Record) ([]finding.Finding, error) {
	var mu sync.Mutex
	var denied []finding.Finding
	group, ctx := errgroup.WithContext(ctx)
	for _, id := range slices.Sorted(maps.Keys(zones)) {
		group.Go(func() error {
			all, err := l.Deploy.Client.Records(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			if cloudflare.IsDenied(err) {
				denied = []finding.Finding{finding.Notef("dns-unread", finding.Position{}, "whether the routes have DNS records is not known: the token may not read them").
					Hintf("give the token the permission \"DNS:Read\" to have that looked at")}
				return nil
			}
			zones[id] = all
			return remedy.For(err, "DNS:Read")
		})
	}
	return denied, group.Wait()
}

// covered tells whether a proxied record, its own or a wildcard above it, leads a
// host to Cloudflare. A name of its own stands before any wildcard.
func covered(records []cloudflare.Record, host string) bool {
	for name := host; ; {
		there := false
		for _, r := range records {
			if strings.EqualFold(r.Name, name) && (r.Type == "A" || r.Type == "AAAA" || r.Type == "CNAME") {
				there = true
				if r.Proxied {
					return true
				}
			}
		}
		_, above, ok := strings.Cut(strings.TrimPrefix(name, "*."), ".")
		if there || !ok {
			return false
		}
		name = "*." + above
	}
}

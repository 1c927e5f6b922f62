package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/sight"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// faces are the answers of hosts, each asked once.
type faces struct{ once[reply] }

// reply is how a host answered.
type reply struct {
	url string
	probe.Answer
	err error
}

const (
	// lookupTime bounds one look-up of a name.
	lookupTime = 5 * time.Second
	// patience is how long a host that does not answer, or fails, is asked again, so
	// that a moment's hiccup is not called broken.
	patience = time.Second
)

// ask asks a host for its health, once for all topics.
func (d *Doctor) ask(ctx context.Context, host string) reply {
	return d.faces.get(host, func() reply {
		r := reply{url: "https://" + host + d.Project.Settings.Health.Path}
		_ = probe.Until(ctx, patience, func(ctx context.Context) error { // r has the error
			r.Answer, r.err = d.Probe.Ask(ctx, probe.Question{Method: http.MethodGet, URL: r.url})
			if r.err == nil && r.Status >= http.StatusInternalServerError {
				return fmt.Errorf("%d", r.Status)
			}
			return r.err
		}, func(error, time.Duration) {})
		return r
	})
}

// hosts asks of each host of the routes whether it is found: by a record of the
// account, by the resolver, and with a certificate.
func (d *Doctor) hosts() []pipeline.Task {
	var tasks []pipeline.Task
	for _, t := range d.Targets {
		for _, host := range t.Hosts() {
			r := routeOf(t, host)
			tasks = append(tasks, pipeline.Task{Title: "Is it found: " + host, At: r.At, Do: func(ctx context.Context, out *pipeline.Out) error {
				return d.host(ctx, out, t.Env, host, r)
			}})
		}
	}
	return tasks
}

// routeOf is the first route that claims a host.
func routeOf(t project.Target, host string) wrangler.Route {
	for _, s := range t.Scripts {
		for _, r := range s.Section.Triggers.Routes {
			if h, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.Pattern.V, "https://"), "http://"), "/"); h == host {
				return r
			}
		}
	}
	return wrangler.Route{}
}

func (d *Doctor) host(ctx context.Context, out *pipeline.Out, env, host string, r wrangler.Route) error {
	record, known, err := d.record(env, host, r)
	if err != nil {
		return err
	}
	words := "its record is not known"
	if known {
		words = describe(record)
		if r.Custom {
			words += ", custom domain"
		}
	} else {
		out.Note(finding.Notef(sight.NotKnown, r.At, "not known: the account does not tell of its record"))
	}
	answer := d.ask(ctx, host)
	found, err := d.resolved(ctx, env, host, record, known, answer.err)
	out.Endf("%s; %s", words, found)
	if err != nil {
		return err
	}
	if answer.err != nil && strings.Contains(answer.err.Error(), "certificate") {
		return finding.Errorf("certificate", r.At, "%s has no certificate that can be trusted: %s", host, finding.Quote(answer.err)).
			Hintf("the universal certificate covers names one level below the zone: order one for %s under SSL/TLS, Edge Certificates, and see that the record is proxied", host)
	}
	return nil
}

func describe(r cloudflare.WholeRecord) string {
	proxied := "not proxied"
	if r.Proxied {
		proxied = "proxied"
	}
	words := fmt.Sprintf("%s %s, %s", r.Type, r.Content, proxied)
	if !r.Modified.IsZero() {
		words += ", of " + r.Modified.UTC().Format("2006-01-02 15:04Z")
	}
	return words
}

// record is the record that leads a host to Cloudflare; false when the account does not
// tell. None, or one that goes past Cloudflare, is a finding.
func (d *Doctor) record(env, host string, r wrangler.Route) (cloudflare.WholeRecord, bool, error) {
	if d.seen.Live == nil || d.seen.Refused(sight.Zones) != nil {
		return cloudflare.WholeRecord{}, false, nil
	}
	zone, ok := d.seen.Live.Zone(host)
	if !ok {
		return cloudflare.WholeRecord{}, false, finding.Errorf("no-zone", r.At, "no zone of the account holds %s", host).
			Hintf("add the domain to the account, or give the token Zone:Read for it")
	}
	all, unread := d.seen.Records(zone.ID)
	if unread != nil {
		return cloudflare.WholeRecord{}, false, nil
	}
	for name := host; ; {
		var there []cloudflare.WholeRecord
		for _, one := range all {
			if strings.EqualFold(one.Name, name) && (one.Type == "A" || one.Type == "AAAA" || one.Type == "CNAME") {
				there = append(there, one)
			}
		}
		if i := slices.IndexFunc(there, func(one cloudflare.WholeRecord) bool { return one.Proxied }); i >= 0 {
			return there[i], true, nil
		}
		if len(there) > 0 {
			return there[0], true, finding.Errorf("dns-not-proxied", r.At, "the record of %s goes past Cloudflare, so that no route applies: %s", host, describe(there[0])).
				Hintf("deploy-action dns --env %s makes it a proxied one", env)
		}
		_, above, more := strings.Cut(strings.TrimPrefix(name, "*."), ".")
		if !more || name == zone.Name {
			break
		}
		name = "*." + above
	}
	if r.Custom && d.ownerless(env, r) {
		return cloudflare.WholeRecord{}, false, nil // it is made when the script is deployed
	}
	if r.Custom {
		return cloudflare.WholeRecord{}, false, finding.Errorf("no-dns-record", r.At, "zone %s has no record for the custom domain %s", zone.Name, host).
			Hintf("Cloudflare makes it with the custom domain: deploy the Worker again, or look at the dashboard")
	}
	return cloudflare.WholeRecord{}, false, finding.Errorf("no-dns-record", r.At, "zone %s has no record for %s", zone.Name, host).
		Hintf("make it with deploy-action dns --env %s", env)
}

// ownerless tells whether the script of a route is not deployed.
func (d *Doctor) ownerless(env string, r wrangler.Route) bool {
	return slices.ContainsFunc(sight.Patients(d.Targets), func(s sight.Patient) bool {
		return s.Env == env && slices.Contains(s.Section.Triggers.Routes, r) && d.seen.Serving(s.Name) == ""
	})
}

// resolved compares what the resolver says with the account's record. Failed is why the
// host did not answer, nil if it did.
func (d *Doctor) resolved(ctx context.Context, env, host string, record cloudflare.WholeRecord, known bool, failed error) (string, error) {
	if d.Names.Lookup == nil || d.Names.Pinned != nil && d.Names.Pinned(host) {
		return "--resolve says where it is", nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	found, err := d.Names.Lookup(ctx, host)
	if err != nil {
		around := failed == nil && d.Names.Around != nil && d.Names.Around(host)
		switch {
		case known && around:
			return "not known to the resolver", finding.Warnf("dns-propagation", finding.Position{}, "%s has its record (%s), and %s answers for it, but the resolver of this machine does not know it yet: %s", host, describe(record), probe.Anycast, finding.Quote(err)).
				Hintf("wait up to 5 minutes; until then give --resolve %s:443:%s", host, probe.Anycast)
		case around:
			return "not known to the resolver", finding.Errorf("dns", finding.Position{}, "the resolver does not know %s, although %s answers for it", host, probe.Anycast).
				Hintf("see that there is a record with deploy-action dns --env %s --dry-run", env)
		}
		return "not known to the resolver", finding.Errorf("dns", finding.Position{}, "neither does the resolver know %s, nor does %s answer for it: %s", host, probe.Anycast, finding.Quote(cmp.Or(failed, err))).
			Hintf("see whether this machine reaches the internet, and whether the zone's name servers are Cloudflare's")
	}
	words := "at " + addresses(found)
	if known && record.Proxied && !slices.ContainsFunc(found, atCloudflare) {
		return words, finding.Warnf("dns-elsewhere", finding.Position{}, "the resolver finds %s %s, which is not Cloudflare's, although its record is proxied", host, words).
			Hintf("an old answer is kept for some minutes; if it stays so, the zone's name servers at the registrar are not Cloudflare's, or this network has a resolver of its own")
	}
	return words, nil
}

func addresses(all []netip.Addr) string {
	var words []string
	for _, a := range all {
		words = append(words, a.Unmap().String())
	}
	slices.Sort(words)
	if len(words) > 2 {
		words = append(words[:2], fmt.Sprintf("and %d more", len(words)-2))
	}
	return strings.Join(words, ", ")
}

// ranges are the addresses at which Cloudflare serves proxied hosts. Source:
// https://www.cloudflare.com/ips/.
var ranges = prefixes(
	"173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18", "108.162.192.0/18", "190.93.240.0/20",
	"188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17", "162.158.0.0/15", "104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22",
	"2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32", "2a06:98c0::/29", "2c0f:f248::/32",
)

func prefixes(all ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range all {
		if p, err := netip.ParsePrefix(text); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func atCloudflare(a netip.Addr) bool {
	return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

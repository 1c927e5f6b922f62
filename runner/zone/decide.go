package zone

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
)

// mark is the comment of every record that is made here, by which it is known again.
const mark = "tminus/deploy-action"

// nowhere is the address of a record that has no origin behind it: requests end at
// the Worker. Source: https://developers.cloudflare.com/dns/manage-dns-records/reference/proxied-dns-records/
// and the records that Cloudflare makes itself for custom domains.
const nowhere = "100::"

// decision is what is to be done for one host.
type decision struct {
	changes cloudflare.RecordChanges
	says    string
}

// question is one host with all records of its name.
type question struct {
	host
	zone    string // the zone's name
	replace bool   // what is in the way may be replaced
	faces   []cloudflare.Record
	others  []string // kinds of the other records, such as TXT
}

func ask(h host, zone string, records []cloudflare.Record, replace bool) question {
	q := question{host: h, zone: zone, replace: replace}
	for _, r := range records {
		switch {
		case !strings.EqualFold(strings.TrimSuffix(r.Name, "."), h.name):
		case r.Type == "A" || r.Type == "AAAA" || r.Type == "CNAME":
			q.faces = append(q.faces, r)
		case !slices.Contains(q.others, r.Type):
			q.others = append(q.others, r.Type)
		}
	}
	slices.Sort(q.others)
	return q
}

// decide says what is to be done so that requests for the host come to Cloudflare, or
// what is in the way.
func (q question) decide() (decision, error) {
	apex := q.name == q.zone
	switch {
	case slices.Contains(q.others, "NS") && !apex:
		return decision{}, finding.Errorf("dns-conflict", q.at, "%s is delegated to other name servers by an NS record, beside which Cloudflare takes no other", q.name).
			Hintf("remove the NS record, or make the zone %s a part of the account", q.name)
	case slices.ContainsFunc(q.faces, kept):
		return decision{says: "left alone: " + q.now() + ", which another product of Cloudflare keeps"}, nil
	case len(q.faces) == 1 && q.right(q.faces[0]):
		return decision{says: "is right: " + q.now()}, nil
	case apex || len(q.others) > 0:
		return q.whole(apex)
	case len(q.faces) == 0:
		return q.made(cloudflare.Record{Type: "CNAME", Content: q.zone}), nil
	case q.faces[0].Type == "CNAME":
		return q.redirected(q.faces[0])
	}
	return q.migrated(), nil
}

// kept tells of a record that Cloudflare keeps for a custom domain or another product.
func kept(r cloudflare.Record) bool { return r.Meta.ReadOnly || r.Meta.Worker != "" }

func (q question) right(r cloudflare.Record) bool {
	return r.Type == "CNAME" && r.Proxied && q.leadsToZone(r)
}

func (q question) leadsToZone(r cloudflare.Record) bool {
	return strings.EqualFold(strings.TrimSuffix(r.Content, "."), q.zone)
}

// whole decides for a name that can have no CNAME: the zone's own, which would point
// to itself, and one that bears records such as TXT or MX, beside which the DNS allows
// none. Any proxied record does there, as routes are asked before an origin is; what
// is not proxied may be a server that somebody reaches by this name, and stays.
func (q question) whole(apex bool) (decision, error) {
	why := "the zone's own name cannot be a CNAME to itself"
	if !apex {
		why = fmt.Sprintf("it bears %s records, beside which there is no CNAME", strings.Join(q.others, " and "))
	}
	plain := slices.DeleteFunc(slices.Clone(q.faces), func(r cloudflare.Record) bool { return r.Proxied })
	switch {
	case len(q.faces) == 0:
		d := q.made(cloudflare.Record{Type: "AAAA", Content: nowhere})
		d.says += "; " + why
		return d, nil
	case len(plain) == 0:
		return decision{says: "is right: " + q.now() + "; " + why}, nil
	case !q.replace && !all(plain, ours):
		return decision{}, finding.Errorf("dns-conflict", q.at, "%s has %s, so that no route is ever asked", q.name, list(plain)).
			Hintf("proxy it in the dashboard if only browsers use it, or have it done with --replace %s", q.name)
	}
	var d decision
	for _, r := range plain {
		d.changes.Patch = append(d.changes.Patch, changed(r, "", r.Content))
	}
	d.says = list(plain) + " becomes " + list(d.changes.Patch)
	return d, nil
}

// redirected decides for a CNAME that is not right. One that we made, or that leads to
// the zone and is not proxied, as older set-ups left it, is corrected; another one
// belongs to somebody.
func (q question) redirected(r cloudflare.Record) (decision, error) {
	if !ours(r) && !q.leadsToZone(r) && !q.replace {
		return decision{}, finding.Errorf("dns-conflict", q.at, "%s is a CNAME to %s%s, which was not made here", q.name, r.Content, product(r.Content)).
			Hintf("take the name from there, or have the record replaced with --replace %s", q.name)
	}
	to := changed(r, "CNAME", q.zone)
	return decision{changes: cloudflare.RecordChanges{Patch: []cloudflare.Record{to}}, says: q.now() + " becomes " + list([]cloudflare.Record{to})}, nil
}

// migrated turns addresses, with which older set-ups began, into the CNAME.
func (q question) migrated() decision {
	d := q.made(cloudflare.Record{Type: "CNAME", Content: q.zone})
	for _, r := range q.faces {
		d.changes.Delete = append(d.changes.Delete, r.ID)
	}
	d.says = q.now() + " becomes " + list(d.changes.Add)
	return d
}

// made is a new record.
func (q question) made(r cloudflare.Record) decision {
	r.Name, r.Proxied, r.TTL, r.Comment = q.name, true, 1, mark
	add := []cloudflare.Record{r}
	return decision{changes: cloudflare.RecordChanges{Add: add}, says: "to be made: " + list(add)}
}

// changed is what a record becomes. What somebody wrote beside it stays.
func changed(r cloudflare.Record, kind, content string) cloudflare.Record {
	out := cloudflare.Record{ID: r.ID, Name: r.Name, Type: kind, Content: content, Proxied: true, TTL: 1, Comment: r.Comment}
	if out.Type == "" {
		out.Type = r.Type
	}
	if out.Comment == "" {
		out.Comment = mark
	}
	return out
}

func ours(r cloudflare.Record) bool { return r.Comment == mark }

func all(records []cloudflare.Record, is func(cloudflare.Record) bool) bool {
	return !slices.ContainsFunc(records, func(r cloudflare.Record) bool { return !is(r) })
}

// now is what the name has.
func (q question) now() string { return list(q.faces) }

func list(records []cloudflare.Record) string {
	var parts []string
	for _, r := range records {
		how := "not proxied"
		if r.Proxied {
			how = "proxied"
		}
		parts = append(parts, fmt.Sprintf("%s %s (%s)", r.Type, r.Content, how))
	}
	slices.Sort(parts)
	return strings.Join(parts, " and ")
}

// products are whose names stand in the targets that Cloudflare's products give.
var products = []struct{ suffix, name string }{
	{".cfargotunnel.com", "a tunnel"},
	{".pages.dev", "Cloudflare Pages"},
	{".workers.dev", "another Worker"},
	{".r2.dev", "an R2 bucket"},
}

func product(target string) string {
	for _, p := range products {
		if strings.HasSuffix(strings.ToLower(strings.TrimSuffix(target, ".")), p.suffix) {
			return " (" + p.name + ")"
		}
	}
	return ""
}

package zone

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// host is a name that must lead to Cloudflare, because a route claims it.
type host struct {
	name   string // lower case; *.tminus.ink for all names below
	at     finding.Position
	zone   wrangler.Value[string] // zone_name, if the route says so
	zoneID wrangler.Value[string]
	custom bool // a custom domain, whose record Cloudflare makes
}

// hosts are the names that the routes of some environments claim, sorted. A name that
// is a custom domain as well counts as one.
func hosts(targets []project.Target) []host {
	byName := map[string]host{}
	for _, t := range targets {
		for _, s := range t.Scripts {
			for _, r := range s.Section.Triggers.Routes {
				for _, name := range names(r.Pattern.V) {
					if old, ok := byName[name]; !ok || r.Custom && !old.custom {
						byName[name] = host{name: name, at: r.At, zone: r.Zone, zoneID: r.ZoneID, custom: r.Custom}
					}
				}
			}
		}
	}
	var all []host
	for _, h := range byName {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b host) int { return cmp.Compare(a.name, b.name) })
	return all
}

// names are the DNS names that a route's pattern covers. A wildcard in front of a
// whole name, as in *tminus.ink/*, covers the name itself and all below it. Source:
// https://developers.cloudflare.com/workers/configuration/routing/routes/#matching-behavior.
func names(pattern string) []string {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(pattern, "https://"), "http://"), "/")
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	rest, wild := strings.CutPrefix(name, "*")
	switch {
	case name == "" || name == "*":
		return nil
	case wild && !strings.HasPrefix(rest, "."):
		return []string{rest, "*." + rest}
	}
	return []string{name}
}

// anyName are the routes that name no host: they are asked for every name of a zone
// that has a record, and ask for none themselves.
func anyName(targets []project.Target) []finding.Finding {
	var found []finding.Finding
	for _, t := range targets {
		for _, s := range t.Scripts {
			for _, r := range s.Section.Triggers.Routes {
				if r.Pattern.V != "" && len(names(r.Pattern.V)) == 0 {
					found = append(found, finding.Notef("any-name", r.At, "route %s names no host, so no record is made for it", r.Pattern.V))
				}
			}
		}
	}
	return found
}

// below tells whether a name is a zone's or lies in it.
func below(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }

// zoneOf finds the zone of a host: the one that its route names, else the one of
// TMINUS_ZONE_ID if the host lies in it, else the one with the longest name that the
// host ends in.
func (o Options) zoneOf(h host, all []cloudflare.Zone) (cloudflare.Zone, error) {
	var best cloudflare.Zone
	for _, z := range all {
		switch {
		case h.zoneID.V != "" && z.ID == h.zoneID.V, h.zoneID.V == "" && h.zone.V != "" && z.Name == strings.ToLower(h.zone.V):
			if !below(h.name, z.Name) {
				return best, finding.Errorf("wrong-zone", h.at, "%s does not lie in zone %s, which its route names", h.name, z.Name).
					Hintf("correct zone_name or zone_id, or the pattern")
			}
			return z, nil
		case h.zoneID.V != "" || h.zone.V != "" || !below(h.name, z.Name):
		case z.ID == o.ZoneID, best.ID != o.ZoneID && len(z.Name) > len(best.Name), best.ID == "":
			best = z
		}
	}
	if best.ID == "" {
		return best, finding.Errorf("no-zone", h.at, "no zone of the account holds %s", h.name).
			Hintf("add the domain to the account, or give the token Zone:Read for it")
	}
	return best, nil
}

// wrongZone judges TMINUS_ZONE_ID: it must be a zone of the account that holds one of
// the hosts at least.
func (o Options) wrongZone(wanted []host, all []cloudflare.Zone) error {
	if o.ZoneID == "" || len(wanted) == 0 {
		return nil
	}
	i := slices.IndexFunc(all, func(z cloudflare.Zone) bool { return z.ID == o.ZoneID })
	if i < 0 {
		var have []string
		for _, z := range all {
			if slices.ContainsFunc(wanted, func(h host) bool { return below(h.name, z.Name) }) {
				have = append(have, z.Name+" has the id "+z.ID)
			}
		}
		f := finding.Errorf("wrong-zone", finding.Position{}, "TMINUS_ZONE_ID names a zone that the account does not have, or that the token does not see")
		if len(have) > 0 {
			return f.Hintf("%s; correct it, or leave it out", strings.Join(have, ", "))
		}
		return f.Hintf("correct it: the id stands on the zone's overview page; or give the token Zone:Read for it")
	}
	if !slices.ContainsFunc(wanted, func(h host) bool { return below(h.name, all[i].Name) }) {
		return finding.Errorf("wrong-zone", wanted[0].at, "TMINUS_ZONE_ID is the zone %s, in which no route lies", all[i].Name).
			Hintf("correct it, or leave it out: zones are found by their names")
	}
	return nil
}

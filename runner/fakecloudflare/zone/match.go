package zone

import "strings"

// Answerer says who would answer a request.
type Answerer struct {
	Zone    string // the zone the host belongs to, empty when it is none of the account's
	Proxied bool   // the host has a DNS record that brings it to Cloudflare
	Matched bool   // a route or a custom domain fits
	Script  string // empty when the route keeps Workers away
}

// Answers finds the script for a host and a path with its query. Routes go
// before custom domains, and of several routes the most specific wins: a host
// without a wildcard before one with, then the longer host, then the longer path.
func (zs *Zones) Answers(host, target string) Answerer {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	host = strings.ToLower(host)
	z := zs.of(host)
	if z == nil {
		return Answerer{}
	}
	out := Answerer{Zone: z.Name, Proxied: z.dns.Proxied(host)}
	best := ""
	for _, r := range z.routes {
		if fits(r.Pattern, host, target) && (best == "" || narrower(r.Pattern, best)) {
			best, out.Matched, out.Script = r.Pattern, true, r.Script
		}
	}
	if out.Matched {
		return out
	}
	for _, d := range zs.domains {
		if d.Hostname == host && d.on() {
			out.Matched, out.Script = true, d.Service
		}
	}
	return out
}

// split takes a pattern apart, without a scheme it may have.
func split(pattern string) (host, path string) {
	if _, rest, ok := strings.Cut(pattern, "://"); ok {
		pattern = rest
	}
	host, path, found := strings.Cut(pattern, "/")
	if !found {
		return strings.ToLower(host), "/"
	}
	return strings.ToLower(host), "/" + path
}

// fits compares a pattern with a request. Only a path ending in * takes a query, see
// https://developers.cloudflare.com/workers/configuration/routing/routes/.
func fits(pattern, host, target string) bool {
	wantHost, wantPath := split(pattern)
	if tail, wild := strings.CutPrefix(wantHost, "*"); wild {
		if !strings.HasSuffix(host, tail) || len(host) == len(tail) && strings.HasPrefix(tail, ".") {
			return false
		}
	} else if wantHost != host {
		return false
	}
	if head, wild := strings.CutSuffix(wantPath, "*"); wild {
		return strings.HasPrefix(target, head)
	}
	return wantPath == target
}

func narrower(a, b string) bool {
	hostA, pathA := split(a)
	hostB, pathB := split(b)
	if wildA, wildB := strings.HasPrefix(hostA, "*"), strings.HasPrefix(hostB, "*"); wildA != wildB {
		return wildB
	}
	if len(hostA) != len(hostB) {
		return len(hostA) > len(hostB)
	}
	if wildA, wildB := strings.HasSuffix(pathA, "*"), strings.HasSuffix(pathB, "*"); wildA != wildB && len(pathA) == len(pathB) {
		return wildB
	}
	return len(pathA) > len(pathB)
}

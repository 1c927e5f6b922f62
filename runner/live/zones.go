package live

import (
	"context"
	"strings"

	"github.com/tminus/deploy-action/runner/cloudflare"
)

// fewZones is up to how many zones the routes of all are read, so that a route is
// found whose zone the configuration no longer names.
const fewZones = 10

// zones reads the zones and then the routes of those that matter.
func (r *reader) zones() {
	read(r, len(r.scope.Hosts) > 0, "Zone:Read", r.c.Zones, func(all []cloudflare.Zone) {
		r.out.Zones = all
		if len(r.scope.Scripts) == 0 {
			return
		}
		needed := map[string]bool{}
		for _, id := range r.scope.Zones {
			needed[id] = true
		}
		for _, host := range r.scope.Hosts {
			if z, ok := r.out.Zone(host); ok {
				needed[z.ID] = true
			}
		}
		if len(all) <= fewZones {
			for _, z := range all {
				if !needed[z.ID] {
					needed[z.ID] = false // read if the token may
				}
			}
		}
		for id, must := range needed {
			read(r, must, "Workers Routes:Read", func(ctx context.Context) ([]cloudflare.Route, error) { return r.c.Routes(ctx, id) }, func(all []cloudflare.Route) {
				r.out.routes[id] = all
			})
		}
	})
}

// Zone finds the zone that a host name belongs to: the one with the longest name
// that the host ends in.
func (a *Account) Zone(host string) (cloudflare.Zone, bool) {
	host = strings.TrimPrefix(host, "*")
	var best cloudflare.Zone
	for _, z := range a.Zones {
		if (host == z.Name || strings.HasSuffix(host, "."+z.Name)) && len(z.Name) > len(best.Name) {
			best = z
		}
	}
	return best, best.ID != ""
}

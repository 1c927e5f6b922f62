package zone

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Route brings the requests of a zone that fit a pattern to a script; without
// a script it keeps them from any.
type Route struct {
	ID      string `json:"id"`
	Pattern string `json:"pattern"`
	Script  string `json:"script,omitempty"`
}

func (zs *Zones) routeEndpoints() []envelope.Endpoint {
	const all, one = "/zones/{zone}/workers/routes", "/zones/{zone}/workers/routes/{route}"
	return []envelope.Endpoint{
		{Method: "GET", Path: all, Needs: envelope.RoutesRead, Do: zs.getRoutes},
		{Method: "POST", Path: all, Needs: envelope.RoutesEdit, Do: zs.postRoute},
		{Method: "GET", Path: one, Needs: envelope.RoutesRead, Do: zs.getRoute},
		{Method: "PUT", Path: one, Needs: envelope.RoutesEdit, Do: zs.putRoute},
		{Method: "DELETE", Path: one, Needs: envelope.RoutesEdit, Do: zs.deleteRoute},
		{Method: "PUT", Path: "/accounts/{account}/workers/scripts/{script}/routes", Needs: envelope.ScriptsEdit, Do: zs.putScriptRoutes},
	}
}

func (zs *Zones) getRoutes(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	found := slices.Clone(z.routes)
	slices.SortFunc(found, func(a, b Route) int { return strings.Compare(a.Pattern, b.Pattern) })
	answer := envelope.List(found)
	answer.Info = nil // a cursor list: no cursor, no more pages
	return answer, nil
}

type routeBody struct {
	Pattern string `json:"pattern"`
	Script  string `json:"script"`
}

func (zs *Zones) postRoute(c *envelope.Call) (envelope.Answer, error) {
	var in routeBody
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if err := zs.scriptThere(in.Script); err != nil {
		return envelope.Answer{}, err
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	if err := z.free(in.Pattern, ""); err != nil {
		return envelope.Answer{}, err
	}
	made := Route{ID: zs.mint.Hex(), Pattern: in.Pattern, Script: in.Script}
	z.routes = append(z.routes, made)
	return envelope.OK(made), nil
}

func (zs *Zones) scriptThere(script string) error {
	if script != "" && !zs.world.Has(script) {
		return envelope.Fail(http.StatusNotFound, 10007, "This Worker does not exist on your account. (%s)", script)
	}
	return nil
}

// free checks a pattern: it fits the zone and no other route of the zone has it.
func (z *zone) free(pattern, except string) error {
	host, path := split(pattern)
	plain := strings.TrimPrefix(strings.TrimPrefix(host, "*."), "*")
	bad := strings.Contains(plain, "*") || strings.Contains(strings.TrimSuffix(path, "*"), "*") || plain == "" || strings.ContainsAny(pattern, "?# ")
	if bad || plain != z.Name && !strings.HasSuffix(plain, "."+z.Name) {
		return envelope.Fail(http.StatusBadRequest, 10022, "The route pattern '%s' is not valid for the zone %s (workers.api.error.invalid_route_pattern).", pattern, z.Name)
	}
	for _, r := range z.routes {
		if r.ID != except && r.Pattern == pattern {
			return duplicate(pattern, r.Script)
		}
	}
	return nil
}

func duplicate(pattern, script string) error {
	return envelope.Fail(http.StatusConflict, 10020, "A route with the same pattern already exists: %s belongs to %s (workers.api.error.duplicate_route).", pattern, script)
}

func (zs *Zones) route(c *envelope.Call) (*zone, int, error) {
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return nil, 0, err
	}
	i := slices.IndexFunc(z.routes, func(r Route) bool { return r.ID == c.Param("route") })
	if i < 0 {
		// the real code is not documented
		return nil, 0, envelope.Fail(http.StatusNotFound, 10009, "route %s does not exist", c.Param("route"))
	}
	return z, i, nil
}

func (zs *Zones) getRoute(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, i, err := zs.route(c)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(z.routes[i]), nil
}

func (zs *Zones) putRoute(c *envelope.Call) (envelope.Answer, error) {
	var in routeBody
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if err := zs.scriptThere(in.Script); err != nil {
		return envelope.Answer{}, err
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, i, err := zs.route(c)
	if err != nil {
		return envelope.Answer{}, err
	}
	if err := z.free(in.Pattern, z.routes[i].ID); err != nil {
		return envelope.Answer{}, err
	}
	z.routes[i].Pattern, z.routes[i].Script = in.Pattern, in.Script
	return envelope.OK(z.routes[i]), nil
}

func (zs *Zones) deleteRoute(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, i, err := zs.route(c)
	if err != nil {
		return envelope.Answer{}, err
	}
	id := z.routes[i].ID
	z.routes = slices.Delete(z.routes, i, i+1)
	return envelope.OK(map[string]string{"id": id}), nil
}

// putScriptRoutes replaces all routes of a script in all zones, and needs a
// token that reaches all zones.
func (zs *Zones) putScriptRoutes(c *envelope.Call) (envelope.Answer, error) {
	script := c.Param("script")
	if err := zs.world.AllZones(c); err != nil {
		return envelope.Answer{}, err
	}
	var in []struct {
		Pattern  string `json:"pattern"`
		ZoneID   string `json:"zone_id"`
		ZoneName string `json:"zone_name"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if err := zs.scriptThere(script); err != nil {
		return envelope.Answer{}, err
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	wanted := map[*zone][]string{}
	for _, route := range in {
		host, _ := split(route.Pattern)
		z, err := zs.named(route.ZoneID, route.ZoneName, strings.TrimPrefix(strings.TrimPrefix(host, "*"), "."))
		if err != nil {
			return envelope.Answer{}, err
		}
		if err := z.free(route.Pattern, z.owned(route.Pattern, script)); err != nil {
			return envelope.Answer{}, err
		}
		wanted[z] = append(wanted[z], route.Pattern)
	}
	return envelope.List(zs.setRoutes(script, wanted)), nil
}

// owned returns the identifier of the script's own route of a pattern.
func (z *zone) owned(pattern, script string) string {
	for _, r := range z.routes {
		if r.Pattern == pattern && r.Script == script {
			return r.ID
		}
	}
	return ""
}

func (zs *Zones) setRoutes(script string, wanted map[*zone][]string) []Route {
	var out []Route
	for _, z := range zs.all {
		z.routes = slices.DeleteFunc(z.routes, func(r Route) bool { return r.Script == script && !slices.Contains(wanted[z], r.Pattern) })
		for _, pattern := range wanted[z] {
			made := Route{ID: z.owned(pattern, script), Pattern: pattern, Script: script}
			if made.ID == "" {
				made.ID = zs.mint.Hex()
				z.routes = append(z.routes, made)
			}
			out = append(out, made)
		}
	}
	return out
}

// Forget removes the routes and custom domains of a script that is deleted.
func (zs *Zones) Forget(script string) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	zs.setRoutes(script, nil)
	for _, d := range slices.Clone(zs.domains) {
		if d.Service == script {
			zs.detach(d)
		}
	}
}

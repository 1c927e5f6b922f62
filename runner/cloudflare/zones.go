package cloudflare

import (
	"context"
	"encoding/json"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/workers"
	"github.com/cloudflare/cloudflare-go/v7/zones"
)

// Zone is a domain of the account.
type Zone struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Route is a pattern that a script serves on a zone.
type Route struct {
	ID      string `json:"id,omitempty"`
	Pattern string `json:"pattern"`
	Script  string `json:"script"`
}

// Domain is a host name that Cloudflare serves with a script and resolves itself.
type Domain struct {
	ID       string `json:"id,omitempty"`
	Hostname string `json:"hostname"`
	Service  string `json:"service"`
	ZoneID   string `json:"zone_id,omitempty"`
	ZoneName string `json:"zone_name,omitempty"`
}

// Zones lists all zones of the account that the token sees. They are asked for
// once: domains do not come and go during a release.
func (c *Client) Zones(ctx context.Context) ([]Zone, error) {
	c.zonesOnce.Lock()
	defer c.zonesOnce.Unlock()
	if c.zonesSeen != nil {
		return c.zonesSeen, nil
	}
	all, err := pagesOf[Zone](zonesPerPage, func(o ...option.RequestOption) error {
		_, err := c.zones.List(ctx, zones.ZoneListParams{}, o...)
		return err
	}, option.WithQuery("account.id", c.account))
	if err == nil {
		c.zonesSeen = append([]Zone{}, all...)
	}
	return all, wrap(err, "list the zones")
}

// Routes lists all routes of a zone, whoever's they are.
func (c *Client) Routes(ctx context.Context, zone string) ([]Route, error) {
	var p workers.RouteListParams
	p.ZoneID.Value = zone
	all, err := ask[[]Route](func(o ...option.RequestOption) error {
		_, err := c.workers.Routes.List(ctx, p, o...)
		return err
	})
	return all, wrap(err, "list the routes of zone %s", zone)
}

// AddRoute gives a pattern to a script. Code 10020 means that a script has it.
func (c *Client) AddRoute(ctx context.Context, zone string, r Route) error {
	var p workers.RouteNewParams
	p.ZoneID.Value = zone
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workers.Routes.New(ctx, p, o...)
		return err
	}, jsonBody(Route{Pattern: r.Pattern, Script: r.Script}))
	return wrap(err, "add route %s", r.Pattern)
}

// SetRoute gives a route, known by its id, to another script.
func (c *Client) SetRoute(ctx context.Context, zone string, r Route) error {
	var p workers.RouteUpdateParams
	p.ZoneID.Value = zone
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workers.Routes.Update(ctx, r.ID, p, o...)
		return err
	}, jsonBody(Route{Pattern: r.Pattern, Script: r.Script}))
	return wrap(err, "give route %s to %s", r.Pattern, r.Script)
}

// RemoveRoute takes a route away by its id.
func (c *Client) RemoveRoute(ctx context.Context, zone string, r Route) error {
	var p workers.RouteDeleteParams
	p.ZoneID.Value = zone
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workers.Routes.Delete(ctx, r.ID, p, o...)
		return err
	})
	return wrap(err, "remove route %s", r.Pattern)
}

// Domains lists all custom domains of the account.
func (c *Client) Domains(ctx context.Context) ([]Domain, error) {
	var p workers.DomainListParams
	c.in(&p.AccountID.Value)
	all, err := ask[[]Domain](func(o ...option.RequestOption) error {
		_, err := c.workers.Domains.List(ctx, p, o...)
		return err
	})
	return all, wrap(err, "list the custom domains")
}

// PutDomain gives a custom domain to a script.
func (c *Client) PutDomain(ctx context.Context, d Domain) error {
	var p workers.DomainUpdateParams
	c.in(&p.AccountID.Value)
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workers.Domains.Update(ctx, p, o...)
		return err
	}, jsonBody(map[string]any{"hostname": d.Hostname, "service": d.Service, "zone_id": d.ZoneID, "environment": "production"}))
	return wrap(err, "put custom domain %s", d.Hostname)
}

// RemoveDomain takes a custom domain away by its id.
func (c *Client) RemoveDomain(ctx context.Context, d Domain) error {
	var p workers.DomainDeleteParams
	c.in(&p.AccountID.Value)
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workers.Domains.Delete(ctx, d.ID, p, o...)
		return err
	})
	return wrap(err, "remove custom domain %s", d.Hostname)
}

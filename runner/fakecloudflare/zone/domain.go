package zone

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Domain is a host name a Worker answers as its origin. It brings its own DNS record.
type Domain struct {
	ID          string `json:"id"`
	Hostname    string `json:"hostname"`
	Service     string `json:"service"`
	Environment string `json:"environment"`
	ZoneID      string `json:"zone_id"`
	ZoneName    string `json:"zone_name"`
	CertID      string `json:"cert_id"`
	Enabled     *bool  `json:"enabled,omitempty"`
	Previews    *bool  `json:"previews_enabled,omitempty"`
}

func (d Domain) on() bool { return d.Enabled == nil || *d.Enabled }

type domainBody struct {
	Hostname    string `json:"hostname"`
	Service     string `json:"service"`
	Environment string `json:"environment"`
	ZoneID      string `json:"zone_id"`
	ZoneName    string `json:"zone_name"`
	Enabled     *bool  `json:"enabled"`
	Previews    *bool  `json:"previews_enabled"`
}

func (zs *Zones) domainEndpoints() []envelope.Endpoint {
	const all, script = "/accounts/{account}/workers/domains", "/accounts/{account}/workers/scripts/{script}/domains"
	return []envelope.Endpoint{
		{Method: "GET", Path: all, Needs: envelope.ScriptsRead, Do: zs.getDomains},
		{Method: "PUT", Path: all, Needs: envelope.ScriptsEdit, Do: zs.putDomain},
		{Method: "GET", Path: all + "/{domain}", Needs: envelope.ScriptsRead, Do: zs.getDomain},
		{Method: "DELETE", Path: all + "/{domain}", Needs: envelope.ScriptsEdit, Do: zs.deleteDomain},
		{Method: "GET", Path: all + "/records", Needs: envelope.ScriptsRead, Do: zs.getDomains},
		{Method: "GET", Path: all + "/records/{domain}", Needs: envelope.ScriptsRead, Do: zs.getDomain},
		{Method: "PUT", Path: script + "/records", Needs: envelope.ScriptsEdit, Do: zs.putRecords},
		{Method: "POST", Path: script + "/changeset", Needs: envelope.ScriptsEdit, Do: zs.postChangeset},
	}
}

func (zs *Zones) getDomains(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	var found []Domain
	for _, d := range zs.domains {
		fits := func(query, value string) bool { return c.Query(query) == "" || c.Query(query) == value }
		if fits("hostname", d.Hostname) && fits("service", d.Service) && fits("zone_id", d.ZoneID) && fits("zone_name", d.ZoneName) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b Domain) int { return strings.Compare(a.Hostname, b.Hostname) })
	return envelope.List(found), nil
}

func (zs *Zones) domain(id string) (Domain, error) {
	for _, d := range zs.domains {
		if d.ID == id {
			return d, nil
		}
	}
	return Domain{}, envelope.Fail(http.StatusNotFound, 100114, "the custom domain %s does not exist", id)
}

func (zs *Zones) getDomain(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	found, err := zs.domain(c.Param("domain"))
	return envelope.OK(found), err
}

func (zs *Zones) deleteDomain(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	found, err := zs.domain(c.Param("domain"))
	if err != nil {
		return envelope.Answer{}, err
	}
	zs.detach(found)
	return envelope.OK(nil), nil
}

// detach removes a domain and the record it brought.
func (zs *Zones) detach(d Domain) {
	zs.domains = slices.DeleteFunc(zs.domains, func(other Domain) bool { return other.ID == d.ID })
	if z, err := zs.find(d.ZoneID); err == nil {
		z.dns.Disown(d.ID)
	}
}

func (zs *Zones) putDomain(c *envelope.Call) (envelope.Answer, error) {
	var in domainBody
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if in.Service == "" {
		return envelope.Answer{}, envelope.Invalid("a custom domain needs a service")
	}
	if err := zs.scriptThere(in.Service); err != nil {
		return envelope.Answer{}, err
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	made, err := zs.attach(in, true, false)
	return envelope.OK(made), err
}

// attach gives a host to a Worker. Another Worker's domain is 100116 and
// somebody's own DNS records are 100117 unless the caller overrides them.
func (zs *Zones) attach(in domainBody, origin, records bool) (Domain, error) {
	host := strings.ToLower(in.Hostname)
	z, err := zs.named(in.ZoneID, in.ZoneName, host)
	if err != nil {
		return Domain{}, err
	}
	if zs.of(host) != z || strings.ContainsAny(host, "*/ ") {
		return Domain{}, envelope.Invalid("the hostname %q is not one of the zone %s", in.Hostname, z.Name)
	}
	d := Domain{ID: zs.mint.Hex(), Hostname: host, Service: in.Service, Environment: "production", ZoneID: z.ID, ZoneName: z.Name,
		CertID: zs.mint.UUID(), Enabled: in.Enabled, Previews: in.Previews}
	if i := slices.IndexFunc(zs.domains, func(other Domain) bool { return other.Hostname == host }); i >= 0 {
		if zs.domains[i].Service != in.Service && !origin {
			return Domain{}, envelope.Fail(http.StatusConflict, 100116, "Hostname '%s' is already in use by the Worker '%s'. Use the option 'override_existing_origin' to override.", host, zs.domains[i].Service)
		}
		d.ID, d.CertID = zs.domains[i].ID, zs.domains[i].CertID
		zs.domains[i] = d
		return d, nil
	}
	if z.dns.Has(host) && !records {
		return Domain{}, envelope.Fail(http.StatusConflict, 100117, "Hostname '%s' already has externally managed DNS records (A, CNAME, etc). "+
			"Either delete them, try a different hostname, or use the option 'override_existing_dns_record' to override.", host)
	}
	z.dns.Own(host, d.ID)
	zs.domains = append(zs.domains, d)
	return d, nil
}

// putRecords is how wrangler attaches all domains of a script at once; those it leaves out stay.
func (zs *Zones) putRecords(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Scope   bool         `json:"override_scope"`
		Origin  bool         `json:"override_existing_origin"`
		Records bool         `json:"override_existing_dns_record"`
		Origins []domainBody `json:"origins"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if err := zs.scriptThere(c.Param("script")); err != nil {
		return envelope.Answer{}, err
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	var out []Domain
	for _, origin := range in.Origins {
		origin.Service = c.Param("script")
		made, err := zs.attach(origin, in.Origin, in.Records)
		if err != nil {
			return envelope.Answer{}, err
		}
		out = append(out, made)
	}
	return envelope.List(out), nil
}

// postChangeset says what putRecords would do.
func (zs *Zones) postChangeset(c *envelope.Call) (envelope.Answer, error) {
	var in []domainBody
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	added, updated, conflicting := []Domain{}, []map[string]any{}, []map[string]any{}
	for _, origin := range in {
		host := strings.ToLower(origin.Hostname)
		i := slices.IndexFunc(zs.domains, func(d Domain) bool { return d.Hostname == host })
		z := zs.of(host)
		switch {
		case i >= 0:
			d := zs.domains[i]
			updated = append(updated, map[string]any{"id": d.ID, "hostname": host, "service": d.Service, "zone_id": d.ZoneID, "modified": d.Service != c.Param("script")})
		case z != nil && z.dns.Has(host):
			conflicting = append(conflicting, map[string]any{"hostname": host, "zone_id": z.ID})
		default:
			added = append(added, Domain{Hostname: host, Service: c.Param("script")})
		}
	}
	return envelope.OK(map[string]any{"added": added, "removed": []Domain{}, "updated": updated, "conflicting": conflicting}), nil
}

package zone

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

// Zone is one domain of the account.
type Zone struct {
	ID, Name string
}

type zone struct {
	Zone
	created string
	dns     dns.List
	routes  []Route
}

// World is what zones need to know of the rest of the account.
type World struct {
	AccountID string
	Has       func(script string) bool
	// AllZones refuses a caller whose token does not reach every zone.
	AllZones func(*envelope.Call) error
}

// Zones are all zones of the account. It is safe for concurrent use.
type Zones struct {
	mint  *mint.Mint
	world World

	mu      sync.Mutex
	all     []*zone
	domains []Domain
}

// New returns an account without zones.
func New(m *mint.Mint, world World) *Zones { return &Zones{mint: m, world: world} }

// Add puts a zone into the account. id is made up when empty.
func (zs *Zones) Add(name, id string) Zone {
	if id == "" {
		id = zs.mint.Hex()
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	name = strings.ToLower(name)
	made := &zone{Zone: Zone{ID: id, Name: name}, created: zs.mint.Stamp(), dns: dns.New(zs.mint, name)}
	zs.all = append(zs.all, made)
	return made.Zone
}

func (zs *Zones) find(id string) (*zone, error) {
	for _, z := range zs.all {
		if z.ID == id {
			return z, nil
		}
	}
	return nil, envelope.Fail(http.StatusForbidden, 9109, "Unauthorized to access requested resource: there is no zone %s", id)
}

// of returns the zone a host belongs to, nil when there is none.
func (zs *Zones) of(host string) *zone {
	var best *zone
	for _, z := range zs.all {
		if (host == z.Name || strings.HasSuffix(host, "."+z.Name)) && (best == nil || len(z.Name) > len(best.Name)) {
			best = z
		}
	}
	return best
}

// named returns a zone by identifier, by name, or as the one a host belongs to, in this order of what is given.
func (zs *Zones) named(id, name, host string) (*zone, error) {
	if id != "" {
		return zs.find(id)
	}
	for _, z := range zs.all {
		if name != "" && z.Name == name {
			return z, nil
		}
	}
	if z := zs.of(host); z != nil && name == "" {
		return z, nil
	}
	// The real code is not documented; wrangler finds out by itself before it comes to this.
	return nil, envelope.Fail(http.StatusBadRequest, 10082, "Could not find zone for `%s`. Make sure the domain is set up to be proxied by Cloudflare.", strings.TrimSpace(name+" "+host))
}

// AddRecord makes a record in the zone of a name, as a fixture does.
func (zs *Zones) AddRecord(zone string, in dns.Content) (dns.Record, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.named("", zone, "")
	if err != nil {
		return dns.Record{}, err
	}
	return z.dns.Add(in)
}

// Endpoints lists the API of zones, records, routes and domains.
func (zs *Zones) Endpoints() []envelope.Endpoint {
	own := []envelope.Endpoint{
		{Method: "GET", Path: "/zones", Needs: envelope.ZoneRead, Do: zs.getAll},
		{Method: "GET", Path: "/zones/{zone}", Needs: envelope.ZoneRead, Do: zs.get},
	}
	return slices.Concat(own, zs.recordEndpoints(), zs.routeEndpoints(), zs.domainEndpoints())
}

type zoneBody struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Status      string            `json:"status"`
	Paused      bool              `json:"paused"`
	Type        string            `json:"type"`
	NameServers []string          `json:"name_servers"`
	Account     map[string]string `json:"account"`
	CreatedOn   string            `json:"created_on"`
	ModifiedOn  string            `json:"modified_on"`
}

func (zs *Zones) body(z *zone) zoneBody {
	return zoneBody{ID: z.ID, Name: z.Name, Status: "active", Type: "full", NameServers: []string{"ada.ns.cloudflare.com", "bob.ns.cloudflare.com"},
		Account: map[string]string{"id": zs.world.AccountID}, CreatedOn: z.created, ModifiedOn: z.created}
}

func (zs *Zones) getAll(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	var found []zoneBody
	for _, z := range zs.all {
		name, account := c.Query("name"), c.Query("account.id")
		if (name == "" || name == z.Name) && (account == "" || account == zs.world.AccountID) {
			found = append(found, zs.body(z))
		}
	}
	slices.SortFunc(found, func(a, b zoneBody) int { return strings.Compare(a.Name, b.Name) })
	return envelope.Paged(c, found, 20, 50)
}

func (zs *Zones) get(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(zs.body(z)), nil
}

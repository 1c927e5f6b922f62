package zone

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Content is what a client says of a DNS record.
type Content struct {
	Name     string          `json:"name"`
	Type     string          `json:"type"`
	Content  string          `json:"content"`
	TTL      int             `json:"ttl"`
	Proxied  bool            `json:"proxied"`
	Priority *int            `json:"priority,omitempty"`
	Comment  string          `json:"comment"`
	Tags     []string        `json:"tags"`
	Data     json.RawMessage `json:"data,omitempty"`
	Settings json.RawMessage `json:"settings,omitempty"`
}

// Record is one DNS record.
type Record struct {
	ID string `json:"id"`
	Content
	Proxiable  bool           `json:"proxiable"`
	Meta       map[string]any `json:"meta"`
	CreatedOn  string         `json:"created_on"`
	ModifiedOn string         `json:"modified_on"`
}

func proxiable(kind string) bool { return kind == "A" || kind == "AAAA" || kind == "CNAME" }

// normal returns the content as it is stored: full lower-case name, automatic
// TTL for what is proxied. The codes 9003 and following are those of DNS
// validation; 9004 and 9021 are chosen for what is not documented.
func (z *zone) normal(in Content) (Content, error) {
	name := strings.TrimSuffix(strings.ToLower(in.Name), ".")
	switch {
	case name == "@":
		name = z.Name
	case name == "":
		return in, envelope.Fail(http.StatusBadRequest, 9000, "DNS name is invalid.")
	case name != z.Name && !strings.HasSuffix(name, "."+z.Name):
		name += "." + z.Name
	}
	in.Name = name
	if in.Tags == nil {
		in.Tags = []string{}
	}
	addr, err := netip.ParseAddr(in.Content)
	switch {
	case !slices.Contains(strings.Fields("A AAAA CAA CNAME HTTPS MX NS SRV TXT"), in.Type):
		return in, envelope.Fail(http.StatusBadRequest, 9003, "Invalid DNS record type %q.", in.Type)
	case in.Type == "A" && (err != nil || !addr.Is4()):
		return in, envelope.Fail(http.StatusBadRequest, 9005, "Content for A record must be a valid IPv4 address.")
	case in.Type == "AAAA" && (err != nil || !addr.Is6()):
		return in, envelope.Fail(http.StatusBadRequest, 9006, "Content for AAAA record must be a valid IPv6 address.")
	case in.Type == "CNAME" && (in.Content == "" || err == nil || strings.ContainsAny(in.Content, " /:")):
		return in, envelope.Fail(http.StatusBadRequest, 9007, "Content for CNAME record is invalid.")
	case in.Content == "" && len(in.Data) == 0:
		return in, envelope.Fail(http.StatusBadRequest, 9002, "DNS record content is missing.")
	case in.Proxied && !proxiable(in.Type):
		return in, envelope.Fail(http.StatusBadRequest, 9004, "This record type cannot be proxied.")
	case in.TTL != 0 && in.TTL != 1 && (in.TTL < 60 || in.TTL > 86400):
		return in, envelope.Fail(http.StatusBadRequest, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")
	}
	if in.Proxied || in.TTL == 0 {
		in.TTL = 1
	}
	return in, nil
}

// conflict says what keeps a record from standing beside the others.
func conflict(records []Record, in Content, except string) error {
	for _, r := range records {
		if r.ID == except || r.Name != in.Name {
			continue
		}
		switch {
		case in.Type == "CNAME" && proxiable(r.Type):
			return envelope.Fail(http.StatusBadRequest, 81053, "An A, AAAA, or CNAME record with that host already exists.")
		case r.Type == "CNAME" && proxiable(in.Type):
			return envelope.Fail(http.StatusBadRequest, 81054, "A CNAME record with that host already exists.")
		case (r.Type == "NS") != (in.Type == "NS"):
			return envelope.Fail(http.StatusBadRequest, 81056, "NS records with that host already exist.")
		case r.Type == in.Type && r.Content.Content == in.Content && string(r.Data) == string(in.Data):
			return envelope.Fail(http.StatusBadRequest, 81058, "An identical record already exists.")
		}
	}
	return nil
}

// AddRecord makes a record in the zone of a name, as a fixture does.
func (zs *Zones) AddRecord(zoneName string, in Content) (Record, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.named("", zoneName, "")
	if err != nil {
		return Record{}, err
	}
	records, made, err := zs.insert(z, z.records, in)
	if err == nil {
		z.records = records
	}
	return made, err
}

// insert adds a record to a list.
func (zs *Zones) insert(z *zone, records []Record, in Content) ([]Record, Record, error) {
	in, err := z.normal(in)
	if err == nil {
		err = conflict(records, in, "")
	}
	if err != nil {
		return nil, Record{}, err
	}
	now := zs.mint.Stamp()
	made := Record{ID: zs.mint.Hex(), Content: in, Proxiable: proxiable(in.Type), Meta: map[string]any{}, CreatedOn: now, ModifiedOn: now}
	return append(records, made), made, nil
}

// replace gives a record of a list other content.
func (zs *Zones) replace(z *zone, records []Record, id string, alter func(*Content)) (Record, error) {
	i := indexOf(records, id)
	if i < 0 {
		return Record{}, noRecord()
	}
	in := records[i].Content
	alter(&in)
	in, err := z.normal(in)
	if err == nil {
		err = conflict(records, in, id)
	}
	if err != nil {
		return Record{}, err
	}
	records[i].Content, records[i].Proxiable, records[i].ModifiedOn = in, proxiable(in.Type), zs.mint.Stamp()
	return records[i], nil
}

func indexOf(records []Record, id string) int {
	return slices.IndexFunc(records, func(r Record) bool { return r.ID == id })
}

func noRecord() error {
	return envelope.Fail(http.StatusNotFound, 81044, "Record does not exist.")
}

// proxied says whether a host has a record by which its requests come to
// Cloudflare: its own, or a wildcard of the nearest name above it.
func (z *zone) proxied(host string) bool {
	name := host
	for {
		exists := false
		for _, r := range z.records {
			if r.Name == name && proxiable(r.Type) {
				exists = true
				if r.Proxied {
					return true
				}
			}
		}
		if exists {
			return false
		}
		_, above, ok := strings.Cut(strings.TrimPrefix(name, "*."), ".")
		if !ok || len(above) < len(z.Name) {
			return false
		}
		name = "*." + above
	}
}

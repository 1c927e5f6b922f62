// Package dns is the records of one zone and what may stand beside what.
//
// Conflicts follow
// https://developers.cloudflare.com/dns/manage-dns-records/troubleshooting/records-with-same-name/.
// Checks of a record's content are few: addresses must be addresses. It has no
// HTTP and no lock; package zone has both.
package dns

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
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

// Proxiable says whether a type of record can bring requests to Cloudflare.
func Proxiable(kind string) bool { return kind == "A" || kind == "AAAA" || kind == "CNAME" }

// List is the records of a zone. Clone one to try changes.
type List struct {
	Zone    string // its name
	Records []Record
	mint    *mint.Mint
}

// New returns a zone without records.
func New(m *mint.Mint, zone string) List { return List{Zone: zone, mint: m} }

// Clone returns a list whose changes leave this one alone.
func (l List) Clone() List {
	l.Records = slices.Clone(l.Records)
	return l
}

// normal returns the content as it is stored: full lower-case name, automatic
// TTL for what is proxied. The codes 9003 and following are those of DNS
// validation; 9004 and 9021 are chosen for what is not documented.
func (l *List) normal(in Content) (Content, error) {
	name := strings.TrimSuffix(strings.ToLower(in.Name), ".")
	switch {
	case name == "@":
		name = l.Zone
	case name == "":
		return in, envelope.Fail(http.StatusBadRequest, 9000, "DNS name is invalid.")
	case name != l.Zone && !strings.HasSuffix(name, "."+l.Zone):
		name += "." + l.Zone
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
	case in.Proxied && !Proxiable(in.Type):
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
func (l *List) conflict(in Content, except string) error {
	for _, r := range l.Records {
		if r.ID == except || r.Name != in.Name {
			continue
		}
		switch {
		case in.Type == "CNAME" && Proxiable(r.Type):
			return envelope.Fail(http.StatusBadRequest, 81053, "An A, AAAA, or CNAME record with that host already exists.")
		case r.Type == "CNAME" && Proxiable(in.Type):
			return envelope.Fail(http.StatusBadRequest, 81054, "A CNAME record with that host already exists.")
		case (r.Type == "NS") != (in.Type == "NS"):
			return envelope.Fail(http.StatusBadRequest, 81056, "NS records with that host already exist.")
		case r.Type == in.Type && r.Content.Content == in.Content && string(r.Data) == string(in.Data):
			return envelope.Fail(http.StatusBadRequest, 81058, "An identical record already exists.")
		}
	}
	return nil
}

// Add makes a record.
func (l *List) Add(in Content) (Record, error) {
	in, err := l.normal(in)
	if err == nil {
		err = l.conflict(in, "")
	}
	if err != nil {
		return Record{}, err
	}
	now := l.mint.Stamp()
	made := Record{ID: l.mint.Hex(), Content: in, Proxiable: Proxiable(in.Type), Meta: map[string]any{}, CreatedOn: now, ModifiedOn: now}
	l.Records = append(l.Records, made)
	return made, nil
}

// Alter gives a record other content.
func (l *List) Alter(id string, alter func(*Content)) (Record, error) {
	i, err := l.index(id)
	if err != nil {
		return Record{}, err
	}
	in := l.Records[i].Content
	alter(&in)
	if in, err = l.normal(in); err == nil {
		err = l.conflict(in, id)
	}
	if err != nil {
		return Record{}, err
	}
	l.Records[i].Content, l.Records[i].Proxiable, l.Records[i].ModifiedOn = in, Proxiable(in.Type), l.mint.Stamp()
	return l.Records[i], nil
}

// Find returns a record: 81044 when there is none.
func (l *List) Find(id string) (Record, error) {
	i, err := l.index(id)
	if err != nil {
		return Record{}, err
	}
	return l.Records[i], nil
}

// Remove takes a record away and returns it.
func (l *List) Remove(id string) (Record, error) {
	i, err := l.index(id)
	if err != nil {
		return Record{}, err
	}
	gone := l.Records[i]
	l.Records = slices.Delete(l.Records, i, i+1)
	return gone, nil
}

func (l *List) index(id string) (int, error) {
	i := slices.IndexFunc(l.Records, func(r Record) bool { return r.ID == id })
	if i < 0 {
		return 0, envelope.Fail(http.StatusNotFound, 81044, "Record does not exist.")
	}
	return i, nil
}

// Own puts a record in that belongs to somebody, as a custom domain's does,
// in place of what brought the host here before.
func (l *List) Own(host, owner string) {
	l.Records = slices.DeleteFunc(l.Records, func(r Record) bool { return r.Name == host && Proxiable(r.Type) })
	now := l.mint.Stamp()
	l.Records = append(l.Records, Record{ID: l.mint.Hex(), Content: Content{Name: host, Type: "AAAA", Content: "100::", TTL: 1, Proxied: true, Tags: []string{}},
		Proxiable: true, Meta: map[string]any{"origin_worker_id": owner, "read_only": true}, CreatedOn: now, ModifiedOn: now})
}

// Disown removes what belongs to somebody.
func (l *List) Disown(owner string) {
	l.Records = slices.DeleteFunc(l.Records, func(r Record) bool { return r.Meta["origin_worker_id"] == owner })
}

// Has says whether a host has a record that could bring it here.
func (l *List) Has(host string) bool {
	return slices.ContainsFunc(l.Records, func(r Record) bool { return r.Name == host && Proxiable(r.Type) })
}

// Proxied says whether a host has a record by which its requests come to
// Cloudflare: its own, or a wildcard of the nearest name above it.
func (l *List) Proxied(host string) bool {
	name := host
	for {
		exists := false
		for _, r := range l.Records {
			if r.Name == name && Proxiable(r.Type) {
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
		if !ok || len(above) < len(l.Zone) {
			return false
		}
		name = "*." + above
	}
}

package cloudflare

import (
	"context"
	"encoding/json"

	"github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/cloudflare/cloudflare-go/v7/option"
)

// Record is a DNS record of a zone.
type Record struct {
	ID      string `json:"id,omitempty"`
	Name    string `json:"name"` // whole, such as api.tminus.ink
	Type    string `json:"type"`
	Content string `json:"content,omitempty"`
	// Proxied: requests for the name go through Cloudflare, where routes apply.
	Proxied bool `json:"proxied"`
	// TTL is in seconds; 1 is automatic, which what is proxied always has.
	TTL     int    `json:"ttl,omitempty"`
	Comment string `json:"comment,omitempty"`
	// Meta is what Cloudflare says of the record itself.
	Meta RecordMeta `json:"meta,omitzero"`
}

// RecordMeta says of a record whether another product of Cloudflare keeps it.
type RecordMeta struct {
	ReadOnly bool `json:"read_only,omitempty"`
	// Worker is set when a custom domain of a Worker keeps the record.
	Worker string `json:"origin_worker_id,omitempty"`
}

// recordsPerPage is how many records a page is asked for: almost every zone is one page.
const recordsPerPage = 1000

// Records lists all DNS records of a zone. It wants the permission DNS:Read.
func (c *Client) Records(ctx context.Context, zone string) ([]Record, error) {
	var p dns.RecordListParams
	p.ZoneID.Value = zone
	all, err := pagesOf[Record](recordsPerPage, func(o ...option.RequestOption) error {
		_, err := c.records.List(ctx, p, o...)
		return err
	})
	return all, wrap(err, "list the DNS records of zone %s", zone)
}

// RecordChanges are changes of a zone that are done together or not at all. Whatever
// their order here, Cloudflare deletes first, then patches, then adds. Source:
// https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/batch/.
type RecordChanges struct {
	Delete []string // ids
	Patch  []Record // by id; what is empty stays as it is
	Add    []Record
}

// MostRecordChanges is how many changes one call may hold on the smallest plan.
// Source: https://developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/.
const MostRecordChanges = 200

// Count is the number of changes.
func (r RecordChanges) Count() int { return len(r.Delete) + len(r.Patch) + len(r.Add) }

// ChangeRecords changes the DNS records of a zone, all together or none, so that a
// name whose record is replaced is never without one. It wants the permission DNS:Edit.
func (c *Client) ChangeRecords(ctx context.Context, zone string, changes RecordChanges) error {
	var p dns.RecordBatchParams
	p.ZoneID.Value = zone
	type gone struct {
		ID string `json:"id"`
	}
	body := struct {
		Deletes []gone   `json:"deletes,omitempty"`
		Patches []Record `json:"patches,omitempty"`
		Posts   []Record `json:"posts,omitempty"`
	}{Patches: changes.Patch, Posts: changes.Add}
	for _, id := range changes.Delete {
		body.Deletes = append(body.Deletes, gone{id})
	}
	_, err := create[json.RawMessage](ctx, func(ctx context.Context, o ...option.RequestOption) error {
		_, err := c.records.Batch(ctx, p, o...)
		return err
	}, body)
	return wrap(err, "change the DNS records of zone %s", zone)
}

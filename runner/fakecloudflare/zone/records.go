package zone

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

func (zs *Zones) recordEndpoints() []envelope.Endpoint {
	const all, one = "/zones/{zone}/dns_records", "/zones/{zone}/dns_records/{record}"
	return []envelope.Endpoint{
		{Method: "GET", Path: all, Needs: envelope.DNSRead, Do: zs.getRecords},
		{Method: "POST", Path: all, Needs: envelope.DNSEdit, Do: zs.postRecord},
		{Method: "POST", Path: all + "/batch", Needs: envelope.DNSEdit, Do: zs.postBatch},
		{Method: "GET", Path: one, Needs: envelope.DNSRead, Do: zs.getRecord},
		{Method: "PUT", Path: one, Needs: envelope.DNSEdit, Do: zs.putRecord},
		{Method: "PATCH", Path: one, Needs: envelope.DNSEdit, Do: zs.patchRecord},
		{Method: "DELETE", Path: one, Needs: envelope.DNSEdit, Do: zs.deleteRecord},
	}
}

// getRecords filters by name, type, content and proxied, in both forms of the name filter.
func (zs *Zones) getRecords(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	fits := func(query, value string) bool {
		want := c.Query(query) + c.Query(query+".exact")
		return want == "" || strings.EqualFold(want, value)
	}
	var found []dns.Record
	for _, r := range z.dns.Records {
		if fits("name", r.Name) && fits("type", r.Type) && fits("content", r.Content.Content) && fits("proxied", strconv.FormatBool(r.Proxied)) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b dns.Record) int { return strings.Compare(a.Name+a.Type+a.ID, b.Name+b.Type+b.ID) })
	return envelope.Paged(c, found, 100, 5000)
}

func (zs *Zones) postRecord(c *envelope.Call) (envelope.Answer, error) {
	var in dns.Content
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	made, err := z.dns.Add(in)
	return envelope.OK(made), err
}

func (zs *Zones) getRecord(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	found, err := z.dns.Find(c.Param("record"))
	return envelope.OK(found), err
}

func (zs *Zones) putRecord(c *envelope.Call) (envelope.Answer, error) {
	var in dns.Content
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	return zs.change(c, func(now *dns.Content) { *now = in })
}

func (zs *Zones) patchRecord(c *envelope.Call) (envelope.Answer, error) {
	var probe dns.Content
	if err := c.Decode(&probe); err != nil {
		return envelope.Answer{}, err
	}
	return zs.change(c, func(now *dns.Content) { _ = json.Unmarshal(c.Body, now) }) // it decoded just before
}

func (zs *Zones) change(c *envelope.Call, alter func(*dns.Content)) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	changed, err := z.dns.Alter(c.Param("record"), alter)
	return envelope.OK(changed), err
}

func (zs *Zones) deleteRecord(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	gone, err := z.dns.Remove(c.Param("record"))
	return envelope.OK(map[string]string{"id": gone.ID}), err
}

type batch struct {
	Deletes []struct {
		ID string `json:"id"`
	} `json:"deletes"`
	Patches []json.RawMessage `json:"patches"`
	Puts    []json.RawMessage `json:"puts"`
	Posts   []dns.Content     `json:"posts"`
}

type batchResult struct {
	Deletes []dns.Record `json:"deletes"`
	Patches []dns.Record `json:"patches"`
	Puts    []dns.Record `json:"puts"`
	Posts   []dns.Record `json:"posts"`
}

// postBatch does all or nothing, in the documented order: deletes, patches, puts, posts.
func (zs *Zones) postBatch(c *envelope.Call) (envelope.Answer, error) {
	var in batch
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	changed := z.dns.Clone()
	out, err := in.apply(&changed)
	if err != nil {
		return envelope.Answer{}, err
	}
	z.dns = changed
	return envelope.OK(out), nil
}

func (in batch) apply(list *dns.List) (out batchResult, err error) {
	for _, gone := range in.Deletes {
		record, err := list.Remove(gone.ID)
		if err != nil {
			return out, err
		}
		out.Deletes = append(out.Deletes, record)
	}
	if out.Patches, err = each(list, in.Patches, false); err != nil {
		return out, err
	}
	if out.Puts, err = each(list, in.Puts, true); err != nil {
		return out, err
	}
	for _, content := range in.Posts {
		made, err := list.Add(content)
		if err != nil {
			return out, err
		}
		out.Posts = append(out.Posts, made)
	}
	return out, nil
}

// each changes records that a batch names by identifier beside their new content.
func each(list *dns.List, changes []json.RawMessage, whole bool) ([]dns.Record, error) {
	var out []dns.Record
	for _, raw := range changes {
		var in struct {
			ID string `json:"id"`
			dns.Content
		}
		if err := envelope.DecodeStrict(raw, &in); err != nil {
			return nil, err
		}
		changed, err := list.Alter(in.ID, func(now *dns.Content) {
			if whole {
				*now = dns.Content{}
			}
			_ = json.Unmarshal(raw, now) // it decoded just before
		})
		if err != nil {
			return nil, err
		}
		out = append(out, changed)
	}
	return out, nil
}

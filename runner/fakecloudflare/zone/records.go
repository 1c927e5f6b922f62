package zone

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

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
	var found []Record
	for _, r := range z.records {
		if fits("name", r.Name) && fits("type", r.Type) && fits("content", r.Content.Content) && fits("proxied", strconv.FormatBool(r.Proxied)) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b Record) int { return strings.Compare(a.Name+a.Type+a.ID, b.Name+b.Type+b.ID) })
	return envelope.Paged(c, found, 100, 5000)
}

func (zs *Zones) postRecord(c *envelope.Call) (envelope.Answer, error) {
	var in Content
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	records, made, err := zs.insert(z, z.records, in)
	if err != nil {
		return envelope.Answer{}, err
	}
	z.records = records
	return envelope.OK(made), nil
}

func (zs *Zones) getRecord(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	i := indexOf(z.records, c.Param("record"))
	if i < 0 {
		return envelope.Answer{}, noRecord()
	}
	return envelope.OK(z.records[i]), nil
}

func (zs *Zones) putRecord(c *envelope.Call) (envelope.Answer, error) {
	var in Content
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	return zs.change(c, func(now *Content) { *now = in })
}

func (zs *Zones) patchRecord(c *envelope.Call) (envelope.Answer, error) {
	var probe Content
	if err := c.Decode(&probe); err != nil {
		return envelope.Answer{}, err
	}
	return zs.change(c, func(now *Content) { _ = json.Unmarshal(c.Body, now) }) // it decoded just before
}

func (zs *Zones) change(c *envelope.Call, alter func(*Content)) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	changed, err := zs.replace(z, z.records, c.Param("record"), alter)
	return envelope.OK(changed), err
}

func (zs *Zones) deleteRecord(c *envelope.Call) (envelope.Answer, error) {
	zs.mu.Lock()
	defer zs.mu.Unlock()
	z, err := zs.find(c.Param("zone"))
	if err != nil {
		return envelope.Answer{}, err
	}
	i := indexOf(z.records, c.Param("record"))
	if i < 0 {
		return envelope.Answer{}, noRecord()
	}
	z.records = slices.Delete(z.records, i, i+1)
	return envelope.OK(map[string]string{"id": c.Param("record")}), nil
}

type batch struct {
	Deletes []struct {
		ID string `json:"id"`
	} `json:"deletes"`
	Patches []json.RawMessage `json:"patches"`
	Puts    []json.RawMessage `json:"puts"`
	Posts   []Content         `json:"posts"`
}

type batchResult struct {
	Deletes []Record `json:"deletes"`
	Patches []Record `json:"patches"`
	Puts    []Record `json:"puts"`
	Posts   []Record `json:"posts"`
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
	records, out, err := zs.apply(z, in)
	if err != nil {
		return envelope.Answer{}, err
	}
	z.records = records
	return envelope.OK(out), nil
}

func (zs *Zones) apply(z *zone, in batch) (records []Record, out batchResult, err error) {
	records = slices.Clone(z.records)
	for _, gone := range in.Deletes {
		i := indexOf(records, gone.ID)
		if i < 0 {
			return nil, out, noRecord()
		}
		out.Deletes = append(out.Deletes, records[i])
		records = slices.Delete(records, i, i+1)
	}
	if out.Patches, err = zs.each(z, records, in.Patches, false); err != nil {
		return nil, out, err
	}
	if out.Puts, err = zs.each(z, records, in.Puts, true); err != nil {
		return nil, out, err
	}
	for _, content := range in.Posts {
		var made Record
		if records, made, err = zs.insert(z, records, content); err != nil {
			return nil, out, err
		}
		out.Posts = append(out.Posts, made)
	}
	return records, out, nil
}

// each changes records that a batch names by identifier beside their new content.
func (zs *Zones) each(z *zone, records []Record, changes []json.RawMessage, whole bool) ([]Record, error) {
	var out []Record
	for _, raw := range changes {
		var in struct {
			ID string `json:"id"`
			Content
		}
		if err := envelope.DecodeStrict(raw, &in); err != nil {
			return nil, err
		}
		changed, err := zs.replace(z, records, in.ID, func(now *Content) {
			if whole {
				*now = Content{}
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

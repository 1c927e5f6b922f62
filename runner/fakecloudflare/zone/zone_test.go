package zone_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/ask"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/zone"
)

type place struct {
	ask.Room
	*zone.Zones
	id string
}

// newPlace has the zone example.com and the scripts a, b and c.
func newPlace(t *testing.T) place {
	zs := zone.New(mint.New(nil, 1), zone.World{
		AccountID: "account",
		Has:       func(script string) bool { return len(script) == 1 },
		AllZones: func(c *envelope.Call) error {
			if c.Header.Get("Authorization") != "" {
				return envelope.Fail(403, 10000, "Authentication error")
			}
			return nil
		},
	})
	return place{ask.Room{T: t, Endpoints: zs.Endpoints()}, zs, zs.Add("example.com", "").ID}
}

func (p place) records() string { return "/zones/" + p.id + "/dns_records" }
func (p place) routes() string  { return "/zones/" + p.id + "/workers/routes" }

func TestZones(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.Add("other.com", "")
	for query, want := range map[string]int{"": 2, "?name=example.com": 1, "?name=api.example.com": 0, "?name=example.com&account.id=account": 1, "?account.id=other": 0} {
		if reply := p.Must("GET /zones"+query, "", nil); reply.Info.Count != want {
			t.Errorf("%q: %d zones, want %d", query, reply.Info.Count, want)
		}
	}
	if reply := p.Do("GET /zones/nope", ""); reply.Code != 9109 {
		t.Errorf("a missing zone: %d", reply.Code)
	}
}

func TestDNSConflicts(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	record := func(kind, name, content string) string {
		return fmt.Sprintf(`{"type":%q,"name":%q,"content":%q,"ttl":1,"proxied":false}`, kind, name, content)
	}
	for _, test := range []struct {
		name, body string
		code       int
	}{
		{"an address", record("A", "a", "192.0.2.1"), 0},
		{"the same again", record("A", "a.example.com", "192.0.2.1"), 81058},
		{"another address", record("A", "a", "192.0.2.2"), 0},
		{"a CNAME beside addresses", record("CNAME", "a", "example.com"), 81053},
		{"a CNAME", record("CNAME", "c", "example.com"), 0},
		{"a second CNAME", record("CNAME", "c", "example.org"), 81053},
		{"an address beside a CNAME", record("AAAA", "c", "100::"), 81054},
		{"a text beside a CNAME", record("TXT", "c", "x"), 0},
		{"a name server beside others", record("NS", "a", "ns.example.org"), 81056},
		{"the zone itself", record("CNAME", "@", "example.org"), 0},
		{"no address", record("A", "x", "example.org"), 9005},
		{"no address of six", record("AAAA", "x", "192.0.2.1"), 9006},
		{"a CNAME to an address", record("CNAME", "x", "192.0.2.1"), 9007},
		{"no type", record("", "x", "x"), 9003},
		{"no name", record("A", "", "192.0.2.1"), 9000},
		{"a proxied text", `{"type":"TXT","name":"x","content":"x","proxied":true}`, 9004},
		{"a short life", `{"type":"A","name":"x","content":"192.0.2.1","ttl":5}`, 9021},
		{"an unknown field", `{"type":"A","name":"x","content":"192.0.2.1","weight":5}`, 1001},
	} {
		if reply := p.Do("POST "+p.records(), test.body); reply.Code != test.code {
			t.Errorf("%s: %d %s, want %d", test.name, reply.Code, reply.Message, test.code)
		}
	}
	if reply := p.Must("GET "+p.records()+"?name=a.example.com&type=A", "", nil); reply.Info.Total != 2 {
		t.Errorf("filtered: %s", reply.Result)
	}
}

func TestChangingRecords(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var made, other dns.Record
	p.Must("POST "+p.records(), `{"type":"A","name":"a","content":"192.0.2.1"}`, &made)
	p.Must("POST "+p.records(), `{"type":"CNAME","name":"c","content":"example.com","proxied":true}`, &other)
	one := p.records() + "/" + made.ID
	p.Must("PATCH "+one, `{"content":"192.0.2.9"}`, &made)
	if made.Content.Content != "192.0.2.9" || made.Name != "a.example.com" || made.TTL != 1 {
		t.Errorf("patched to %+v", made)
	}
	p.Must("PUT "+one, `{"type":"CNAME","name":"a","content":"example.com","proxied":true}`, &made)
	if made.Type != "CNAME" || !made.Proxied || !made.Proxiable {
		t.Errorf("put to %+v", made)
	}
	if reply := p.Do("PATCH "+one, `{"name":"c"}`); reply.Code != 81053 {
		t.Errorf("moved onto another CNAME: %d", reply.Code)
	}
	for _, line := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		if reply := p.Do(line+" "+p.records()+"/nope", `{"type":"A","name":"x","content":"192.0.2.1"}`); reply.Code != 81044 || reply.Status != 404 {
			t.Errorf("%s of a missing record: %d", line, reply.Code)
		}
	}
	p.Must("DELETE "+one, "", nil)
	if reply := p.Must("GET "+p.records(), "", nil); reply.Info.Total != 1 {
		t.Errorf("after deleting: %s", reply.Result)
	}
}

func TestABatchIsAllOrNothing(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var made dns.Record
	p.Must("POST "+p.records(), `{"type":"A","name":"a","content":"192.0.2.1"}`, &made)
	if reply := p.Do("POST "+p.records()+"/batch", `{"deletes":[{"id":"`+made.ID+`"}],"posts":[{"type":"CNAME","name":"a","content":"x.org"},{"type":"A","name":"a","content":"192.0.2.1"}]}`); reply.Code != 81054 {
		t.Errorf("code %d, want 81054", reply.Code)
	}
	if reply := p.Must("GET "+p.records(), "", nil); !strings.Contains(string(reply.Result), made.ID) {
		t.Errorf("a refused batch left %s", reply.Result)
	}
	p.Must("POST "+p.records()+"/batch", `{"deletes":[{"id":"`+made.ID+`"}],"posts":[{"type":"CNAME","name":"a","content":"x.org"}]}`, nil)
	if reply := p.Must("GET "+p.records()+"?type=CNAME", "", nil); reply.Info.Total != 1 {
		t.Errorf("after the batch: %s", reply.Result)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var made zone.Route
	p.Must("POST "+p.routes(), `{"pattern":"api.example.com/*","script":"a"}`, &made)
	for _, test := range []struct {
		name, body string
		code       int
	}{
		{"the same pattern", `{"pattern":"api.example.com/*","script":"b"}`, 10020},
		{"a missing script", `{"pattern":"x.example.com/*","script":"nope"}`, 10007},
		{"another zone's host", `{"pattern":"example.org/*","script":"a"}`, 10022},
		{"a star in the middle", `{"pattern":"a.*.example.com/*","script":"a"}`, 10022},
		{"a star inside the path", `{"pattern":"example.com/*/x","script":"a"}`, 10022},
		{"no script", `{"pattern":"off.example.com/*"}`, 0},
	} {
		if reply := p.Do("POST "+p.routes(), test.body); reply.Code != test.code {
			t.Errorf("%s: %d, want %d", test.name, reply.Code, test.code)
		}
	}
	p.Must("PUT "+p.routes()+"/"+made.ID, `{"pattern":"api.example.com/v2/*","script":"b"}`, nil)
	p.Must("DELETE "+p.routes()+"/"+made.ID, "", nil)
	if reply := p.Do("GET "+p.routes()+"/"+made.ID, ""); reply.Status != 404 {
		t.Errorf("a deleted route: %d", reply.Status)
	}
}

func TestAScriptsRoutesAreReplacedAsAWhole(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.Add("example.org", "")
	put := "PUT /accounts/account/workers/scripts/a/routes"
	p.Must("POST "+p.routes(), `{"pattern":"b.example.com/*","script":"b"}`, nil)
	p.Must(put, `[{"pattern":"a.example.com/*","zone_name":"example.com"},{"pattern":"example.org/*"}]`, nil)
	p.Must(put, `[{"pattern":"a2.example.com/*","zone_id":"`+p.id+`"}]`, nil)
	reply := p.Must("GET "+p.routes(), "", nil)
	if got := string(reply.Result); strings.Contains(got, `"a.example.com`) || !strings.Contains(got, "a2.example.com") || !strings.Contains(got, "b.example.com") {
		t.Errorf("routes are %s", got)
	}
	if got := p.Answers("example.org", "/"); got.Matched {
		t.Errorf("the route of another zone stayed: %+v", got)
	}
	for name, test := range map[string]struct {
		body, token string
		code        int
	}{
		"another script's pattern":     {`[{"pattern":"b.example.com/*"}]`, "", 10020},
		"a zone that is not there":     {`[{"pattern":"x.example.net/*"}]`, "", 10082},
		"a token of only some zones":   {`[]`, "Bearer some", 10000},
		"a zone of another name there": {`[{"pattern":"a.example.com/*","zone_name":"example.net"}]`, "", 10082},
	} {
		if reply := p.Do(put, test.body, "Authorization", test.token); reply.Code != test.code {
			t.Errorf("%s: %d, want %d", name, reply.Code, test.code)
		}
	}
}

func TestTheMostSpecificRouteWins(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for pattern, script := range map[string]string{
		"*example.com/*": "a", "api.example.com/*": "b", "api.example.com/v1/*": "c", "api.example.com/v1/off": "", "https://exact.example.com/page": "c", "*.wild.example.com/*": "b",
	} {
		p.Must("POST "+p.routes(), fmt.Sprintf(`{"pattern":%q,"script":%q}`, pattern, script), nil)
	}
	for _, test := range []struct {
		host, target, script string
		matched              bool
	}{
		{"example.com", "/", "a", true},
		{"anything.example.com", "/x", "a", true},
		{"notexample.com", "/", "", false},
		{"API.example.com", "/x?q=1", "b", true},
		{"api.example.com", "/v1/x", "c", true},
		{"api.example.com", "/v1/off", "", true},
		{"exact.example.com", "/page", "c", true},
		{"exact.example.com", "/page?q=1", "a", true},
		{"deep.wild.example.com", "/", "b", true},
		{"wild.example.com", "/", "a", true},
	} {
		if got := p.Answers(test.host, test.target); got.Script != test.script || got.Matched != test.matched {
			t.Errorf("%s%s: %+v, want %q", test.host, test.target, got, test.script)
		}
	}
}

func TestWhichHostsComeToCloudflare(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, c := range []dns.Content{
		{Type: "CNAME", Name: "api", Content: "example.com", Proxied: true},
		{Type: "A", Name: "grey", Content: "192.0.2.1"},
		{Type: "A", Name: "*.wild", Content: "192.0.2.1", Proxied: true},
		{Type: "A", Name: "grey.wild", Content: "192.0.2.1"},
	} {
		if _, err := p.AddRecord("example.com", c); err != nil {
			t.Fatal(err)
		}
	}
	for host, want := range map[string]bool{
		"api.example.com": true, "grey.example.com": false, "none.example.com": false, "example.com": false, "x.wild.example.com": true,
		"x.y.wild.example.com": true, "wild.example.com": false, "grey.wild.example.com": false,
	} {
		if got := p.Answers(host, "/").Proxied; got != want {
			t.Errorf("%s: %v, want %v", host, got, want)
		}
	}
}

func TestCustomDomains(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const all = "/accounts/account/workers/domains"
	var made zone.Domain
	p.Must("PUT "+all, `{"hostname":"app.example.com","service":"a","environment":"production","zone_id":"`+p.id+`"}`, &made)
	if got := p.Answers("app.example.com", "/x"); got.Script != "a" || !got.Proxied {
		t.Errorf("the domain answers %+v", got)
	}
	p.Must("POST "+p.records(), `{"type":"A","name":"mine","content":"192.0.2.1"}`, nil)
	records := "PUT /accounts/account/workers/scripts/b/domains/records"
	for _, test := range []struct {
		name, line, body string
		code             int
	}{
		{"no such Worker", "PUT " + all, `{"hostname":"x.example.com","service":"nope"}`, 10007},
		{"no such zone", "PUT " + all, `{"hostname":"x.example.net","service":"a"}`, 10082},
		{"another zone's host", "PUT " + all, `{"hostname":"x.example.net","service":"a","zone_id":"` + p.id + `"}`, 1001},
		{"somebody's records", records, `{"origins":[{"hostname":"mine.example.com"}]}`, 100117},
		{"another Worker's domain", records, `{"origins":[{"hostname":"app.example.com"}]}`, 100116},
		{"overriding both", records, `{"override_scope":true,"override_existing_origin":true,"override_existing_dns_record":true,"origins":[{"hostname":"mine.example.com"},{"hostname":"app.example.com"}]}`, 0},
	} {
		if reply := p.Do(test.line, test.body); reply.Code != test.code {
			t.Errorf("%s: %d %s, want %d", test.name, reply.Code, reply.Message, test.code)
		}
	}
	reply := p.Must("POST /accounts/account/workers/scripts/c/domains/changeset?replace_state=true", `[{"hostname":"app.example.com"},{"hostname":"new.example.com"}]`, nil)
	if got := string(reply.Result); !strings.Contains(got, `"modified":true`) || !strings.Contains(got, `"hostname":"new.example.com"`) {
		t.Errorf("the change set is %s", got)
	}
	p.Must("DELETE "+all+"/"+made.ID, "", nil)
	if got := p.Answers("app.example.com", "/"); got.Matched || got.Proxied {
		t.Errorf("a deleted domain answers %+v", got)
	}
	p.Forget("b")
	if reply := p.Must("GET "+all, "", nil); reply.Info.Count != 0 {
		t.Errorf("a deleted script's domains: %s", reply.Result)
	}
}

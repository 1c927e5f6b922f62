package zone_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/zone"
)

const zoneID = "2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a"

// The runbook's ten host names, one of them a custom domain, and the two that the
// runbook forgot.
const config = `name = "t-api"
main = "i.js"
compatibility_date = "2026-03-17"
[env.staging]
routes = [
  "api-staging.tminus.ink/*", "app-staging.tminus.ink/*", "MCP-staging.tminus.ink/*", "webhooks-staging.tminus.ink/*",
  { pattern = "oauth-staging.tminus.ink", custom_domain = true },
]
[env.production]
routes = [
  "api.tminus.ink/*", "app.tminus.ink/*", "https://mcp.tminus.ink/*", "webhooks.tminus.ink/hook",
  { pattern = "oauth.tminus.ink/*", zone_name = "tminus.ink" },
  "tminus.ink/*",
  "www.tminus.ink/*",
  # more
]
`

type world struct {
	*fakecloudflare.Server
	t   *testing.T
	url string
	cfg string
}

func newWorld(t *testing.T, more ...string) *world {
	t.Helper()
	account := fakecloudflare.New(fakecloudflare.Options{Token: "token", Subdomain: "test", Zones: []fakecloudflare.Zone{{Name: "tminus.ink", ID: zoneID}, {Name: "eu.tminus.ink"}, {Name: "other.example"}},
		Tokens: []identity.Token{{Secret: "reader", Permissions: []string{"Zone:Read", "DNS:Read"}}, {Secret: "zoneless", Permissions: []string{"DNS:Edit"}}}})
	server := httptest.NewServer(account)
	t.Cleanup(func() {
		server.Close()
		if err := account.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{Server: account, t: t, url: server.URL + "/client/v4", cfg: strings.Replace(config, "  # more\n", strings.Join(more, "\n")+"\n", 1)}
}

func (w *world) record(kind, name, content string, proxied bool, comment string) {
	w.t.Helper()
	if _, err := w.Zones.AddRecord("tminus.ink", dns.Content{Type: kind, Name: name, Content: content, Proxied: proxied, Comment: comment}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) client(token string) *cloudflare.Client {
	return cloudflare.New(cloudflare.Options{BaseURL: w.url, Account: w.ID(), Token: token, UserAgent: "test"})
}

// records are the records of a name as "type content proxied comment".
func (w *world) records(name string) []string {
	w.t.Helper()
	c := w.client("token")
	zones, err := c.Zones(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var found []string
	for _, z := range zones {
		all, err := c.Records(w.t.Context(), z.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range all {
			if r.Name == name {
				found = append(found, strings.TrimSpace(fmt.Sprintf("%s %s %v %s", r.Type, r.Content, r.Proxied, r.Comment)))
			}
		}
	}
	slices.Sort(found)
	return found
}

type seen struct {
	mu       sync.Mutex
	verdict  pipeline.Verdict
	findings []finding.Finding
	did      map[string]string
}

func (s *seen) Observe(_ context.Context, e pipeline.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := e.(type) {
	case pipeline.Did:
		s.did[e.Task] = e.Outcome
	case pipeline.Finished:
		s.findings = append(s.findings, e.Findings...)
	}
	return nil
}

func (s *seen) errors() []finding.Finding {
	return slices.DeleteFunc(slices.Clone(s.findings), func(f finding.Finding) bool { return f.Severity != finding.Error })
}

func (w *world) run(options func(*zone.Options)) *seen {
	w.t.Helper()
	loaded, err := project.Load(fstest.MapFS{"workers/api/wrangler.toml": &fstest.MapFile{Data: []byte(w.cfg)}})
	if err != nil {
		w.t.Fatal(err)
	}
	o := zone.Options{Client: w.client("token")}
	for _, env := range []string{"staging", "production"} {
		target, err := loaded.In(env)
		if err != nil {
			w.t.Fatal(err)
		}
		o.Targets = append(o.Targets, target)
	}
	if options != nil {
		options(&o)
	}
	stage, err := zone.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Forget()
	got := &seen{did: map[string]string{}}
	if got.verdict, err = (pipeline.Plan{Steps: []pipeline.Step{{Stage: stage, KeepGoing: true}}}).Run(w.t.Context(), got); err != nil {
		w.t.Fatal(err)
	}
	return got
}

const (
	right = "CNAME tminus.ink true tminus/deploy-action"
	apex  = "AAAA 100:: true tminus/deploy-action"
)

func (w *world) wants(name string, want ...string) {
	w.t.Helper()
	if got := w.records(name); !slices.Equal(got, want) {
		w.t.Errorf("%s has %q, want %q", name, got, want)
	}
}

func TestAllHostsAreBroughtToCloudflareInThreeRoundTrips(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetLatency(10e6)
	got := w.run(func(o *zone.Options) { o.ZoneID = zoneID })
	calls := w.Calls()
	if got.verdict != pipeline.Passed || len(got.findings) > 0 || calls.RoundTrips() != 3 || len(calls) != 3 || len(calls.Writes()) != 1 {
		t.Fatalf("%s: %v, %d calls, %d round trips", got.verdict, got.findings, len(calls), calls.RoundTrips())
	}
	for _, host := range strings.Fields("api-staging app-staging mcp-staging webhooks-staging api app mcp webhooks oauth www") {
		w.wants(host+".tminus.ink", right)
	}
	w.wants("tminus.ink", apex)
	w.wants("oauth-staging.tminus.ink")
	for task, want := range map[string]string{
		"Record of oauth-staging.tminus.ink": "left alone: a custom domain, whose record Cloudflare makes at the deploy",
		"Record of tminus.ink":               "to be made: AAAA 100:: (proxied); the zone's own name cannot be a CNAME to itself",
		"Write the records":                  "11 names changed, 0 right already, 1 custom domains",
	} {
		if got.did[task] != want {
			t.Errorf("%s: %q", task, got.did[task])
		}
	}
	again := w.run(nil)
	if again.verdict != pipeline.Passed || len(w.Calls().Writes()) != 0 || again.did["Record of api.tminus.ink"] != "is right: CNAME tminus.ink (proxied)" {
		t.Errorf("the second run: %s, %v, %d writes", again.verdict, again.did, len(w.Calls().Writes()))
	}
}

func TestADryRunSaysWhatWouldBeAndWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record("A", "api.tminus.ink", "203.0.113.7", true, "")
	got := w.run(func(o *zone.Options) { o.DryRun = true })
	if got.verdict != pipeline.Passed || len(w.Calls().Writes()) != 0 || got.did["Write the records"] != "nothing was written: 11 names to be changed, 0 right already, 1 custom domains" ||
		got.did["Record of api.tminus.ink"] != "A 203.0.113.7 (proxied) becomes CNAME tminus.ink (proxied)" {
		t.Errorf("%s: %v", got.verdict, got.did)
	}
}

// What stands at a name before, what it has afterwards, and whether it was in the way.
func TestWhatStandsAtANameDecides(t *testing.T) {
	t.Parallel()
	const api, zoneName = "api.tminus.ink", "tminus.ink"
	type record struct {
		kind, name, content string
		proxied             bool
		comment             string
	}
	for name, tt := range map[string]struct {
		host     string
		has      []record
		want     []string // afterwards, nothing means that it is in the way
		replaced []string // afterwards with --replace
	}{
		"a right one of somebody":             {api, []record{{"CNAME", api, "tminus.ink", true, "by Ann"}}, []string{"CNAME tminus.ink true by Ann"}, nil},
		"one to the zone that is not proxied": {api, []record{{"CNAME", api, "tminus.ink", false, ""}}, []string{right}, nil},
		"the same with a comment":             {api, []record{{"CNAME", api, "tminus.ink", false, "by Ann"}}, []string{"CNAME tminus.ink true by Ann"}, nil},
		"ours, to somewhere else":             {api, []record{{"CNAME", api, "old.example", true, "tminus/deploy-action"}}, []string{right}, nil},
		"an address":                          {api, []record{{"A", api, "203.0.113.7", false, ""}}, []string{right}, nil},
		"several addresses":                   {api, []record{{"A", api, "203.0.113.7", true, ""}, {"A", api, "203.0.113.8", true, ""}, {"AAAA", api, "2001:db8::1", false, "x"}}, []string{right}, nil},
		"a tunnel":                            {api, []record{{"CNAME", api, "6ff4.cfargotunnel.com", true, ""}}, nil, []string{right}},
		"a page":                              {api, []record{{"CNAME", api, "x.pages.dev", true, ""}}, nil, []string{right}},
		"a foreign target":                    {api, []record{{"CNAME", api, "lb.example", false, "by Ann"}}, nil, []string{"CNAME tminus.ink true by Ann"}},
		"a text beside nothing":               {api, []record{{"TXT", api, "v=1", false, ""}}, []string{apex, "TXT v=1 false"}, nil},
		"a text beside a right one":           {api, []record{{"TXT", api, "v=1", false, ""}, {"CNAME", api, "tminus.ink", true, ""}}, []string{"CNAME tminus.ink true", "TXT v=1 false"}, nil},
		"mail beside a proxied address":       {api, []record{{"MX", api, "mx.example", false, ""}, {"A", api, "203.0.113.7", true, ""}}, []string{"A 203.0.113.7 true", "MX mx.example false"}, nil},
		"mail beside an address":              {api, []record{{"MX", api, "mx.example", false, ""}, {"A", api, "203.0.113.7", false, ""}}, nil, []string{"A 203.0.113.7 true tminus/deploy-action", "MX mx.example false"}},
		"another's name servers":              {api, []record{{"NS", api, "ns.example", false, ""}}, nil, nil},
		"an address of the zone":              {zoneName, []record{{"A", zoneName, "203.0.113.7", true, ""}}, []string{"A 203.0.113.7 true"}, nil},
		"a plain address of the zone":         {zoneName, []record{{"A", zoneName, "203.0.113.7", false, ""}}, nil, []string{"A 203.0.113.7 true tminus/deploy-action"}},
		"a CNAME of the zone":                 {zoneName, []record{{"CNAME", zoneName, "x.pages.dev", true, ""}}, []string{"CNAME x.pages.dev true"}, nil},
		"mail of the zone":                    {zoneName, []record{{"MX", zoneName, "mx.example", false, ""}}, []string{apex, "MX mx.example false"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, r := range tt.has {
				w.record(r.kind, r.name, r.content, r.proxied, r.comment)
			}
			before := w.records(tt.host)
			got := w.run(nil)
			if tt.want != nil {
				if w.wants(tt.host, tt.want...); got.verdict != pipeline.Passed || len(w.records("app.tminus.ink")) != 1 {
					t.Fatalf("%s: %v", got.verdict, got.findings)
				}
				if again := w.run(nil); again.verdict != pipeline.Passed || len(w.Calls().Writes()) != 0 {
					t.Errorf("the second run: %s, %d writes", again.verdict, len(w.Calls().Writes()))
				}
				return
			}
			bad := got.errors()
			if got.verdict != pipeline.Failed || len(bad) != 1 || bad[0].Rule != "dns-conflict" || bad[0].At.Line == 0 || bad[0].Hint == "" {
				t.Fatalf("%s: %v", got.verdict, got.findings)
			}
			w.wants(tt.host, before...)
			w.wants("app.tminus.ink") // one that is in the way keeps all from being written
			if tt.replaced == nil {
				return
			}
			if got := w.run(func(o *zone.Options) { o.Replace = []string{strings.ToUpper(tt.host)} }); got.verdict != pipeline.Passed {
				t.Fatalf("%s: %v", got.verdict, got.findings)
			}
			w.wants(tt.host, tt.replaced...)
			w.wants("app.tminus.ink", right)
		})
	}
}

// A custom domain's record is Cloudflare's, whatever route covers its name too.
func TestARecordThatCloudflareKeepsIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := `{"main_module":"i.js","compatibility_date":"2026-03-17"}`
	form := "--b\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n" + raw + "\r\n--b\r\nContent-Disposition: form-data; name=\"i.js\"; filename=\"i.js\"\r\nContent-Type: application/javascript+module\r\n\r\nexport default { fetch() { return new Response('') } }\r\n--b--\r\n"
	r := httptest.NewRequest("PUT", "/client/v4/accounts/"+w.ID()+"/workers/scripts/elsewhere", strings.NewReader(form))
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	w.ServeHTTP(httptest.NewRecorder(), r)
	if err := w.client("token").PutDomain(t.Context(), cloudflare.Domain{Hostname: "api.tminus.ink", Service: "elsewhere", ZoneID: zoneID}); err != nil {
		t.Fatal(err)
	}
	got := w.run(nil)
	if got.verdict != pipeline.Passed || !strings.HasPrefix(got.did["Record of api.tminus.ink"], "left alone") {
		t.Errorf("%s: %v %v", got.verdict, got.did["Record of api.tminus.ink"], got.findings)
	}
	w.wants("api.tminus.ink", "AAAA 100:: true")
}

func TestWildcardsAndOtherZones(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `"*.docs.tminus.ink/*",`, `"*shop.tminus.ink/*",`, `"*/assets/*",`, `"a.eu.tminus.ink/*",`, `{ pattern = "b.eu.tminus.ink/*", zone_name = "tminus.ink" },`)
	if got := w.run(nil); got.verdict != pipeline.Passed || len(got.findings) != 1 || got.findings[0].Rule != "any-name" {
		t.Fatalf("%s: %v", got.verdict, got.findings)
	}
	for _, name := range []string{"*.docs.tminus.ink", "shop.tminus.ink", "*.shop.tminus.ink", "b.eu.tminus.ink"} {
		w.wants(name, right)
	}
	w.wants("a.eu.tminus.ink", "CNAME eu.tminus.ink true tminus/deploy-action")
}

func TestWhatIsWrongWithZonesIsSaidAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		more    []string
		options func(w *world, o *zone.Options)
		rule    string
		hint    string
	}{
		"an id that nobody has":   {nil, func(_ *world, o *zone.Options) { o.ZoneID = "1234" }, "wrong-zone", "tminus.ink has the id " + zoneID},
		"a zone without a route":  {nil, func(w *world, o *zone.Options) { o.ZoneID = w.zone("other.example") }, "wrong-zone", "leave it out"},
		"a host in no zone":       {[]string{`"api.tminus.inc/*",`}, nil, "no-zone", "add the domain"},
		"a route of another zone": {[]string{`{ pattern = "x.tminus.ink/*", zone_name = "other.example" },`}, nil, "wrong-zone", "zone_name"},
		"a name that is no DNS":   {[]string{`"é.tminus.ink/*",`}, nil, "bad-route", "punycode"},
		"no right to read zones":  {nil, func(w *world, o *zone.Options) { o.Client = w.client("zoneless") }, "missing-permission", `"Zone:Read"`},
		"no right to write":       {nil, func(w *world, o *zone.Options) { o.Client = w.client("reader") }, "missing-permission", `"DNS:Edit"`},
		"a token that nobody has": {nil, func(w *world, o *zone.Options) {
			o.Client = w.client("nobody")
			o.Explain = func(context.Context) error {
				return finding.Errorf("wrong-token", finding.Position{}, "unknown").Hintf("check it")
			}
		}, "wrong-token", "check it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.more...)
			got := w.run(func(o *zone.Options) {
				if tt.options != nil {
					tt.options(w, o)
				}
			})
			bad := got.errors()
			if got.verdict != pipeline.Failed || len(bad) != 1 || bad[0].Rule != tt.rule || !strings.Contains(bad[0].Hint, tt.hint) {
				t.Errorf("%s: %v", got.verdict, got.findings)
			}
			w.wants("api.tminus.ink")
		})
	}
}

func (w *world) zone(name string) string {
	w.t.Helper()
	zones, err := w.client("token").Zones(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return zones[slices.IndexFunc(zones, func(z cloudflare.Zone) bool { return z.Name == name })].ID
}

// A record that somebody makes between the reading and the writing undoes the whole
// call, and the next run goes on.
func TestAChangeInBetweenWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record("A", "app.tminus.ink", "203.0.113.7", true, "")
	w.Break(traffic.Fault{Method: "POST", Path: "/zones/*/dns_records/batch", Drop: true, After: true})
	if got := w.run(nil); got.verdict != pipeline.Failed {
		t.Errorf("%s, although the answer was lost", got.verdict)
	}
	w.Mend()
	if got := w.run(nil); got.verdict != pipeline.Passed || len(w.Calls().Writes()) != 0 {
		t.Errorf("%s: %v, %d writes", got.verdict, got.findings, len(w.Calls().Writes()))
	}
	w.wants("app.tminus.ink", right)
}

func TestAReplacementOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	_, err := zone.New(zone.Options{Replace: []string{"apy.tminus.ink"}})
	if err == nil || !strings.Contains(err.Error(), "no route claims that name") {
		t.Errorf("got %v", err)
	}
}

func TestManyHostsGoIntoSeveralCallsAndStayTogether(t *testing.T) {
	t.Parallel()
	var more []string
	for i := range 150 {
		more = append(more, fmt.Sprintf(`"h%d.tminus.ink/*",`, i))
	}
	w := newWorld(t, more...)
	for i := range 150 {
		w.record("A", fmt.Sprintf("h%d.tminus.ink", i), "203.0.113.7", true, "")
	}
	got := w.run(nil)
	writes := w.Calls().Writes()
	if got.verdict != pipeline.Passed || len(writes) != 2 {
		t.Errorf("%s: %v, %d writes", got.verdict, got.findings, len(writes))
	}
	w.wants("h149.tminus.ink", right)
}

package fakecloudflare_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	fake "github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/identity"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
)

func TestTheDoor(t *testing.T) {
	t.Parallel()
	_, c := newAccount(t, fake.Options{Token: "fake-token", Tokens: []identity.Token{{Secret: "d1-only", Permissions: []string{envelope.D1Edit}}}})
	for _, test := range []struct {
		name, line, token string
		status, code      int
	}{
		{"a path nobody has", "GET /accounts/A/pages/projects", "fake-token", 404, 7003},
		{"a method the path does not have", "POST /accounts/A", "fake-token", 405, 10405},
		{"an unknown token", "GET /accounts/A", "guess", 403, 10000},
		{"a token without the permission", "GET /accounts/A/workers/scripts", "d1-only", 403, 10000},
		{"a token with it", "GET /accounts/A/d1/database", "d1-only", 200, 0},
		{"an identifier that is none", "GET /accounts/mine/queues", "fake-token", 404, 7003},
		{"an empty script name", "GET /accounts/A/workers/scripts/", "fake-token", 404, 7003},
	} {
		c.token = test.token
		if r := c.do(test.line, ""); r.Status != test.status || r.code() != test.code || (r.code() != 0) == r.Success {
			t.Errorf("%s: %d %s, want %d %d", test.name, r.Status, r.Raw, test.status, test.code)
		}
	}
	w := httptest.NewRecorder()
	fake.New(fake.Options{}).ServeHTTP(w, httptest.NewRequest("GET", "/accounts", nil))
	if w.Code != 404 || !strings.Contains(w.Body.String(), "7003") {
		t.Errorf("without the base path: %d %s", w.Code, w.Body)
	}
}

func TestEveryEndpointOfAnAccountWithoutWorkers(t *testing.T) {
	t.Parallel()
	_, c := newAccount(t, fake.Options{Zones: []fake.Zone{{Name: "example.com", ID: "zzz0zzz0"}}, Subdomain: "sub"})
	for _, line := range []string{
		"GET /user", "GET /user/tokens/verify", "GET /memberships", "GET /accounts", "GET /accounts/A", "GET /zones", "GET /zones/zzz0zzz0",
		"GET /accounts/A/workers/scripts", "GET /accounts/A/workers/workers", "GET /accounts/A/workers/subdomain", "GET /accounts/A/workers/domains",
		"GET /accounts/A/queues", "GET /accounts/A/workflows", "GET /accounts/A/storage/kv/namespaces", "GET /accounts/A/r2/buckets", "GET /accounts/A/d1/database",
		"GET /zones/zzz0zzz0/dns_records", "GET /zones/zzz0zzz0/workers/routes",
	} {
		if r := c.do(line, ""); !r.Success || string(r.Result) == "null" {
			t.Errorf("%s: %d %s", line, r.Status, r.Raw)
		}
	}
}

func TestAScriptFromItsFirstUploadToItsEnd(t *testing.T) {
	t.Parallel()
	_, c := newAccount(t, fake.Options{Subdomain: "sub", Zones: []fake.Zone{{Name: "example.com"}}})
	const one = "/accounts/A/workers/scripts/w"
	for line, code := range map[string]int{
		"GET " + one + "/deployments": 10007, "GET " + one + "/settings": 10007, "GET " + one + "/secrets": 10007, "GET /accounts/A/workers/services/w": 10090,
	} {
		if r := c.do(line, ""); r.code() != code || r.Status != 404 {
			t.Errorf("%s before there is a script: %d %d, want %d", line, r.Status, r.code(), code)
		}
	}
	if r := c.send("POST "+one+"/versions", "", hello); r.code() != 10007 {
		t.Errorf("a version before there is a script: %s", r.Raw)
	}
	first := c.put("w", `"bindings":[{"name":"V","type":"plain_text","text":"1"}],"tags":["cf:service=w"],"annotations":{"workers/tag":"t1"}`, hello)
	second := c.upload("w", `"bindings":[{"name":"V","type":"inherit"}]`, hello)
	c.deploy("w", second)
	c.must("PUT "+one+"/routes", `[{"pattern":"w.example.com/*","zone_name":"example.com"}]`, nil)
	var list []map[string]json.RawMessage
	c.must("GET /accounts/A/workers/scripts", "", &list)
	for field, want := range map[string]string{"id": `"w"`, "tags": `["cf:service=w"]`, "handlers": `["fetch"]`, "last_deployed_from": `"api"`, "logpush": "false"} {
		if got := string(list[0][field]); got != want {
			t.Errorf("the list says %s is %s, want %s", field, got, want)
		}
	}
	var deployments struct {
		Deployments []struct {
			Versions []struct {
				Version string `json:"version_id"`
			}
		}
	}
	c.must("GET "+one+"/deployments", "", &deployments)
	if d := deployments.Deployments; len(d) != 2 || d[0].Versions[0].Version != second || d[1].Versions[0].Version != first {
		t.Errorf("deployments are %+v", d)
	}
	r := c.must("GET "+one+"/versions/"+first, "", nil)
	for _, want := range []string{`"workers/tag":"t1"`, `"has_preview":false`, `"text":"1"`, `"compatibility_date":"2026-03-20"`, `"number":1`} {
		if !strings.Contains(string(r.Result), want) {
			t.Errorf("the version has no %s: %s", want, r.Result)
		}
	}
	if r := c.do("GET "+one+"/content/v2?version="+first, ""); !strings.Contains(r.Raw, hello) || r.Header.Get("cf-entrypoint") != "index.js" {
		t.Errorf("the content is %s", r.Raw)
	}
	c.must("DELETE /accounts/A/workers/services/w?force=true", "", nil)
	if r := c.do("GET "+one+"/deployments", ""); r.code() != 10007 {
		t.Errorf("after deleting: %s", r.Raw)
	}
}

func TestSettingsOfAScript(t *testing.T) {
	t.Parallel()
	_, c := newAccount(t, fake.Options{Subdomain: "sub"})
	const one = "/accounts/A/workers/scripts/w"
	c.put("w", "", hello)
	for _, test := range []struct{ name, line, body, want string }{
		{"workers.dev on", "POST " + one + "/subdomain", `{"enabled":true}`, `{"enabled":true,"previews_enabled":true}`},
		{"workers.dev off", "DELETE " + one + "/subdomain", ``, `{"enabled":false,"previews_enabled":false}`},
		{"tags", "PATCH " + one + "/script-settings", `{"tags":["a"],"observability":{"enabled":true}}`, `"tags":["a"]`},
		{"tags stay", "PATCH " + one + "/script-settings", `{"logpush":true}`, `"tags":["a"]`},
		{"schedules", "PUT " + one + "/schedules", `[{"cron":"*/5 * * * *"}]`, `"cron":"*/5 * * * *"`},
		{"no schedules", "PUT " + one + "/schedules", `[]`, `{"schedules":[]}`},
		{"the settings of the version", "GET " + one + "/settings", ``, `"compatibility_flags":["nodejs_compat"]`},
		{"the newer view", "GET /accounts/A/workers/workers/w", ``, `"url":"https://w.sub.workers.dev"`},
		{"the account's name", "PUT /accounts/A/workers/subdomain", `{"subdomain":"other"}`, `"other"`},
	} {
		if r := c.do(test.line, test.body); !strings.Contains(string(r.Result), test.want) {
			t.Errorf("%s: %s, want %s", test.name, r.Raw, test.want)
		}
	}
	for line, code := range map[string]int{"GET /accounts/A/workers/subdomains/other": 10031, "GET /accounts/A/workers/subdomains/free": 10032} {
		if r := c.do(line, ""); r.code() != code {
			t.Errorf("%s: %d", line, r.code())
		}
	}
}

func TestSecretsOverTheAPI(t *testing.T) {
	t.Parallel()
	server, c := newAccount(t, fake.Options{Subdomain: "sub"})
	const one = "/accounts/A/workers/scripts/w"
	c.put("w", `"bindings":[{"name":"V","type":"plain_text","text":"1"}]`, hello)
	c.must("PUT "+one+"/secrets", `{"name":"A","text":"hunter2","type":"secret_text"}`, nil)
	c.must("PATCH "+one+"/secrets-bulk", `{"secrets":{"B":{"name":"B","text":"1","type":"secret_text"},"A":null}}`, nil, "Content-Type", "application/merge-patch+json")
	if r := c.do("PATCH "+one+"/secrets-bulk", `{"secrets":{}}`); r.Status != 415 {
		t.Errorf("a merge patch that does not say so: %d", r.Status)
	}
	// the way of wrangler 4.65: every binding by name, values only for what is new
	body := "--x\r\nContent-Disposition: form-data; name=\"settings\"\r\n\r\n" +
		`{"bindings":[{"type":"plain_text","name":"V"},{"type":"secret_text","name":"B"},{"type":"secret_text","name":"C","text":"3"}]}` + "\r\n--x--\r\n"
	c.must("PATCH "+one+"/settings", body, nil, "Content-Type", "multipart/form-data; boundary=x")
	c.must("PATCH /accounts/A/workers/workers/w/versions/latest", `{"env":{"D":{"type":"secret_text","text":"4"}},"annotations":{"workers/message":"m"}}`, nil, "Content-Type", "application/merge-patch+json")
	var names []struct{ Name string }
	c.must("GET "+one+"/secrets", "", &names)
	var got []string
	for _, n := range names {
		got = append(got, n.Name)
	}
	if want := []string{"B", "C", "D"}; !slices.Equal(got, want) {
		t.Errorf("secrets are %v, want %v", got, want)
	}
	if r := c.do("DELETE "+one+"/secrets/B?url_encoded=true", ""); r.code() != 10215 {
		t.Errorf("a secret while the newest version is not deployed: %s", r.Raw)
	}
	s, err := server.Scripts.Get("w")
	if err != nil || len(s.Versions) != 5 || len(s.Deployments) != 4 {
		t.Errorf("%d versions and %d deployments, %v", len(s.Versions), len(s.Deployments), err)
	}
	if v, ok := s.Newest().Binding("V"); !ok || v.Text("text") != "1" {
		t.Errorf("the variable became %+v", v)
	}
	for _, call := range server.Calls() {
		if strings.Contains(string(call.Body), "hunter2") {
			t.Errorf("the record of %s %s has the secret", call.Method, call.Path)
		}
	}
}

func TestWhatAnAccountBindsMustExist(t *testing.T) {
	t.Parallel()
	server, c := newAccount(t, fake.Options{Subdomain: "sub"})
	db, err := server.D1.Create("db", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		binding string
		code    int
	}{
		{`{"name":"X","type":"d1","id":"` + db.ID + `"}`, 0},
		{`{"name":"X","type":"d1","id":"00000000-0000-4000-8000-000000000000"}`, 10181},
		{`{"name":"X","type":"kv_namespace","namespace_id":"00000000000000000000000000000000"}`, 10041},
		{`{"name":"X","type":"r2_bucket","bucket_name":"nope"}`, 10085},
		{`{"name":"X","type":"queue","queue_name":"nope"}`, 11000},
		{`{"name":"X","type":"service","service":"nope"}`, 10144},
		{`{"name":"X","type":"durable_object_namespace","class_name":"C","script_name":"nope"}`, 10061},
	} {
		if r := c.send("PUT /accounts/A/workers/scripts/w", `"bindings":[`+test.binding+`]`, hello); r.code() != test.code {
			t.Errorf("%s: %s, want %d", test.binding, r.Raw, test.code)
		}
	}
	if r := c.send("PUT /accounts/A/workers/scripts/w", "", "export default {"); r.code() != 10021 {
		t.Errorf("code that does not parse: %s", r.Raw)
	}
}

func TestAConsumerNeedsItsHandlerAndKeepsItsScript(t *testing.T) {
	t.Parallel()
	server, c := newAccount(t, fake.Options{Subdomain: "sub"})
	q, err := server.Queues.Create("q", queue.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	c.put("mute", "", hello)
	c.put("w", `"bindings":[{"name":"Q","type":"queue","queue_name":"q"}]`, `export default { async queue(batch) {} }`)
	consumers := "POST /accounts/A/queues/" + q.ID + "/consumers"
	if r := c.do(consumers, `{"type":"worker","script_name":"mute"}`); r.code() != 11001 {
		t.Errorf("a script without a handler: %s", r.Raw)
	}
	c.must(consumers, `{"type":"worker","script_name":"w","settings":{}}`, nil)
	if r := c.do("DELETE /accounts/A/workers/scripts/w?force=true", ""); r.code() != 10064 {
		t.Errorf("deleting a consumer: %s", r.Raw)
	}
	if r := c.must("GET /accounts/A/queues/"+q.ID, "", nil); !strings.Contains(string(r.Result), `"producers":[{"type":"worker","script":"w"}]`) {
		t.Errorf("the queue is %s", r.Result)
	}
}

func TestFaultsAndRecordsOfAnAccount(t *testing.T) {
	t.Parallel()
	server, c := newAccount(t, fake.Options{Subdomain: "sub"})
	c.put("w", "", hello)
	server.Break(traffic.Fault{Method: "POST", Path: "/accounts/*/workers/scripts/*/versions", After: true, Refusal: traffic.Unknown()})
	if r := c.send("POST /accounts/A/workers/scripts/w/versions", "", hello); r.code() != 10013 || r.Status != 500 {
		t.Errorf("the broken call: %s", r.Raw)
	}
	if s, _ := server.Scripts.Get("w"); len(s.Versions) != 2 {
		t.Errorf("%d versions: the effect is missing", len(s.Versions))
	}
	server.Scripts.SetStaleReads(1)
	v := c.upload("w", "", hello)
	if r := c.do("GET /accounts/A/workers/scripts/w/versions/"+v, ""); r.code() != 100146 {
		t.Errorf("the first read: %s", r.Raw)
	}
	c.deploy("w", v)
	calls := server.Calls()
	if last := calls[len(calls)-1]; last.Pattern != "POST /accounts/{account}/workers/scripts/{script}/deployments" || !strings.HasPrefix(last.Path, "/accounts/acc0") {
		t.Errorf("the last call is %+v", last)
	}
	if n := calls.RoundTrips(); n != len(calls) {
		t.Errorf("%d round trips of %d calls one after another", n, len(calls))
	}
	if n := len(calls.Matching("POST", "/accounts/*/workers/scripts/*/versions")); n != 2 {
		t.Errorf("%d uploads of versions", n)
	}
}

func TestAnalyticsAreEmpty(t *testing.T) {
	t.Parallel()
	_, c := newAccount(t, fake.Options{})
	r := c.do("POST /graphql", `{"query":"query($a:string!){viewer{accounts(filter:{accountTag:$a}){workersInvocationsAdaptive(limit:1){sum{requests}}}}}","variables":{"a":"x"}}`)
	if r.Status != 200 || strings.TrimSpace(r.Raw) != `{"data":{"viewer":{"accounts":[{"workersInvocationsAdaptive":[]}]}},"errors":null}` {
		t.Errorf("%d %s", r.Status, r.Raw)
	}
}

func TestTheAccountsClock(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	_, c := newAccount(t, fake.Options{Subdomain: "sub", Clock: func() time.Time { return at }})
	c.t = t
	if r := c.send("PUT /accounts/A/workers/scripts/w", "", hello); r.code() != 10021 || !strings.Contains(r.Raw, "in the future") {
		t.Errorf("a compatibility date after today: %s", r.Raw)
	}
}

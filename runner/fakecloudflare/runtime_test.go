//go:build unix

package fakecloudflare_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
)

func TestAWorkerSeesItsBindings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	db, err := s.D1.Create("db", "")
	if err != nil {
		t.Fatal(err)
	}
	kv, err := s.KV.Create("kv", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.R2.Create("bucket"); err != nil {
		t.Fatal(err)
	}
	s.must("POST /accounts/A/d1/database/"+db.ID+"/query", `{"sql":"CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB); INSERT INTO t VALUES (1, x'00ff');"}`, nil)
	s.put("inner", "", `import { WorkerEntrypoint } from "cloudflare:workers";
		export class Named extends WorkerEntrypoint { async shout(x) { return x.toUpperCase() + this.ctx.props.mark; } }
		export default { fetch(r) { return new Response("inner " + new URL(r.url).pathname) } }`)
	version := s.put("w", fmt.Sprintf(`"bindings":[{"name":"TEXT","type":"plain_text","text":"hello"},{"name":"JSON","type":"json","json":{"a":[1,true]}},
		{"name":"SECRET","type":"secret_text","text":"s3cret"},{"name":"DB","type":"d1","id":%q},{"name":"KV","type":"kv_namespace","namespace_id":%q},
		{"name":"BUCKET","type":"r2_bucket","bucket_name":"bucket"},{"name":"INNER","type":"service","service":"inner"},{"name":"SELF","type":"service","service":"w"},
		{"name":"NAMED","type":"service","service":"inner","entrypoint":"Named","props":{"mark":"!"}},{"name":"VERSION","type":"version_metadata"},
		{"name":"LIMIT","type":"ratelimit","namespace_id":"1","simple":{"limit":1,"period":60}},{"name":"POINTS","type":"analytics_engine","dataset":"d"},
		{"name":"AI","type":"ai"},{"name":"MAIL","type":"send_email"}],"annotations":{"workers/tag":"v7"}`, db.ID, kv.ID), `
		import { createHash } from "node:crypto";
		const pages = {
			text: (r, env) => [env.TEXT, env.JSON.a[1], env.SECRET, createHash("md5").update("x").digest("hex").slice(0, 4)].join(),
			address: (r) => [r.url, r.method, r.headers.get("host"), r.headers.get("cf-connecting-ip"), r.cf.colo].join(),
			async d1(r, env) {
				await env.DB.prepare("INSERT INTO t VALUES (?, ?)").bind(2, "two").run();
				const batch = await env.DB.batch([env.DB.prepare("SELECT count(*) AS n FROM t"), env.DB.prepare("SELECT b FROM t WHERE a = ?").bind(1)]);
				const failed = await env.DB.prepare("SELEC").all().catch((e) => e.message);
				return JSON.stringify([batch[0].results, batch[1].results, await env.DB.prepare("SELECT a FROM t").raw(), failed]);
			},
			async kv(r, env) { await env.KV.put("k", "from the Worker", { metadata: { m: 1 } }); const v = await env.KV.getWithMetadata("k"); return v.value + v.metadata.m + (await env.KV.list()).keys.length + (await env.KV.get("api")); },
			async r2(r, env) { await env.BUCKET.put("o", "object"); return (await (await env.BUCKET.get("o")).text()); },
			async service(r, env) { return (await (await env.INNER.fetch("https://x/path")).text()) + " " + (await env.NAMED.shout("named")) + " " + (await (await env.SELF.fetch("https://x/text")).text()).slice(0, 5); },
			version: (r, env) => env.VERSION.id + " " + env.VERSION.tag,
			async limit(r, env) { return [(await env.LIMIT.limit({ key: "a" })).success, (await env.LIMIT.limit({ key: "a" })).success].join(); },
			points: (r, env) => { env.POINTS.writeDataPoint({ blobs: ["x"] }); return "written"; },
			async ai(r, env) { try { await env.AI.run("model", {}); } catch (e) { return e.message; } },
			async mail(r, env) { try { await env.MAIL.send({}); } catch (e) { return e.message; } },
			async outside() { const r = await fetch("https://example.org/"); return r.status + (await r.text()).slice(0, 16); },
			body: async (r) => (await r.text()).length + r.headers.get("x-custom"),
		};
		export default { async fetch(r, env) { return new Response(await pages[new URL(r.url).pathname.slice(1)](r, env)); } }`)
	s.route("w")
	s.do("PUT /accounts/A/storage/kv/namespaces/"+kv.ID+"/values/api", "from the API", "Content-Type", "text/plain")
	for page, want := range map[string]string{
		"text":        "hello,true,s3cret,9dd4",
		"address?q=1": "https://w.example.com/address?q=1,GET,w.example.com,127.0.0.1,AMS",
		"d1":          `[[{"n":2}],[{"b":[0,255]}],[[1],[2]],"D1_ERROR: near \"SELEC\": syntax error at offset 0: SQLITE_ERROR"]`,
		"kv":          "from the Worker12from the API",
		"r2":          "object",
		"service":     "inner /path NAMED! hello",
		"version":     version + " v7",
		"limit":       "true,false",
		"points":      "written",
		"ai":          "env.AI cannot be used in the fake account: bindings of type ai have no counterpart here",
		"mail":        "env.MAIL cannot be used in the fake account: bindings of type send_email have no counterpart here",
		"outside":     "530error code: 1016",
	} {
		s.says("w", "/"+page, want)
	}
	if _, got := s.ask("POST", "w", "/body", strings.Repeat("x", 200_000), "X-Custom", "yes"); got != "200000yes" {
		t.Errorf("a body arrives as %q", got)
	}
	if r := s.must("POST /accounts/A/d1/database/"+db.ID+"/query", `{"sql":"SELECT b FROM t WHERE a = 2"}`, nil); !strings.Contains(r.Raw, `{"b":"two"}`) {
		t.Errorf("the API sees %s", r.Raw)
	}
	if r := s.do("GET /accounts/A/storage/kv/namespaces/"+kv.ID+"/values/k", ""); r.Raw != "from the Worker" {
		t.Errorf("the API sees %q", r.Raw)
	}
}

func TestMessagesFlow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := map[string]string{}
	for _, name := range []string{"q", "dead"} {
		made, err := s.Queues.Create(name, queue.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		id[name] = made.ID
	}
	kv, err := s.KV.Create("kv", "")
	if err != nil {
		t.Fatal(err)
	}
	s.put("producer", `"bindings":[{"name":"Q","type":"queue","queue_name":"q"}]`, `export default { async fetch(r, env) {
		await env.Q.send({ n: 1 }); await env.Q.sendBatch([{ body: "two", contentType: "text" }, { body: new Uint8Array([3]), contentType: "bytes" }, { body: new Map([["four", 4]]), contentType: "v8" }]);
		await env.Q.send("poison");
		return new Response("sent") } }`)
	consumer := func(mark string) string {
		return `export default { async queue(batch, env) { for (const m of batch.messages) {
			if (m.body === "poison") { m.retry(); continue }
			const b = m.body instanceof ArrayBuffer ? new Uint8Array(m.body)[0] : m.body instanceof Map ? m.body.get("four") : m.body.n ?? m.body;
			await env.KV.put(m.id, "` + mark + ` " + batch.queue + " " + b + " " + m.attempts); } } }`
	}
	bound := fmt.Sprintf(`"bindings":[{"name":"KV","type":"kv_namespace","namespace_id":%q}]`, kv.ID)
	s.put("consumer", bound, consumer("A"))
	s.route("producer")
	s.says("producer", "/", "sent") // before anybody consumes: the messages wait
	s.put("consumer", bound, consumer("B"))
	s.must("POST /accounts/A/queues/"+id["q"]+"/consumers", `{"type":"worker","script_name":"consumer","dead_letter_queue":"dead","settings":{"batch_size":10,"max_wait_time_ms":50,"max_retries":1}}`, nil)
	backlog := func(name string) (n struct {
		Count int `json:"backlog_count"`
	}) {
		s.must("GET /accounts/A/queues/"+id[name]+"/metrics", "", &n)
		return n
	}
	for end := time.Now().Add(20 * time.Second); backlog("q").Count > 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	if n := backlog("dead").Count; n != 1 {
		t.Errorf("%d messages are dead, want 1", n)
	}
	var keys []struct{ Name string }
	s.must("GET /accounts/A/storage/kv/namespaces/"+kv.ID+"/keys", "", &keys)
	var got []string
	for _, key := range keys {
		got = append(got, s.do("GET /accounts/A/storage/kv/namespaces/"+kv.ID+"/values/"+key.Name, "").Raw)
	}
	slices.Sort(got)
	if want := []string{"B q 1 1", "B q 3 1", "B q 4 1", "B q two 1"}; !slices.Equal(got, want) {
		t.Errorf("consumed %q, want %q", got, want)
	}
}

func TestWorkflowsCronsAndTails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	kv, err := s.KV.Create("kv", "")
	if err != nil {
		t.Fatal(err)
	}
	version := s.put("w", fmt.Sprintf(`"bindings":[{"name":"F","type":"workflow","workflow_name":"flow","class_name":"Flow"},{"name":"KV","type":"kv_namespace","namespace_id":%q}]`, kv.ID), `
		import { WorkflowEntrypoint } from "cloudflare:workers";
		export class Flow extends WorkflowEntrypoint { async run(event, step) { const n = await step.do("double", async () => event.payload.n * 2); await this.env.KV.put("flow", String(n)); return n; } }
		export default {
			async fetch(r, env) { const i = await env.F.create({ params: { n: 21 } }); console.log("made", i.id.length > 0); return new Response("made"); },
			async scheduled(event, env) { await env.KV.put("cron", event.cron); },
		}`)
	s.must("PUT /accounts/A/workflows/flow", `{"script_name":"w","class_name":"Flow"}`, nil)
	s.route("w")
	var tail struct{ URL string }
	s.must("POST /accounts/A/workers/scripts/w/tails", `{"filters":[]}`, &tail)
	conn, _, _, err := ws.Dialer{Protocols: []string{"trace-v1"}}.Dial(t.Context(), tail.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	s.says("w", "/", "made")
	event, err := wsutil.ReadServerText(conn)
	if text := string(event); err != nil || !strings.Contains(text, `"message":["made",true]`) || !strings.Contains(text, version) || !strings.Contains(text, `"scriptName":"w"`) {
		t.Errorf("the tail heard %s, %v", text, err)
	}
	if err := s.RunCron(t.Context(), "w", "*/5 * * * *"); err != nil {
		t.Error(err)
	}
	value := func(key string) string {
		return s.do("GET /accounts/A/storage/kv/namespaces/"+kv.ID+"/values/"+key, "").Raw
	}
	if got := value("cron"); got != "*/5 * * * *" {
		t.Errorf("the cron was %q", got)
	}
	for end := time.Now().Add(20 * time.Second); value("flow") != "42" && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	if got := value("flow"); got != "42" {
		t.Errorf("the workflow left %q", got)
	}
}

func TestAWebSocketThroughTheEdge(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put("w", "", `export default { fetch() { const [a, b] = Object.values(new WebSocketPair()); b.accept(); b.addEventListener("message", (m) => b.send("heard " + m.data)); return new Response(null, { status: 101, webSocket: a }) } }`)
	s.route("w")
	transport, ok := s.web.Transport.(*http.Transport)
	if !ok {
		t.Fatal("the client has another transport")
	}
	conn, _, _, err := ws.Dialer{NetDial: transport.DialContext, TLSConfig: transport.TLSClientConfig}.Dial(t.Context(), "wss://w.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte("hello")))); err != nil {
		t.Fatal(err)
	}
	if text, err := wsutil.ReadServerText(conn); err != nil || string(text) != "heard hello" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestWhoAnswersAtTheEdge(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put("w", "", `export default { fetch() { return new Response("w") } }`)
	for _, test := range []struct {
		host   string
		status int
		body   string
	}{
		{"example.com", 530, "error code: 1016"},
		{"free.example.com", 522, "error code: 522"},
		{"example.org", 530, "error code: 1001"},
		{"w.sub.workers.dev", 404, "error code: 1042"},
	} {
		resp, err := s.web.Get("https://" + test.host + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != test.status || !strings.HasPrefix(string(body), test.body) {
			t.Errorf("%s answers %d %q, want %d %q", test.host, resp.StatusCode, body, test.status, test.body)
		}
	}
	s.must("POST /accounts/A/workers/scripts/w/subdomain", `{"enabled":true}`, nil)
	resp, err := s.web.Get("https://w.sub.workers.dev/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); string(body) != "w" {
		t.Errorf("workers.dev answers %d %q", resp.StatusCode, body)
	}
}

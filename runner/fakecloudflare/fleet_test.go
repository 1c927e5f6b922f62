//go:build unix

package fakecloudflare_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

const counter = `import { DurableObject } from "cloudflare:workers";
	export class Counter extends DurableObject { async add() { const n = ((await this.ctx.storage.get("n")) ?? 0) + 1; await this.ctx.storage.put("n", n); return n; } }
	export default { async fetch(r, env) { return new Response(VERSION + " " + (await env.C.get(env.C.idFromName("x")).add())); } }`

func TestAnOlderVersionAnswersAgainAndObjectsKeepTheirState(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const own = `"bindings":[{"name":"C","type":"durable_object_namespace","class_name":"Counter"}]`
	first := s.put("w", own+`,"migrations":{"new_tag":"v1","steps":[{"new_sqlite_classes":["Counter"]}]}`, strings.Replace(counter, "VERSION", `"one"`, 1))
	s.put("other", `"bindings":[{"name":"C","type":"durable_object_namespace","class_name":"Counter","script_name":"w"}]`,
		`export default { async fetch(r, env) { return new Response("other " + (await env.C.get(env.C.idFromName("x")).add())); } }`)
	s.route("w", "other")
	s.says("w", "/", "one 1")
	s.says("other", "/", "other 2")
	second := s.upload("w", own, strings.Replace(counter, "VERSION", `"two"`, 1))
	s.says("w", "/", "one 3")
	s.deploy("w", second)
	s.says("w", "/", "two 4")
	s.deploy("w", first)
	s.says("w", "/", "one 5")
	s.put("w", `"bindings":[{"name":"C","type":"durable_object_namespace","class_name":"Renamed"}],"migrations":{"old_tag":"v1","new_tag":"v2","steps":[{"renamed_classes":[{"from":"Counter","to":"Renamed"}]}]}`,
		strings.NewReplacer("VERSION", `"renamed"`, "class Counter", "class Renamed").Replace(counter))
	s.says("w", "/", "renamed 6")
	if status, got := s.ask("GET", "other", "/", ""); status != 500 || got != "error code: 1101" {
		t.Errorf("a Worker bound to the class that was renamed: %d %q", status, got)
	}
}

func TestNoRequestIsLostWhileTheFleetIsServedAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	code := func(n int) string {
		return fmt.Sprintf(`export default { async fetch(r) { return new Response("%d " + (await r.text()).length) } }`, n)
	}
	s.put("w", "", code(0))
	s.route("w")
	done := make(chan struct{})
	var visitors sync.WaitGroup
	for range 3 {
		visitors.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if status, got := s.ask("POST", "w", "/", "hello"); status != http.StatusOK {
					t.Errorf("a visitor was answered %d %q", status, got)
				}
			}
		})
	}
	for n := range 8 {
		s.put("w", "", code(n))
		if _, got := s.ask("POST", "w", "/", "hello"); got != fmt.Sprintf("%d 5", n) {
			t.Errorf("after deployment %d: %q", n, got)
		}
	}
	close(done)
	visitors.Wait()
}

func TestOneBrokenWorkerDoesNotTakeTheOthersDown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put("well", "", `export default { fetch() { return new Response("well") } }`)
	s.put("broken", "", `throw new Error("not today"); export class Named {}; export default { fetch() { return new Response("never") } }`)
	s.put("caller", `"bindings":[{"name":"B","type":"service","service":"broken"},{"name":"N","type":"service","service":"broken","entrypoint":"Named"}]`,
		`export default { async fetch(r, env) { try { return await env.B.fetch(r) } catch (e) { return new Response("caught " + e.message.includes("not today")) } } }`)
	s.put("alsobroken", `"bindings":[{"name":"N","type":"service","service":"well","entrypoint":"Nobody"}]`, `export default { fetch() { return new Response("never") } }`)
	s.put("throws", "", `export default { fetch(r) { if (r.url.endsWith("/ok")) return new Response("ok"); throw new Error("at run time") } }`)
	body, kind := form(t, `{"main_module":"index.js"}`, hello)
	if r := s.do("PUT /accounts/A/workers/scripts/outside", strings.ReplaceAll(body, "index.js", "../../index.js"), "Content-Type", kind); !r.Success {
		t.Fatal(r.Raw)
	}
	s.route("well", "broken", "caller", "alsobroken", "throws", "outside")
	s.says("well", "/", "well")
	s.says("caller", "/", "caught true")
	s.says("throws", "/ok", "ok")
	for _, name := range []string{"broken", "alsobroken", "throws", "outside"} {
		if status, got := s.ask("GET", name, "/", ""); status != 500 || got != "error code: 1101" {
			t.Errorf("%s answers %d %q", name, status, got)
		}
	}
	failures := s.Fleet.Failures()
	if len(failures) != 3 || !strings.Contains(failures["outside"], "leads out of its directory") || !strings.Contains(failures["broken"], "not today") || !strings.Contains(failures["alsobroken"], "Nobody") {
		t.Errorf("failures are %q", failures)
	}
	s.put("broken", "", `export class Named {}; export default { fetch() { return new Response("mended") } }`)
	s.says("broken", "/", "mended")
	s.must("DELETE /accounts/A/workers/scripts/well?force=true", "", nil)
	if status, got := s.ask("GET", "well", "/", ""); status != 522 {
		t.Errorf("a deleted Worker answers %d %q", status, got)
	}
}

func TestStaticFilesBelongToAVersion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const code = `export default { async fetch(r, env) { const p = new URL(r.url).pathname; return p.startsWith("/api/") ? new Response("worker " + p) : env.ASSETS.fetch(r) } }`
	metadata := func(jwt string) string {
		return `"assets":{"jwt":"` + jwt + `","config":{"html_handling":"auto-trailing-slash","not_found_handling":"single-page-application","run_worker_first":["/api/*"]}},"bindings":[{"name":"ASSETS","type":"assets"}]`
	}
	first := s.put("app", metadata(s.files("app", map[string]string{"/index.html": "<p>one", "/about.html": "<p>about"})), code)
	s.put("other", metadata(s.files("other", map[string]string{"/index.html": "<p>another"})), code)
	s.route("app", "other")
	for path, want := range map[string]string{"/": "<p>one", "/about": "<p>about", "/api/x": "worker /api/x", "/some/page": "<p>one"} {
		status, got := s.ask("GET", "app", path, "", "Sec-Fetch-Mode", "navigate")
		if status != 200 || got != want {
			t.Errorf("%s answers %d %q, want %q", path, status, got, want)
		}
	}
	s.says("other", "/", "<p>another")
	s.put("app", metadata(s.files("app", map[string]string{"/index.html": "<p>two"})), code)
	s.says("app", "/", "<p>two")
	s.says("other", "/", "<p>another")
	s.deploy("app", first)
	s.says("app", "/", "<p>one")
	if r := s.send("PUT /accounts/A/workers/scripts/app", metadata("forged"), code); r.code() != 10021 {
		t.Errorf("files that were never uploaded: %s", r.Raw)
	}
}

func TestSplitDeployments(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	code := func(text string) string { return `export default { fetch() { return new Response("` + text + `") } }` }
	old := s.put("w", "", code("old"))
	new := s.upload("w", "", code("new"))
	s.route("w")
	s.must("POST /accounts/A/workers/scripts/w/deployments", fmt.Sprintf(`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":25},{"version_id":%q,"percentage":75}]}`, new, old), nil)
	got := map[string]int{}
	for range 40 {
		_, text := s.ask("GET", "w", "/", "")
		got[text]++
	}
	if got["new"] != 10 || got["old"] != 30 {
		t.Errorf("40 requests were answered by %v", got)
	}
	s.must("POST /accounts/A/workers/scripts/w/deployments", fmt.Sprintf(`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":100},{"version_id":%q,"percentage":0}]}`, old, new), nil)
	for id, want := range map[string]string{new: "new", old: "old", "11111111-1111-4111-8111-111111111111": "old"} {
		if _, text := s.ask("GET", "w", "/", "", "Cloudflare-Workers-Version-Overrides", `other="x", w="`+id+`"`); text != want {
			t.Errorf("overridden with %s: %s, want %s", id, text, want)
		}
	}
	_, pinned := s.ask("GET", "w", "/", "", "Cloudflare-Workers-Version-Key", "me")
	if _, again := s.ask("GET", "w", "/", "", "Cloudflare-Workers-Version-Key", "me"); again != pinned {
		t.Errorf("one key was answered by %s and %s", pinned, again)
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const consoleToken = "a local token for the page, long enough"

// follower reads what a page is sent as it changes.
type follower struct {
	mu   sync.Mutex
	seen []map[string]string // the sections of each event
	err  error
}

// follow reads the events of a page until the test ends.
func follow(t *testing.T, address string) *follower {
	t.Helper()
	f := &follower{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("follow %s: %v, %v", address, res, err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var news struct{ Sections map[string]string }
				err := json.Unmarshal([]byte(data), &news)
				f.mu.Lock()
				f.seen, f.err = append(f.seen, news.Sections), err
				f.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	return f
}

// when waits for an event whose section holds all texts, and gives its number.
func (f *follower) when(t *testing.T, section string, texts ...string) int {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		f.mu.Lock()
		i := slices.IndexFunc(f.seen, func(sections map[string]string) bool {
			return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(sections[section], text) })
		})
		err := f.err
		f.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if i >= 0 {
			return i
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	last := ""
	for _, sections := range f.seen {
		if html, ok := sections[section]; ok {
			last = html
		}
	}
	t.Fatalf("nothing like %q came in %s; the last was\n%s", texts, section, last)
	return 0
}

// A rollback is on the page while it goes on: each step as it is done, for who reads
// the events, and in a browser, where there is one.
func TestARollbackIsShownAsItGoesOn(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	s.secrets["CONSOLE_TOKEN"] = consoleToken
	binary, err := buildBinary(t.Context(), t.TempDir(), "rollback-webhook")
	if err != nil {
		t.Fatal(err)
	}
	s.commitConfiguration()
	if e := s.promote("--prod-only"); e.code != 0 {
		t.Fatalf("the good release: exit code %d\n%s", e.code, e.log)
	}
	g := s.guarded(binary, filepath.Join(t.TempDir(), "server.db"))
	home := "http://" + g.address + "/"
	s.hub.Hook("http://"+g.address+"/webhook", hookSecret, "deployment_status")
	events := follow(t, home+"events")
	var b *browser
	if chromium() != "" {
		b = openBrowser(t)
		if err := b.visit(home); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.spoil("smoke-production"); err != nil {
		t.Fatal(err)
	}
	s.SetLatency(200 * time.Millisecond) // so that there is something to see
	if e := s.promote("--prod-only", "--on-failure", "stop"); e.code != 1 {
		t.Fatalf("the bad release: exit code %d\n%s", e.code, e.log)
	}
	if b != nil {
		b.running(t)
	}
	s.untilRolledBack(g, 1)
	running := events.when(t, "underway", "running</span>")
	step := events.when(t, "underway", "running</span>", `<time class="clock"`, "going on")
	done := events.when(t, "works", "done</span>", "Take release", "back from production")
	held := events.when(t, "holds", "by the webhook server", "Smoke production failed")
	if running > step || step > done {
		t.Errorf("events %d, %d, %d came in another order", running, step, done)
	}
	if released := events.when(t, "environments", "taken back</span>", "rolled back</span>", "serves again</span>", "tminus-api-production"); released < step || held < step {
		t.Errorf("what came of it is in event %d, the hold in %d, its step in %d", released, held, step)
	}
	s.SetLatency(0)
	s.asked(t, g)
	t.Run("in a browser", func(t *testing.T) {
		if b == nil {
			b = openBrowser(t) // skips, or fails where there must be one
		}
		b.looks(t, home)
		b.acts(t, home)
	})
	for _, secret := range []string{hookSecret, s.hub.token, s.token, consoleToken, s.secrets["JWT_SECRET"]} {
		if strings.Contains(read(t, g.log), secret) {
			t.Error("a secret is in the log")
		}
		for _, one := range events.seen {
			for _, html := range one {
				if strings.Contains(html, secret) {
					t.Error("a secret was sent to a reader")
				}
			}
		}
	}
}

// asked tells whether a deed of who has the local token is noted and recorded, and
// one of who has not is neither.
func (s *step) asked(t *testing.T, g *guard) {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar}
	post := func(path string, form url.Values) (int, string) {
		res, err := c.PostForm("http://"+g.address+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var text strings.Builder
		_, _ = bufio.NewReader(res.Body).WriteTo(&text)
		return res.StatusCode, text.String()
	}
	lift := url.Values{"repository": {s.hub.FullName()}, "environment": {"production"}, "reason": {"a test"}, "proof": {"made up"}}
	if _, page := post("/deeds/lift", lift); !strings.Contains(page, "<h1>Sign in</h1>") {
		t.Errorf("without a session it leads to\n%s", page)
	}
	if status, page := post("/sign-in/token", url.Values{"token": {consoleToken}, "name": {"ann"}}); status != 200 || !strings.Contains(page, "Lift the hold…") {
		t.Fatalf("sign in: %d\n%s", status, page)
	}
	if status, _ := post("/deeds/lift", lift); status != http.StatusForbidden {
		t.Errorf("with a proof that was made up: %d", status)
	}
	res, err := c.Get("http://" + g.address + "/audit")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var page strings.Builder
	_, _ = bufio.NewReader(res.Body).WriteTo(&page)
	if strings.Contains(page.String(), "lift") || !strings.Contains(page.String(), "signed in") {
		t.Errorf("the audit log is\n%s", page.String())
	}
}

// running looks at a rollback while it goes on.
func (b *browser) running(t *testing.T) {
	t.Helper()
	if err := b.until(`document.querySelector("#underway").innerText.includes("Put back")`); err != nil {
		t.Error(err)
	}
	b.keep(t, "server-live", 1280, false)
}

// keep makes a picture of the page, which is kept where PICTURES says.
func (b *browser) keep(t *testing.T, name string, width int, dark bool) {
	t.Helper()
	if err := b.screen(width, dark); err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	if err := b.picture(filepath.Join(dir, name+".png")); err != nil {
		t.Error(err)
	}
}

// faint finds text that is hard to read on what is behind it: below 4.5 to 1, as
// WCAG 2.2 counts.
const faint = `(() => {
  const parse = (c) => (c.match(/[\d.]+/g) || []).map(Number);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  const found = [];
  for (const e of document.body.querySelectorAll("*")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.offsetParent) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(behind(e)), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push(ratio.toFixed(2) + " " + e.className + " " + e.textContent.trim().slice(0, 40));
  }
  return found.join("; ");
})()`

// looks looks at the page on a desk and on a phone, by day and by night.
func (b *browser) looks(t *testing.T, home string) {
	t.Helper()
	if err := b.visit(home); err != nil {
		t.Fatal(err)
	}
	if err := b.until(`document.querySelector("#audit").innerText.includes("signed in")`); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"", "works/1", "deliveries", "audit", "sign-in", "nowhere"} {
		if err := b.visit(home + path); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int{1280, 390, 360} {
			for _, dark := range []bool{false, true} {
				name := fmt.Sprintf("server-%s-%d-%v", strings.NewReplacer("/", "-").Replace(path), width, dark)
				b.keep(t, name, width, dark)
				if over, err := b.eval(`document.documentElement.scrollWidth - innerWidth`); err != nil || over != 0.0 {
					t.Errorf("%s: it is %v pixels too wide, %v", name, over, err)
				}
				if text, err := b.eval(faint); err != nil || text != "" {
					t.Errorf("%s: hard to read: %v, %v", name, text, err)
				}
				if is, err := b.eval(`parseInt(getComputedStyle(document.body).backgroundColor.slice(4)) < 60`); err != nil || is != dark {
					t.Errorf("%s: it is dark: %v, %v", name, is, err)
				}
			}
		}
	}
	// The page says the same without its script.
	if err := b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.visit(home); err != nil {
		t.Fatal(err)
	}
	if text, err := b.eval(`document.querySelector("main").innerText`); err != nil || !strings.Contains(fmt.Sprint(text), "tminus/app") || !strings.Contains(fmt.Sprint(text), "ago") {
		t.Errorf("without a script: %v\n%v", err, text)
	}
	if err := b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": false}, nil); err != nil {
		t.Fatal(err)
	}
	if len(b.errors) > 1 || len(b.errors) == 1 && !strings.Contains(b.errors[0], "404") { // the page that is nowhere
		t.Errorf("the browser complains: %q", b.errors)
	}
	b.errors = nil
}

// acts signs in and does a deed, as a person would.
func (b *browser) acts(t *testing.T, home string) {
	t.Helper()
	do := func(expression string, until string) {
		t.Helper()
		if _, err := b.eval(expression); err != nil {
			t.Fatal(err)
		}
		if err := b.until(until); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.visit(home); err != nil {
		t.Fatal(err)
	}
	do(`document.querySelector(".who .button").click()`, `document.getElementById("token") !== null`)
	do(`document.getElementById("name").value = "ann", document.getElementById("token").value = "`+consoleToken+`", document.querySelector("form button.go").click()`,
		`document.querySelector(".who .name")?.textContent === "ann (local token)"`)
	do(`[...document.querySelectorAll("#environments .button")].find((a) => a.textContent.startsWith("Lift")).click()`, `document.getElementById("reason") !== null`)
	b.keep(t, "server-deed", 390, true)
	do(`document.getElementById("reason").value = "the database was mended", document.querySelector("form.deed button").click()`,
		`document.querySelector(".said")?.textContent.includes("is recorded")`)
	if err := b.until(`document.querySelector("#audit").innerText.includes("the database was mended")`); err != nil {
		t.Error(err)
	}
	// Another page of the same browser cannot do it.
	got, err := b.eval(`fetch("/deeds/lift", {method: "POST", body: new URLSearchParams({repository: "tminus/app", environment: "production", reason: "x", proof: "x"})}).then((r) => r.status)`)
	if err != nil || got != 403.0 {
		t.Errorf("without the proof: %v, %v", got, err)
	}
	do(`document.querySelector(".who .link").click()`, `document.querySelector(".who .button")?.textContent === "Sign in"`)
}

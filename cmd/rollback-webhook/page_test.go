package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/card"
	"github.com/tminus/deploy-action/checks/console"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/release"
)

const (
	consoleToken = "a local token, long enough"
	first1       = "20261121T090212Z-d881ac3"
	second       = "20261121T115401Z-4be91c7"
)

// yard is the server between a repository and an account of this process.
type yard struct {
	t       *testing.T
	hub     *fakegithub.Server
	app     fakegithub.Installed
	account *fakecloudflare.Server
	cf      *cloudflare.Client
	gh      *github.Client
	server  *server
	url     string
	browser *http.Client
}

func openYard(t *testing.T, change func(*config)) *yard {
	t.Helper()
	y := &yard{t: t, hub: fakegithub.New(fakegithub.Options{Owner: "tminus", Repo: "app"}), account: fakecloudflare.New(fakecloudflare.Options{Token: "the token of Cloudflare", Subdomain: "test"})}
	hub, account := httptest.NewServer(y.hub), httptest.NewServer(y.account)
	t.Cleanup(func() { hub.Close(); y.hub.Close(); account.Close() })
	y.hub.Reached(hub.URL)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err == nil {
		y.app, err = y.hub.App(7, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	}
	if err != nil {
		t.Fatal(err)
	}
	c := complete()
	c.Database, c.GitHubAPI, c.Account, c.Patience = filepath.Join(t.TempDir(), "db"), hub.URL, y.account.ID(), time.Second
	c.Page.Client = y.app.ClientID
	c.tokens.github, c.tokens.api, c.tokens.base = y.hub.WorkflowToken("contents:read", "deployments:write", "actions:read", "checks:write"), "the token of Cloudflare", account.URL+"/client/v4"
	c.tokens.page = pageTokens{token: consoleToken, key: "a key of sessions that is 32 characters long", client: y.app.ClientSecret}
	if change != nil {
		change(&c)
	}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	y.cf = cloudflare.New(cloudflare.Options{BaseURL: c.tokens.base, Account: c.Account, Token: c.tokens.api, UserAgent: "test"})
	if y.gh, err = github.New(github.Options{BaseURL: c.GitHubAPI, Token: c.tokens.github, Repository: "tminus/app", UserAgent: "test"}); err != nil {
		t.Fatal(err)
	}
	y.server = newServer(c, slog.New(slog.DiscardHandler))
	handler, err := y.server.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(handler)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close(); _ = y.server.queue.Stop(t.Context()) })
	y.url = s.URL
	y.hub.Callback(y.app, s.URL+"/sign-in/github/callback")
	jar, _ := cookiejar.New(nil)
	y.browser = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		r.Header.Set("User-Agent", "a browser")
		return nil
	}}
	return y
}

func (y *yard) get(path string) (int, string) {
	y.t.Helper()
	res, err := y.browser.Get(y.url + path)
	return y.read(res, err)
}

func (y *yard) post(path string, form url.Values) (int, string) {
	y.t.Helper()
	r, err := http.NewRequestWithContext(y.t.Context(), http.MethodPost, y.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		y.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", y.url)
	return y.read(y.browser.Do(r))
}

func (y *yard) read(res *http.Response, err error) (int, string) {
	y.t.Helper()
	if err != nil {
		y.t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		y.t.Fatal(err)
	}
	c := y.server.config
	for _, secret := range []string{c.tokens.secret, c.tokens.github, c.tokens.api, c.tokens.page.token, c.tokens.page.key, c.tokens.page.client} {
		if strings.Contains(string(page), secret) {
			y.t.Errorf("a secret is on a page\n%s", page)
		}
	}
	return res.StatusCode, string(page)
}

var proofField = regexp.MustCompile(`name="proof" value="([^"]+)"`)

// press goes to the page of a deed and sends its form.
func (y *yard) press(path, reason string) (int, string) {
	y.t.Helper()
	status, page := y.get(path)
	m := proofField.FindStringSubmatch(page)
	if status != 200 || m == nil {
		y.t.Fatalf("%s: %d\n%s", path, status, page)
	}
	u, _ := url.Parse(path)
	form := u.Query()
	form.Set("proof", m[1])
	form.Set("reason", reason)
	return y.post(u.Path, form)
}

func (y *yard) signIn() {
	y.t.Helper()
	if status, page := y.post("/sign-in/token", url.Values{"token": {consoleToken}, "name": {"ann"}}); status != 200 || !strings.Contains(page, "ann (local token)") {
		y.t.Fatalf("sign in: %d\n%s", status, page)
	}
}

// put has a script serve something new and gives its version.
func (y *yard) put(script string) string {
	y.t.Helper()
	v, err := y.cf.Put(y.t.Context(), script, cloudflare.Upload{
		Metadata: map[string]any{"main_module": "i.js", "compatibility_date": "2026-01-01"},
		Parts:    []cloudflare.Part{{Name: "i.js", MIME: "application/javascript+module", Content: []byte("export default { fetch() {} } // " + rand.Text())}},
	})
	if err != nil {
		y.t.Fatal(err)
	}
	all, err := y.cf.Deployments(y.t.Context(), script)
	if err != nil || len(all) == 0 {
		y.t.Fatalf("%v: %v", v, err)
	}
	return all[0].Versions[0].Version
}

func (y *yard) deploy(script string, l release.Label, traffic ...cloudflare.Traffic) {
	y.t.Helper()
	l.Digest = strings.Repeat("ab", 16)
	if _, err := y.cf.Deploy(y.t.Context(), script, traffic, l.String(), false); err != nil {
		y.t.Fatal(err)
	}
}

// record records a release on GitHub with what is said of it.
func (y *yard) record(m release.Manifest, states ...string) {
	y.t.Helper()
	m.Schema, m.Environment, m.Commit = release.Schema, "production", y.hub.Head("main")
	raw, err := json.Marshal(deployment.Payload{By: deployment.Mark, Manifest: m})
	if err != nil {
		y.t.Fatal(err)
	}
	task := map[bool]string{true: deployment.TaskRollback, false: deployment.TaskDeploy}[m.Back != nil]
	id, err := y.gh.CreateDeployment(y.t.Context(), github.Deployment{SHA: m.Commit, Task: task, Environment: "production", Payload: raw})
	for _, state := range states {
		if err == nil {
			err = y.gh.SetStatus(y.t.Context(), id, github.Status{State: state})
		}
	}
	if err != nil {
		y.t.Fatal(err)
	}
}

// takenBack makes a production of which the second release was taken back from api,
// while cron, which it did not change, is split.
func (y *yard) takenBack() (api, cron, cronNew string) {
	api = y.put("tminus-api-production")
	y.deploy("tminus-api-production", release.Label{Release: first1}, cloudflare.Traffic{Version: api, Percent: 100})
	bad := y.put("tminus-api-production")
	y.deploy("tminus-api-production", release.Label{Release: second}, cloudflare.Traffic{Version: bad, Percent: 100})
	y.deploy("tminus-api-production", release.Label{Release: first1, From: second}, cloudflare.Traffic{Version: api, Percent: 100})
	cron = y.put("tminus-cron-production")
	y.deploy("tminus-cron-production", release.Label{Release: first1}, cloudflare.Traffic{Version: cron, Percent: 100})
	cronNew = y.put("tminus-cron-production")
	y.deploy("tminus-cron-production", release.Label{Release: first1}, cloudflare.Traffic{Version: cron, Percent: 90}, cloudflare.Traffic{Version: cronNew, Percent: 10})
	y.put("somebody-elses")
	placed := []release.Placed{{Worker: "cron", Script: "tminus-cron-production", Version: cron, Unchanged: true}, {Worker: "api", Script: "tminus-api-production", Version: bad}, {Worker: "x", Script: "somebody-elses", Version: "v"}}
	was := []release.Placed{{Worker: "cron", Script: "tminus-cron-production", Version: cron}, {Worker: "api", Script: "tminus-api-production", Version: api}}
	y.record(release.Manifest{Release: first1, Workers: was, Created: time.Now().Add(-3 * time.Hour)}, "in_progress", "success")
	y.record(release.Manifest{Release: second, Workers: placed, Created: time.Now().Add(-time.Hour)}, "in_progress", "failure", "inactive")
	y.record(release.Manifest{Release: second + "-rollback", Created: time.Now(), Back: &release.Back{From: second, To: first1, Reason: "logins <b>fail</b>", By: "the webhook server"}}, "in_progress", "success")
	y.account.Forget()
	y.hub.Forget()
	return api, cron, cronNew
}

func TestThePageShowsWhatServes(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	api, cron, cronNew := y.takenBack()
	status, page := y.get("/")
	if status != 200 {
		t.Fatalf("%d\n%s", status, page)
	}
	row := func(worker, of, version, share string) string {
		return `<tr><th scope="row" title="tminus-` + worker + `-production">` + worker + `</th><td><code>` + of + `</code>` + share + `</td><td><code title="` + version + `">` + version[:8] + `</code></td>`
	}
	for what, want := range map[string]string{
		"api":          row("api", first1, api, ""),
		"cron, split":  row("cron", first1, cron, ` <span class="share">90 %</span>`),
		"cron, new":    row("cron", "unknown", cronNew, ` <span class="share">10 %</span>`),
		"the hold":     "Against release <code>" + second + "</code>",
		"who held it":  "by the webhook server",
		"why":          "logins &lt;b&gt;fail&lt;/b&gt;",
		"taken back":   "taken back</span><span class=\"what\"><code>" + second + "</code> <span class=\"words\">2 of 3 Workers changed",
		"rolled back":  "rolled back</span><span class=\"what\"><code>" + second + "-rollback</code> <span class=\"words\">takes back " + second,
		"serving":      "serves again</span><span class=\"what\"><code>" + first1 + "</code> <span class=\"words\">2 of 2 Workers changed",
		"the commit":   `<a href="` + y.server.config.GitHubAPI + "/tminus/app/commit/" + y.hub.Head("main") + `"`,
		"a way inside": `href="/sign-in?next=`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is not shown: %s", what, want)
		}
	}
	if strings.Contains(page, "somebody-elses") || len(y.account.Calls().Matching("", "/accounts/*/workers/scripts/somebody-elses/deployments")) != 0 {
		t.Error("a script is looked at that is not allowed")
	}
	if strings.Contains(page, "/deeds/") {
		t.Error("who is not signed in has a button")
	}
	y.signIn()
	if _, page := y.get("/"); strings.Contains(page, "Roll back…") || !strings.Contains(page, "Lift the hold…") {
		t.Error("what was taken back can be taken back again, or the hold cannot be lifted")
	}
}

func TestWithoutAnAccountTheRecordsAreShown(t *testing.T) {
	t.Parallel()
	y := openYard(t, func(c *config) { c.Account = "" })
	y.cf = cloudflare.New(cloudflare.Options{BaseURL: y.server.config.tokens.base, Account: y.account.ID(), Token: "the token of Cloudflare", UserAgent: "test"})
	api, _, _ := y.takenBack()
	_, page := y.get("/")
	if !strings.Contains(page, "set CLOUDFLARE_ACCOUNT_ID") || !strings.Contains(page, api[:8]) || len(y.account.Calls()) != 0 {
		t.Errorf("%d calls of an account that is not known\n%s", len(y.account.Calls()), page)
	}
}

func TestNobodyAsksWhileNobodyLooks(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	y.takenBack()
	time.Sleep(300 * time.Millisecond)
	if n := len(y.hub.Calls()) + len(y.account.Calls()); n != 0 {
		t.Errorf("%d calls and no reader", n)
	}
	for range 10 {
		y.get("/")
	}
	if n := y.hub.Calls().Count("GET", "/repos/*/*/deployments"); n != 1 {
		t.Errorf("GitHub was asked %d times for ten readers", n)
	}
}

// What was done here, or told by GitHub, is reason to look again.
func TestNewsAreAReasonToLookAgain(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	y.takenBack()
	asked := func(want int) (n int) {
		y.get("/")
		for end := time.Now().Add(15 * time.Second); n < want && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			n = y.hub.Calls().Count("GET", "/repos/*/*/deployments") // the look goes on beside the reader
		}
		return n
	}
	if n := asked(1); n != 1 {
		t.Fatalf("at first %d", n)
	}
	y.bury("tminus/app production", "it failed")
	time.Sleep(soonest)
	if n := asked(2); n != 2 {
		t.Errorf("after a work ended %d", n)
	}
	_, err := y.server.queue.Record(t.Context(), hook.Delivery{GUID: "g1", Event: "deployment_status", Repository: "Tminus/App", Received: time.Now(), Payload: []byte("{}")}, hook.Decision{Environment: "production", Reason: "the deployment is success"})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(soonest)
	if n := asked(3); n != 3 {
		t.Errorf("after a delivery %d", n)
	}
	time.Sleep(soonest)
	y.get("/")
	time.Sleep(500 * time.Millisecond)
	if n := asked(3); n != 3 {
		t.Errorf("without news %d", n)
	}
}

func TestAReaderDoesNotWaitForGitHub(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	y.takenBack()
	y.hub.SetLatency(8 * time.Second)
	began := time.Now()
	status, page := y.get("/")
	if took := time.Since(began); status != 200 || took > 7*time.Second || !strings.Contains(page, "GitHub has not answered yet") {
		t.Errorf("%d after %s\n%s", status, took, page)
	}
	y.hub.SetLatency(0)
	for end := time.Now().Add(20 * time.Second); !strings.Contains(page, first1) && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		_, page = y.get("/")
	}
	if !strings.Contains(page, first1) {
		t.Error("it never comes")
	}
}

func TestWhatIsOldIsShownWithItsAgeAndTheReason(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	y.takenBack()
	b := newBoard(t.Context(), y.server)
	if known := b.look(t.Context(), nil); known[0].Known.IsZero() || len(known[0].Notes) != 0 {
		t.Fatalf("at first %+v", known[0])
	}
	b.places[0].asked, b.places[0].recorded = time.Now().Add(-oldest), time.Now().Add(-records)
	y.hub.Close()
	b.server.actor.github = func(string) (*github.Client, error) {
		return github.New(github.Options{BaseURL: "http://127.0.0.1:1", Token: "ghs_x", Repository: "tminus/app", Retries: -1})
	}
	var e console.Environment
	for end := time.Now().Add(10 * time.Second); len(e.Notes) == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		e = b.look(t.Context(), nil)[0]
	}
	if len(e.Notes) != 1 || !strings.Contains(e.Notes[0], "GitHub does not tell") || len(e.Workers) == 0 || e.Known.IsZero() {
		t.Errorf("it is %+v", e)
	}
}

func TestWhenToLookAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, tt := range map[string]struct {
		asked, news time.Duration // ago; zero is never
		due         bool
	}{
		"never asked": {0, 0, true}, "just now": {time.Second, 0, false}, "a while ago": {oldest, 0, true}, "news since": {10 * time.Second, 5 * time.Second, true},
		"news before": {10 * time.Second, 15 * time.Second, false}, "news at once": {time.Second, time.Millisecond, false},
	} {
		ago := func(d time.Duration) time.Time {
			if d == 0 {
				return time.Time{}
			}
			return now.Add(-d)
		}
		if got := (&place{asked: ago(tt.asked)}).due(now, ago(tt.news)); got != tt.due {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// bury makes a dead letter and gives its number.
func (y *yard) bury(lane, why string) int64 {
	y.t.Helper()
	l, ctx := y.server.queue.Ledger, y.t.Context()
	o, err := order("take-back", "dead "+rand.Text(), lane, nil)
	if err != nil {
		y.t.Fatal(err)
	}
	var id int64
	err = l.Write(ctx, func(tx ledger.Tx) error {
		receipt, _, err := l.Order(ctx, tx, hook.Delivery{GUID: "g", Repository: "tminus/app"}, hook.Decision{Environment: "production", Reason: "it failed", Order: o})
		id = receipt.Work
		return err
	})
	if err == nil {
		_, err = l.Take(ctx, lane, "test", time.Minute)
	}
	if err == nil {
		_, err = l.Next(ctx, lane, "test")
	}
	if err == nil {
		_, err = l.Say(ctx, id, 1, "it says "+why)
	}
	if err == nil {
		err = l.Bury(ctx, id, "test", why)
	}
	if err == nil {
		err = l.Drop(ctx, lane, "test")
	}
	if err != nil {
		y.t.Fatal(err)
	}
	return id
}

// noted are the audit log's last lines, the oldest first.
func (y *yard) noted(n int) string {
	y.t.Helper()
	all, err := y.server.queue.Ledger.Audit(y.t.Context(), n, 0)
	if err != nil {
		y.t.Fatal(err)
	}
	var lines []string
	for _, one := range all {
		lines = append([]string{one.Who + ": " + one.What + ": " + one.About}, lines...)
	}
	return strings.Join(lines, "\n")
}

func (y *yard) works(t *testing.T) []ledger.Work {
	t.Helper()
	all, err := y.server.queue.Ledger.Works(t.Context(), ledger.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestADeedIsRecordedAsAWork(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	y.record(release.Manifest{Release: first1, Workers: []release.Placed{{Worker: "api", Script: "tminus-api-production"}}}, "success")
	y.signIn()
	status, page := y.press("/deeds/roll-back?repository=tminus/app&environment=production&release="+first1, "logins fail")
	if status != 200 || !strings.Contains(page, "Work 1 is recorded") {
		t.Fatalf("%d\n%s", status, page)
	}
	all := y.works(t)
	var j job
	var d request
	if len(all) != 1 || json.Unmarshal(all[0].Args, &j) != nil || json.Unmarshal(j.With, &d) != nil || j.Do != "request" || all[0].Lane != "tminus/app production" ||
		d != (request{Do: card.RollBack, Repository: "tminus/app", Environment: "production", Release: first1, Reason: "logins fail", By: "ann (local token)"}) {
		t.Errorf("works %+v, deed %+v", all, d)
	}
	if got := y.noted(2); got != `ann (local token): roll-back asked: tminus/app production release `+first1+`, because "logins fail"`+"\nann (local token): roll-back done: tminus/app production release "+first1+": Work 1 is recorded" {
		t.Errorf("noted\n%s", got)
	}
	if _, page := y.get("/works/1"); !strings.Contains(page, "Roll back production, as ann (local token) asks") {
		t.Errorf("the work is called\n%s", page)
	}
}

func TestADeadLetterIsDrivenAgain(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	id := y.bury("dead", "the token of Cloudflare was refused, and so was "+consoleToken)
	if _, page := y.get("/"); !strings.Contains(page, "dead letter</span>") {
		t.Errorf("it is not shown\n%s", page)
	}
	y.get("/works/1")
	y.signIn()
	if status, page := y.press("/deeds/redrive?work=1", ""); status != 200 || !strings.Contains(page, "Work 1 is tried again") {
		t.Errorf("driven again: %d\n%s", status, page)
	}
	if w := y.works(t)[0]; w.ID != id || w.State == ledger.Dead {
		t.Errorf("it is %+v", w)
	}
	if status, _ := y.get("/deeds/redrive?work=1"); status != 409 {
		t.Errorf("once more: %d", status)
	}
}

func TestAUserOfGitHubActsAsLongAsTheyMay(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	y.record(release.Manifest{Release: first1}, "success")
	in := func() (int, string) {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, y.url+"/sign-in/github?next=/audit", nil)
		return y.read(y.browser.Do(r))
	}
	y.hub.User("bob", "read")
	y.hub.SignIn("bob", true)
	if status, page := in(); status != 403 || !strings.Contains(page, "bob may not write") {
		t.Errorf("who may only read gets %d\n%s", status, page)
	}
	y.hub.User("ann", "write")
	y.hub.SignIn("ann", true)
	if status, page := in(); status != 200 || !strings.Contains(page, `<span class="name">ann</span>`) || !strings.Contains(page, "signed in") {
		t.Fatalf("%d\n%s", status, page)
	}
	const hold = "/deeds/hold?repository=tminus/app&environment=production"
	if status, page := y.press(hold, "an audit"); status != 200 || len(y.works(t)) != 1 {
		t.Errorf("%d\n%s", status, page)
	}
	y.hub.User("ann", "read")
	if status, page := y.press(hold, "an audit"); status != 403 || !strings.Contains(page, "may not write") || len(y.works(t)) != 1 || !strings.HasPrefix(y.noted(1), "ann: hold refused: tminus/app production") {
		t.Errorf("who lost the permission gets %d, %d works\n%s", status, len(y.works(t)), y.noted(1))
	}
}

func TestADeadLetterIsDismissed(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	y.bury("dead", "it failed")
	y.signIn()
	if status, page := y.press("/deeds/dismiss?work=1", ""); status != 200 || !strings.Contains(page, "Work 1 is dismissed") {
		t.Errorf("dismissed: %d\n%s\n%s", status, page, y.noted(2))
	}
	if w := y.works(t)[0]; w.State != ledger.Dismissed {
		t.Errorf("it is %+v", w)
	}
	if status, _ := y.get("/deeds/dismiss?work=1"); status != 409 {
		t.Errorf("once more: %d", status)
	}
}

func TestOlderDeliveriesAndLines(t *testing.T) {
	t.Parallel()
	y := openYard(t, nil)
	began := time.Now().Add(-time.Hour)
	for i := range older + 5 {
		_, err := y.server.queue.Record(t.Context(), hook.Delivery{GUID: "guid " + string(rune('A'+i)), Event: "push", Repository: "tminus/app", Received: began.Add(time.Duration(i/3) * time.Millisecond), Payload: []byte("{}")}, hook.Ignore("number <%d>", i))
		if err == nil {
			err = y.server.queue.Ledger.Note(t.Context(), "ann", "said", "number "+string(rune('A'+i)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/deliveries", "/audit"} {
		seen, pages := 0, 0
		for at := path; at != ""; pages++ {
			_, page := y.get(at)
			seen += strings.Count(page, "<tr><td")
			m := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(page)
			if at = ""; m != nil {
				at = strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(m[1])
			}
		}
		if seen != older+5 || pages != 2 {
			t.Errorf("%s: %d rows on %d pages", path, seen, pages)
		}
	}
	for _, wrong := range []string{"/deliveries?before=x", "/deliveries?before=-5+x", "/audit?before=-1", "/audit?before=x"} {
		if status, _ := y.get(wrong); status != 200 {
			t.Errorf("%s: %d", wrong, status)
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	r := func(name, state string, good bool, back *release.Back) deployment.Record {
		one := deployment.Record{Deployment: github.Deployment{Task: deployment.TaskDeploy}}
		one.Manifest = release.Manifest{Release: name, Back: back}
		if state != "" {
			one.Said = append(one.Said, github.Status{State: state})
		}
		if good {
			one.Said = append(one.Said, github.Status{State: github.Success})
		}
		return one
	}
	of := func(from, to string) *release.Back { return &release.Back{From: from, To: to} }
	for name, tt := range map[string]struct {
		all  []deployment.Record
		want string
		live string
	}{
		"none":                     {nil, "", ""},
		"one that passed":          {[]deployment.Record{r("a", "success", true, nil)}, "passed", "a"},
		"one that goes on":         {[]deployment.Record{r("b", "in_progress", false, nil), r("a", "success", true, nil)}, "under way, passed", "b"},
		"one that was replaced":    {[]deployment.Record{r("b", "success", true, nil), r("a", "inactive", true, nil)}, "passed, replaced", "b"},
		"one that failed":          {[]deployment.Record{r("b", "failure", false, nil), r("a", "success", true, nil)}, "failed, passed", "b"},
		"one that was cut off":     {[]deployment.Record{r("b", "error", false, nil)}, "cut off", "b"},
		"one that is going back":   {[]deployment.Record{r("c", "in_progress", false, of("b", "a")), r("b", "failure", false, nil), r("a", "success", true, nil)}, "going back, being taken back, passed", "b"},
		"one that was taken back":  {[]deployment.Record{r("c", "success", true, of("b", "a")), r("b", "failure", false, nil), r("a", "inactive", true, nil)}, "rolled back, taken back, serves again", ""},
		"one that goes on unsaid":  {[]deployment.Record{r("a", "queued", false, nil)}, "under way", "a"},
		"one that was not to be":   {[]deployment.Record{r("a", "inactive", false, nil)}, "not in use", "a"},
		"one that came back":       {[]deployment.Record{r("e", "success", true, of("d", "b")), r("d", "failure", false, nil), r("c", "inactive", true, of("b", "a")), r("b", "failure", false, nil)}, "rolled back, taken back, replaced, serves again", ""},
		"one that is not back":     {[]deployment.Record{r("c", "failure", false, of("b", "a")), r("b", "failure", false, nil), r("a", "inactive", true, nil)}, "not back, failed, replaced", "b"},
		"one that came after":      {[]deployment.Record{r("d", "success", true, nil), r("c", "inactive", true, of("b", "a")), r("b", "failure", false, nil), r("a", "inactive", true, nil)}, "passed, replaced, taken back, replaced", "d"},
		"one that nobody asked of": {[]deployment.Record{r("a", "", false, nil)}, "not judged", "a"},
	} {
		var words []string
		for _, one := range releases(tt.all, "https://github.com/tminus/app", strings.TrimSpace) {
			words = append(words, one.Verdict.Word)
		}
		if got := strings.Join(words, ", "); got != tt.want || live(tt.all) != tt.live {
			t.Errorf("%s: %s, and %q is live", name, got, live(tt.all))
		}
	}
}

package fakegithub_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/hook"
)

const secret = "It's a Secret to Everybody"

// arrived is one request at a receiver.
type arrived struct {
	event, guid string
	header      http.Header
	body        []byte
}

func (a arrived) text(path string) string {
	var r reply
	if json.Unmarshal(a.body, &r.Object) != nil {
		return ""
	}
	return r.text(path)
}

// receiver is a server that keeps what it gets and answers as it is told.
type receiver struct {
	url    string
	mu     sync.Mutex
	got    []arrived
	status int
	pause  time.Duration
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: 202}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, arrived{event: req.Header.Get("X-GitHub-Event"), guid: req.Header.Get("X-GitHub-Delivery"), header: req.Header, body: body})
		status, pause := r.status, r.pause
		r.mu.Unlock()
		time.Sleep(pause)
		w.WriteHeader(status)
		fmt.Fprint(w, "noted")
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// take returns what arrived since the last time, once all is quiet.
func (r *receiver) take(h *house) []arrived {
	h.t.Helper()
	if err := h.Settle(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func names(all []arrived) string {
	var words []string
	for _, a := range all {
		words = append(words, strings.TrimSuffix(a.event+"."+a.text("action"), ".null"))
	}
	return strings.Join(words, " ")
}

// fits holds each payload against GitHub's description.
func fits(t *testing.T, all []arrived) {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if err := d.Payload(a.event, a.body); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryChangeIsToldToWhoListens(t *testing.T) {
	t.Parallel()
	h := withWorkflows(t)
	app := h.app()
	ours, mine := receive(t), receive(t)
	h.Hook(ours.url, secret, "*")
	h.AppHook(app, mine.url, secret, "deployment_status")
	fits(t, ours.take(h))
	fits(t, mine.take(h))
	mayApp := h.installed(app)
	ends := func(line string) (string, string) {
		t.Helper()
		a, b := ours.take(h), mine.take(h)
		fits(t, a)
		fits(t, b)
		return names(a), names(b)
	}
	expect := func(what, wantOurs, wantMine string) {
		t.Helper()
		if a, b := ends(what); a != wantOurs || b != wantMine {
			t.Errorf("%s: the repository is told %q, want %q; the App %q, want %q", what, a, wantOurs, b, wantMine)
		}
	}
	head := h.Head("main")
	run := mayApp.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"n","head_sha":%q}`, head)).text("id")
	expect("a run is made", "check_run.created", "check_run.created")
	mayApp.must(200, "PATCH R/check-runs/"+run, `{"status":"in_progress"}`)
	expect("a run begins", "", "")
	mayApp.must(200, "PATCH R/check-runs/"+run, `{"conclusion":"failure","actions":[{"label":"Roll back","description":"d","identifier":"rollback"}]}`)
	expect("a run ends", "check_run.completed", "check_run.completed")
	var number int64
	fmt.Sscan(run, &number)
	if err := h.Press(number, "rollback", "ann"); err != nil {
		t.Fatal(err)
	}
	expect("a button is pressed", "", "check_run.requested_action")
	mayApp.must(201, "POST R/check-runs/"+run+"/rerequest", "")
	expect("a run is asked for again", "", "check_run.rerequested")
	d := h.deploy(`,"payload":{"k":"v"}`)
	expect("a deployment is made", "deployment.created", "")
	for state, want := range map[string]string{"in_progress": "deployment_status.created", "failure": "deployment_status.created", "inactive": ""} {
		h.must(201, "POST R/deployments/"+d+"/statuses", fmt.Sprintf(`{"state":%q}`, state))
		expect("a status "+state, want, want)
	}
	started, err := h.StartRun("push.yml", "push", "main")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SetRun(started.ID, "in_progress", ""); err != nil {
		t.Fatal(err)
	}
	if err := h.SetRun(started.ID, "completed", "failure"); err != nil {
		t.Fatal(err)
	}
	expect("a workflow runs", "workflow_run.requested workflow_run.in_progress workflow_run.completed", "")
}

func TestButtonsThatCannotBePressed(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	run := h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"n","head_sha":%q,"actions":[{"label":"l","description":"d","identifier":"i"}]}`, h.Head("main"))).text("id")
	var id int64
	fmt.Sscan(run, &id)
	r := receive(t)
	h.Hook(r.url, secret, "*")
	r.take(h)
	if err := h.Press(id, "i", "ann"); err == nil {
		t.Error("the button of a run that is not completed was pressed")
	}
	h.must(200, "PATCH R/check-runs/"+run, `{"conclusion":"success"}`)
	if err := h.Press(id, "j", "ann"); err == nil {
		t.Error("a button that is not there was pressed")
	}
	if err := h.Press(1, "i", "ann"); err == nil {
		t.Error("the button of no run was pressed")
	}
	if err := h.Press(id, "i", "ann"); err != nil {
		t.Error(err)
	}
	if got := names(r.take(h)); got != "check_run.completed" {
		t.Errorf("the repository's hook heard %q of a workflow's run", got)
	}
}

func TestWhatADeliveryLooksLike(t *testing.T) {
	t.Parallel()
	if got := hook.Sign256(secret, []byte("Hello, World!")); got != "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" {
		t.Errorf("GitHub's example is signed %s", got)
	}
	h := open(t, fake.Options{})
	app := h.app()
	first, form, own, bare := receive(t), receive(t), receive(t), receive(t)
	h.Hook(first.url, secret, "deployment")
	h.FormHook(form.url, secret, "deployment")
	h.AppHook(app, own.url, secret, "deployment")
	h.Hook(bare.url, "", "deployment")
	for _, r := range []*receiver{first, form, own, bare} {
		r.take(h)
	}
	h.deploy("")
	a, b, c, d := first.take(h), form.take(h), own.take(h), bare.take(h)
	if len(a) != 1 || len(b) != 1 || len(c) != 1 || len(d) != 1 || a[0].guid == "" || a[0].guid != b[0].guid || b[0].guid != c[0].guid {
		t.Fatalf("the event arrived %d, %d, %d and %d times, as %v %v %v", len(a), len(b), len(c), len(d), a, b, c)
	}
	for name, got := range map[string]arrived{"JSON": a[0], "form": b[0], "App": c[0]} {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write(got.body)
		if got.header.Get("X-Hub-Signature-256") != "sha256="+hex.EncodeToString(m.Sum(nil)) || !strings.HasPrefix(got.header.Get("X-Hub-Signature"), "sha1=") {
			t.Errorf("%s: signed %v", name, got.header)
		}
		if !strings.HasPrefix(got.header.Get("User-Agent"), "GitHub-Hookshot/") || got.header.Get("X-GitHub-Hook-ID") == "" || got.header.Get("X-GitHub-Hook-Installation-Target-ID") == "" {
			t.Errorf("%s: headers %v", name, got.header)
		}
	}
	if v, err := url.ParseQuery(string(b[0].body)); err != nil || !json.Valid([]byte(v.Get("payload"))) {
		t.Errorf("the form is %s", b[0].body)
	}
	if c[0].header.Get("X-GitHub-Hook-Installation-Target-Type") != "integration" || c[0].text("installation.id") != fmt.Sprint(app.Installation) || a[0].text("installation") != "null" {
		t.Errorf("the App got %s %v", c[0].body, c[0].header)
	}
	if d[0].header.Get("X-Hub-Signature-256") != "" {
		t.Error("a hook without a secret got a signature")
	}
}

func TestTheNetworkBetween(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fates map[string]hook.Fate // by the environment of the deployment
		want  string
		codes string
	}{
		{"quiet", nil, "a b c", "202 202 202"},
		{"one is lost", map[string]hook.Fate{"b": {Lose: true}}, "a c", "202 502 202"},
		{"one comes twice", map[string]hook.Fate{"b": {Copies: 1}}, "a b b c", "202 202 202"},
		{"an answer is lost", map[string]hook.Fate{"b": {LoseAnswer: true}}, "a b c", "202 504 202"},
		{"one is late", map[string]hook.Fate{"a": {Delay: 400 * time.Millisecond}}, "b c a", "202 202 202"},
		{"all are held and come backwards", map[string]hook.Fate{"a": {Hold: true}, "b": {Hold: true}}, "c b a", "202 202 202"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, fake.Options{})
			r := receive(t)
			h.Hook(r.url, secret, "deployment")
			r.take(h)
			h.Network(func(p hook.Parcel) hook.Fate { return test.fates[arrived{body: p.Body}.text("deployment.environment")] })
			for _, env := range []string{"a", "b", "c"} {
				h.deploy(fmt.Sprintf(`,"environment":%q`, env))
				if test.fates[env].Hold { // so that both are held in order
					_ = h.Settle(t.Context())
				}
			}
			_ = h.Settle(t.Context())
			h.Release()
			var order, codes []string
			for _, a := range r.take(h) {
				order = append(order, a.text("deployment.environment"))
			}
			for _, d := range h.Deliveries(0)[1:] {
				codes = append(codes, fmt.Sprint(d.Code))
			}
			if got := strings.Join(order, " "); got != test.want {
				t.Errorf("arrived %s, want %s", got, test.want)
			}
			if got := strings.Join(codes, " "); got != test.codes {
				t.Errorf("recorded %s, want %s", got, test.codes)
			}
		})
	}
}

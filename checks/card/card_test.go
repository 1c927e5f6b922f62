package card

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/contract"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/release"
)

const app = 77

var described = sync.OnceValues(func() (*contract.Description, error) { return contract.Open(context.Background()) })

// hub is a repository with an App that may keep cards, and what the App's hook heard.
type hub struct {
	*fakegithub.Server
	t      *testing.T
	action *github.Client // of a job
	keeper Keeper
	heard  chan []byte
}

func house(t *testing.T) *hub {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{Server: fakegithub.New(fakegithub.Options{}), t: t, heard: make(chan []byte, 64)}
	server := httptest.NewServer(d.Wrap(h.Server, func(diff contract.Difference) { t.Error(diff) }))
	ear := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var all json.RawMessage
		if json.NewDecoder(r.Body).Decode(&all) == nil && r.Header.Get("X-GitHub-Event") == "check_run" {
			h.heard <- all
		}
	}))
	t.Cleanup(func() { h.Close(); server.Close(); ear.Close() })
	h.Reached(server.URL)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	installed, err := h.App(app, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), "checks:write", "deployments:read", "metadata:read")
	if err != nil {
		t.Fatal(err)
	}
	h.AppHook(installed, ear.URL, "secret", "check_run")
	transport, err := ghinstallation.New(http.DefaultTransport, installed.ID, installed.Installation, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	if err != nil {
		t.Fatal(err)
	}
	transport.BaseURL = server.URL
	client := func(o github.Options) *github.Client {
		o.BaseURL, o.Repository, o.Timeout = server.URL, h.FullName(), 20*time.Second
		c, err := github.New(o)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	h.keeper = Keeper{Client: client(github.Options{Transport: transport}), App: app, Page: "https://rollback.example.com/"}
	h.action = client(github.Options{Token: h.WorkflowToken("deployments:write", "checks:write")})
	return h
}

// record makes the record of a release, of a rollback when it takes one back, for another after a <.
func (h *hub) record(name, takesBack, state, words string) {
	h.t.Helper()
	m := release.Manifest{Schema: release.Schema, Release: name, Environment: "production", Workers: []release.Placed{
		{Worker: "api", Script: "tminus-api-production", Version: "11111111-aaaa", Previous: []release.Share{{Version: "00000000-aaaa", Percent: 100}}},
		{Worker: "mcp|evil", Script: "tminus-mcp-production", Unchanged: true},
	}}
	task := deployment.TaskDeploy
	if takesBack != "" {
		from, to, _ := strings.Cut(takesBack, "<")
		m.Back, task = &release.Back{From: from, To: to, By: "octocat"}, deployment.TaskRollback
	}
	raw, err := deployment.Payload{By: deployment.Mark, Run: deployment.Run{ID: 5, URL: "https://github.com/run/5"}, Manifest: m}.Sign(h.FullName(), "")
	if err != nil {
		h.t.Fatal(err)
	}
	id, err := h.action.CreateDeployment(h.t.Context(), github.Deployment{SHA: h.Head("main"), Task: task, Environment: "production", Payload: raw})
	if err != nil {
		h.t.Fatal(err)
	}
	h.say(id, state, words)
}

func (h *hub) say(id int64, state, words string) {
	h.t.Helper()
	if err := h.action.SetStatus(h.t.Context(), id, github.Status{State: state, Description: words}); err != nil {
		h.t.Fatal(err)
	}
}

// card shows a release and gives its one card.
func (h *hub) card(name, note string) fakegithub.Run {
	h.t.Helper()
	all, err := deployment.Records(h.t.Context(), h.keeper.Client, "production")
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.keeper.Keep(h.t.Context(), all, name, note); err != nil {
		h.t.Fatal(err)
	}
	var found []fakegithub.Run
	for _, r := range h.Runs("") {
		if strings.HasSuffix(r.ExternalID, ":"+name) && r.App != "github-actions" {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		h.t.Fatalf("%d cards of %s", len(found), name)
	}
	return found[0]
}

func buttons(r fakegithub.Run) string {
	var all []string
	for _, a := range r.Actions {
		all = append(all, a.Identifier)
	}
	return strings.Join(all, " ")
}

func TestACardFollowsItsRelease(t *testing.T) {
	t.Parallel()
	h := house(t)
	const all = "roll-back hold verify"
	check := func(name, status, conclusion, title, pressable string) {
		t.Helper()
		r := h.card(name, "")
		if r.Name != "Release · production" || r.Status != status || r.Conclusion != conclusion || !strings.HasPrefix(r.Title, title) || buttons(r) != pressable {
			t.Errorf("%s: %s %s %q, buttons %q", name, r.Status, r.Conclusion, r.Title, buttons(r))
		}
	}
	h.record("r1", "", github.InProgress, "")
	check("r1", "in_progress", "", "Under way", "")
	id := h.Deployments("")[0].ID
	h.say(id, github.Success, "Release r1 passed its gates")
	check("r1", "completed", "success", "Passed, and serves", all)
	h.say(id, github.Success, "Held by octocat: we look at it")
	check("r1", "completed", "success", "Held by octocat", all)
	h.record("r2", "", github.Failure, "Smoke production failed: <b>it</b> answered 500")
	check("r2", "completed", "failure", "Failed, and serves", all)
	check("r1", "completed", "success", "Passed, followed by release r2", "")
	if r := h.card("r2", "**octocat** asked again: still not well."); !strings.Contains(r.Summary, "asked again") || strings.Contains(r.Summary, "<b>") || strings.Contains(r.Summary, "mcp|evil") || !strings.Contains(r.Summary, "`11111111`") {
		t.Errorf("summary %s", r.Summary)
	}
	h.record("r3-back", "r2", github.InProgress, "")
	check("r2", "in_progress", "", "Being taken back by octocat", "")
	h.say(h.Deployments("")[2].ID, github.Success, "")
	check("r2", "completed", "failure", "Taken back by octocat, as r3-back", "")
	h.say(h.Deployments("")[2].ID, github.Inactive, "")
	h.record("r4", "", github.Error, "Its run ended without a verdict")
	check("r4", "completed", "failure", "Cut off, and may serve", all)
	h.record("r5-back", "r4<r1", github.Success, "")
	check("r4", "completed", "failure", "Taken back by octocat, as r5-back", "")
	check("r1", "completed", "success", "Serves again", "")
	if records, err := deployment.Records(t.Context(), h.keeper.Client, "production"); err != nil || Replaced(records) != "r2" {
		t.Errorf("%v, replaced %q", err, Replaced(records))
	}
}

func TestACardOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.record("r1", "", github.Success, "")
	foreign, err := h.action.CreateRun(t.Context(), github.CheckRun{Name: Name("production"), SHA: h.Head("main"), ExternalID: external("production", "r1"), Status: github.InProgress})
	if err != nil {
		t.Fatal(err)
	}
	mine := h.card("r1", "")
	for _, r := range h.Runs("") {
		if r.ID == foreign && r.Status != github.InProgress || mine.ID == foreign {
			t.Error("another App's check run was changed")
		}
	}
}

func TestAPressIsHeard(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.record("r1", "", github.Failure, "")
	r := h.card("r1", "")
	if err := h.Press(r.ID, RollBack, "ann"); err != nil {
		t.Fatal(err)
	}
	if err := h.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	var presses []Press
	var bodies [][]byte
	for len(h.heard) > 0 {
		body := <-h.heard
		bodies = append(bodies, body)
		if p, _, ok := Judge(app, "check_run", body); ok {
			presses = append(presses, p)
		}
	}
	if !slices.Equal(presses, []Press{{h.FullName(), "production", "r1", RollBack, "ann"}}) {
		t.Errorf("%+v", presses)
	}
	for _, body := range bodies {
		for _, other := range []int64{0, 78} {
			if _, why, ok := Judge(other, "check_run", body); ok || why == "" {
				t.Errorf("App %d believes it: %s", other, why)
			}
		}
	}
}

// pressed is a delivery of a pressed button, with some of it changed.
func pressed(changes ...string) []byte {
	text := `{"action":"requested_action","requested_action":{"identifier":"hold"},"check_run":{"external_id":"tminus/deploy-action-card:production:r1","app":{"id":77}},"repository":{"full_name":"o/r"},"sender":{"login":"ann"}}`
	return []byte(strings.NewReplacer(changes...).Replace(text))
}

func TestWhatIsNoPress(t *testing.T) {
	t.Parallel()
	if p, _, ok := Judge(app, "check_run", pressed(`"requested_action",`, `"rerequested",`)); !ok || p.Button != Verify {
		t.Errorf("GitHub's own button: %+v %v", p, ok)
	}
	tests := map[string][]byte{
		"is not about":     pressed(),
		"cannot be read":   []byte(`{"action":7}`),
		"was completed":    pressed(`"requested_action",`, `"completed",`),
		"not the server's": pressed(`"id":77`, `"id":15368`),
		"no card":          pressed("-card:production:r1", ":promote"),
		"no card of":       pressed("production:r1", "production:"),
		"no button":        pressed(`"hold"`, `"drop-database"`),
		"nobody":           pressed(`"ann"`, `""`),
	}
	for says, body := range tests {
		event := "check_run"
		if says == "is not about" {
			event = "push"
		}
		if p, why, ok := Judge(app, event, body); ok || !strings.Contains(why, says) {
			t.Errorf("%s: %v %q %+v", says, ok, why, p)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(pressed())
	f.Add([]byte(`{"action":"rerequested"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, why, ok := Judge(app, "check_run", body)
		if why == "" || ok && (p.By == "" || p.Environment == "" || p.Release == "" || fmt.Sprint(p.Button) == "") {
			t.Fatalf("%+v %q", p, why)
		}
	})
}

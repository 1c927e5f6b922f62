package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/hook/ledger"
	"github.com/tminus/deploy-action/checks/notice"
)

func TestMain(m *testing.M) {
	if os.Getenv("ROLLBACK_WEBHOOK_CHILD") != "" {
		main()
	}
	os.Exit(m.Run())
}

// What nobody may see, wherever it is.
const (
	hookSecret = "the secret of the hook is long"
	newsPath   = "/services/T0000/B0000/notForAnybodysEyes"
	newsKey    = "the key that signs news is long"
	cloudToken = "cloudflare-token-notForAnybodysEyes"
)

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// stand is a server with a repository on GitHub, and somebody who is notified.
type stand struct {
	*server
	t       *testing.T
	hub     *fakegithub.Server
	api     string
	token   string
	news    *newsroom
	log     *lines
	address string
	wait    time.Duration
	end     context.CancelFunc
	ended   chan error
}

// newStand makes a stand. The configuration may be changed before the server begins.
func newStand(t *testing.T, change func(*config)) *stand {
	t.Helper()
	return newPatientStand(t, 20*time.Millisecond, change)
}

// newPatientStand makes a stand with longer times between tries.
func newPatientStand(t *testing.T, wait time.Duration, change func(*config)) *stand {
	t.Helper()
	s := &stand{t: t, wait: wait, hub: fakegithub.New(fakegithub.Options{}), news: newNewsroom(t), log: &lines{}}
	api := httptest.NewServer(s.hub)
	t.Cleanup(func() { api.Close(); s.hub.Close() })
	s.api = api.URL
	s.hub.Reached(api.URL)
	s.token = s.hub.WorkflowToken("deployments:write", "contents:read", "actions:read", "checks:write")
	c := config{
		Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "server.db"), Repository: []string{s.hub.FullName()}, Environment: []string{"production"},
		Script: []string{"tminus-*-production"}, Creator: []string{"github-actions[bot]"}, GitHubAPI: api.URL, Account: "0123456789abcdef0123456789abcdef",
		LogFormat: "json", tokens: tokens{secret: hookSecret, github: s.token, api: cloudToken, base: "http://127.0.0.1:1"},
		destinations: []notice.Destination{
			{Name: "slack", Kind: notice.Slack, URL: s.news.URL + newsPath},
			{Name: "webhook", Kind: notice.JSON, URL: s.news.URL + "/json" + newsPath, Secret: newsKey},
		},
	}
	if change != nil {
		change(&c)
	}
	s.begin(c)
	return s
}

// begin begins the server, or another one on the same configuration.
func (s *stand) begin(c config) {
	s.t.Helper()
	s.server = newServer(c, c.logger(s.log))
	s.waits = []time.Duration{s.wait, s.wait, s.wait}
	ctx, end := context.WithCancel(context.Background())
	s.end, s.ended = end, make(chan error, 1)
	ready := make(chan string, 1)
	go func() { s.ended <- s.serve(ctx, func(address string) { ready <- address }) }()
	select {
	case s.address = <-ready:
	case err := <-s.ended:
		s.t.Fatalf("the server did not begin: %v\n%s", err, s.log)
	}
	s.t.Cleanup(s.stop)
}

func (s *stand) stop() {
	s.t.Helper()
	s.end()
	select {
	case err, open := <-s.ended:
		if open && err != nil {
			s.t.Errorf("the server ended with %v", err)
		}
		if open {
			close(s.ended)
		}
	case <-time.After(20 * time.Second):
		s.t.Error("the server did not end")
	}
}

// post asks the API of GitHub.
func (s *stand) post(path string, body any) map[string]any {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r, _ := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.api+"/repos/"+s.hub.FullName()+path, bytes.NewReader(raw))
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Accept", "application/vnd.github+json")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "test")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var got map[string]any
	text, _ := io.ReadAll(res.Body)
	if json.Unmarshal(text, &got) != nil || res.StatusCode != http.StatusCreated {
		s.t.Fatalf("%s: %d %s", path, res.StatusCode, text)
	}
	return got
}

// deployed records a release with a status, and gives the number of its record.
func (s *stand) deployed(task, name, state string, more map[string]any) int64 {
	s.t.Helper()
	payload := map[string]any{
		"by": "tminus/deploy-action", "schema": 1, "release": name, "environment": "production", "commit": s.hub.Head("main"),
		"workers": []any{map[string]any{"worker": "api", "script": "tminus-api-production", "at": map[string]any{"file": "workers/api/wrangler.toml"}}},
	}
	for key, value := range more {
		payload[key] = value
	}
	d := s.post("/deployments", map[string]any{"ref": s.hub.Head("main"), "task": task, "environment": "production", "payload": payload, "auto_merge": false, "required_contexts": []string{}})
	id := int64(d["id"].(float64))
	s.post(fmt.Sprintf("/deployments/%d/statuses", id), map[string]any{"state": state, "description": "Smoke production failed: it answered <500>", "auto_inactive": false})
	return id
}

// hooked has GitHub send what it has to say to the server.
func (s *stand) hooked() { s.hub.Hook("http://"+s.address+"/webhook", hookSecret, "deployment_status") }

// until waits for something to become true.
func (s *stand) until(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(15 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("never: %s\n%s\nnews: %v", what, s.log, s.news.all())
		}
	}
}

// settled waits until nothing waits or runs.
func (s *stand) settled() {
	s.t.Helper()
	s.until("all works are done", func() bool {
		got, err := s.queue.Ledger.Stats(s.t.Context())
		return err == nil && got.Depth == 0 && len(got.Works) > 0
	})
}

func (s *stand) works() []ledger.Work {
	s.t.Helper()
	all, err := s.queue.Ledger.Works(s.t.Context(), ledger.Filter{})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// get asks the server.
func (s *stand) get(path string) (int, string) {
	s.t.Helper()
	res, err := http.Get("http://" + s.address + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(raw)
}

// newsroom takes news, of both kinds.
type newsroom struct {
	*httptest.Server
	mu     sync.Mutex
	t      *testing.T
	signed []notice.News // each once
	ids    map[string]int
	slack  []string
	// answer may answer in place of the newsroom; false if it has not.
	answer func(n int, w http.ResponseWriter, r *http.Request, raw []byte) bool
	asked  int
}

func newNewsroom(t *testing.T) *newsroom {
	n := &newsroom{t: t, ids: map[string]int{}}
	n.Server = httptest.NewServer(n)
	t.Cleanup(n.Close)
	return n
}

func (n *newsroom) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if n.answer != nil && n.answer(n.asked, w, r, raw) {
		return
	}
	n.take(raw, r)
}

// take takes news as a receiver does: what it has had it does not take again.
func (n *newsroom) take(raw []byte, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/json") {
		var m struct{ Text string }
		if err := json.Unmarshal(raw, &m); err != nil || m.Text == "" {
			n.t.Errorf("no message: %s", raw)
		}
		n.slack = append(n.slack, m.Text)
		return
	}
	if err := notice.Verify(newsKey, r.Header, raw, time.Now()); err != nil {
		n.t.Error(err)
	}
	var one notice.News
	if err := json.Unmarshal(raw, &one); err != nil {
		n.t.Error(err)
	}
	if n.ids[r.Header.Get("Webhook-Id")]++; n.ids[one.ID] == 1 {
		n.signed = append(n.signed, one)
	}
}

func (n *newsroom) all() []notice.News {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]notice.News(nil), n.signed...)
}

func (n *newsroom) answering(f func(int, http.ResponseWriter, *http.Request, []byte) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = f
}

// signedDelivery is a delivery about a release that failed.
func signedDelivery(ctx context.Context, url string) (*http.Request, error) {
	body := []byte(`{"action":"created","deployment_status":{"state":"failure","description":"Smoke production failed: x"},
		"deployment":{"id":7,"sha":"abc","task":"deploy","environment":"production","creator":{"login":"github-actions[bot]"},
		"payload":{"by":"tminus/deploy-action","schema":1,"release":"r9","environment":"production","workers":[{"script":"tminus-api-production"}]}},
		"repository":{"full_name":"acme/site"}}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(body)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "deployment_status")
	r.Header.Set("X-GitHub-Delivery", rand.Text())
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return r, nil
}

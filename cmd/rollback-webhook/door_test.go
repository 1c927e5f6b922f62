package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/fakegithub/contract"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/runner/release"
)

const doorSecret = "a secret of the hook, long enough"

// door is the server as far as its receiver, with what it decided.
type door struct {
	t   testing.TB
	web *httptest.Server

	mu   sync.Mutex
	made []hook.Decision
}

func openDoor(t testing.TB) *door {
	t.Helper()
	c := config{
		Repository: []string{"Codertocat/Hello-World"}, Environment: []string{"production"}, Script: []string{"tminus-*-production"},
		Creator: []string{"Codertocat"}, App: 29310, Comment: "off", tokens: tokens{secret: doorSecret},
	}
	d := &door{t: t}
	s := &server{config: c, log: slog.New(slog.DiscardHandler), redact: func(s string) string { return s }}
	receiver, err := hook.New(hook.Options{Secrets: c.secrets(), Judge: s.decide, Log: s.log, Record: func(_ context.Context, _ hook.Delivery, made hook.Decision) (hook.Receipt, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.made = append(d.made, made)
		return hook.Receipt{Outcome: hook.Ignored, Reason: made.Reason}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	d.web = httptest.NewServer(receiver)
	t.Cleanup(d.web.Close)
	return d
}

// knock sends a delivery, signed unless a signature is given, and gives the status and
// what was decided, if anything.
func (d *door) knock(event string, body []byte, signature string) (int, *hook.Decision) {
	d.t.Helper()
	if signature == "" {
		mac := hmac.New(sha256.New, []byte(doorSecret))
		mac.Write(body)
		signature = "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	r, err := http.NewRequest(http.MethodPost, d.web.URL, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "X-GitHub-Delivery": "guid", "X-GitHub-Event": event, "X-Hub-Signature-256": signature} {
		r.Header.Set(name, value)
	}
	before := len(d.made)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.made) == before {
		return res.StatusCode, nil
	}
	return res.StatusCode, &d.made[before]
}

// payloads are GitHub's own example payloads by their events.
func payloads(t testing.TB) map[string][]json.RawMessage {
	t.Helper()
	path, err := contract.Fetch(context.Background(), contract.Examples, "api.github.com/index.json")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Name     string
		Examples []json.RawMessage
	}
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatal(err)
	}
	all := map[string][]json.RawMessage{}
	for _, e := range events {
		all[e.Name] = append(all[e.Name], e.Examples...)
	}
	return all
}

func TestEveryExampleOfGitHubIsAnswered(t *testing.T) {
	t.Parallel()
	d, n := openDoor(t), 0
	for event, all := range payloads(t) {
		for _, body := range all {
			status, made := d.knock(event, body, "")
			if status != http.StatusAccepted && status != http.StatusOK || made == nil || made.Reason == "" {
				t.Errorf("%s: %d, %+v", event, status, made)
				continue
			}
			n++
			if made.Order != nil && event != "workflow_run" {
				t.Errorf("a foreign %s is work: %s", event, made.Reason)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d examples", n)
	}
}

// failing is GitHub's example of a deployment status, made into a failed release of ours.
func failing(t testing.TB) map[string]any {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal(payloads(t)["deployment_status"][0], &d); err != nil {
		t.Fatal(err)
	}
	raw, err := deployment.Payload{By: deployment.Mark, Manifest: release.Manifest{
		Schema: release.Schema, Release: "r1", Environment: "production", Workers: []release.Placed{{Script: "tminus-api-production"}},
	}}.Sign("Codertocat/Hello-World", "")
	if err != nil {
		t.Fatal(err)
	}
	inner := d["deployment"].(map[string]any)
	inner["payload"], inner["task"], inner["environment"] = raw, deployment.TaskDeploy, "production"
	d["deployment_status"].(map[string]any)["state"] = "failure"
	return d
}

// takesBack tells whether a decision changes an environment. To draw a card anew from
// GitHub's own records does not.
func takesBack(t testing.TB, made hook.Decision) bool {
	t.Helper()
	if made.Order == nil {
		return false
	}
	var j job
	if err := json.Unmarshal(made.Order.Args, &j); err != nil {
		t.Fatal(err)
	}
	return j.Do != "card"
}

func TestWhatIsForgedOrBrokenNeverBecomesWork(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	good, err := json.Marshal(failing(t))
	if err != nil {
		t.Fatal(err)
	}
	if status, made := d.knock("deployment_status", good, ""); status != http.StatusAccepted || made == nil || !takesBack(t, *made) {
		t.Fatalf("the real one: %d, %+v", status, made)
	}
	changed := func(change func(map[string]any)) []byte {
		all := failing(t)
		change(all)
		raw, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	within := func(name string, value any) []byte {
		return changed(func(all map[string]any) { all[name] = value })
	}
	deep := strings.Repeat(`{"a":`, 200_000) + "1" + strings.Repeat("}", 200_000)
	tests := []struct {
		name, signature string
		body            []byte
	}{
		{"another's signature", "sha256=" + strings.Repeat("0", 64), good},
		{"a signature that is none", "sha256=zz", good},
		{"changed after it was signed", "", append(bytes.Clone(good), ' ')[:len(good)-1]},
		{"truncated", "", good[:len(good)/2]},
		{"nested deeply", "", []byte(deep)},
		{"a deployment that is nested deeply", "", within("deployment", json.RawMessage(strings.Repeat("[", 5000)+strings.Repeat("]", 5000)))},
		{"a list", "", []byte("[" + string(good) + "]")},
		{"null", "", []byte("null")},
		{"a deployment that is a text", "", within("deployment", "production")},
		{"a status that is a number", "", within("deployment_status", 7)},
		{"a repository that is a list", "", within("repository", []string{"Codertocat/Hello-World"})},
		{"a repository that is somebody else's", "", within("repository", map[string]string{"full_name": "eve/app"})},
		{"an id that is a text", "", changed(func(all map[string]any) { all["deployment"].(map[string]any)["id"] = "7" })},
		{"a creator that is missing", "", changed(func(all map[string]any) { delete(all["deployment"].(map[string]any), "creator") })},
		{"a payload that is a text of nonsense", "", changed(func(all map[string]any) { all["deployment"].(map[string]any)["payload"] = "{{{" })},
		{"a payload that names another script", "", []byte(strings.Replace(string(good), "tminus-api-production", "other-api-production", 1))},
	}
	for _, tt := range tests {
		if status, made := d.knock("deployment_status", tt.body, tt.signature); made != nil && takesBack(t, *made) || status >= 500 {
			t.Errorf("%s: %d, %+v", tt.name, status, made)
		}
	}
}

func FuzzDecide(f *testing.F) {
	for _, event := range []string{"deployment_status", "check_run", "workflow_run", "ping"} {
		for _, body := range payloads(f)[event] {
			f.Add(event, []byte(body))
		}
	}
	raw, err := json.Marshal(failing(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("deployment_status", raw)
	s := &server{config: config{Repository: []string{"Codertocat/Hello-World"}, Environment: []string{"production"}, Script: []string{"tminus-*-production"}, Creator: []string{"Codertocat"}, App: 29310}}
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		made := s.decide(hook.Delivery{GUID: "guid", Event: event, Payload: body})
		if made.Reason == "" {
			t.Fatal("there is no reason")
		}
		if made.Order == nil {
			return
		}
		var j job
		if err := json.Unmarshal(made.Order.Args, &j); err != nil || j.Do == "" || made.Order.Key == "" || made.Order.Lane == "" {
			t.Fatalf("an order that nobody can do: %s, %v", fmt.Sprint(made.Order), err)
		}
	})
}

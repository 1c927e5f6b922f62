package notice_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/notice"
)

const (
	hidden = "T0000/B0000/notForAnybodysEyes"
	key    = "a key that signs the news"
)

// receiver takes news as a destination would.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  []string
	headers []http.Header
	answer  func(n int, w http.ResponseWriter, r *http.Request)
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	rec := &receiver{answer: answer}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		rec.mu.Lock()
		rec.bodies, rec.headers = append(rec.bodies, string(raw)), append(rec.headers, r.Header)
		n := len(rec.bodies)
		rec.mu.Unlock()
		if rec.answer != nil {
			rec.answer(n, w, r)
		}
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.bodies)
}

func (r *receiver) messenger(t *testing.T, kind string) *notice.Messenger {
	t.Helper()
	m, err := notice.New(notice.Destination{Name: "ops", Kind: kind, URL: r.URL + "/services/" + hidden, Secret: key}, "test/1")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func news() notice.News {
	return notice.News{
		ID: notice.ID("one"), Kind: notice.RolledBack, Repository: "tminus/app", Environment: "production", Release: "r2", To: "r1",
		Commit: "0123456789abcdef", Outcome: "done", Title: "production was rolled back", Text: "2 < 3 & <!channel> @everyone",
		URL: "https://github.com/tminus/app/runs/1?a=b&c=d", Work: 7, Delivery: "guid-1", At: time.Unix(1700000000, 0).UTC(),
	}
}

func TestSignedNewsAreSeenToBeOurs(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	if err := r.messenger(t, notice.JSON).Send(t.Context(), news()); err != nil {
		t.Fatal(err)
	}
	h, body, now := r.headers[0], r.bodies[0], time.Now()
	if err := notice.Verify(key, h, []byte(body), now); err != nil {
		t.Errorf("not taken for ours: %v", err)
	}
	changed := func(name, value string) http.Header { c := h.Clone(); c.Set(name, value); return c }
	for what, err := range map[string]error{
		"another secret":    notice.Verify(key+"!", h, []byte(body), now),
		"another body":      notice.Verify(key, h, []byte(body+" "), now),
		"another id":        notice.Verify(key, changed("Webhook-Id", "x"), []byte(body), now),
		"another time":      notice.Verify(key, changed("Webhook-Timestamp", fmt.Sprint(now.Unix()+1)), []byte(body), now.Add(time.Second)),
		"no signature":      notice.Verify(key, changed("Webhook-Signature", ""), []byte(body), now),
		"another version":   notice.Verify(key, changed("Webhook-Signature", strings.Replace(h.Get("Webhook-Signature"), "v1,", "v2,", 1)), []byte(body), now),
		"no id":             notice.Verify(key, changed("Webhook-Id", ""), []byte(body), now),
		"an hour later":     notice.Verify(key, h, []byte(body), now.Add(time.Hour)),
		"an hour before":    notice.Verify(key, h, []byte(body), now.Add(-time.Hour)),
		"a secret to short": notice.Verify("short", h, []byte(body), now),
	} {
		if err == nil {
			t.Errorf("%s: taken for ours", what)
		}
	}
	if err := notice.Verify(key, changed("Webhook-Signature", "v1,AAAA v1a,x "+h.Get("Webhook-Signature")), []byte(body), now); err != nil {
		t.Errorf("one of several signatures fits: %v", err)
	}
}

// The example of the Standard Webhooks' own specification and libraries.
func TestTheSignatureIsThatOfTheStandard(t *testing.T) {
	t.Parallel()
	const secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", `{"test": 2432232314}`
	h := http.Header{}
	h.Set("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("Webhook-Timestamp", "1614265330")
	h.Set("Webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	if err := notice.Verify(secret, h, []byte(body), time.Unix(1614265330, 0)); err != nil {
		t.Error(err)
	}
}

func TestTheFieldsOfTheJSONAreAsPromised(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	m := r.messenger(t, notice.JSON)
	for range 2 {
		if err := m.Send(t.Context(), news()); err != nil {
			t.Fatal(err)
		}
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(r.bodies[0]), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"schema": 1.0, "id": notice.ID("one"), "kind": "rolled-back", "repository": "tminus/app", "environment": "production", "release": "r2", "to": "r1",
		"commit": "0123456789abcdef", "outcome": "done", "title": "production was rolled back", "text": "2 < 3 & <!channel> @everyone",
		"url": "https://github.com/tminus/app/runs/1?a=b&c=d", "work": 7.0, "delivery": "guid-1", "at": "2023-11-14T22:13:20Z",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sent %v\nwant %v", got, want)
	}
	if id := r.headers[0].Get("Webhook-Id"); id != notice.ID("one") || id != r.headers[1].Get("Webhook-Id") || strings.Contains(id, ".") {
		t.Errorf("the ids are %q and %q", id, r.headers[1].Get("Webhook-Id"))
	}
}

func TestSlacksShape(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	if err := r.messenger(t, notice.Slack).Send(t.Context(), news()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Text   string
		Blocks []struct {
			Type string
			Text struct{ Type, Text string }
		}
	}
	if err := json.Unmarshal([]byte(r.bodies[0]), &got); err != nil {
		t.Fatal(err)
	}
	want := "*production was rolled back*\n2 &lt; 3 &amp; &lt;!channel&gt; @\u200beveryone\n<https://github.com/tminus/app/runs/1?a=b&amp;c=d|Look at it>"
	if got.Text != want {
		t.Errorf("text %q\nwant %q", got.Text, want)
	}
	if len(got.Blocks) != 4 || got.Blocks[0].Type != "header" || got.Blocks[0].Text.Type != "plain_text" || got.Blocks[1].Text.Type != "mrkdwn" {
		t.Errorf("blocks %+v", got.Blocks)
	}
	if h := r.headers[0]; h.Get("Webhook-Signature") != "" || h.Get("Content-Type") != "application/json" || h.Get("User-Agent") != "test/1" {
		t.Errorf("headers %v", h)
	}
}

func TestAnAnswerSaysWhetherTryingAgainHelps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		answer    func(http.ResponseWriter, *http.Request)
		permanent bool
		says      string
	}{
		{"a limit", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		}, false, "429 Too Many Requests"},
		{"broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "at "+hidden, 500) }, false, "it answered 500 Internal Server Error"},
		{"no such hook", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); io.WriteString(w, "no_service") }, true, "404 Not Found: no_service"},
		{"an answer that tells the address", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403); io.WriteString(w, r.URL.Path) }, true, "403 Forbidden"},
		{"a long answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			io.WriteString(w, strings.Repeat("bad_news_", 1000))
		}, true, "it answered 400 Bad Request"},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2:1/services/"+hidden, http.StatusTemporaryRedirect)
		}, true, "not followed"},
		{"without the news", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusFound) }, true, "not followed"},
		{"hung up", func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := http.NewResponseController(w).Hijack()
			c.Close()
		}, false, "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, func(_ int, w http.ResponseWriter, q *http.Request) { tt.answer(w, q) })
			err := r.messenger(t, notice.Slack).Send(t.Context(), news())
			no, ok := errors.AsType[*notice.Error](err)
			if !ok || no.Permanent != tt.permanent || !strings.Contains(err.Error(), tt.says) || no.Destination != "ops" {
				t.Errorf("%+v", err)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "notForAnybody") || len(err.Error()) > 200 {
				t.Errorf("the error tells the address: %v", err)
			}
			if r.count() != 1 {
				t.Errorf("sent %d times", r.count())
			}
		})
	}
}

func TestARedirectOnTheSameHostIsFollowedWithTheNews(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(n int, w http.ResponseWriter, q *http.Request) {
		if n == 1 {
			http.Redirect(w, q, "/elsewhere", http.StatusPermanentRedirect)
		}
	})
	if err := r.messenger(t, notice.JSON).Send(t.Context(), news()); err != nil {
		t.Fatal(err)
	}
	if r.count() != 2 || r.bodies[0] != r.bodies[1] {
		t.Errorf("sent %q", r.bodies)
	}
}

func TestAShortWaitIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	began := time.Now()
	if err := r.messenger(t, notice.JSON).Send(t.Context(), news()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second || r.count() != 2 || r.headers[0].Get("Webhook-Id") != r.headers[1].Get("Webhook-Id") {
		t.Errorf("sent %d times in %s", r.count(), took)
	}
	r.mu.Lock()
	r.bodies = nil
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.messenger(t, notice.JSON).Send(ctx, news()); err == nil || r.count() != 1 {
		t.Errorf("it went on although it had to end: %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	m := r.messenger(t, notice.Slack)
	r.Close()
	err := m.Send(t.Context(), news())
	no, ok := errors.AsType[*notice.Error](err)
	if !ok || no.Permanent || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "services") {
		t.Errorf("%v", err)
	}
}

func TestADestinationIsRightOrSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		to   notice.Destination
		says string
	}{
		{notice.Destination{Name: "a", Kind: "slack", URL: "https://hooks.example.com/" + hidden}, ""},
		{notice.Destination{Name: "a", Kind: "slack", URL: "http://10.0.0.1/" + hidden}, ""},
		{notice.Destination{Name: "a", Kind: "slack", URL: "http://[::1]/" + hidden}, ""},
		{notice.Destination{Name: "a", Kind: "slack", URL: "http://mattermost:8065/" + hidden}, ""},
		{notice.Destination{Name: "a", Kind: "slack", URL: "http://203.0.113.7/" + hidden, Insecure: true}, ""},
		{notice.Destination{Name: "a", Kind: "json", URL: "https://example.com/" + hidden, Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, ""},
		{notice.Destination{Name: "A b", Kind: "slack", URL: "https://example.com"}, "a name is made of"},
		{notice.Destination{Name: "a", Kind: "slack", URL: "http://203.0.113.7/" + hidden}, "public and not encrypted"},
		{notice.Destination{Name: "a", Kind: "slack", URL: "ftp://example.com/" + hidden}, "no URL"},
		{notice.Destination{Name: "a", Kind: "slack", URL: hidden}, "no URL"},
		{notice.Destination{Name: "a", Kind: "slack", URL: "https://example.com/%zz" + hidden}, "no URL"},
		{notice.Destination{Name: "a", Kind: "teams", URL: "https://example.com/" + hidden}, "none of slack and json"},
		{notice.Destination{Name: "a", Kind: "json", URL: "https://example.com/" + hidden}, "no secret"},
		{notice.Destination{Name: "a", Kind: "json", URL: "https://example.com/" + hidden, Secret: "hidden"}, "too short"},
		{notice.Destination{Name: "a", Kind: "json", URL: "https://example.com/" + hidden, Secret: "whsec_!hidden"}, "no base64"},
	} {
		_, err := notice.New(tt.to, "test/1")
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%v: %v, want %q", tt.to, err, tt.says)
		}
		if err != nil && (strings.Contains(err.Error(), "notFor") || strings.Contains(err.Error(), "hidden")) {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
}

// A name may lead anywhere: that is seen when it is dialled.
func TestUnencryptedNewsDoNotLeaveThePrivateNetwork(t *testing.T) {
	t.Parallel()
	m, err := notice.New(notice.Destination{Name: "a", Kind: "slack", URL: "http://localhost:1/" + hidden}, "test/1")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), news()); err == nil || strings.Contains(err.Error(), "public") {
		t.Errorf("localhost: %v", err)
	}
	if !notice.DialledFar("203.0.113.7:80") || notice.DialledFar("127.0.0.1:80") || notice.DialledFar("[fd00::1]:80") || !notice.DialledFar("[2606:4700::1]:80") || !notice.DialledFar("nonsense") {
		t.Error("what is near and what is far is mixed up")
	}
}

// An answer may look like one of Slack's words and be the address all the same.
func TestAnAnswerThatIsTheAddressIsNotRepeated(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(403)
		io.WriteString(w, "a_secret_word")
	})
	m, err := notice.New(notice.Destination{Name: "ops", Kind: notice.Slack, URL: r.URL + "/a_secret_word"}, "test/1")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), news()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestADestinationShowsNoSecret(t *testing.T) {
	t.Parallel()
	d := notice.Destination{Name: "ops", Kind: "slack", URL: "https://example.com/" + hidden, Secret: key}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("to", "destination", d)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s", d, d, d, d), log.String()} {
		if strings.Contains(shown, "notFor") || strings.Contains(shown, key) || !strings.Contains(shown, "ops") {
			t.Errorf("shown as %s", shown)
		}
	}
}

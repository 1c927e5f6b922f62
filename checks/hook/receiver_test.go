package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const secret = "It's a Secret to Everybody"

// kept is what a receiver was to record, and what it logged.
type kept struct {
	mu  sync.Mutex
	all []Delivery
	log bytes.Buffer
	err error
}

func (k *kept) record(_ context.Context, d Delivery, c Decision) (Receipt, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return Receipt{}, k.err
	}
	k.all = append(k.all, d)
	if c.Order == nil {
		return Receipt{Outcome: Ignored, Reason: c.Reason}, nil
	}
	return Receipt{Outcome: Queued, Reason: c.Reason, Work: 7}, nil
}

func serve(t *testing.T, k *kept, secrets ...string) (*Receiver, string) {
	t.Helper()
	r, err := New(Options{
		Secrets: secrets,
		Record:  k.record,
		Log:     slog.New(slog.NewTextHandler(&k.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:     func() time.Time { return time.Unix(1, 0) },
		Judge: func(d Delivery) Decision {
			switch d.Event {
			case "deployment_status":
				return Decision{Order: &Order{Key: "key"}, Reason: "it failed"}
			case "broken":
				var none []int
				_ = none[len(d.Event)]
			}
			return Ignore("%s is not for this server", d.Event)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return r, s.URL
}

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// request is a good delivery, to be spoiled.
func request(t *testing.T, address, body string) *http.Request {
	t.Helper()
	q, err := http.NewRequest(http.MethodPost, address+"/webhook", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json; charset=utf-8")
	q.Header.Set("X-GitHub-Event", "deployment_status")
	q.Header.Set("X-GitHub-Delivery", "guid")
	q.Header.Set("X-Hub-Signature-256", sign(secret, body))
	return q
}

func ask(t *testing.T, q *http.Request) (*http.Response, Answer) {
	t.Helper()
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, _ := io.ReadAll(res.Body)
	var a Answer
	if err := json.Unmarshal(all, &a); err != nil || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("answered %s with %q", res.Status, all)
	}
	return res, a
}

func TestGitHubsOwnExample(t *testing.T) {
	t.Parallel()
	r := &Receiver{o: Options{Secrets: []string{"another", secret}}}
	// Source: docs.github.com, validating webhook deliveries.
	const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	if !r.signed(signature, []byte("Hello, World!")) {
		t.Error("GitHub's example is refused")
	}
	for _, wrong := range []string{"", "sha256=", signature[7:], "sha1=" + signature[7:], signature[:len(signature)-2], signature + "00", strings.Replace(signature, "7", "8", 1), "sha256=x"} {
		if r.signed(wrong, []byte("Hello, World!")) {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	const good = `{"action":"created","repository":{"full_name":"acme/shop"}}`
	without := func(header string) func(*http.Request) { return func(q *http.Request) { q.Header.Del(header) } }
	with := func(header, value string) func(*http.Request) {
		return func(q *http.Request) { q.Header.Set(header, value) }
	}
	for name, c := range map[string]struct {
		body  string
		spoil func(*http.Request)
		want  int
		kind  string
	}{
		"read":                {good, func(q *http.Request) { q.Method = http.MethodGet }, 405, "method"},
		"deleted":             {good, func(q *http.Request) { q.Method = http.MethodDelete }, 405, "method"},
		"text":                {good, with("Content-Type", "text/plain"), 415, "type"},
		"no type":             {good, without("Content-Type"), 415, "type"},
		"unsigned":            {good, without("X-Hub-Signature-256"), 401, "unsigned"},
		"signed with SHA-1":   {good, func(q *http.Request) { q.Header.Del("X-Hub-Signature-256"); q.Header.Set("X-Hub-Signature", "sha1=00") }, 401, "unsigned"},
		"another secret":      {good, with("X-Hub-Signature-256", sign("another", good)), 401, "signature"},
		"another body":        {good, with("X-Hub-Signature-256", sign(secret, good+" ")), 401, "signature"},
		"no event":            {good, without("X-GitHub-Event"), 400, "shape"},
		"no GUID":             {good, without("X-GitHub-Delivery"), 400, "shape"},
		"a long GUID":         {good, with("X-GitHub-Delivery", strings.Repeat("a", longest+1)), 400, "shape"},
		"a GUID with blanks":  {good, with("X-GitHub-Delivery", "a b"), 400, "shape"},
		"an odd event":        {good, with("X-GitHub-Event", "\xff\xfe"), 400, "shape"},
		"cut short":           {good[:20], func(*http.Request) {}, 400, "shape"},
		"a list":              {`[1]`, func(*http.Request) {}, 400, "shape"},
		"null":                {`null`, func(*http.Request) {}, 400, "shape"},
		"nothing":             {``, func(*http.Request) {}, 400, "shape"},
		"deep":                {`{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, func(*http.Request) {}, 400, "shape"},
		"a form without":      {`a=b`, with("Content-Type", form), 400, "shape"},
		"a form of no JSON":   {`payload=x`, with("Content-Type", form), 400, "shape"},
		"too large":           {strings.Repeat(" ", limit+1), func(*http.Request) {}, 413, "size"},
		"too large, and long": {strings.Repeat(" ", limit+1), func(q *http.Request) { q.ContentLength = -1 }, 413, "size"},
		"not to be judged":    {good, with("X-GitHub-Event", "broken"), 500, "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &kept{}
			r, address := serve(t, k, secret)
			q := request(t, address, c.body)
			c.spoil(q)
			res, a := ask(t, q)
			if res.StatusCode != c.want || a.Error == "" || a.Decision != "" {
				t.Errorf("answered %s %+v, want %d", res.Status, a, c.want)
			}
			if allow := res.Header.Get("Allow"); (allow == "POST") != (c.want == 405) {
				t.Errorf("Allow: %s", allow)
			}
			if len(k.all) != 0 || r.Counts()[c.kind] != 1 || len(r.Counts()) != 1 {
				t.Errorf("%d recorded, counts %v, want one %s", len(k.all), r.Counts(), c.kind)
			}
		})
	}
}

func TestAcceptance(t *testing.T) {
	t.Parallel()
	const payload = `{"action":"created", "repository":{"full_name":"acme/shop"}, "x":"é&+"}`
	k := &kept{}
	r, address := serve(t, k, "the new one", secret)
	res, a := ask(t, request(t, address, payload))
	if want := (Answer{Delivery: "guid", Decision: Queued, Reason: "it failed", Work: 7}); res.StatusCode != 202 || a != want {
		t.Errorf("%s %+v", res.Status, a)
	}
	q := request(t, address, payload)
	q.Header.Set("X-Hub-Signature-256", sign("the new one", payload))
	q.Header.Set("X-GitHub-Event", "star")
	if res, a := ask(t, q); res.StatusCode != 202 || a.Decision != Ignored || a.Reason != "star is not for this server" {
		t.Errorf("%s %+v", res.Status, a)
	}
	q = request(t, address, payload)
	q.Header.Set("X-GitHub-Event", "ping")
	if res, a := ask(t, q); res.StatusCode != 200 || a.Decision != Ignored {
		t.Errorf("%s %+v", res.Status, a)
	}
	q = request(t, address, "payload="+url.QueryEscape(payload))
	q.Header.Set("Content-Type", form)
	if res, a := ask(t, q); res.StatusCode != 202 || a.Decision != Queued {
		t.Errorf("%s %+v", res.Status, a)
	}
	for _, d := range k.all {
		if string(d.Payload) != payload || d.Action != "created" || d.Repository != "acme/shop" || d.GUID != "guid" || !d.Received.Equal(time.Unix(1, 0)) {
			t.Errorf("recorded %+v", d)
		}
	}
	if c := r.Counts(); len(k.all) != 4 || c["queued"] != 2 || c["ignored"] != 2 {
		t.Errorf("%d recorded, counts %v", len(k.all), c)
	}
	for _, never := range []string{secret, "the new one", "é&+"} {
		if strings.Contains(k.log.String(), never) {
			t.Errorf("the log says %q", never)
		}
	}
	if n := strings.Count(k.log.String(), " delivery=guid"); n != 4 {
		t.Errorf("%d lines bear the delivery's id:\n%s", n, &k.log)
	}
}

func TestOddTypesAreForTheJudge(t *testing.T) {
	t.Parallel()
	k := &kept{}
	_, address := serve(t, k, secret)
	for _, body := range []string{`{}`, `{"action":1,"repository":[]}`, `{"action":null,"repository":{"full_name":{}}}`, `{"action":"\u0000` + strings.Repeat("é", 200) + `"}`} {
		if res, a := ask(t, request(t, address, body)); res.StatusCode != 202 {
			t.Errorf("%s: %s %+v", body, res.Status, a)
		}
	}
	if d := k.all[3]; len(d.Action) > longest || strings.Contains(d.Action, "\x00") || !strings.HasPrefix(d.Action, "é") {
		t.Errorf("%q", d.Action)
	}
}

func TestWhatCannotBeRecordedIsRefused(t *testing.T) {
	t.Parallel()
	for kind, err := range map[string]error{"unrecorded": errors.New("disk full: /very/private"), "stopping": ErrStopping} {
		k := &kept{err: err}
		r, address := serve(t, k, secret)
		res, a := ask(t, request(t, address, `{}`))
		if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || a.Error == "" || strings.Contains(a.Error, "private") || r.Counts()[kind] != 1 {
			t.Errorf("%s: %s %+v %v", kind, res.Status, a, r.Counts())
		}
	}
}

func TestSecretsAreWanted(t *testing.T) {
	t.Parallel()
	k := &kept{}
	o := Options{Record: k.record, Log: slog.New(slog.DiscardHandler), Judge: func(Delivery) Decision { return Decision{} }}
	for _, secrets := range [][]string{nil, {}, {""}, {secret, ""}, {"1", "2", "3"}} {
		o.Secrets = secrets
		if _, err := New(o); err == nil {
			t.Errorf("%q is accepted", secrets)
		}
	}
	o.Secrets = []string{secret}
	if _, err := New(o); err != nil {
		t.Error(err)
	}
	o.Record = nil
	if _, err := New(o); err == nil {
		t.Error("nobody records")
	}
}

func TestAClientThatGoesAwayLeavesNothing(t *testing.T) {
	t.Parallel()
	k := &kept{}
	r, address := serve(t, k, secret)
	c, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"a":1}`
	_, _ = io.WriteString(c, "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-GitHub-Event: star\r\nX-GitHub-Delivery: guid\r\nX-Hub-Signature-256: "+sign(secret, body)+"\r\nContent-Length: 1000\r\n\r\n"+body)
	_ = c.Close()
	for end := time.Now().Add(5 * time.Second); r.Counts()["slow"] != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("counts %v", r.Counts())
		}
	}
	if len(k.all) != 0 {
		t.Errorf("recorded %+v", k.all)
	}
}

func FuzzDeliveries(f *testing.F) {
	f.Add("application/json", "guid", "ping", `{"action":"a"}`)
	f.Add(form, "guid", "ping", "payload=%7B%7D")
	f.Fuzz(func(t *testing.T, kind, guid, event, body string) {
		k := &kept{}
		r, err := New(Options{Secrets: []string{secret}, Record: k.record, Log: slog.New(slog.DiscardHandler), Judge: func(Delivery) Decision { return Decision{} }})
		if err != nil {
			t.Fatal(err)
		}
		q := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(body))
		q.Header = http.Header{"Content-Type": {kind}, "X-Github-Delivery": {guid}, "X-Github-Event": {event}, "X-Hub-Signature-256": {sign(secret, body)}}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, q)
		switch {
		case w.Code/100 == 2 && (len(k.all) != 1 || !json.Valid(k.all[0].Payload)):
			t.Errorf("%d with %+v", w.Code, k.all)
		case w.Code/100 != 2 && (w.Code/100 != 4 || len(k.all) != 0):
			t.Errorf("%d with %+v", w.Code, k.all)
		}
	})
}

func TestWhatIsBeingRecordedIsNotTakenBack(t *testing.T) {
	t.Parallel()
	begun, gone, kept := make(chan bool), make(chan bool), make(chan error, 1)
	r, err := New(Options{Secrets: []string{secret}, Log: slog.New(slog.DiscardHandler), Judge: func(Delivery) Decision { return Decision{} }, Record: func(ctx context.Context, _ Delivery, _ Decision) (Receipt, error) {
		close(begun)
		<-gone
		kept <- ctx.Err()
		return Receipt{Outcome: Ignored}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		go func() { <-q.Context().Done(); close(left) }()
		r.ServeHTTP(w, q)
	}))
	defer s.Close()
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-begun; leave() }()
	if res, err := http.DefaultClient.Do(request(t, s.URL, "{}").WithContext(ctx)); err == nil {
		t.Errorf("answered %s", res.Status)
	}
	<-left
	close(gone)
	if err := <-kept; err != nil {
		t.Errorf("the record is interrupted: %v", err)
	}
}

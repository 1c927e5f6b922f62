package cloudflare

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTheCodeOfAVersionComesAsAForm(t *testing.T) {
	t.Parallel()
	part := func(name, text string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"" + name + "\"\r\nContent-Type: application/javascript+module\r\n\r\n" + text + "\r\n"
	}
	form := http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}
	for _, one := range []struct {
		name, body string
		status     int
		header     http.Header
		want       string // of index.js; empty for an error
	}{
		{"two modules", part("index.js", "export default {}\n") + part("./a.txt", "a") + "--b--\r\n", 200, form, "export default {}\n"},
		{"cut off", part("index.js", "export default {}")[:80], 200, form, ""},
		{"an empty form", "--b--\r\n", 200, form, ""},
		{"refused", `{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}`, 403, nil, ""},
		{"refused as a form", part("index.js", "x") + "--b--\r\n", 500, form, ""},
		{"something else", `{"success":true,"result":null}`, 200, nil, ""},
	} {
		var asked string
		w := &wire{reply: func(r *http.Request, _ string) (int, http.Header, string, error) {
			asked = r.URL.RawQuery
			return one.status, one.header.Clone(), one.body, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		all, err := client(w).Modules(ctx, "w", "v1")
		cancel()
		if string(all["index.js"]) != one.want || err == nil && one.want == "" && one.name != "an empty form" || asked != "version=v1" {
			t.Errorf("%s: %q, %v; asked %s", one.name, all, err, asked)
		}
	}
}

func TestATailIsMadeAndDeletedOnce(t *testing.T) {
	t.Parallel()
	body := ""
	w := &wire{reply: func(r *http.Request, sent string) (int, http.Header, string, error) {
		if r.Method == "DELETE" {
			return refuse(404, 10007, "the tail does not exist")
		}
		body = sent
		return ok(`{"id":"t","url":"wss://tail.example/secret","expires_at":"2026-11-22T11:00:00Z"}`)
	}}
	made, err := client(w).NewTail(context.Background(), "w", nil)
	if err != nil || made.ID != "t" || made.Expires.Hour() != 11 || body != `{"filters":[]}` {
		t.Errorf("made %+v, %v; sent %s", made, err, body)
	}
	if err := client(w).DeleteTail(context.Background(), "w", "t"); err != nil {
		t.Errorf("one that is gone: %v", err)
	}
	w.reply = func(*http.Request, string) (int, http.Header, string, error) { return refuse(500, 1, "no") }
	if _, err := client(w).NewTail(context.Background(), "w", nil); err == nil || strings.Count(strings.Join(w.calls, " "), "POST") != 2 {
		t.Errorf("%v; %q: a tail must not be made twice", err, w.calls)
	}
}

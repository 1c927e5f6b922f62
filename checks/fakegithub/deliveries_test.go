package fakegithub_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
)

func TestDeliveriesAreKeptAndSentAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	h := open(t, fake.Options{Clock: func() time.Time { return now }})
	app := h.app()
	r := receive(t)
	repoHook := h.Hook(r.url, secret, "deployment")
	h.AppHook(app, r.url, secret, "deployment")
	r.take(h)
	r.answer(503)
	h.deploy("")
	failed := r.take(h)
	r.answer(200)
	h.deploy("")
	r.take(h)
	for name, side := range map[string]struct {
		as   *house
		path string
	}{
		"repository": {h.as(h.User("ann", "admin")), fmt.Sprintf("R/hooks/%d/deliveries", repoHook)},
		"App":        {h.asApp(), "/app/hook/deliveries"},
	} {
		if all := side.as.must(200, "GET "+side.path, "").List; len(all) != 3 || all[2]["event"] != "ping" {
			t.Fatalf("%s: listed %v", name, all)
		}
		bad := side.as.must(200, "GET "+side.path+"?status=failure", "").List
		if len(bad) != 1 || bad[0]["status"] != "Invalid HTTP Response: 503" || bad[0]["guid"] != failed[0].guid {
			t.Fatalf("%s: failed are %v", name, bad)
		}
		first := side.as.must(200, "GET "+side.path+"?per_page=1", "")
		_, next, _ := strings.Cut(first.Header.Get("Link"), "cursor=")
		next, _, _ = strings.Cut(next, "&")
		if page := side.as.must(200, "GET "+side.path+"?per_page=1&cursor="+next, "").List; len(page) != 1 || page[0]["id"] == first.List[0]["id"] {
			t.Errorf("%s: the next page of %s is %v", name, first.Header.Get("Link"), page)
		}
		one := fmt.Sprintf("%s/%.0f", side.path, bad[0]["id"])
		full := side.as.must(200, "GET "+one, "")
		if full.text("response.payload") != "noted" || full.text("request.headers.X-Github-Event") != "deployment" || full.text("request.payload.action") != "created" {
			t.Errorf("%s: kept %s", name, full.Raw)
		}
		side.as.must(202, "POST "+one+"/attempts", "")
		again := r.take(h)
		if len(again) != 1 || again[0].guid != failed[0].guid {
			t.Errorf("%s: sent again %v", name, again)
		}
		if all := side.as.must(200, "GET "+side.path, "").List; len(all) != 4 || all[0]["redelivery"] != true || all[0]["status"] != "OK" || all[0]["id"] == bad[0]["id"] {
			t.Errorf("%s: after it %v", name, all)
		}
		now = now.Add(72 * time.Hour)
		side.as.token = map[string]string{"repository": side.as.token, "App": h.asApp().token}[name]
		if name == "repository" {
			if all := side.as.must(200, "GET "+side.path, "").List; len(all) != 0 {
				t.Errorf("%s: after three days there are still %d", name, len(all))
			}
			side.as.must(404, "POST "+one+"/attempts", "")
		}
		now = now.Add(-72 * time.Hour)
	}
}

func TestReceiversThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{HookTimeout: 30 * time.Millisecond})
	slow := receive(t)
	slow.pause = 200 * time.Millisecond
	h.Hook(slow.url, secret, "*")
	h.Hook("http://127.0.0.1:1/", secret, "*")
	_ = h.Settle(t.Context())
	for i, want := range []string{"failed to connect to host", "timed out"} {
		found := false
		for _, d := range h.Deliveries(0) {
			found = found || d.Status == want
		}
		if !found {
			t.Errorf("%d: no delivery is recorded as %q: %+v", i, want, h.Deliveries(0))
		}
	}
}

func TestHooksOverTheAPI(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	admin := h.as(h.User("ann", "admin"))
	r := receive(t)
	made := admin.must(201, "POST R/hooks", fmt.Sprintf(`{"name":"web","events":["deployment"],"config":{"url":%q,"content_type":"json","secret":"s3cr3t","insecure_ssl":"0"}}`, r.url))
	if strings.Contains(made.Raw, "s3cr3t") {
		t.Errorf("the secret is shown: %s", made.Raw)
	}
	for _, call := range h.Calls() {
		if strings.Contains(string(call.Body), "s3cr3t") {
			t.Errorf("the secret is recorded: %s", call.Body)
		}
	}
	one := "R/hooks/" + made.text("id")
	got := r.take(h)
	if names(got) != "ping" || got[0].text("hook_id") != made.text("id") {
		t.Errorf("greeted with %s", names(got))
	}
	fits(t, got)
	admin.must(204, "POST "+one+"/pings", "")
	if got := names(r.take(h)); got != "ping" {
		t.Errorf("pinged with %s", got)
	}
	if all := admin.must(200, "GET R/hooks", "").List; len(all) != 1 {
		t.Errorf("listed %v", all)
	}
	admin.must(200, "GET "+one, "")
	admin.must(422, "POST R/hooks", `{"config":{"content_type":"json"}}`)
	admin.must(422, "POST R/hooks", `{"name":"email","config":{"url":"http://127.0.0.1/"}}`)
	admin.must(422, "POST R/hooks", `{"config":{"url":"http://127.0.0.1/","content_type":"xml"}}`)
	admin.must(204, "DELETE "+one, "")
	admin.must(404, "GET "+one, "")
	h.deploy("")
	if got := r.take(h); len(got) != 0 {
		t.Errorf("a hook that is gone got %s", names(got))
	}
}

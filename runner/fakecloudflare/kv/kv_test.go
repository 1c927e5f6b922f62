package kv_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/internal/ask"
	"github.com/tminus/deploy-action/runner/fakecloudflare/kv"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

const all = "/accounts/a/storage/kv/namespaces"

func newPlace(t *testing.T, clock func() time.Time) (*kv.Namespaces, ask.Room, string) {
	t.Helper()
	ns := kv.New(mint.New(clock, 1))
	room := ask.Room{T: t, Endpoints: ns.Endpoints()}
	var made struct{ ID string }
	room.Must("POST "+all, `{"title":"sessions"}`, &made)
	return ns, room, made.ID
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	ns, room, id := newPlace(t, nil)
	if reply := room.Do("POST "+all, `{"title":"sessions"}`); reply.Code != 10014 {
		t.Errorf("the same title again: %d", reply.Code)
	}
	for page, want := range map[string]int{"1": 1, "2": 0} {
		if reply := room.Must("GET "+all+"?per_page=1000&order=title&direction=asc&page="+page, "", nil); reply.Info.Count != want {
			t.Errorf("page %s has %d namespaces, want %d", page, reply.Info.Count, want)
		}
	}
	ask.Code(t, ns.Check(id), 0)
	ask.Code(t, ns.Check("ffffffffffffffffffffffffffffffff"), 10041)
	ask.Code(t, ns.Check("placeholder"), 10042)
	room.Must("DELETE "+all+"/"+id, "", nil)
	if reply := room.Do("GET "+all+"/"+id, ""); reply.Code != 10013 || reply.Status != 404 {
		t.Errorf("a deleted namespace: %d %d", reply.Status, reply.Code)
	}
}

func TestValuesOverTheAPI(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	_, room, id := newPlace(t, func() time.Time { return now })
	value := all + "/" + id + "/values/"
	room.Must("PUT "+value+"a%2Fb?expiration_ttl=120", "hello", nil, "Content-Type", "text/plain")
	room.Must("PUT "+value+"b", "--x\r\nContent-Disposition: form-data; name=\"value\"\r\n\r\nv\r\n--x\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"m\":1}\r\n--x--\r\n",
		nil, "Content-Type", "multipart/form-data; boundary=x")
	if reply := room.Must("GET "+value+"a%2Fb", "", nil); reply.Raw != "hello" {
		t.Errorf("the value is %q", reply.Raw)
	}
	if reply := room.Must("GET "+all+"/"+id+"/metadata/b", "", nil); string(reply.Result) != `{"m":1}` {
		t.Errorf("the metadata is %s", reply.Result)
	}
	if reply := room.Must("GET "+all+"/"+id+"/keys?prefix=a", "", nil); string(reply.Result) != `[{"name":"a/b","expiration":1795262520}]` {
		t.Errorf("keys are %s", reply.Result)
	}
	now = now.Add(3 * time.Minute)
	if reply := room.Do("GET "+value+"a%2Fb", ""); reply.Status != 404 || reply.Code != 10009 {
		t.Errorf("an expired value: %d %d", reply.Status, reply.Code)
	}
	room.Must("DELETE "+value+"b", "", nil)
	if reply := room.Must("GET "+all+"/"+id+"/keys", "", nil); string(reply.Result) != `[]` {
		t.Errorf("keys after deleting are %s", reply.Result)
	}
	if reply := room.Do("PUT "+value+"c?expiration_ttl=5", "x"); reply.Status != 400 {
		t.Errorf("five seconds to live: %d", reply.Status)
	}
}

func TestTheBindingSeesTheSameValues(t *testing.T) {
	t.Parallel()
	ns, room, id := newPlace(t, nil)
	do := func(method, target, body string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		ns.ServeBinding(w, r, id)
		return w
	}
	do("PUT", "/k%2F1?urlencoded=true&expiration_ttl=60", "one", "CF-KV-Metadata", `{"a":1}`)
	do("PUT", "/k2", `{"two":2}`)
	if w := do("GET", "/k%2F1?urlencoded=true", ""); w.Body.String() != "one" || w.Header().Get("CF-KV-Metadata") != `{"a":1}` || w.Header().Get("CF-Expiration") == "" {
		t.Errorf("got %q with %v", w.Body, w.Header())
	}
	if w := do("GET", "/none", ""); w.Code != http.StatusNotFound {
		t.Errorf("a missing key: %d", w.Code)
	}
	if w := do("GET", "/?key_count_limit=1&prefix=k", ""); !strings.Contains(w.Body.String(), `"metadata":"{\"a\":1}"`) || !strings.Contains(w.Body.String(), `"list_complete":false,"cursor":"k/1"`) {
		t.Errorf("the list is %s", w.Body)
	}
	if w := do("POST", "/bulk/get", `{"keys":["k2","none"],"type":"json"}`); strings.TrimSpace(w.Body.String()) != `{"k2":{"two":2},"none":null}` {
		t.Errorf("several values are %s", w.Body)
	}
	if reply := room.Must("GET "+all+"/"+id+"/values/k2", "", nil); reply.Raw != `{"two":2}` {
		t.Errorf("the API sees %q", reply.Raw)
	}
	do("DELETE", "/k2", "")
	if reply := room.Do("GET "+all+"/"+id+"/values/k2", ""); reply.Status != 404 {
		t.Errorf("the API still sees it: %d", reply.Status)
	}
}

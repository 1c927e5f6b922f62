package envelope_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

func table() envelope.Table {
	var all []envelope.Endpoint
	for _, line := range []string{
		"GET /queues/{queue}", "POST /queues/{queue}", "GET /queues/{queue}/messages/batch", "GET /queues/{queue}/{part}/{id}", "GET /values/{key}",
	} {
		method, path, _ := strings.Cut(line, " ")
		all = append(all, envelope.Endpoint{Method: method, Path: path, Needs: envelope.Anyone})
	}
	return envelope.NewTable(all)
}

func TestFindingAnEndpoint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, method, path, pattern string
		code                        int
	}{
		{"a varying part", "GET", "/queues/a", "GET /queues/{queue}", 0},
		{"literal parts win", "GET", "/queues/a/messages/batch", "GET /queues/{queue}/messages/batch", 0},
		{"varying when the literal does not fit", "GET", "/queues/a/messages/x", "GET /queues/{queue}/{part}/{id}", 0},
		{"an escaped slash stays one part", "GET", "/values/a%2Fb", "GET /values/{key}", 0},
		{"nothing there", "GET", "/nothing", "", 7003},
		{"an empty part is no identifier", "GET", "/queues/", "", 7003},
		{"another method", "DELETE", "/queues/a", "", 10405},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			call, err := table().Find(httptest.NewRequest(test.method, test.path, nil), test.path)
			if test.code != 0 {
				var refusal *envelope.Error
				if !errors.As(err, &refusal) || refusal.Details[0].Code != test.code {
					t.Fatalf("got %v, want code %d", err, test.code)
				}
				return
			}
			if err != nil || call.Endpoint.Pattern() != test.pattern {
				t.Fatalf("got %v, %v, want %s", call, err, test.pattern)
			}
			if test.path == "/values/a%2Fb" && call.Param("key") != "a/b" {
				t.Errorf("key is %q", call.Param("key"))
			}
		})
	}
}

func TestReadingABody(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, kind, body string
		code             int
	}{
		{"JSON", "application/json", `{"name":"x"}`, 0},
		{"JSON that undici calls text", "text/plain;charset=UTF-8", `{"name":"x"}`, 0},
		{"no content type", "", `{"name":"x"}`, 6003},
		{"a form", "application/x-www-form-urlencoded", `name=x`, 6003},
		{"an unknown field", "application/json", `{"nome":"x"}`, 1001},
		{"a field of another kind", "application/json", `{"name":1}`, 1001},
		{"half a value", "application/json", `{"name":`, 6007},
		{"two values", "application/json", `{} {}`, 6007},
		{"nothing", "application/json", ``, 6007},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/", nil)
			r.Header.Set("Content-Type", test.kind)
			call := &envelope.Call{Request: r, Body: []byte(test.body)}
			var into struct {
				Name string `json:"name"`
			}
			err := call.Decode(&into)
			var refusal *envelope.Error
			switch {
			case test.code == 0 && err != nil:
				t.Errorf("refused: %v", err)
			case test.code != 0 && (!errors.As(err, &refusal) || refusal.Details[0].Code != test.code):
				t.Errorf("got %v, want code %d", err, test.code)
			}
		})
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	items := []int{1, 2, 3, 4, 5}
	for query, want := range map[string]string{
		"": `[1,2,3]`, "?page=2": `[4,5]`, "?page=3": `[]`, "?per_page=1&page=5": `[5]`, "?per_page=100": `[1,2,3,4]`,
	} {
		call := &envelope.Call{Request: httptest.NewRequest("GET", "/"+query, nil)}
		answer, err := envelope.Paged(call, items, 3, 4)
		got, _ := json.Marshal(answer.Result)
		if err != nil || string(got) != want || answer.Info.TotalCount != 5 {
			t.Errorf("%q: %s, %+v, %v, want %s", query, got, answer.Info, err, want)
		}
	}
	if _, err := envelope.Paged(&envelope.Call{Request: httptest.NewRequest("GET", "/?page=0", nil)}, items, 3, 100); err == nil {
		t.Error("page 0 was accepted")
	}
}

func TestAnErrorNobodyMeantIsA500(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if status := envelope.Send(w, envelope.Answer{}, errors.New("disk on fire")); status != 500 || !strings.Contains(w.Body.String(), `"code":10013`) {
		t.Errorf("%d %s", status, w.Body)
	}
}

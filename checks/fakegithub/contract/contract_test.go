package contract_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tminus/deploy-action/checks/fakegithub/contract"
)

var described = sync.OnceValues(func() (*contract.Description, error) { return contract.Open(context.Background()) })

func description(t *testing.T) *contract.Description {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWhatDoesNotFitIsReported(t *testing.T) {
	t.Parallel()
	d := description(t)
	const statuses = "/repos/acme/site/deployments/1/statuses"
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		answer, want             string
	}{
		{"an answer without its fields", "GET", "/repos/acme/site/check-runs/1", "", 200, `{"id":1}`, "answer: /"},
		{"an answer with a wrong kind of value", "GET", "/repos/acme/site/check-runs/1/annotations", "", 200, `{"a":1}`, "answer: /: value must be an array"},
		{"a request with a wrong value that was accepted", "POST", statuses, `{"state":"done"}`, 202, `{}`, "request: "},
		{"a request without a required field that was accepted", "POST", statuses, `{}`, 202, `{}`, "request: "},
		{"the same, refused", "POST", statuses, `{}`, 422, `{"message":"m","documentation_url":"d"}`, ""},
		{"a refusal in a form of its own", "POST", statuses, `{}`, 422, `{"error":"m"}`, "answer: "},
		{"a status that is not described", "GET", "/repos/acme/site/check-runs/1", "", 204, ``, "answer: the description has no such status here"},
		{"a path that is not described, accepted", "GET", "/repos/acme/site/check-rums/1", "", 200, `{}`, "path: "},
		{"a path that is not described, refused", "GET", "/repos/acme/site/check-rums/1", "", 404, `{}`, ""},
		{"an Enterprise path", "GET", "/api/v3/repos/acme/site/check-runs/1", "", 200, `{"id":1}`, "answer: /"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var found []string
			h := d.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json; charset=utf-8")
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.answer)
			}), func(diff contract.Difference) { found = append(found, diff.String()) })
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			r.Header.Set("Content-Type", "application/json")
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got := strings.Join(found, "\n"); (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("reported %q, want %q", got, test.want)
			}
		})
	}
}

func TestAPayloadThatDoesNotFit(t *testing.T) {
	t.Parallel()
	d := description(t)
	for body, want := range map[string]string{
		`{"action":"created"}`:  `property "check_run" is missing`,
		`{"action":"invented"}`: "no webhook-check-run-invented",
		`nonsense`:              "invalid character",
	} {
		if err := d.Payload("check_run", []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func TestAFileIsFetchedOnceAndWhole(t *testing.T) {
	t.Parallel()
	path, err := contract.Fetch(t.Context(), contract.Examples, "api.github.com/index.json")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || !strings.HasPrefix(strings.TrimSpace(string(data)), "[") {
		t.Errorf("%s begins wrong (%v)", path, err)
	}
	if _, err := contract.Fetch(t.Context(), contract.Examples, "no/such.json"); err == nil {
		t.Error("a file that the package does not have was fetched")
	}
}

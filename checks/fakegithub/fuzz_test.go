package fakegithub_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/contract"
)

// Whatever is sent is refused in words or answered as GitHub describes, and never an error of our own.
func FuzzBodies(f *testing.F) {
	d, err := described()
	if err != nil {
		f.Fatal(err)
	}
	s := fake.New(fake.Options{})
	f.Cleanup(s.Close)
	s.Leave(1<<40, 0)
	token := s.WorkflowToken("checks:write", "deployments:write", "issues:write", "actions:write")
	s.Commit("main", "w", map[string]string{".github/workflows/rollback.yml": rollback})
	s.Pull("p", "main", "main")
	paths := []string{"check-runs", "deployments", "issues/1/comments", "actions/workflows/rollback.yml/dispatches"}
	for i, body := range []string{
		`{"name":"n","head_sha":"` + s.Head("main") + `","conclusion":"success","completed_at":"2026-01-01T00:00:00Z","output":{"title":"t","summary":"s"}}`,
		`{"ref":"main","payload":"{}","auto_merge":false,"required_contexts":[],"description":null}`, `{"body":"b"}`, `{"ref":"main","inputs":{"deployment":1.5}}`,
	} {
		f.Add(byte(i), body)
		f.Add(byte(i), body[:len(body)-2])
	}
	f.Fuzz(func(t *testing.T, which byte, body string) {
		path := "/repos/acme/site/" + paths[int(which)%len(paths)]
		h := d.Wrap(s, func(diff contract.Difference) {
			if diff.What == "answer" {
				t.Errorf("%s for %q", diff, body)
			}
		})
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("User-Agent", "fuzz")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %q: %d %s", path, body, w.Code, w.Body)
		}
	})
}

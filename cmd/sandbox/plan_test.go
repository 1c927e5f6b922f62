package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/preview"
)

// proposed is what a plan says: its digest, and every change of every script.
type proposed struct {
	digest  string
	count   preview.Count
	changes []string
}

func (s *stand) plan(args ...string) proposed {
	s.t.Helper()
	s.Forget()
	r := s.run(append([]string{"plan", "--skip-build"}, args...)...)
	if r.code != 0 {
		s.t.Fatalf("plan: exit %d\n%s", r.code, r.text)
	}
	for _, call := range s.Calls().Writes() {
		if !strings.HasSuffix(call.Path, "/query") || !strings.HasPrefix(string(call.Body), `{"sql":"SELECT `) || strings.Count(string(call.Body), ";") > 1 {
			s.t.Errorf("plan made a write: %s %s", call.Method, call.Path)
		}
	}
	for name, value := range s.secrets {
		if strings.Contains(r.text, value) {
			s.t.Errorf("the value of %s was printed", name)
		}
	}
	var p proposed
	for line := range strings.Lines(r.text) {
		var one struct {
			Event   string
			Digest  string
			Changes preview.Count
			preview.Worker
			Pending []preview.Migration
			Name    string
		}
		if json.Unmarshal([]byte(line), &one) != nil {
			continue
		}
		switch one.Event {
		case "worker":
			if one.Way != preview.Unchanged {
				p.changes = append(p.changes, one.Script+" "+string(one.Way))
			}
			for _, d := range one.Details() {
				p.changes = append(p.changes, one.Script+" "+string(d.Op)+" "+d.What+" "+d.Name)
			}
		case "database":
			for _, m := range one.Pending {
				p.changes = append(p.changes, one.Name+" "+m.Name)
			}
		case "plan":
			p.digest, p.count = one.Digest, one.Changes
		}
	}
	return p
}

// The nine Workers are bundled by separate runs of the program, in which nothing
// but what was changed may differ.
func TestAPlanOfNineWorkersIsWhatIsThenPromoted(t *testing.T) {
	t.Parallel()
	s := newStand(t, "", "")
	first := s.plan()
	if first.count.Changed != 9 || first.count.Uploads != 18 || first.count.Secrets != 0 {
		t.Errorf("%+v", first.count)
	}
	if r := s.run("promote", "--skip-build", "--plan", first.digest); r.code != 0 {
		t.Fatalf("exit %d\n%s", r.code, r.text)
	}
	if again := s.plan(); !again.count.Nothing() || len(again.changes) != 0 {
		t.Errorf("after the promotion: %+v", again)
	}
	for file, pair := range map[string][2]string{
		"workers/mcp/src/index.ts":    {"", "(globalThis as { x?: number }).x = 1;\n"},
		"workers/oauth/wrangler.toml": {`"oauth-staging.tminus.ink"`, `"login-staging.tminus.ink"`},
	} {
		if err := change(s.dir, file, func(old string) (string, bool) {
			if pair[0] == "" {
				return old + pair[1], true
			}
			return strings.Replace(old, pair[0], pair[1], 1), strings.Contains(old, pair[0])
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.dir, "migrations/d1-registry/0098_labels.sql"), []byte("CREATE TABLE labels (id INTEGER);\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := s.plan().changes
	want := []string{
		"tminus-mcp-production changed", "tminus-mcp-staging changed",
		"tminus-oauth-staging add custom domain login-staging.tminus.ink", "tminus-oauth-staging remove custom domain oauth-staging.tminus.ink",
		"tminus-registry 0098_labels.sql", "tminus-registry-staging 0098_labels.sql",
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the plan says %q, want %q", got, want)
	}
	if r := s.run("promote", "--skip-build", "--stage-only", "--plan", first.digest); r.code != 1 || !strings.Contains(r.text, `"plan-moved"`) {
		t.Errorf("an old plan: exit %d\n%s", r.code, r.text)
	}
}

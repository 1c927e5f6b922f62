package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
)

// tails are how many tails were made and deleted.
func (s *stand) tails() (made, deleted int) {
	return len(s.Calls().Matching("POST", "/accounts/*/workers/scripts/*/tails")), len(s.Calls().Matching("DELETE", "/accounts/*/workers/scripts/*/tails/*"))
}

// overheard follows api on staging while somebody logs in, and gives what was printed.
func (s *stand) overheard() ran {
	s.t.Helper()
	wait, cmd := s.startCommand("logs", "--env", "staging", "--worker", "api", "--method", "POST")
	for end := time.Now().Add(20 * time.Second); !s.Tails.Watched("tminus-api-staging") && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	s.run("smoke", "--env", "staging")
	time.Sleep(time.Second) // an event may come a little later
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	return wait()
}

// A Worker that throws is followed to its TypeScript line, by a gate that it closes and
// by whoever follows its logs; what it says of secrets is not.
func TestAClosedGateShowsWhatWasThrown(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	if err := wrap("workers/api/src/index.ts", "staging", "/v1/auth/login", `throw new TypeError("the sessions are gone, says " + env.JWT_SECRET)`)(s.dir); err != nil {
		t.Fatal(err)
	}
	line := 1 + strings.Count(strings.SplitN(read(t, filepath.Join(s.dir, "workers/api/src/index.ts")), "throw new TypeError", 2)[0], "\n")
	e := s.promote("--stage-only", "--on-failure", "stop")
	if e.code != 1 {
		t.Fatalf("exit %d\n%s", e.code, e.log)
	}
	smoke := slices.IndexFunc(s.hub.Runs(s.hub.sha), func(r fakegithub.Run) bool { return r.Name == "Promote / 5 Smoke staging" })
	run := s.hub.Runs(s.hub.sha)[smoke]
	found := false
	for _, a := range run.Annotations {
		if a.Path == "workers/api/src/index.ts" && a.StartLine == line && a.Level == "warning" {
			found = strings.Contains(a.Message, "TypeError: the sessions are gone, says ***") && strings.Contains(a.Message, "POST https://api-staging.tminus.ink/v1/auth/login")
		}
	}
	if !found || run.Conclusion != "failure" {
		t.Errorf("no annotation on line %d of a run that is %s: %+v\n%s", line, run.Conclusion, run.Annotations, e.log)
	}
	if made, deleted := s.tails(); made == 0 || made != deleted {
		t.Errorf("%d tails were made and %d deleted", made, deleted)
	}

	place := fmt.Sprintf(`"at":{"file":"workers/api/src/index.ts","line":%d,`, line)
	r := s.overheard()
	if r.code != 130 || !strings.Contains(r.text, place) || !strings.Contains(r.text, `"outcome":"exception"`) || strings.Contains(r.text, s.secrets["JWT_SECRET"]) {
		t.Errorf("exit %d, want %s\n%s", r.code, place, r.text)
	}
	s.changeCode("api", "7")
	if r = s.overheard(); strings.Contains(r.text, place) || !strings.Contains(r.text, "was built from other code than this checkout; check out commit "+s.hub.sha[:7]) {
		t.Errorf("of another checkout:\n%s", r.text)
	}
	if made, deleted := s.tails(); made != deleted {
		t.Errorf("%d tails were made and %d deleted", made, deleted)
	}
}

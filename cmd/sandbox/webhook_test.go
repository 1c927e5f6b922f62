package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// guarded starts the server beside a step's repository and account.
func (s *step) guarded(binary, database string, more ...string) *guard {
	s.t.Helper()
	g, err := s.guard(s.hub, binary, database, filepath.Join(s.t.TempDir(), "log"), append([]string{"--patience", "20s"}, more...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(g.kill)
	return g
}

func TestAFailedDeploymentStatusStartsOneRollback(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	binary, err := buildBinary(t.Context(), t.TempDir(), "rollback-webhook")
	if err != nil {
		t.Fatal(err)
	}
	s.commitConfiguration()
	if e := s.promote("--prod-only"); e.code != 0 {
		t.Fatalf("the good release: exit code %d\n%s", e.code, e.log)
	}
	good := s.servingIn("production")
	database := filepath.Join(t.TempDir(), "server.db")
	told, address := heard(t)
	g := s.guarded(binary, database, "SLACK_WEBHOOK_URL="+address)
	if res, err := http.Get("http://" + g.address + "/readyz"); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("not ready: %v", err)
	}
	hook := s.hub.Hook("http://"+g.address+"/webhook", hookSecret, "deployment_status")
	if err := s.spoil("smoke-production"); err != nil {
		t.Fatal(err)
	}
	if e := s.promote("--prod-only", "--on-failure", "stop"); e.code != 1 {
		t.Fatalf("the bad release: exit code %d\n%s", e.code, e.log)
	}
	s.untilRolledBack(g, 1)
	if d := differing(good, s.servingIn("production")); len(d) != 0 {
		t.Errorf("production serves other versions of %v", d)
	}
	if got := s.runsNamed("Rollback · production / "); !slices.Equal(got, []string{"1 Rollback production success", "2 Health production success", "3 Smoke production success"}) {
		t.Errorf("check runs %q", got)
	}
	// Told again, and after the server was killed, nothing is done twice.
	s.tellAgain(g, hook)
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
	g = s.guarded(binary, database, "SLACK_WEBHOOK_URL="+address)
	time.Sleep(2 * time.Second)
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "*production of "+s.hub.FullName()+" was rolled back*\nRelease ") || !strings.Contains(got[0], " serves again: 1 put back") {
		t.Errorf("people were told %q", got)
	}
	if n := len(s.hub.Deployments("production")); n != 3 {
		t.Errorf("%d deployments to production, not three", n)
	}
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v\n%s", err, read(t, g.log))
	}
	for line := range g.lines() {
		if line["msg"] == "did" && (line["delivery"] == nil || line["work"] == nil) {
			t.Errorf("nobody knows what it is about: %v", line)
		}
	}
	for _, secret := range append([]string{hookSecret, s.hub.token, s.token}, s.secrets["JWT_SECRET"]) {
		if strings.Contains(read(t, g.log), secret) {
			t.Error("a secret is in the log")
		}
	}
}

// heard takes messages as Slack does, and gives what they say.
func heard(t *testing.T) (said func() []string, address string) {
	var mu sync.Mutex
	var all []string
	slack := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, m.Text)
	}))
	t.Cleanup(slack.Close)
	return func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(all) }, slack.URL
}

// commitConfiguration has the repository hold what the project's configuration says.
func (s *step) commitConfiguration() {
	s.t.Helper()
	if err := s.hub.configure(s.dir); err != nil {
		s.t.Fatal(err)
	}
}

// untilRolledBack waits until so many rollbacks have succeeded.
func (s *step) untilRolledBack(g *guard, want int) {
	s.t.Helper()
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		n := 0
		for _, d := range s.hub.Deployments("production") {
			if d.Task == "rollback" && d.State == "success" {
				n++
			}
		}
		if n == want {
			return
		}
	}
	s.t.Fatalf("no rollback: %s\n%s", s.states("production"), read(s.t, g.log))
}

// tellAgain has every delivery of the hook sent once more.
func (s *step) tellAgain(g *guard, hook int64) {
	s.t.Helper()
	for _, d := range s.hub.Deliveries(hook) {
		r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+g.address+"/webhook", strings.NewReader(string(d.Body)))
		if err != nil {
			s.t.Fatal(err)
		}
		for name, value := range d.Headers {
			r.Header[name] = value
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil || res.StatusCode != http.StatusAccepted && res.StatusCode != http.StatusOK {
			s.t.Fatalf("told again: %v, %v", res, err)
		}
		res.Body.Close()
	}
}

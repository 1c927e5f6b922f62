package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
)

// command runs another command of the program as a step of a new job.
func (s *step) command(args ...string) ended {
	s.t.Helper()
	j, err := s.hub.job(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := s.deployAction(ctx, s.binary, args...)
	cmd.Env = append(cmd.Env, j.env...)
	out, _ := cmd.CombinedOutput()
	e := ended{job: j, code: cmd.ProcessState.ExitCode(), log: string(out)}
	if err := s.hub.SetRun(j.run, "completed", "success"); err != nil {
		s.t.Error(err)
	}
	s.noSecrets(e)
	return e
}

// servingIn are the versions that serve in an environment, by script.
func (s *stand) servingIn(env string) map[string]string {
	s.t.Helper()
	all := map[string]string{}
	for _, e := range s.run("status", "--env", env).events {
		if e.Event == "serving" && len(e.Versions) == 1 {
			all[e.Script] = e.Versions[0].Version
		}
	}
	if len(all) != 9 {
		s.t.Fatalf("%d scripts serve", len(all))
	}
	return all
}

func differing(a, b map[string]string) []string {
	var names []string
	for name, v := range a {
		if b[name] != v {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// changeCode changes the code of one Worker.
func (s *stand) changeCode(worker, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "workers", worker, "src", "index.ts")
	if err := os.WriteFile(path, []byte(read(s.t, path)+"\n(globalThis as Record<string, unknown>)[\"turn\"] = "+text+";\n"), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// writes are the calls that changed something; the ledger is read by a POST too.
func (s *stand) writes() []string {
	var all []string
	for _, c := range s.Calls().Writes() {
		if !strings.HasSuffix(c.Path, "/query") {
			all = append(all, c.Method+" "+c.Path)
		}
	}
	return all
}

func (s *step) runsNamed(prefix string) []string {
	var all []string
	for _, r := range s.hub.Runs(s.hub.sha) {
		if rest, ok := strings.CutPrefix(r.Name, prefix); ok {
			all = append(all, rest+" "+r.Conclusion)
		}
	}
	slices.Sort(all)
	return all
}

func TestAClosedProductionGateIsRolledBackAtOnce(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	if e := s.promote(); e.code != 0 {
		t.Fatalf("the good release: exit code %d\n%s", e.code, e.log)
	}
	good := s.servingIn("production")
	if err := s.spoil("smoke-production"); err != nil {
		t.Fatal(err)
	}
	e := s.promote()
	if e.code != 1 || !strings.Contains(e.log, "rolled back") {
		t.Fatalf("exit code %d\n%s", e.code, e.log)
	}
	if d := differing(good, s.servingIn("production")); len(d) != 0 {
		t.Errorf("production serves other versions of %v", d)
	}
	if got := s.runsNamed("Rollback / "); !slices.Equal(got, []string{"1 Rollback production success", "2 Health production success", "3 Smoke production success"}) {
		t.Errorf("check runs %q", got)
	}
	if got := s.states("production"); got != "inactive failure success" {
		t.Errorf("deployments %s", got)
	}
	if v := s.run("smoke", "--env", "production"); v.code != 0 {
		t.Errorf("production does not answer well\n%s", v.text)
	}
	out, _ := e.outputs()
	if out["verdict"] != "failed" || out["rolled-back-from"] != out["release"] || out["rolled-back-to"] == "" {
		t.Errorf("outputs %v", out)
	}
	s.held(good)
}

// held tries the same release once more, which is refused, and then a corrected one.
func (s *step) held(good map[string]string) {
	s.t.Helper()
	e := s.promote("--prod-only")
	if e.code != 1 || !strings.Contains(e.log, "held") || !strings.Contains(e.log, "Smoke production failed") {
		s.t.Errorf("the same release again: exit code %d\n%s", e.code, e.log)
	}
	if d := differing(good, s.servingIn("production")); len(d) != 0 {
		s.t.Errorf("production serves other versions of %v", d)
	}
	if e := s.command("release-hold", "--env", "production", "--reason", "the database was mended"); e.code != 0 {
		s.t.Errorf("release-hold: exit code %d\n%s", e.code, e.log)
	}
	if e := s.promote("--prod-only", "--on-failure", "stop"); e.code != 1 || strings.Contains(e.log, "[held]") || !strings.Contains(e.log, "not-rolled-back") {
		s.t.Errorf("after the hold was lifted: exit code %d\n%s", e.code, e.log)
	}
	if e := s.command("rollback", "--env", "production", "--reason", "by hand"); e.code != 0 {
		s.t.Errorf("by hand: exit code %d\n%s", e.code, e.log)
	}
	if d := differing(good, s.servingIn("production")); len(d) != 0 {
		s.t.Errorf("production serves other versions of %v", d)
	}
}

func TestARollbackByHandIsDoneOnce(t *testing.T) {
	t.Parallel()
	for name, github := range map[string]bool{"by GitHub's records": true, "by the labels on Cloudflare": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, "")
			run := func(args ...string) (int, string) {
				if github {
					e := s.command(args...)
					return e.code, e.log
				}
				if err := os.RemoveAll(filepath.Join(s.dir, ".deploy-action")); err != nil { // another machine
					t.Fatal(err)
				}
				r := s.run(args...)
				return r.code, r.text
			}
			promote := []string{"promote", "--prod-only", "--skip-build", "--skip-migrations"}
			if code, log := run("promote", "--prod-only", "--skip-build"); code != 0 {
				t.Fatalf("exit code %d\n%s", code, log)
			}
			first := s.servingIn("production")
			s.changeCode("api", "1")
			s.changeCode("cron", "1")
			if code, log := run(promote...); code != 0 {
				t.Fatalf("exit code %d\n%s", code, log)
			}
			if d := differing(first, s.servingIn("production")); len(d) != 2 {
				t.Fatalf("the second release changed %v", d)
			}
			s.Forget()
			if code, log := run("rollback", "--env", "production", "--dry-run"); code != 0 || len(s.writes()) != 0 {
				t.Errorf("dry run: exit code %d, writes %v\n%s", code, s.writes(), log)
			}
			if code, log := run("rollback", "--env", "production", "--reason", "a test"); code != 0 {
				t.Errorf("exit code %d\n%s", code, log)
			}
			if d := differing(first, s.servingIn("production")); len(d) != 0 {
				t.Errorf("after the rollback these differ: %v", d)
			}
			s.Forget()
			if code, log := run("rollback", "--env", "production"); code != 0 || len(s.writes()) != 0 {
				t.Errorf("the second time: exit code %d, writes %v\n%s", code, s.writes(), log)
			}
		})
	}
}

// A job that is killed between switch and verdict leaves production on a release
// that nobody judged. The next run takes it back before it does anything else.
func TestWhatAKilledJobLeftIsTakenBackByTheNext(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	if e := s.promote(); e.code != 0 {
		t.Fatalf("the good release: exit code %d\n%s", e.code, e.log)
	}
	good := s.servingIn("production")
	s.changeCode("api", "2")
	s.changeCode("push", "2")
	wait, cmd := s.begin(nil, "--prod-only")
	s.until(func(r fakegithub.Run) bool {
		return r.Name == "Promote / 8 Health production" && r.Status == "in_progress" && len(s.hub.Deployments("production")) == 2
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.post(wait())
	if d := differing(good, s.servingIn("production")); len(d) != 2 {
		t.Fatalf("the killed release changed %v", d)
	}
	// The next release does not come as far as production.
	if err := s.spoil("smoke-staging"); err != nil {
		t.Fatal(err)
	}
	e := s.promote()
	if e.code != 1 || !strings.Contains(e.log, "left half done") {
		t.Errorf("exit code %d\n%s", e.code, e.log)
	}
	if d := differing(good, s.servingIn("production")); len(d) != 0 {
		t.Errorf("production serves other versions of %v", d)
	}
	if got := s.runsNamed("Recovery / "); !slices.Equal(got, []string{"1 Rollback production success", "2 Health production success", "3 Smoke production success"}) {
		t.Errorf("check runs %q", got)
	}
	if !s.closed() {
		t.Errorf("left open: %q, deployments %s", s.conclusions(), s.states("production"))
	}
}

// A version whose secrets have changed since is refused by name before anything is
// changed, and comes back only when somebody says so.
func TestChangedSecretsAreRefusedByNameBeforeAnyChange(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	if e := s.promote("--prod-only", "--skip-smoke"); e.code != 0 {
		t.Fatalf("exit code %d\n%s", e.code, e.log)
	}
	first := s.servingIn("production")
	s.secrets["JWT_SECRET"] = randomSecret()
	if e := s.promote("--prod-only", "--skip-smoke"); e.code != 0 {
		t.Fatalf("exit code %d\n%s", e.code, e.log)
	}
	if d := differing(first, s.servingIn("production")); len(d) != 2 {
		t.Fatalf("the new secret changed %v", d)
	}
	s.Forget()
	e := s.command("rollback", "--env", "production", "--skip-smoke")
	if e.code != 1 || !strings.Contains(e.log, "JWT_SECRET") || !strings.Contains(e.log, "[secrets-changed]") || len(s.writes()) != 0 {
		t.Errorf("exit code %d, writes %v\n%s", e.code, s.writes(), e.log)
	}
	if e := s.command("rollback", "--env", "production", "--skip-smoke", "--force-secrets"); e.code != 0 {
		t.Errorf("forced: exit code %d\n%s", e.code, e.log)
	}
	if d := differing(first, s.servingIn("production")); len(d) != 0 {
		t.Errorf("production serves other versions of %v", d)
	}
}

func TestAPolicyHoldsAReleaseThatFailed(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	if err := os.WriteFile(filepath.Join(s.dir, "tminus.yaml"), []byte("rollback:\n  policy:\n    - {stage: smoke, environment: production, do: hold}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if e := s.promote("--prod-only"); e.code != 0 {
		t.Fatalf("the good release: exit code %d\n%s", e.code, e.log)
	}
	if err := s.spoil("smoke-production"); err != nil {
		t.Fatal(err)
	}
	if e := s.promote("--prod-only"); e.code != 1 || !strings.Contains(e.log, "is held on the release that failed") {
		t.Fatalf("exit code %d\n%s", e.code, e.log)
	}
	if got := s.runsNamed("Hold / "); !slices.Equal(got, []string{"1 Hold production success"}) {
		t.Errorf("check runs %q", got)
	}
	bad := s.servingIn("production")
	s.changeCode("api", "2")
	if e := s.promote("--prod-only"); e.code != 1 || !strings.Contains(e.log, "held by the policy: Smoke production failed") {
		t.Errorf("a release while it is held: exit code %d\n%s", e.code, e.log)
	}
	if d := differing(bad, s.servingIn("production")); len(d) != 0 {
		t.Errorf("production serves other versions of %v", d)
	}
	if got := s.states("production"); got != "inactive failure" && got != "success failure" {
		t.Errorf("deployments %s", got)
	}
	if e := s.command("rollback", "--env", "production"); e.code != 0 {
		t.Errorf("the rollback of a held release: exit code %d\n%s", e.code, e.log)
	}
	if e := s.command("hold", "--env", "production"); e.code != 2 || !strings.Contains(e.log, "--reason") {
		t.Errorf("a hold without a reason: exit code %d\n%s", e.code, e.log)
	}
}

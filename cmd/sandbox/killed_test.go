package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// killed has a release fail, and kills the server that takes it back in the middle of
// that: some Workers are back and some are not. The other servers are given.
func (s *vigil) killed(all ...*guard) []*guard {
	s.t.Helper()
	s.changeCode("push", "2")
	s.changeCode("mcp", "2")
	s.bad()
	s.Forget()
	s.SetLatency(500 * time.Millisecond)
	defer s.SetLatency(0)
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if !slices.ContainsFunc(s.writes(), func(call string) bool { return strings.HasSuffix(call, "/deployments") }) {
			continue
		}
		at := slices.IndexFunc(all, func(g *guard) bool { return g.said("did", "task", "Record the rollback") > 0 })
		if at < 0 {
			continue // it has not come into the log yet
		}
		all[at].kill()
		return slices.Delete(slices.Clone(all), at, at+1)
	}
	s.t.Fatalf("no rollback was begun\n%s", read(s.t, all[0].log))
	return nil
}

// finished wants that the rollback that was cut off is finished within a time, and is
// shown as one.
func (s *vigil) finished(g *guard, within time.Duration) {
	s.t.Helper()
	if d := differing(s.good, s.servingIn("production")); len(d) == 0 {
		s.t.Error("the server was killed too late")
	}
	began := time.Now()
	s.untilRolledBack(g, 1)
	if took := time.Since(began); took > within {
		s.t.Errorf("it took %s", took)
	}
	if d := differing(s.good, s.servingIn("production")); len(d) != 0 {
		s.t.Errorf("production serves other versions of %v", d)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && !s.closed(); time.Sleep(50 * time.Millisecond) {
	}
	for _, r := range s.hub.Runs(s.hub.sha) {
		if r.Status != "completed" {
			s.t.Errorf("%s was left %s: %s", r.Name, r.Status, r.Title)
		}
	}
	if !s.closed() {
		s.t.Errorf("deployments %s", s.states("production"))
	}
	s.end(g)
}

func TestARollbackThatWasCutOffIsFinishedAtTheRestart(t *testing.T) {
	t.Parallel()
	s := newVigil(t)
	g := s.guarded(s.binary, s.database, "RECONCILE=0")
	s.hub.Hook("http://"+g.address+"/webhook", hookSecret, "deployment_status")
	s.killed(g)
	s.finished(s.guarded(s.binary, s.database, "RECONCILE=0"), 30*time.Second)
}

func TestARollbackThatWasCutOffIsFinishedByAnotherServer(t *testing.T) {
	t.Parallel()
	s := newVigil(t)
	database := postgres(t)
	g, other := s.guarded(s.binary, database, "RECONCILE=0"), s.guarded(s.binary, database, "RECONCILE=0")
	s.hub.Hook("http://"+g.address+"/webhook", hookSecret, "deployment_status")
	s.finished(s.killed(g, other)[0], 60*time.Second)
}

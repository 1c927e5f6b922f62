package main

import (
	"slices"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/hook"
)

// killed has a release fail, and kills the server that takes it back in the middle of
// that: some Workers are back and some are not. The other servers are given.
func (s *vigil) killed(all ...*guard) []*guard {
	s.t.Helper()
	s.changeCode("push", "2")
	s.changeCode("mcp", "2")
	s.hub.Network(func(hook.Parcel) hook.Fate { return hook.Fate{Hold: true} })
	s.bad()
	s.Forget()
	s.SetLatency(time.Second) // so that there is time between two Workers
	defer s.SetLatency(0)
	s.hub.Network(nil)
	s.hub.Release()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		at := slices.IndexFunc(all, func(g *guard) bool { return g.said("did", "task", "Record the rollback") > 0 })
		if at < 0 {
			continue
		}
		// Those that need api are put back at once; api is when they are known to be.
		time.Sleep(300 * time.Millisecond)
		all[at].kill()
		s.SetLatency(0)
		if d := differing(s.good, s.servingIn("production")); !slices.Equal(d, []string{"tminus-api-production"}) {
			s.t.Errorf("the server was not killed half-way: %v are to be put back", d)
		}
		return slices.Delete(slices.Clone(all), at, at+1)
	}
	s.t.Fatalf("no rollback was begun\n%s", read(s.t, all[0].log))
	return nil
}

// finished wants that the rollback that was cut off is finished within a time, and is
// shown as one.
func (s *vigil) finished(g *guard, within time.Duration) {
	s.t.Helper()
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

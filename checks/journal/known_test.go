package journal

import (
	"testing"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/release"
)

// make makes a deployment of ours with the given states.
func (s *stand) make(k *Keeper, m release.Manifest, states ...string) int64 {
	s.t.Helper()
	id, err := deployment.Write(s.t.Context(), k.Client, k.SHA, deployment.Payload{Run: k.Run, Manifest: m}, "")
	for _, state := range states {
		if err == nil {
			err = k.Client.SetStatus(s.t.Context(), id, github.Status{State: state})
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// looked is a keeper that has looked at production.
func (s *stand) looked() *Keeper {
	k := s.keeper(s.begin())
	<-k.look(s.t.Context(), k.at("production")).done
	return k
}

func TestAKeeperKnowsTheLastGoodReleaseAndWhyOneWasTakenBack(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.keeper(s.begin())
	if _, ok := k.LastGood("production"); ok || k.Why("production", "r2") != "" {
		t.Error("it knows something without having looked")
	}
	if _, ok := s.looked().LastGood("production"); ok {
		t.Error("there is none")
	}
	s.make(k, manifest("r1", "production", true), github.Success)
	s.make(k, manifest("r2", "production", true), github.Success) // the rollback did not come so far as to retire it
	if m, ok := s.looked().LastGood("production"); !ok || m.Release != "r2" {
		t.Errorf("%v, %s", ok, m.Release)
	}
	s.make(k, manifest("r2b", "production", true), github.Failure)
	back := manifest("r2-rollback", "production", true)
	back.Back = &release.Back{From: "r2", To: "r1", Reason: "it was slow", By: "octocat"}
	s.make(k, back, github.Success)
	k = s.looked()
	if m, ok := k.LastGood("production"); !ok || m.Release != "r1" {
		t.Errorf("%v, %s", ok, m.Release)
	}
	for from, want := range map[string]string{"r2": `, asked for by octocat, because "it was slow"`, "r1": ""} {
		if got := k.Why("production", from); got != want {
			t.Errorf("%s: %q, want %q", from, got, want)
		}
	}
}

func TestAKeeperKnowsWhoHoldsARelease(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.keeper(s.begin())
	s.make(k, manifest("r1", "production", true), github.Success)
	s.make(k, manifest("r2", "production", true), github.Failure)
	if err := deployment.Held(t.Context(), k.Client, "production", "octocat", "we look at it"); err != nil {
		t.Fatal(err)
	}
	if got := s.looked().Why("production", "r2"); got != ", held by octocat: we look at it" {
		t.Errorf("why %q", got)
	}
}

// A server has no run of a workflow. What it left in progress when it was killed does
// not keep it out when it comes back.
func TestAServerIsNotKeptOutByWhatItLeft(t *testing.T) {
	t.Parallel()
	s := open(t)
	left := s.keeper(0)
	left.Run = deployment.Run{Job: "server"}
	s.make(left, manifest("b1", "production", true), github.InProgress)
	for job, kept := range map[string]bool{"server": false, "another": true, "": true} {
		k := s.keeper(0)
		k.Run = deployment.Run{Job: job}
		k.Look(t.Context(), "production")
		l := k.seen(k.at("production"))
		<-l.done
		if got := len(l.before(0)) > 0; l.err != nil || got != kept {
			t.Errorf("%q is kept out: %v, %v", job, got, l.err)
		}
	}
}

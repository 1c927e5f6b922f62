package deployment

import (
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/release"
)

func back(name, from string) release.Manifest {
	m := manifest(name, "production")
	m.Back = &release.Back{From: from}
	return m
}

func TestTheNewestReleaseAndWhatCameSince(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.job(s.begin())
	newest := func() []Record {
		t.Helper()
		all, err := Newest(t.Context(), k.Client, "production")
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if all := newest(); len(all) != 0 || Taker(all, len(all)-1) != nil {
		t.Errorf("nothing: %+v", all)
	}
	s.make(k, manifest("r1", "production"), github.Success)
	s.make(k, manifest("r2", "production"), github.InProgress, github.Failure)
	if _, err := k.Client.CreateDeployment(t.Context(), github.Deployment{SHA: k.SHA, Task: "deploy", Environment: "production", Payload: []byte(`{}`)}); err != nil {
		t.Fatal(err) // GitHub's own, of a job with an environment
	}
	if all := newest(); len(all) != 1 || all[0].Release != "r2" || !all[0].Failed() || all[0].Open() || all[0].Rollback() || all[0].Since().IsZero() || Taker(all, len(all)-1) != nil {
		t.Errorf("it failed: %+v", all)
	}
	s.make(k, back("b1", "r2"), github.InProgress, github.Failure)
	s.make(k, back("b2", "r1"), github.Success)
	if all := newest(); len(all) != 3 || all[2].Release != "r2" || !all[0].Rollback() || Taker(all, len(all)-1) != nil {
		t.Errorf("no rollback of it was good: %+v", all)
	}
	s.make(k, back("b3", "r2"), github.InProgress, github.Success)
	if all := newest(); len(all) != 4 || Taker(all, Latest(all)).Release != "b3" {
		t.Errorf("it was taken back: %+v", all)
	}
	s.make(k, manifest("r3", "production"))
	if all := newest(); len(all) != 1 || !all[0].Open() || all[0].State() != github.Queued || !all[0].Since().Equal(all[0].Deployment.Created) {
		t.Errorf("another has begun: %+v", all)
	}
	s.hub.Break(traffic.Fault{Path: "/repos/*/*/deployments/*/statuses", Refusal: traffic.Unavailable(), Times: 4})
	if _, err := Newest(t.Context(), k.Client, "production"); err == nil {
		t.Error("what was said is not known, and nobody says so")
	}
}

func TestWhatARunMade(t *testing.T) {
	t.Parallel()
	s := open(t)
	run, other := s.begin(), s.begin()
	mine := s.make(s.job(run), manifest("r1", "production"), github.InProgress)
	s.make(s.job(other), manifest("r2", "production"), github.InProgress)
	again := s.job(run)
	again.Run.Attempt = 2
	s.make(again, manifest("r3", "production"), github.InProgress)
	c := again.Client
	if all, err := OfRun(t.Context(), c, "production", run, 1); err != nil || len(all) != 1 || all[0].Deployment.ID != mine || !all[0].Open() {
		t.Errorf("the first attempt: %+v, %v", all, err)
	}
	if all, err := OfRun(t.Context(), c, "production", run, 2); err != nil || len(all) != 2 {
		t.Errorf("the second attempt: %+v, %v", all, err)
	}
	if all, err := OfRun(t.Context(), c, "staging", run, 2); err != nil || len(all) != 0 {
		t.Errorf("elsewhere: %+v, %v", all, err)
	}
	all, _ := OfRun(t.Context(), c, "production", run, 1)
	if left, err := Abandon(t.Context(), c, all[0]); err != nil || left.State() != github.Error || left.Verdict().Description != Abandoned || left.Verdict().ID == 0 {
		t.Errorf("abandoned: %+v, %v", left, err)
	}
}

func TestARunIsOverOrNot(t *testing.T) {
	t.Parallel()
	s := open(t)
	alive, ended := s.begin(), s.begin()
	if err := s.hub.SetRun(ended, "completed", "cancelled"); err != nil {
		t.Fatal(err)
	}
	c := s.job(alive).Client
	blind := &stand{t: t, hub: s.hub, url: s.url, token: s.hub.WorkflowToken("deployments:write")}
	now := time.Now()
	for _, tt := range []struct {
		name string
		c    *github.Client
		run  Run
		made time.Time
		over bool
	}{
		{"it goes on", c, Run{ID: alive, Attempt: 1}, now, false},
		{"it ended", c, Run{ID: ended, Attempt: 1}, now, true},
		{"it was begun again", c, Run{ID: alive, Attempt: 0}, now, true},
		{"it was deleted", c, Run{ID: 7, Attempt: 1}, now, true},
		{"it has no number and is young", c, Run{}, now, false},
		{"it has no number and is old", c, Run{}, now.Add(-7 * time.Hour), true},
		{"nobody may ask, and it is young", blind.job(1).Client, Run{ID: ended, Attempt: 1}, now, false},
		{"nobody may ask, and it is old", blind.job(1).Client, Run{ID: alive, Attempt: 1}, now.Add(-7 * time.Hour), true},
	} {
		if over, _, err := Over(t.Context(), tt.c, tt.run, tt.made); err != nil || over != tt.over {
			t.Errorf("%s: %v, %v", tt.name, over, err)
		}
	}
	if _, since, _ := Over(t.Context(), c, Run{ID: ended, Attempt: 1}, now); since.IsZero() || time.Since(since).Abs() > time.Minute {
		t.Errorf("since %s", since)
	}
	s.hub.Break(traffic.Fault{Path: "/repos/*/*/actions/runs/*", Refusal: traffic.Unavailable(), Times: 4})
	if _, _, err := Over(t.Context(), c, Run{ID: ended, Attempt: 1}, now); err == nil {
		t.Error("GitHub does not answer, and nobody says so")
	}
}

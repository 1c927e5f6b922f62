package deployment

import (
	"errors"
	"testing"

	"github.com/tminus/deploy-action/checks/github"
)

func TestAHoldIsSaidWithoutAChangeOfState(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.job(s.begin())
	if err := errors.Join(Held(t.Context(), k.Client, "production", "octocat", "nobody"), Lifted(t.Context(), k.Client, "production", "octocat", "nobody")); err != nil {
		t.Errorf("without a release: %v", err)
	}
	s.make(k, manifest("r1", "production"), github.Success)
	s.make(k, manifest("r2", "production"), github.Failure)
	if err := Held(t.Context(), k.Client, "production", "octocat", "we look at it"); err != nil {
		t.Fatal(err)
	}
	if all, err := Recent(t.Context(), k.Client, "production"); err != nil || all[0].Hold() != "Held by octocat: we look at it" || !all[0].Failed() || all[0].Verdict().Description != "" || all[1].Hold() != "" {
		t.Errorf("held: %+v, %v", all, err)
	}
	if err := Lifted(t.Context(), k.Client, "production", "octocat", "mended"); err != nil {
		t.Fatal(err)
	}
	all := s.hub.Deployments("production")
	last := all[1].Statuses[len(all[1].Statuses)-1]
	if all[1].State != github.Failure || last.Description != "Hold lifted by octocat: mended" || !Aside(last.Description) || Aside("Smoke production failed") {
		t.Errorf("%+v", all[1].Statuses)
	}
	if len(all[0].Statuses) != 1 {
		t.Error("another deployment was told")
	}
}

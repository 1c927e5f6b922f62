package checkrun

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/finding"
)

func TestARunThatIsNoStageIsShownFromQueuedToItsEnd(t *testing.T) {
	t.Parallel()
	s := open(t)
	a := s.Alone("plan")
	a.Queue(t.Context(), "Waiting")
	if err := a.lane.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.shown(); !slices.Equal(got, []string{"Promote|queued|Waiting"}) {
		t.Errorf("%q", got)
	}
	a.Start(t.Context(), "Looking")
	if err := a.lane.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	var found []finding.Finding
	for i := range 60 {
		found = append(found, finding.Warnf("some-rule", finding.Position{File: "wrangler.toml", Line: i + 1}, "finding %d", i))
	}
	found = append(found, finding.Errorf("worst", finding.Position{File: "wrangler.toml", Line: 1, Column: 2, EndLine: 1, EndColumn: 5}, "the worst"))
	if err := a.End(t.Context(), Ending{Conclusion: github.Failure, Title: "1 error", Summary: "| a |", Text: "more", Findings: found}); err != nil {
		t.Fatal(err)
	}
	a.Cancel(t.Context(), "too late")
	r := s.runs()
	if len(r) != 1 || r[0].Conclusion != "failure" || r[0].Title != "1 error" || r[0].Summary != "| a |" || r[0].Text != "more" || r[0].Started.IsZero() || r[0].Completed.IsZero() {
		t.Fatalf("%+v", r)
	}
	if r[0].ExternalID != Mark+"1/1/promote/plan" {
		t.Errorf("external id %s", r[0].ExternalID)
	}
	if n := r[0].Annotations; len(n) != 61 || n[0].Path != "apps/site/wrangler.toml" || fmt.Sprint(n[0].Level) != "failure" {
		t.Errorf("%d annotations, the first %+v", len(r[0].Annotations), r[0].Annotations[0])
	}
}

func TestARunThatIsNoStageIsClosedWhenItIsCancelled(t *testing.T) {
	t.Parallel()
	s := open(t)
	a := s.Alone("plan")
	a.Start(t.Context(), "Looking")
	a.Cancel(t.Context(), "interrupted")
	if err := a.lane.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.shown(); !slices.Equal(got, []string{"Promote|cancelled|Cancelled: interrupted"}) {
		t.Errorf("%q", got)
	}
}

func TestARefusedRunIsNoError(t *testing.T) {
	t.Parallel()
	s := open(t, "checks:read")
	a := s.Alone("plan")
	a.Queue(t.Context(), "Waiting")
	if err := a.End(t.Context(), Ending{Conclusion: github.Success, Title: "Nothing", Summary: "Nothing"}); err != nil || s.Refused() == nil {
		t.Errorf("%v, refused %v", err, s.Refused())
	}
}

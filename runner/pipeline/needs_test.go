package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestAStepIsBlockedByWhatItNeedsOnly(t *testing.T) {
	t.Parallel()
	failing := Step{Stage: list{"second", []Task{bad("b", errors.New("no"))}}, Needs: []string{"first"}}
	p := Plan{Steps: []Step{
		{Stage: list{"first", []Task{ok("a")}}},
		failing,
		{Stage: list{"third", []Task{ok("c")}}, Needs: []string{"first"}},
		{Stage: list{"fourth", []Task{ok("d")}}, Needs: []string{"second"}},
		{Stage: list{"fifth", []Task{ok("e")}}, Needs: []string{}},
		{Stage: list{"sixth", []Task{ok("f")}}},
	}}
	verdict, lines := runPlan(t, context.Background(), p)
	want := []string{"first/a passed", "first passed", "second/b failed", "second failed", "third/c passed", "third passed",
		"fourth blocked Second did not pass", "fifth/e passed", "fifth passed", "sixth blocked Second did not pass", "ended failed"}
	if verdict != Failed || !slices.Equal(lines, want) {
		t.Errorf("%s\n  %s\nwant\n  %s", verdict, strings.Join(lines, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestAStepThatNeedsALaterOneIsAMistake(t *testing.T) {
	t.Parallel()
	p := Plan{Steps: []Step{{Stage: list{"first", []Task{ok("a")}}, Needs: []string{"second"}}, {Stage: list{"second", []Task{ok("b")}}}}}
	if verdict, err := p.Run(context.Background(), &diary{}); err == nil || verdict != Pending || !strings.Contains(err.Error(), "step first needs second") {
		t.Errorf("%s %v", verdict, err)
	}
}

func TestACancelledRunBeginsNothingThatNeedsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	p := Plan{Steps: []Step{
		{Stage: list{"first", []Task{bad("a", errors.New("no"))}}},
		{Stage: list{"second", []Task{{Title: "b", Do: func(ctx context.Context, _ *Out) error { cancel(); return ctx.Err() }}}}, Needs: []string{}},
		{Stage: list{"third", []Task{ok("c")}}, Needs: []string{}},
	}}
	verdict, lines := runPlan(t, ctx, p)
	if got := lines[len(lines)-2]; verdict != Cancelled || !strings.HasPrefix(got, "third cancelled") {
		t.Errorf("%s %q", verdict, lines)
	}
}

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
)

// list is a stage of given tasks.
type list struct {
	name  string
	tasks []Task
}

func (l list) Name() string  { return l.name }
func (l list) Tasks() []Task { return l.tasks }

// diary writes one line for each event.
type diary struct {
	mu    sync.Mutex
	lines []string
	fail  error
}

func (d *diary) Observe(ctx context.Context, e Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx.Err() != nil {
		d.lines = append(d.lines, "CANCELLED CONTEXT")
	}
	switch e := e.(type) {
	case Did:
		d.lines = append(d.lines, strings.TrimSpace(fmt.Sprintf("%s/%s %s %s", e.Step, e.Task, e.Verdict, e.Outcome)))
	case Finished:
		d.lines = append(d.lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Step, e.Verdict, e.Reason)))
	case Ended:
		d.lines = append(d.lines, "ended "+e.Verdict.String())
	}
	return d.fail
}

func ok(title string, needs ...string) Task {
	return Task{Title: title, Needs: needs, Do: func(context.Context, *Out) error { return nil }}
}

func bad(title string, err error) Task {
	return Task{Title: title, At: finding.Position{File: "w.toml", Line: 3}, Do: func(context.Context, *Out) error { return err }}
}

func runPlan(t *testing.T, ctx context.Context, p Plan) (Verdict, []string) {
	t.Helper()
	d := &diary{}
	v, err := p.Run(ctx, d)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	return v, d.lines
}

func TestEachStepIsAGate(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	tests := []struct {
		name  string
		steps []Step
		want  []string
	}{
		{
			"all pass",
			[]Step{{Stage: list{"build", []Task{ok("a")}}}, {Stage: list{"deploy", []Task{ok("b")}}, Env: "staging"}},
			[]string{"build/a passed", "build passed", "deploy-staging/b passed", "deploy-staging passed", "ended passed"},
		},
		{
			"a failure blocks what comes after it, with the reason",
			[]Step{{Stage: list{"build", []Task{bad("a", boom)}}}, {Stage: list{"deploy", []Task{ok("b")}}, Env: "staging"}},
			[]string{"build/a failed", "build failed", "deploy-staging blocked Build did not pass", "ended failed"},
		},
		{
			"a skipped step is no gate",
			[]Step{{Stage: list{"build", []Task{bad("a", boom)}}, Skip: "--skip-build"}, {Stage: list{"smoke", []Task{ok("b")}}}},
			[]string{"build skipped --skip-build", "smoke/b passed", "smoke passed", "ended passed"},
		},
		{
			"a skipped step stays skipped behind a failure",
			[]Step{{Stage: list{"build", []Task{bad("a", boom)}}}, {Stage: list{"smoke", nil}, Skip: "--skip-smoke"}},
			[]string{"build/a failed", "build failed", "smoke skipped --skip-smoke", "ended failed"},
		},
		{
			"a warning closes nothing",
			[]Step{{Stage: list{"build", []Task{{Title: "a", Do: func(_ context.Context, out *Out) error {
				out.Note(finding.Warnf("x", finding.Position{}, "hm"))
				out.Endf("%d files", 3)
				return nil
			}}}}}},
			[]string{"build/a passed 3 files", "build passed", "ended passed"},
		},
		{
			"an error-level note closes the gate though the task returns nil",
			[]Step{{Stage: list{"build", []Task{{Title: "a", Do: func(_ context.Context, out *Out) error {
				out.Note(finding.Errorf("x", finding.Position{}, "no"))
				return nil
			}}}}}},
			[]string{"build/a failed", "build failed", "ended failed"},
		},
		{
			"without keep-going the rest is not begun",
			[]Step{{Stage: list{"build", []Task{bad("a", boom), ok("b", "a"), ok("c", "b")}}}},
			[]string{"build/a failed", `build/b blocked needs "a"`, `build/c blocked needs "b"`, "build failed", "ended failed"},
		},
		{
			"a panic is a finding, and the step ends",
			[]Step{{Stage: list{"build", []Task{{Title: "a", Do: func(context.Context, *Out) error { panic("nil map") }}}}}},
			[]string{"build/a failed", "build failed", "ended failed"},
		},
		{
			"undo runs after a failure, and only then",
			[]Step{
				{Stage: list{"deploy", []Task{ok("a")}}, Undo: list{"undo", []Task{ok("never")}}},
				{Stage: list{"migrate", []Task{bad("b", boom)}}, Undo: list{"undo", []Task{bad("back 1", boom), ok("back 2")}}},
			},
			[]string{"deploy/a passed", "deploy passed", "migrate/b failed", "migrate/back 1 failed", "migrate/back 2 passed", "migrate failed", "ended failed"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, got := runPlan(t, context.Background(), Plan{Steps: tt.steps, Width: 1})
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestAnErrorStandsAtTheLineThatAskedForTheTask(t *testing.T) {
	t.Parallel()
	var finished Finished
	watch := observer(func(_ context.Context, e Event) error {
		if f, ok := e.(Finished); ok {
			finished = f
		}
		return nil
	})
	own := finding.Errorf("own", finding.Position{File: "a.ts", Line: 9}, "here")
	p := Plan{Steps: []Step{{KeepGoing: true, Stage: list{"deploy", []Task{
		bad("a", errors.New("10021: no such module")),
		bad("b", own),
		{Title: "c", At: finding.Position{File: "z.toml", Line: 1}, Do: func(_ context.Context, out *Out) error {
			out.Note(finding.Notef("n", finding.Position{}, "noted"))
			return nil
		}},
	}}}}}
	if _, err := p.Run(context.Background(), watch); err != nil {
		t.Fatal(err)
	}
	want := []finding.Finding{
		own,
		finding.Errorf("deploy", finding.Position{File: "w.toml", Line: 3}, "10021: no such module"),
		finding.Notef("n", finding.Position{File: "z.toml", Line: 1}, "noted"),
	}
	if !reflect.DeepEqual(finished.Findings, want) {
		t.Errorf("findings %+v, want %+v", finished.Findings, want)
	}
}

type observer func(context.Context, Event) error

func (f observer) Observe(ctx context.Context, e Event) error { return f(ctx, e) }

func TestATaskStartsWhenWhatItNeedsIsDoneNotWhenAWaveIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		began := map[string]time.Duration{}
		begin := time.Now()
		takes := func(title string, d time.Duration, needs ...string) Task {
			return Task{Title: title, Needs: needs, Do: func(context.Context, *Out) error {
				mu.Lock()
				began[title] = time.Since(begin)
				mu.Unlock()
				time.Sleep(d)
				return nil
			}}
		}
		p := Plan{Width: 3, Steps: []Step{{Stage: list{"deploy", []Task{
			takes("api", time.Second), takes("slow", 9*time.Second), takes("oauth", time.Second, "api"), takes("after", 0, "oauth"),
		}}}}}
		if v, _ := runPlan(t, context.Background(), p); v != Passed {
			t.Fatalf("verdict %s", v)
		}
		want := map[string]time.Duration{"api": 0, "slow": 0, "oauth": time.Second, "after": 2 * time.Second}
		if !reflect.DeepEqual(began, want) {
			t.Errorf("began %v, want %v", began, want)
		}
		if took := time.Since(begin); took != 9*time.Second {
			t.Errorf("took %s, want as long as the slow one", took)
		}
	})
}

func TestAfterWaitsForTheEndWhateverItIs(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	after := func(title string, others ...string) Task {
		task := ok(title)
		task.After = others
		return task
	}
	stage := list{"undo", []Task{bad("a", boom), after("b", "a"), ok("never", "a"), after("c", "never", "b")}}
	_, got := runPlan(t, context.Background(), Plan{Steps: []Step{{Stage: stage, KeepGoing: true}}})
	want := []string{"undo/a failed", "undo/b passed", "undo/c passed", `undo/never blocked needs "a"`, "undo failed", "ended failed"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNoMoreTasksRunAtOnceThanAllowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		var tasks []Task
		for i := range 20 {
			tasks = append(tasks, Task{Title: fmt.Sprint(i), Do: func(context.Context, *Out) error {
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(time.Second)
				now.Add(-1)
				return nil
			}})
		}
		runPlan(t, context.Background(), Plan{Steps: []Step{{Stage: list{"deploy", tasks}}}})
		if got := most.Load(); got != defaultWidth {
			t.Errorf("%d ran at once, want %d", got, defaultWidth)
		}
	})
}

func TestACancelledRunEndsEveryStepAndUndoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		var undone error
		p := Plan{Width: 1, Steps: []Step{
			{Stage: list{"deploy", []Task{
				{Title: "a", Do: func(ctx context.Context, _ *Out) error {
					cancel(errors.New("interrupt"))
					<-ctx.Done()
					return ctx.Err()
				}},
				ok("b"),
			}}, Undo: list{"undo", []Task{{Title: "back", Do: func(ctx context.Context, _ *Out) error {
				undone = ctx.Err()
				return nil
			}}}}},
			{Stage: list{"health", []Task{ok("c")}}},
		}}
		v, got := runPlan(t, ctx, p)
		want := []string{
			"deploy/a cancelled", "deploy/b cancelled not begun", "deploy/back passed", "deploy cancelled cancelled: interrupt",
			"health cancelled the run was cancelled before this stage began", "ended cancelled",
		}
		if v != Cancelled || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n%s\nwant\n%s", v, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if undone != nil {
			t.Errorf("the undo ran on a cancelled context: %v", undone)
		}
	})
}

func TestAnUndoThatHangsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := Plan{Steps: []Step{{Stage: list{"deploy", []Task{bad("a", errors.New("x"))}}, Undo: list{"undo", []Task{
			{Title: "back", Do: func(ctx context.Context, _ *Out) error { <-ctx.Done(); return ctx.Err() }},
		}}}}}
		runPlan(t, context.Background(), p)
		if took := time.Since(begin); took != undoTime {
			t.Errorf("took %s, want %s", took, undoTime)
		}
	})
}

func TestObserversHaveNoVote(t *testing.T) {
	t.Parallel()
	lost := errors.New("GitHub is down")
	first, second := &diary{fail: lost}, &diary{}
	v, err := Plan{Steps: []Step{{Stage: list{"build", []Task{ok("a")}}}}}.Run(context.Background(), Observers{first, second})
	if v != Passed {
		t.Errorf("verdict %s, want passed", v)
	}
	if !errors.Is(err, lost) {
		t.Errorf("what could not be reported was not told: %v", err)
	}
	if len(second.lines) == 0 {
		t.Error("one observer's failure kept events from another")
	}
}

func TestAnImpossiblePlanRunsNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		steps []Step
	}{
		{"a step twice", []Step{{Stage: list{"a", nil}}, {Stage: list{"a", nil}}}},
		{"a task twice", []Step{{Stage: list{"a", []Task{ok("x"), ok("x")}}}}},
		{"a need that does not exist", []Step{{Stage: list{"a", []Task{ok("x", "y")}}}}},
		{"a circle", []Step{{Stage: list{"a", []Task{ok("x", "y"), ok("y", "x")}}}}},
		{"an impossible undo", []Step{{Stage: list{"a", nil}, Undo: list{"u", []Task{ok("x", "y")}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &diary{}
			v, err := Plan{Steps: tt.steps}.Run(context.Background(), d)
			if err == nil || v != Pending || len(d.lines) != 0 {
				t.Errorf("verdict %s, error %v, events %v", v, err, d.lines)
			}
		})
	}
}

func TestWhatIsPlannedIsWhatRuns(t *testing.T) {
	t.Parallel()
	p := Plan{Steps: []Step{
		{Stage: list{"build", []Task{ok("a"), ok("b", "a")}}},
		{Stage: list{"smoke", []Task{ok("c")}}, Env: "production", Skip: "--skip-smoke", Undo: list{"undo", []Task{ok("d")}}},
	}}
	var planned Planned
	if _, err := p.Run(context.Background(), observer(func(_ context.Context, e Event) error {
		if e, ok := e.(Planned); ok {
			planned = e
		}
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	want := Planned{Steps: []PlannedStep{
		{ID: "build", Title: "Build", Tasks: []PlannedTask{{Title: "a"}, {Title: "b", Needs: []string{"a"}}}},
		{ID: "smoke-production", Title: "Smoke production", Env: "production", Skip: "--skip-smoke", Tasks: []PlannedTask{{Title: "c"}}, Undo: []PlannedTask{{Title: "d"}}},
	}}
	if !reflect.DeepEqual(planned, want) {
		t.Errorf("planned %+v, want %+v", planned, want)
	}
}

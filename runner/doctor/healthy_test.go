package doctor_test

import (
	"path/filepath"
	"testing"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// well is that a visit found nothing: no error, no warning, nothing unknown.
func well(t *testing.T, v visit) {
	t.Helper()
	for _, s := range v.sick() {
		t.Errorf("%s", s)
	}
	for _, f := range v.found {
		if f.Severity > finding.Notice {
			t.Errorf("%s %v", f.Rule, f)
		}
	}
	if v.verdict != pipeline.Passed || len(v.answers) < 10 {
		t.Errorf("%s after %d answers", v.verdict, len(v.answers))
	}
}

func TestAHealthyWorldGivesNoFinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.doctor()
	well(t, v)
	if len(v.history) != 3 || v.history[0].Release != "20260101T000000Z-first" || !v.history[0].Serving {
		t.Errorf("%+v", v.history)
	}
	w.edit("workers/api/wrangler.toml", `MODE = "one"`, `MODE = "two"`)
	w.deploy("20260102T000000Z-second")
	well(t, w.doctor())
}

// most is how many calls one environment of nine Workers may cost.
const most = 39

func TestNineWorkersCostFewCalls(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs(filepath.Join("..", "..", "testdata", "projects", "tminus"))
	if err != nil {
		t.Fatal(err)
	}
	w := worldOf(t, dir)
	v := w.doctor()
	well(t, v)
	calls := w.Calls()
	if len(calls) > most {
		t.Errorf("%d calls, at most %d:", len(calls), most)
	}
	seen := map[string]int{}
	for _, c := range calls {
		seen[c.Method+" "+c.Path]++
	}
	for call, n := range seen {
		if n > 1 {
			t.Errorf("%s was asked %d times", call, n)
		}
	}
	t.Logf("%d calls, %d questions", len(calls), len(v.answers))
}

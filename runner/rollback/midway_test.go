package rollback_test

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/rollback"
)

// switchOf is the path of the call that switches a Worker.
func switchOf(worker string) string {
	return "/accounts/*/workers/scripts/" + scriptOf(worker) + "/deployments"
}

// whole sees that the environment is on the release that the rollback began with.
func (w *world) whole(before any, beforeTriggers any) {
	w.t.Helper()
	if now := w.serving(); !reflect.DeepEqual(any(now), before) {
		w.t.Errorf("serves %v, before the rollback %v", now, before)
	}
	if now := triggers(w.state()); !reflect.DeepEqual(any(now), beforeTriggers) {
		w.t.Errorf("triggers %+v, before the rollback %+v", now, beforeTriggers)
	}
}

// Where no fingerprints were written down, as before another token made the releases,
// secrets that went up with one cannot be seen beforehand; only the switch tells. By then push serves the old version already, and goes forward.
func TestChangedSecretsAtTheSwitchAreNeverForced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deploy("r1")
	w.secrets["JWT_SECRET"] = "old-old-old"
	r2 := w.deploy("r2")
	w.secrets["JWT_SECRET"] = "new-new-new"
	r3 := w.second("r3")
	for i := range r2.Workers {
		r2.Workers[i].Secrets = release.Fingerprints{}
	}
	before, beforeTriggers := w.serving(), triggers(w.state())
	o := w.back(to(r3, r2))
	if o.verdict != pipeline.Failed || !slices.Contains(o.rules(), "secrets-changed") {
		t.Fatalf("%s %v", o.verdict, o.findings)
	}
	i := slices.IndexFunc(o.findings, func(f finding.Finding) bool { return f.Rule == "secrets-changed" })
	if f := o.findings[i]; f.Severity != finding.Error || !strings.Contains(f.Message, "JWT_SECRET changed since") || f.At.File != "workers/api/wrangler.toml" || !strings.Contains(f.Hint, "--force-secrets") {
		t.Errorf("%+v", f)
	}
	forward := 0
	for _, call := range w.writes() {
		if strings.HasSuffix(call, "?force=true") {
			forward++ // what is restored served a moment ago
			if strings.Contains(call, scriptOf("api")) {
				t.Errorf("api was forced: %v", w.writes())
			}
		}
	}
	if forward != 2 {
		t.Errorf("writes %q", w.writes())
	}
	w.whole(before, beforeTriggers)
	if strings.Contains(o.tasks["Put back "+scriptOf("api")].Outcome, "new-new") {
		t.Error("a secret was told")
	}
}

func TestTheSwitchSaysWhichSecretsChanged(t *testing.T) {
	t.Parallel()
	secrets := envelope.Fail(http.StatusBadRequest, 10220, "A secret has changed since this version was active. The following secrets have changed: A_KEY, B_KEY")
	other := envelope.Fail(http.StatusBadRequest, 10220, "Version upload failed. Something else.")
	tests := []struct {
		name    string
		refusal *envelope.Error
		names   bool // it says which secrets
		message string
	}{
		{"named", secrets, true, "A_KEY, B_KEY changed since"},
		{"the same code for something else", other, false, "Something else"},
		{"an answer that is no refusal of ours", envelope.Fail(http.StatusBadRequest, 10021, "no"), false, "10021"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r1 := w.deploy("r1")
			r2 := w.second("r2")
			before, beforeTriggers := w.serving(), triggers(w.state())
			w.Break(traffic.Fault{Method: "POST", Path: switchOf("mcp"), Refusal: tt.refusal})
			o := w.back(to(r2, r1))
			if o.verdict != pipeline.Failed {
				t.Fatalf("%s %v", o.verdict, o.findings)
			}
			if got := o.findings[0]; got.Severity != finding.Error || !strings.Contains(got.Message, tt.message) || strings.Contains(got.Message, "without its old secrets") != tt.names {
				t.Errorf("%+v", o.findings)
			}
			w.whole(before, beforeTriggers)
			if got := o.tasks["Put back "+scriptOf("api")].Outcome; !strings.Contains(got, "not begun, because "+scriptOf("mcp")) {
				t.Errorf("api: %q", got)
			}
			for worker, want := range map[string]string{"push": "as before the rollback", "mcp": "serves ", "api": "was not touched"} {
				if got := o.tasks["Restore "+scriptOf(worker)].Outcome; !strings.Contains(got, want) {
					t.Errorf("%s: %q, want %q", worker, got, want)
				}
			}
			w.Mend()
			if again := w.back(to(r2, r1)); again.verdict != pipeline.Passed {
				t.Errorf("again: %s %v", again.verdict, again.findings)
			}
		})
	}
}

func TestARefusedSwitchStopsNothingElseOfAPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r1 := w.deploy("r1")
	first := w.serving()
	r2 := w.deploy("r2")
	second := w.serving()
	w.Break(traffic.Fault{Method: "POST", Path: switchOf("mcp"), Refusal: envelope.Fail(http.StatusBadRequest, 10021, "no")})
	o := w.back(func(s *rollback.Stage) { to(r2, r1)(s); s.Partial = true })
	if o.verdict != pipeline.Failed {
		t.Errorf("%s %v", o.verdict, o.findings)
	}
	after := w.serving()
	for worker, want := range map[string]map[string][]release.Share{"api": first, "mcp": second, "push": first} {
		if got := after[scriptOf(worker)]; !slices.Equal(got, want[scriptOf(worker)]) {
			t.Errorf("%s serves %v", worker, got)
		}
	}
}

func TestALostAnswerOfASwitchIsNoHarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r1 := w.deploy("r1")
	first := w.serving()
	r2 := w.deploy("r2")
	before, beforeTriggers := w.serving(), triggers(w.state())
	w.Break(traffic.Fault{Method: "POST", Path: switchOf("mcp"), After: true, Times: 5, Refusal: traffic.Unknown()})
	if o := w.back(to(r2, r1)); o.verdict != pipeline.Failed {
		t.Errorf("%s %v", o.verdict, o.findings)
	}
	w.whole(before, beforeTriggers)
	w.Mend()
	w.Break(traffic.Fault{Method: "POST", Path: switchOf("mcp"), After: true, Refusal: traffic.Unknown()})
	if o := w.back(to(r2, r1)); o.verdict != pipeline.Passed || !reflect.DeepEqual(first, w.serving()) {
		t.Errorf("%s %v, serves %v", o.verdict, o.findings, w.serving())
	}
}

func TestATriggerThatIsRefusedPutsAllForwardAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r1 := w.deploy("r1")
	r2 := w.second("r2")
	before, beforeTriggers := w.serving(), triggers(w.state())
	w.Break(traffic.Fault{Method: "PUT", Path: "/accounts/*/queues/*/consumers/*", Refusal: envelope.Fail(http.StatusBadRequest, 100127, "invalid consumer settings")})
	o := w.back(to(r2, r1))
	if o.verdict != pipeline.Failed || !slices.Contains(o.rules(), "not-put-back") {
		t.Errorf("%s %v", o.verdict, o.findings)
	}
	w.whole(before, beforeTriggers)
}

func TestWithoutARecordNothingIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r1 := w.deploy("r1")
	r2 := w.second("r2")
	before, beforeTriggers := w.serving(), triggers(w.state())
	w.backs.fail = errors.New("disk full")
	o := w.back(to(r2, r1))
	if o.verdict != pipeline.Failed || !slices.Equal(o.rules(), []string{"record"}) || len(w.writes()) != 0 {
		t.Errorf("%s %v, writes %v", o.verdict, o.findings, w.writes())
	}
	w.whole(before, beforeTriggers)
}

// A kill leaves half of it done; the next one does what is left, and the record of
// it tells what serves.
func TestWhatIsHalfDoneIsFinished(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		w := newWorld(t)
		r1 := w.deploy("r1")
		first, firstTriggers := w.serving(), triggers(w.state())
		r2 := w.second("r2")
		change := to(r2, r1)
		if !known {
			change = func(*rollback.Stage) {}
		}
		if o := w.back(func(s *rollback.Stage) {
			change(s)
			s.Target, _ = s.Target.Only("push")
			s.Scope.Scripts = []string{scriptOf("push")}
		}); o.verdict != pipeline.Passed {
			t.Fatalf("%s %v", o.verdict, o.findings)
		}
		o := w.back(change)
		if o.verdict != pipeline.Passed || o.way.Summary() != "2 put back, 1 there already, 0 superseded" || !reflect.DeepEqual(first, w.serving()) {
			t.Errorf("%s %v, %s", o.verdict, o.findings, o.way.Summary())
		}
		if known && !reflect.DeepEqual(firstTriggers, triggers(w.state())) {
			t.Errorf("triggers %+v, at first %+v", triggers(w.state()), firstTriggers)
		}
		if !known && !slices.Equal(o.rules(), []string{"triggers-unknown"}) {
			t.Errorf("labels know no triggers, which must be told: %v", o.rules())
		}
	}
}

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

// changeAll changes the code of every Worker.
func (w *world) changeAll() {
	for worker := range w.code {
		w.code[worker] += "\n// changed"
	}
}

func TestAFailedSwitchPutsBackWhatWasSwitched(t *testing.T) {
	t.Parallel()
	refused := envelope.Fail(http.StatusBadRequest, 10021, "Uncaught ReferenceError: x is not defined")
	tests := []struct {
		name    string
		fault   traffic.Fault
		outcome string // of putting back the script whose switch failed
	}{
		{"refused", traffic.Fault{Method: "POST", Path: "/accounts/*/workers/scripts/tminus-push-staging/deployments", Refusal: refused}, "still serves"},
		{"the answer is lost every time, the effect is there", traffic.Fault{Method: "POST", Path: "/accounts/*/workers/scripts/tminus-push-staging/deployments", After: true, Times: 5, Refusal: traffic.Unknown()}, "again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustDeploy("r1")
			before := w.versions()
			w.changeAll()
			w.Break(tt.fault)
			o := w.deploy(context.Background(), "r2", nil)
			if o.verdict != pipeline.Failed {
				t.Fatalf("verdict %s", o.verdict)
			}
			if after := w.versions(); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("serving %v, before %v", after, before)
			}
			if moved := o.fleet.Moved(); len(moved) != 0 {
				t.Errorf("said to have moved: %v", moved)
			}
			if got := o.tasks["Put back tminus-push-staging"].Outcome; !strings.Contains(got, tt.outcome) {
				t.Errorf("push: %q", got)
			}
			if got := o.tasks["Put back tminus-api-staging"]; got.Verdict != pipeline.Passed || !strings.Contains(got.Outcome, "again") {
				t.Errorf("api: %+v", got)
			}
			if api, push := slices.Index(o.order, "Put back tminus-api-staging"), slices.Index(o.order, "Put back tminus-push-staging"); api < push {
				t.Errorf("the provider was put back before its dependent: %v", o.order)
			}
			w.Mend()
			w.mustDeploy("r3")
			if len(w.Calls().Writes()) == 0 {
				t.Error("the next release took the failed one for live")
			}
		})
	}
}

func TestAfterAPutBackTheOldReleaseIsRecognisedAsUnchanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	old := map[string]string{}
	for worker, code := range w.code {
		old[worker] = code
	}
	w.changeAll()
	w.Break(traffic.Fault{Method: "POST", Path: "/accounts/*/workers/scripts/tminus-push-staging/deployments", Refusal: envelope.Fail(http.StatusBadRequest, 10021, "no")})
	w.deploy(context.Background(), "r2", nil)
	w.Mend()
	w.code = old
	w.mustDeploy("r3")
	if writes := w.writes(); len(writes) != 0 {
		t.Errorf("writes %v", writes)
	}
	if label, _ := w.state().Scripts["tminus-api-staging"].Label(); label.Release != "r1" {
		t.Errorf("api says it serves release %q", label.Release)
	}
}

func TestAFailedTriggerPutsBackCodeAndTriggers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	before, state := w.versions(), w.state()
	w.changeAll()
	w.edit("api", `crons = ["0 3 * * *"]`, `crons = ["*/5 * * * *"]`)
	w.edit("push", `max_batch_size = 5`, `max_batch_size = 50`)
	w.Break(traffic.Fault{Method: "PUT", Path: "/accounts/*/queues/*/consumers/*", Refusal: envelope.Fail(http.StatusBadRequest, 100127, "invalid consumer settings")})
	o := w.deploy(context.Background(), "r2", nil)
	if o.verdict != pipeline.Failed {
		t.Fatalf("verdict %s", o.verdict)
	}
	if got := o.findings[0]; got.At.String() != "workers/push/wrangler.toml:7:31" || !strings.Contains(got.Message, "100127") {
		t.Errorf("finding %+v", got)
	}
	if fmt.Sprint(w.versions()) != fmt.Sprint(before) {
		t.Errorf("serving %v, before %v", w.versions(), before)
	}
	for name, s := range w.state().Scripts {
		if fmt.Sprintf("%+v", s.Triggers) != fmt.Sprintf("%+v", state.Scripts[name].Triggers) {
			t.Errorf("triggers of %s are %+v, were %+v", name, s.Triggers, state.Scripts[name].Triggers)
		}
	}
}

func TestWhatCannotGoBackIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	w.changeAll()
	w.edit("api", "[env.staging]", "[[migrations]]\ntag = \"v2\"\nnew_sqlite_classes = [\"Extra\"]\n[env.staging]")
	w.code["api"] = "export class Extra {}\n" + w.code["api"]
	w.Break(traffic.Fault{Method: "POST", Path: "/accounts/*/workers/scripts/tminus-push-staging/deployments", Refusal: envelope.Fail(http.StatusBadRequest, 10021, "no")})
	o := w.deploy(context.Background(), "r2", nil)
	if o.verdict != pipeline.Failed || !slices.Contains(o.rules(), "not-put-back") {
		t.Errorf("%s %v", o.verdict, o.findings)
	}
	if !slices.Equal(o.fleet.Moved(), []string{"tminus-api-staging"}) {
		t.Errorf("moved %v", o.fleet.Moved())
	}
}

func TestAnInterruptedSwitchIsPutBack(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"Switch tminus-api-staging", "Switch tminus-push-staging", "Upload tminus-api-staging", "Record the release"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustDeploy("r1")
			before := w.versions()
			w.changeAll()
			ctx, cancel := context.WithCancelCause(context.Background())
			o := w.deploy(ctx, "r2", func(e pipeline.Event) {
				if did, ok := e.(pipeline.Did); ok && did.Task == when {
					cancel(errors.New("interrupted"))
				}
			})
			if o.verdict != pipeline.Cancelled {
				t.Fatalf("verdict %s: %v", o.verdict, o.findings)
			}
			if fmt.Sprint(w.versions()) != fmt.Sprint(before) || len(o.fleet.Moved()) != 0 {
				t.Errorf("serving %v, before %v; moved %v", w.versions(), before, o.fleet.Moved())
			}
		})
	}
}

func TestAPutBackThatIsRefusedIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secrets["JWT_SECRET"] = "old-old-old"
	w.mustDeploy("r1")
	w.changeAll()
	w.secrets["JWT_SECRET"] = "new-new-new"
	w.Break(traffic.Fault{Method: "POST", Path: "/accounts/*/workers/scripts/tminus-push-staging/deployments", Refusal: envelope.Fail(http.StatusBadRequest, 10021, "no")})
	o := w.deploy(context.Background(), "r2", nil)
	moved := o.fleet.Moved()
	said := slices.Contains(o.rules(), "not-put-back")
	if back := len(moved) == 0; back == said {
		t.Errorf("moved %v, and the findings say %v", moved, o.rules())
	}
}

func TestAVersionThatIsNotSeenYetIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	w.changeAll()
	w.Scripts.SetStaleReads(1)
	o := w.mustDeploy("r2")
	if got := o.tasks["Switch tminus-api-staging"].Verdict; got != pipeline.Passed {
		t.Errorf("verdict %s", got)
	}
}

func TestASplitIsPutBackAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	first := w.serving("api")
	w.code["api"] += "\n// second"
	w.mustDeploy("r2")
	second := w.serving("api")
	split := []release.Share{{Version: second, Percent: 90}, {Version: first, Percent: 10}}
	if err := w.split("tminus-api-staging", split); err != nil {
		t.Fatal(err)
	}
	w.changeAll()
	w.Break(traffic.Fault{Method: "POST", Path: "/accounts/*/workers/scripts/tminus-push-staging/deployments", Refusal: envelope.Fail(http.StatusBadRequest, 10021, "no")})
	w.deploy(context.Background(), "r3", nil)
	if got := w.state().Scripts["tminus-api-staging"].Shares(); !slices.Equal(got, split) {
		t.Errorf("served by %v, before %v", got, split)
	}
}

func TestWhatSomebodyElseDeployedMeanwhileIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	first := w.serving("api")
	w.changeAll()
	w.Break(traffic.Fault{Method: "POST", Path: "/accounts/*/workers/scripts/tminus-push-staging/deployments", Refusal: envelope.Fail(http.StatusBadRequest, 10021, "no")})
	var theirs string
	o := w.deploy(context.Background(), "r2", func(e pipeline.Event) {
		if did, ok := e.(pipeline.Did); ok && did.Task == "Switch tminus-api-staging" {
			theirs = first // somebody goes back to the first version by hand, under another deployment
			if err := w.split("tminus-api-staging", []release.Share{{Version: first, Percent: 100}}); err != nil {
				t.Error(err)
			}
		}
	})
	if !slices.Contains(o.rules(), "superseded") || w.serving("api") != theirs {
		t.Errorf("%v, api serves %s", o.rules(), w.serving("api"))
	}
	if !strings.Contains(o.tasks["Put back tminus-api-staging"].Outcome, "superseded") {
		t.Errorf("%+v", o.tasks["Put back tminus-api-staging"])
	}
}

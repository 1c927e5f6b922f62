package diagnosis_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/diagnosis"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/sight"
)

const (
	script = "tminus-push-staging"
	config = `name = "tminus-push"
main = "index.js"
compatibility_date = "2026-03-17"
[env.staging]
queues.consumers = [{ queue = "work", dead_letter_queue = "dead" }]
`
)

// topic is a stage of questions.
type topic []pipeline.Task

func (topic) Name() string             { return "topic" }
func (t topic) Tasks() []pipeline.Task { return t }

// found keeps what a run finds.
type found []finding.Finding

func (all *found) Observe(_ context.Context, e pipeline.Event) error {
	if did, ok := e.(pipeline.Did); ok {
		*all = append(*all, did.Findings...)
	}
	return nil
}

// asked answers questions about an account that has the script as it is given.
func asked(t *testing.T, account live.Account, s live.Script, ask func(diagnosis.Questions) []pipeline.Task) []finding.Finding {
	t.Helper()
	loaded, err := project.Load(fstest.MapFS{"workers/push/wrangler.toml": {Data: []byte(config)}})
	if err != nil {
		t.Fatal(err)
	}
	target, err := loaded.In("staging")
	if err != nil {
		t.Fatal(err)
	}
	account.Scripts = map[string]live.Script{script: s}
	var all found
	tasks := ask(diagnosis.Questions{Project: loaded, Targets: []project.Target{target}, Seen: &sight.Sight{Live: &account}})
	if _, err := (pipeline.Plan{Steps: []pipeline.Step{{Stage: topic(tasks)}}}).Run(t.Context(), &all); err != nil || len(tasks) != 1 {
		t.Fatalf("%d tasks, %v", len(tasks), err)
	}
	return all
}

func TestAConsumerIsRegisteredDeployedAndAble(t *testing.T) {
	t.Parallel()
	var there live.Script
	there.Exists, there.Serving.Versions = true, []cloudflare.Traffic{{Version: "1", Percent: 100}}
	deaf := there
	deaf.Listed.Handlers = []string{"fetch"}
	registered := cloudflare.Queue{Name: "work", Consumers: []cloudflare.Consumer{{Type: "worker", Script: script}}}
	pulled := cloudflare.Queue{Name: "work", Consumers: []cloudflare.Consumer{{Type: "http_pull"}}}
	dead := cloudflare.Queue{Name: "dead"}
	tests := []struct {
		name   string
		script live.Script
		queues []cloudflare.Queue
		rule   string // of the only finding, but for what waits, which nobody has read
		says   string
	}{
		{"all is well", there, []cloudflare.Queue{registered, dead}, "", ""},
		{"the queue is missing", there, []cloudflare.Queue{dead}, "missing-store", "deploy-action provision --env staging"},
		{"the dead letter queue is missing", there, []cloudflare.Queue{registered}, "missing-store", "dead letters are lost"},
		{"the script is not deployed", live.Script{}, []cloudflare.Queue{registered, dead}, "no-consumer", "is not deployed"},
		{"nobody consumes", there, []cloudflare.Queue{{Name: "work"}, dead}, "no-consumer", "deploy-action promote --env staging --worker push"},
		{"somebody pulls", there, []cloudflare.Queue{pulled, dead}, "other-consumer", "consumer http remove work"},
		{"the live code takes no messages", deaf, []cloudflare.Queue{registered, dead}, "no-handler", "export queue() from index.js"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var wrong []finding.Finding
			for _, f := range asked(t, live.Account{Queues: tt.queues}, tt.script, diagnosis.Questions.Queues) {
				if f.Rule != sight.NotKnown {
					wrong = append(wrong, f)
				}
			}
			if tt.rule == "" && len(wrong) == 0 {
				return
			}
			if len(wrong) != 1 || wrong[0].Rule != tt.rule || wrong[0].At.Line != 5 || !strings.Contains(wrong[0].Message+" "+wrong[0].Hint, tt.says) {
				t.Errorf("%+v", wrong)
			}
		})
	}
}

// What nobody deployed is said once, by the topic of deployments.
func TestAScriptThatIsNotThereIsNotComparedFurther(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ask  func(diagnosis.Questions) []pipeline.Task
		rule string
	}{
		"deployments": {diagnosis.Questions.Deployments, "not-deployed"},
		"exposure":    {diagnosis.Questions.Exposure, sight.NotKnown},
		"drift":       {diagnosis.Questions.Drift, sight.NotKnown},
	} {
		if all := asked(t, live.Account{}, live.Script{}, tt.ask); len(all) != 1 || all[0].Rule != tt.rule {
			t.Errorf("%s: %+v", name, all)
		}
	}
}

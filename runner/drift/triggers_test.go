package drift_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/drift"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
)

const triggered = `name = "tminus-api"
main = "index.js"
compatibility_date = "2026-03-17"
[env.staging]
workers_dev = true
routes = [{ pattern = "api.tminus.ink/*", zone_name = "tminus.ink" }, { pattern = "api.nowhere.ink/*", zone_name = "nowhere.ink" }, { pattern = "own.tminus.ink", custom_domain = true }]
triggers = { crons = ["0 3 * * *"] }
queues.consumers = [{ queue = "work", dead_letter_queue = "dead" }]
workflows = [{ name = "sync", binding = "SYNC", class_name = "Sync" }, { name = "other", binding = "OTHER", class_name = "Other", script_name = "others" }]
logpush = true
tail_consumers = [{ service = "listener" }]
`

func TestTriggersAreWantedAsTheAccountNamesThem(t *testing.T) {
	t.Parallel()
	s := script(t, triggered)
	got, problems := drift.Wanted(&live.Account{Zones: []cloudflare.Zone{{ID: "z1", Name: "tminus.ink"}}}, s)
	want := release.Triggers{
		WorkersDev: true, Previews: true, Domains: []string{"own.tminus.ink"}, Crons: []string{"0 3 * * *"},
		Routes: []release.Route{{Pattern: "api.tminus.ink/*", Zone: "z1"}}, Workflows: []release.Workflow{{Name: "sync", Class: "Sync"}},
	}
	consumers := got.Consumers
	got.Consumers = nil
	if !reflect.DeepEqual(got, want) || len(consumers) != 1 || consumers[0].Queue != "work" || consumers[0].DeadLetter != "dead" {
		t.Errorf("%+v %+v", got, consumers)
	}
	if len(problems) != 1 || problems[0].Rule != "no-zone" || problems[0].At.Line != 6 || !strings.Contains(problems[0].Message, "nowhere.ink") {
		t.Errorf("%+v", problems)
	}
}

func TestATriggerStandsOnItsLine(t *testing.T) {
	t.Parallel()
	s := script(t, triggered)
	for subject, tt := range map[string]struct {
		kind live.Kind
		line int
	}{
		"api.tminus.ink/*": {live.KindRoute, 6}, "0 3 * * *": {live.KindCrons, 7}, "work": {live.KindConsumer, 8}, "sync": {live.KindWorkflow, 9},
		"workers.dev": {live.KindWorkersDev, 5}, "unheard.of": {live.KindRoute, s.At().Line},
	} {
		if got := drift.Place(s, live.Change{Kind: tt.kind, Subject: subject}); got.Line != tt.line {
			t.Errorf("%s stands on %s, want line %d", subject, got, tt.line)
		}
	}
}

func TestSettingsAreComparedAndForeignTagsKept(t *testing.T) {
	t.Parallel()
	s := script(t, triggered)
	want, differs := drift.Settings(s, cloudflare.Script{Tags: []string{"cf:service=old", "mine"}})
	if !slices.Equal(differs, []string{"logpush", "tags", "tail_consumers"}) || !slices.Equal(want.Tags, []string{"mine", "cf:service=" + s.Title, "cf:environment=staging"}) {
		t.Errorf("%v %v", differs, want.Tags)
	}
	have := cloudflare.Script{Tags: want.Tags, Logpush: true, TailConsumers: json.RawMessage(`[{"service":"listener"}]`)}
	if _, differs := drift.Settings(s, have); len(differs) != 0 {
		t.Errorf("%v", differs)
	}
}

// script is the one script of a configuration, in staging.
func script(t *testing.T, config string) project.Script {
	t.Helper()
	loaded, err := project.Load(fstest.MapFS{"workers/api/wrangler.toml": {Data: []byte(config)}})
	if err != nil {
		t.Fatal(err)
	}
	target, err := loaded.In("staging")
	if err != nil {
		t.Fatal(err)
	}
	return target.Scripts[0]
}

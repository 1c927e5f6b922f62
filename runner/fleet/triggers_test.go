package fleet_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

// split has several versions serve a script.
func (w *world) split(script string, shares []release.Share) error {
	var all []cloudflare.Traffic
	for _, s := range shares {
		all = append(all, cloudflare.Traffic{Version: s.Version, Percent: s.Percent})
	}
	_, err := w.client.Deploy(context.Background(), script, all, "by hand", false)
	return err
}

func TestTriggersThatTheConfigurationLostAreRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	w.edit("api", "routes = [{ pattern = \"api-staging.tminus.ink/*\", zone_name = \"tminus.ink\" }]\n", "")
	w.edit("api", "triggers = { crons = [\"0 3 * * *\"] }\n", "")
	w.edit("mcp", "routes = [{ pattern = \"mcp-staging.tminus.ink\", custom_domain = true }]\n", "")
	w.edit("push", "queues.consumers = [{ queue = \"work-staging\", max_batch_size = 5, dead_letter_queue = \"dead-staging\" }]\n", "")
	w.mustDeploy("r2")
	a := w.state()
	for name, s := range a.Scripts {
		if tr := s.Triggers; len(tr.Routes)+len(tr.Domains)+len(tr.Crons)+len(tr.Consumers) != 0 {
			t.Errorf("%s still has %+v", name, tr)
		}
	}
}

func TestATriggerMovesBetweenScriptsOfOneRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustDeploy("r1")
	w.edit("api", `"api-staging.tminus.ink/*"`, `"api2-staging.tminus.ink/*"`)
	w.edit("mcp", "custom_domain = true }]", "custom_domain = true }, { pattern = \"api-staging.tminus.ink/*\", zone_name = \"tminus.ink\" }]\nqueues.consumers = [{ queue = \"work-staging\" }]")
	w.edit("push", "queues.consumers = [{ queue = \"work-staging\"", "queues.consumers = [{ queue = \"other-staging\"")
	w.code["mcp"] = "export default { fetch() { return new Response('mcp 1') }, queue() {} }"
	w.mustDeploy("r2")
	a := w.state()
	mcp := a.Scripts["tminus-mcp-staging"].Triggers
	if len(mcp.Routes) != 1 || mcp.Routes[0].Pattern != "api-staging.tminus.ink/*" || len(mcp.Consumers) != 1 {
		t.Errorf("mcp has %+v", mcp)
	}
	if api := a.Scripts["tminus-api-staging"].Triggers; len(api.Routes) != 1 || api.Routes[0].Pattern != "api2-staging.tminus.ink/*" {
		t.Errorf("api has %+v", api)
	}
	if push := a.Scripts["tminus-push-staging"].Triggers; len(push.Consumers) != 1 || push.Consumers[0].Queue != "other-staging" {
		t.Errorf("push has %+v", push)
	}
}

func TestATriggerOfSomebodyElseClosesTheGateBeforeAnyChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	if _, err := w.client.Put(ctx, "billing", cloudflare.Upload{
		Metadata: map[string]any{"main_module": "i.js", "compatibility_date": "2026-01-01"},
		Parts:    []cloudflare.Part{{Name: "i.js", MIME: "application/javascript+module", Content: []byte("export default { fetch() {}, queue() {} }")}},
	}); err != nil {
		t.Fatal(err)
	}
	a := w.state()
	zone, _ := a.Zone("tminus.ink")
	if err := w.client.AddRoute(ctx, zone.ID, cloudflare.Route{Pattern: "api-staging.tminus.ink/*", Script: "billing"}); err != nil {
		t.Fatal(err)
	}
	for _, q := range a.Queues {
		if q.Name == "work-staging" {
			if err := w.client.PutConsumer(ctx, q.ID, cloudflare.Consumer{Script: "billing", Settings: map[string]any{}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	o := w.deploy(ctx, "r1", nil)
	if o.verdict != pipeline.Failed || !slices.Equal(o.rules(), []string{"trigger-taken", "trigger-taken"}) || len(w.writes()) != 0 {
		t.Errorf("%s %v %v", o.verdict, o.findings, w.writes())
	}
	for _, f := range o.findings {
		if !strings.Contains(f.Message, "billing") || f.At.Line == 0 {
			t.Errorf("finding %+v", f)
		}
	}
}

func TestALeftoverWorkflowIsToldAndOnlyRemovedWhenAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit("api", "vars = {", "workflows = [{ binding = \"FLOW\", name = \"flow-staging\", class_name = \"Flow\" }]\nvars = {")
	w.code["api"] += "\nimport { WorkflowEntrypoint } from 'cloudflare:workers'\nexport class Flow extends WorkflowEntrypoint {}"
	w.mustDeploy("r1")
	has := func() int { return len(w.state().Scripts["tminus-api-staging"].Triggers.Workflows) }
	if has() != 1 {
		t.Fatal("the workflow was not set")
	}
	w.edit("api", "workflows = [{ binding = \"FLOW\", name = \"flow-staging\", class_name = \"Flow\" }]\n", "")
	o := w.mustDeploy("r2")
	if !slices.Equal(o.rules(), []string{"leftover-workflow"}) || has() != 1 {
		t.Errorf("%v, %d workflows", o.rules(), has())
	}
	w.removes = true
	if o := w.mustDeploy("r3"); len(o.rules()) != 0 || has() != 0 {
		t.Errorf("%v, %d workflows", o.rules(), has())
	}
}

func TestSettingsThatNoVersionCarriesFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit("api", "vars = {", "observability = { enabled = true, head_sampling_rate = 0.5 }\nvars = {")
	w.mustDeploy("r1")
	listed := w.state().Scripts["tminus-api-staging"].Listed
	if !slices.Equal(listed.Tags, []string{"cf:service=tminus-api", "cf:environment=staging"}) || !strings.Contains(string(listed.Observability), "0.5") {
		t.Errorf("tags %v, observability %s", listed.Tags, listed.Observability)
	}
	w.edit("api", "head_sampling_rate = 0.5", "head_sampling_rate = 1")
	w.mustDeploy("r2")
	if got := w.state().Scripts["tminus-api-staging"].Listed.Observability; !strings.Contains(string(got), ":1") {
		t.Errorf("observability %s", got)
	}
}

func TestStaticFilesGoUpOnceAndAreServedByTheVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit("mcp", "[env.staging]", "[env.staging]\nassets = { directory = \"public\", binding = \"ASSETS\", not_found_handling = \"404-page\" }")
	w.files["workers/mcp/public/index.html"] = &fstest.MapFile{Data: []byte("<h1>one</h1>")}
	w.files["workers/mcp/public/style.css"] = &fstest.MapFile{Data: []byte("h1 { color: teal }")}
	w.mustDeploy("r1")
	uploads := func() int { return len(w.Calls().Matching("POST", "/accounts/*/workers/assets/upload")) }
	if uploads() == 0 {
		t.Error("the files were not uploaded")
	}
	w.mustDeploy("r2")
	if n := len(w.writes()); n != 0 {
		t.Errorf("%d writes for files that are there", n)
	}
	w.files["workers/mcp/public/index.html"] = &fstest.MapFile{Data: []byte("<h1>two</h1>")}
	o := w.mustDeploy("r3")
	if uploads() != 1 || !strings.Contains(o.tasks["Upload tminus-mcp-staging"].Outcome, "2 static files") {
		t.Errorf("%d uploads, %q", uploads(), o.tasks["Upload tminus-mcp-staging"].Outcome)
	}
}

func TestAWorkerOfStaticFilesAloneIsDeployed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.files["workers/site/wrangler.toml"] = &fstest.MapFile{Data: []byte("name = \"tminus-site\"\ncompatibility_date = \"2026-03-17\"\nassets = { directory = \"public\" }\n[env.staging]\nworkers_dev = false\nroutes = [\"site-staging.tminus.ink/*\"]\n")}
	w.files["workers/site/public/index.html"] = &fstest.MapFile{Data: []byte("<h1>site</h1>")}
	w.mustDeploy("r1")
	w.files["workers/site/public/index.html"] = &fstest.MapFile{Data: []byte("<h1>new site</h1>")}
	w.mustDeploy("r2")
	if versions := at(w.writes(), "tminus-site-staging/versions"); versions < 0 {
		t.Errorf("writes %v", w.writes())
	}
}

package doctor_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/doctor"
	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/probe"
)

const (
	apiFile, mcpFile, pushFile = "workers/api/wrangler.toml", "workers/mcp/wrangler.toml", "workers/push/wrangler.toml"
	apiHost                    = "api-staging.tminus.ink"
	apiScript, pushScript      = "tminus-api-staging", "tminus-push-staging"
	promoteAPI                 = "deploy-action promote --env staging --worker api"
)

// ill is a world that is broken in one way, and what must be said of it.
type ill struct {
	name  string
	spoil func(*world)
	// said is a rule, the place on which it stands, and words of message and remedy.
	said [][]string
	// passes: what was found is worth a look and not broken.
	passes bool
}

func TestEachCauseIsNamedWithPlaceAndRemedy(t *testing.T) {
	t.Parallel()
	for _, tt := range append(append(codeIlls, accountIlls...), driftIlls...) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tt.spoil(w)
			v := w.doctor()
			for _, said := range tt.said {
				for _, words := range said[2:] {
					if _, ok := v.heard(said[0], said[1], words); !ok {
						t.Errorf("no finding %s at %s says %q", said[0], said[1], words)
					}
				}
			}
			if want := map[bool]pipeline.Verdict{true: pipeline.Passed, false: pipeline.Failed}[tt.passes]; v.verdict != want {
				t.Errorf("%s, want %s", v.verdict, want)
			}
			if t.Failed() {
				for _, f := range v.found {
					t.Logf("%s %s %v", f.Severity, f.Rule, f)
				}
			}
		})
	}
}

// error 1101 and its causes, and old code.
var codeIlls = []ill{
	{name: "the flag for node builtins is missing", spoil: func(w *world) {
		w.edit(apiFile, "compatibility_flags = [\"nodejs_compat\"]\n", "")
		w.answers(apiHost, 500, "error code: 1101")
	}, said: [][]string{
		{"nodejs-compat", apiFile + ":9", `"node:crypto"`, `add compatibility_flags = ["nodejs_compat"]`},
		{"error-1101", apiFile, "the cause: workers/api/index.js imports", "deploy-action logs --env staging --worker api", promoteAPI},
	}},
	{name: "the flag is there, and not live", spoil: func(w *world) {
		w.edit(apiFile, "compatibility_flags = [\"nodejs_compat\"]\n", "")
		w.deploy("20260102T000000Z-second")
		w.edit(apiFile, "workers_dev", "compatibility_flags = [\"nodejs_compat\"]\nworkers_dev")
	}, said: [][]string{
		{"nodejs-compat", apiFile, "the live version of tminus-api-staging has no compatibility flags", promoteAPI},
		{"drift", apiFile, "compatibility_flags"},
	}},
	{name: "the entry exports a constant", spoil: func(w *world) {
		w.edit("workers/api/index.js", "export class", "export const LIMIT = 5;\nexport class")
		w.answers(apiHost, 500, "error code: 1101")
	}, said: [][]string{
		{"extra-export", "workers/api/index.js:2", `"LIMIT"`, "module of its own"},
		{"error-1101", apiFile, `"LIMIT"`},
	}},
	{name: "the code uses a binding that the environment does not declare", spoil: func(w *world) {
		w.edit("workers/api/index.js", "await env.DB", "await env.CACHE.get(1);\n    await env.DB")
		w.answers(apiHost, 500, "error code: 1101")
	}, said: [][]string{
		{"undeclared-binding", apiFile + ":9", "env.CACHE", "declare CACHE in the environment's section"},
		{"error-1101", apiFile, "env.CACHE"},
	}},
	{name: "it throws, and nothing known is wrong", spoil: func(w *world) { w.answers(apiHost, 500, "error code: 1101") }, said: [][]string{
		{"error-1101", apiFile, "version ", "deployed by deployer@example.com with the API, of release 20260101T000000Z-first", "none of the known causes", "deploy-action logs"},
	}},
	{name: "old code answers", spoil: func(w *world) {
		w.answers(apiHost, 200, `{"status":"ok"}`)
		old := w.last
		w.deploy("20260102T000000Z-second")
		placed, _ := old.Placed(apiScript)
		if _, err := w.as("token", "wrangler/4").Deploy(context.Background(), apiScript, []cloudflare.Traffic{{Version: placed.Version, Percent: 100}}, "by hand", false); err != nil {
			w.t.Fatal(err)
		}
	}, said: [][]string{
		{"old-code", apiFile, "legacy format", "with wrangler, of no release of this tool", "release 20260102T000000Z-second", promoteAPI},
		{"foreign-deployment", apiFile, "served by something else than a release", "deploy-action rollback"},
	}},
	{name: "nobody answers", spoil: func(w *world) { w.answers(apiHost, 522, "error code: 522") }, said: [][]string{
		{"health", apiFile, "522", "no Worker is behind this host name"},
	}},
}

// what the account lacks.
var accountIlls = []ill{
	{name: "the provider of the objects was never deployed", spoil: func(w *world) {
		if err := w.Scripts.Delete(apiScript, true); err != nil {
			w.t.Fatal(err)
		}
	}, said: [][]string{
		{"object-provider", pushFile + ":7", "tminus-api-staging, which is not on the account", "deploy it first: " + promoteAPI},
		{"not-deployed", apiFile, promoteAPI},
	}},
	{name: "script_name lacks the environment", spoil: func(w *world) { w.edit(pushFile, `"tminus-api-staging"`, `"tminus-api"`) }, said: [][]string{
		{"wrong-environment", pushFile + ":7", `"tminus-api"`, `write "tminus-api-staging"`},
	}},
	{name: "the class is not on the account", spoil: func(w *world) { w.edit(pushFile, `class_name = "Graph"`, `class_name = "Other"`) }, said: [][]string{
		{"object-class", pushFile + ":7", "class Other, which tminus-api-staging does not have"},
	}},
	{name: "a class migration waits", spoil: func(w *world) {
		w.edit(apiFile, "[env.staging]", "[[migrations]]\ntag = \"v2\"\nnew_sqlite_classes = [\"Second\"]\n\n[env.staging]")
	}, said: [][]string{{"class-migration", apiFile + ":9", `"v2"`, promoteAPI}}, passes: true},
	{name: "a record is gone", spoil: func(w *world) { w.record(apiHost, nil) }, said: [][]string{
		{"no-dns-record", apiFile, "no record for " + apiHost, "deploy-action dns --env staging"},
	}},
	{name: "a record goes past Cloudflare", spoil: func(w *world) {
		w.record(apiHost, &dns.Content{Type: "A", Name: apiHost, Content: "192.0.2.7"})
	}, said: [][]string{{"dns-not-proxied", apiFile, "A 192.0.2.7, not proxied", "deploy-action dns --env staging"}}},
	{name: "the resolver does not know a new name yet", spoil: func(w *world) {
		w.names = doctor.Names{Lookup: unknown, Around: func(string) bool { return true }}
	}, said: [][]string{
		{"dns-propagation", apiFile, "CNAME tminus.ink, proxied", probe.Anycast + " answers for it", "wait up to 5 minutes", "--resolve " + apiHost + ":443:" + probe.Anycast},
		{"dns-propagation", mcpFile, "mcp-staging.tminus.ink"},
	}, passes: true},
	{name: "neither the resolver nor Cloudflare knows a name", spoil: func(w *world) { w.names = doctor.Names{Lookup: unknown} }, said: [][]string{
		{"dns", apiFile, "neither does the resolver know " + apiHost},
	}},
	{name: "the resolver leads elsewhere", spoil: func(w *world) { w.names = doctor.Names{Lookup: elsewhere} }, said: [][]string{
		{"dns-elsewhere", apiFile, "at 192.0.2.1, which is not Cloudflare's"},
	}, passes: true},
	{name: "a certificate is for another name", spoil: func(w *world) { w.untrusted() }, said: [][]string{
		{"certificate", apiFile, "no certificate that can be trusted", "Edge Certificates"},
	}},
	{name: "no migration was applied", spoil: func(w *world) {
		w.ask("POST", "/accounts/ACCOUNT/d1/database/81db6c20-2bc6-44b7-bcda-a60aa7b39742/query", `{"sql":"DROP TABLE d1_migrations"}`)
	}, said: [][]string{{"pending-migration", apiFile, "no migration was ever applied to registry-staging", "deploy-action migrate --env staging"}}},
	{name: "a migration is pending", spoil: func(w *world) { w.write("migrations/0002_second.sql", "CREATE TABLE second (id INTEGER);") }, said: [][]string{
		{"pending-migration", "migrations/0002_second.sql:1", "1 migration of registry-staging not applied", "deploy-action migrate --env staging"},
	}, passes: true},
	{name: "a secret was taken away", spoil: func(w *world) {
		w.ask("DELETE", "/accounts/ACCOUNT/workers/scripts/"+apiScript+"/secrets/JWT_SECRET", "")
	}, said: [][]string{
		{"missing-secret", apiFile + ":9", apiScript + " does not have JWT_SECRET", "deploy-action secrets --env staging"},
	}},
	{name: "the binding leads to another database", spoil: func(w *world) {
		if _, err := w.D1.Create("registry-other", "11111111-1111-4111-8111-111111111111"); err != nil {
			w.t.Fatal(err)
		}
		w.edit(apiFile, `"registry-staging", database_id = "81db6c20-2bc6-44b7-bcda-a60aa7b39742"`, `"registry-other", database_id = "11111111-1111-4111-8111-111111111111"`)
	}, said: [][]string{{"d1-binding", apiFile + ":15", "leads to D1 database 81db6c20", "not to D1 database 11111111", promoteAPI}}},
	{name: "a queue has lost its consumer", spoil: func(w *world) { w.unconsume("work-staging") }, said: [][]string{
		{"no-consumer", pushFile + ":8", "queue work-staging has no consumer", "deploy-action promote --env staging --worker push"},
	}},
	{name: "another Worker consumes", spoil: func(w *world) {
		w.unconsume("work-staging")
		w.ask("POST", "/accounts/ACCOUNT/queues/"+w.queue("work-staging").ID+"/consumers", `{"type":"worker","script_name":"`+apiScript+`"}`)
	}, said: [][]string{{"other-consumer", pushFile + ":8", "consumed by tminus-api-staging, and not by tminus-push-staging", "wrangler queues consumer remove"}}},
	{name: "delivery is paused", spoil: func(w *world) {
		w.ask("PATCH", "/accounts/ACCOUNT/queues/"+w.queue("work-staging").ID, `{"settings":{"delivery_paused":true}}`)
	}, said: [][]string{{"queue-paused", pushFile + ":8", "delivery of queue work-staging is paused", "resume-delivery work-staging"}}},
	{name: "messages wait, and others are dead", spoil: func(w *world) {
		for _, name := range []string{"work-staging", "dead-staging"} {
			w.ask("POST", "/accounts/ACCOUNT/queues/"+w.queue(name).ID+"/messages", `{"body":"x"}`)
		}
		w.now = func() time.Time { return time.Now().Add(time.Hour) }
	}, said: [][]string{
		{"backlog", pushFile + ":8", "1 message waiting in queue work-staging, the oldest for 1h0m0s", "deploy-action logs --env staging --worker push"},
		{"dead-letters", pushFile + ":8", "1 dead letter in dead-staging that tminus-push-staging could not handle"},
	}, passes: true},
}

// what somebody changed by hand.
var driftIlls = []ill{
	{name: "somebody turned workers.dev on", spoil: func(w *world) {
		w.ask("POST", "/accounts/ACCOUNT/workers/scripts/"+pushScript+"/subdomain", `{"enabled":true,"previews_enabled":true}`)
	}, said: [][]string{{"exposed", pushFile + ":6", "tminus-push-staging is public on workers.dev", "--worker push"}, {"exposed", pushFile, "preview URL"}}},
	{name: "somebody removed a route", spoil: func(w *world) { w.unroute() }, said: [][]string{
		{"drift", apiFile + ":12", "route api-staging.tminus.ink/* of tminus-api-staging is not on the account", promoteAPI},
	}},
	{name: "somebody removed the crons", spoil: func(w *world) {
		w.ask("PUT", "/accounts/ACCOUNT/workers/scripts/"+apiScript+"/schedules", `[]`)
	}, said: [][]string{{"drift", apiFile + ":13", "no cron starts tminus-api-staging, which wants 0 3 * * *", promoteAPI}}},
	{name: "somebody added a cron", spoil: func(w *world) {
		w.ask("PUT", "/accounts/ACCOUNT/workers/scripts/"+apiScript+"/schedules", `[{"cron":"0 3 * * *"},{"cron":"0 4 * * *"}]`)
	}, said: [][]string{{"drift", apiFile + ":13", "are 0 3 * * *, 0 4 * * * on the account, not 0 3 * * *"}}, passes: true},
	{name: "somebody changed the settings of a consumer", spoil: func(w *world) { w.edit(pushFile, "max_batch_size = 5", "max_batch_size = 7") }, said: [][]string{
		{"drift", pushFile + ":8", "queue consumer work-staging of tminus-push-staging has other settings"},
	}, passes: true},
	{name: "the live version has other bindings and variables", spoil: func(w *world) {
		w.edit(mcpFile, "services", "vars = { EXTRA = \"x\" }\nservices")
		w.deploy("20260102T000000Z-second")
		w.edit(mcpFile, "vars = { EXTRA = \"x\" }\n", "")
		w.edit(apiFile, `MODE = "one"`, `MODE = "two", ADDED = "x"`)
	}, said: [][]string{
		{"drift", mcpFile + ":5", "variable EXTRA, which the configuration does not have", "of release 20260102T000000Z-second", "write it into " + mcpFile},
		{"drift", apiFile + ":16", "variable MODE is otherwise (one) in the live version"},
		{"binding-lost", apiFile + ":16", "no binding ADDED", promoteAPI},
	}},
	{name: "several versions share the traffic", spoil: func(w *world) {
		first, _ := w.last.Placed(apiScript)
		w.deploy("20260102T000000Z-second")
		second, _ := w.last.Placed(apiScript)
		if _, err := w.client.Deploy(context.Background(), apiScript, []cloudflare.Traffic{{Version: first.Version, Percent: 20}, {Version: second.Version, Percent: 80}}, "", false); err != nil {
			w.t.Fatal(err)
		}
	}, said: [][]string{{"split-traffic", apiFile, "20%", "wrangler versions deploy"}}, passes: true},
}

func unknown(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such host") }

func elsewhere(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
}

func TestTheResolverThatFindsCloudflareIsWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.names = doctor.Names{Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("::ffff:104.18.3.4"), netip.MustParseAddr("2606:4700::6812:304"), netip.MustParseAddr("172.67.1.2")}, nil
	}}
	v := w.doctor()
	well(t, v)
	for _, a := range v.answers {
		if strings.Contains(a.Question, apiHost) && a.Topic == "Hosts" && !strings.Contains(a.Evidence, "proxied") {
			t.Errorf("%+v", a)
		}
	}
}

// An address that is reached and does not answer as Cloudflare would is no propagation.
func TestAnAddressThatIsNotCloudflaresIsNoPropagation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.untrusted()
	w.names = doctor.Names{Lookup: unknown, Around: func(string) bool { return true }}
	v := w.doctor()
	if _, ok := v.heard("dns", apiFile, "certificate"); !ok || v.verdict != pipeline.Failed {
		t.Errorf("%v", v.found)
	}
}

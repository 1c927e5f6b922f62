package doctor_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/doctor"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// refuse has the account refuse what is at a path.
func (w *world) refuse(status, code int, paths ...string) {
	for _, path := range paths {
		w.Break(traffic.Fault{Method: "GET", Path: path, Times: -1, Refusal: envelope.Fail(status, code, "Authentication error")})
	}
}

// marks are the worst marks by topic.
func (v visit) marks() map[string]doctor.Mark {
	order := []doctor.Mark{doctor.Well, doctor.Unknown, doctor.Look, doctor.Broken}
	all := map[string]doctor.Mark{}
	for _, a := range v.answers {
		if slices.Index(order, a.Mark) > slices.Index(order, all[a.Topic]) {
			all[a.Topic] = a.Mark
		}
	}
	return all
}

func TestAMissingPermissionSpoilsItsTopicOnly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		permission string
		path       string
		unknown    []string // topics that cannot be judged
		verdict    pipeline.Verdict
	}{
		{"Queues:Read", "/accounts/*/queues", []string{"Queues", "Drift"}, pipeline.Failed},
		{"D1:Read", "/accounts/*/d1/database", []string{"Smoke"}, pipeline.Failed},
		{"DNS:Read", "/zones/*/dns_records", []string{"Hosts"}, pipeline.Passed},
		{"Workers Routes:Read", "/zones/*/workers/routes", []string{"Drift"}, pipeline.Failed},
		{"Zone:Read", "/zones", []string{"Hosts", "Drift"}, pipeline.Failed},
	}
	for _, tt := range tests {
		t.Run(tt.permission, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.client = w.as("token", "deploy-action") // zones are asked for once by each client
			w.refuse(403, 10000, tt.path)
			v := w.doctor()
			if _, ok := v.heard("missing-permission", "", `give the token the permission "`+tt.permission+`"`); !ok || v.verdict != tt.verdict {
				t.Errorf("%s %v", v.verdict, v.found)
			}
			for topic, mark := range v.marks() {
				want := doctor.Well
				switch {
				case slices.Contains(tt.unknown, topic):
					want = doctor.Unknown
				case topic == "Token" && tt.verdict == pipeline.Failed:
					want = doctor.Broken
				case topic == "Token":
					want = doctor.Look
				}
				if mark != want {
					t.Errorf("%s is %s, want %s: %s", topic, mark, want, strings.Join(v.sick(), "; "))
				}
			}
		})
	}
}

func TestMetricsThatAreRefusedAreNotKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.refuse(403, 10000, "/accounts/*/queues/*/metrics")
	w.refuse(400, 1001, "/accounts/*/workers/durable_objects/namespaces")
	v := w.doctor()
	if m := v.marks(); m["Queues"] != doctor.Unknown || m["Objects"] != doctor.Unknown || v.verdict != pipeline.Passed {
		t.Errorf("%v %s", m, v.verdict)
	}
}

// Where nothing can be asked, the files are still looked at, and everything else says why not.
func TestWithoutAnAccountTheFilesAreLookedAt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*world) func(*doctor.Doctor)
		rule   string
		says   string
	}{
		{"no token is given", func(*world) func(*doctor.Doctor) {
			return func(d *doctor.Doctor) {
				d.Account = doctor.Account{Missing: finding.Errorf("missing-variable", finding.Position{}, "CLOUDFLARE_API_TOKEN is not set")}
			}
		}, "missing-variable", "CLOUDFLARE_API_TOKEN"},
		{"the token is wrong", func(w *world) func(*doctor.Doctor) {
			return func(d *doctor.Doctor) { d.Account.Client = w.as("other", "x") }
		}, "wrong-token", "Cloudflare does not know the API token"},
		{"the account is another's", func(w *world) func(*doctor.Doctor) {
			return func(d *doctor.Doctor) {
				d.Account.Client = cloudflare.New(cloudflare.Options{BaseURL: w.url + "/client/v4", Account: strings.Repeat("ab", 16), Token: "token"})
			}
		}, "unknown-account", "CLOUDFLARE_ACCOUNT_ID"},
		{"the network is dead", func(w *world) func(*doctor.Doctor) {
			dead := httptest.NewServer(http.NotFoundHandler())
			dead.Close()
			return func(d *doctor.Doctor) {
				d.Account.Client = cloudflare.New(cloudflare.Options{BaseURL: dead.URL + "/client/v4", Account: w.ID(), Token: "token"})
			}
		}, "cloudflare", "check the network"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			v := w.doctor(tt.change(w))
			if _, ok := v.heard(tt.rule, "", tt.says); !ok || v.verdict != pipeline.Failed {
				t.Errorf("%s %v", v.verdict, v.found)
			}
			errors := 0
			for _, f := range v.found {
				if f.Severity == finding.Error {
					errors++
				}
			}
			if m := v.marks(); errors != 1 || m["Code"] != doctor.Well || m["Health"] != doctor.Well || m["Hosts"] != doctor.Unknown || m["Queues"] != doctor.Unknown || m["Drift"] != doctor.Unknown || m["Account"] != doctor.Broken {
				t.Errorf("%d errors, %v", errors, m)
			}
		})
	}
}

func TestAnAccountWithNothingOfTheProjectIsTheWrongOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit(apiFile, "name = \"tminus-api\"", "name = \"others-api\"")
	w.edit(mcpFile, "name = \"tminus-mcp\"", "name = \"others-mcp\"")
	w.edit(pushFile, "name = \"tminus-push\"", "name = \"others-push\"")
	w.edit(apiFile, "api-staging.tminus.ink/*\", zone_name = \"tminus.ink\"", "api-staging.others.ink/*\", zone_name = \"others.ink\"")
	w.edit(mcpFile, "mcp-staging.tminus.ink", "mcp-staging.others.ink")
	v := w.doctor()
	if _, ok := v.heard("wrong-account", "workers/", "has none of the 3 scripts, and no zone"); !ok {
		t.Errorf("%v", v.found)
	}
}

func TestOneWorkerIsAskedAboutAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.only = []string{"push"}
	v := w.doctor()
	well := slices.DeleteFunc(slices.Clone(v.answers), func(a doctor.Answer) bool { return a.Mark == doctor.Well })
	if len(well) != 0 || v.verdict != pipeline.Passed {
		t.Errorf("%s %+v", v.verdict, well)
	}
	for _, a := range v.answers {
		if strings.Contains(a.Question, "tminus-api") || strings.Contains(a.Question, "mcp") {
			t.Errorf("%+v", a)
		}
	}
	if len(v.history) != 1 {
		t.Errorf("%+v", v.history)
	}
}

func TestAWrongClockIsWorthALook(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		off  time.Duration
		says string
	}{{0, ""}, {2 * time.Minute, "behind Cloudflare"}, {-10 * time.Minute, "ahead of Cloudflare"}} {
		w := newWorld(t)
		var clock cloudflare.Clock
		other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Date", time.Now().Add(tt.off).UTC().Format(http.TimeFormat))
		}))
		r, _ := http.NewRequest("GET", other.URL, nil)
		res, err := clock.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		other.Close()
		v := w.doctor(func(d *doctor.Doctor) { d.Account.Clock = &clock })
		f, ok := v.heard("clock", "", tt.says)
		if got := f.Message; ok != (tt.says != "") || v.verdict != pipeline.Passed {
			t.Errorf("off by %s: %q %s", tt.off, got, v.verdict)
		}
	}
}

func TestNothingIsDeployedYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"tminus-mcp-staging", apiScript} {
		if err := w.Scripts.Delete(name, true); err != nil {
			t.Fatal(err)
		}
	}
	v := w.doctor()
	errors := 0
	for _, f := range v.found {
		if f.Rule == "not-deployed" {
			errors++
		}
	}
	if errors != 2 || v.marks()["Drift"] != doctor.Unknown {
		t.Errorf("%v", v.found)
	}
}

package meter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/tminus/deploy-action/checks/hook/ledger"
	"github.com/tminus/deploy-action/checks/meter"
)

func newMeter() *meter.Meter {
	return meter.New(meter.Options{Version: "v1.2.3", Repositories: []string{"tminus/app"}, Environments: []string{"production"}, Log: slog.New(slog.DiscardHandler)})
}

// scrape asks as Prometheus does and reads the answer as Prometheus does.
func scrape(t *testing.T, m *meter.Meter) map[string]*dto.MetricFamily {
	t.Helper()
	s := httptest.NewServer(m.Handler())
	defer s.Close()
	res, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d: %v", res.StatusCode, err)
	}
	return all
}

// values are the samples of a metric, by their labels.
func values(f *dto.MetricFamily) map[string]float64 {
	all := map[string]float64{}
	for _, m := range f.GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, l.GetName()+"="+l.GetValue())
		}
		all[strings.Join(labels, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return all
}

func expect(t *testing.T, all map[string]*dto.MetricFamily, name string, want map[string]float64) {
	t.Helper()
	if got := values(all["rollback_webhook_"+name]); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", name, got, want)
	}
}

func TestWhatIsCountedIsShown(t *testing.T) {
	t.Parallel()
	m := newMeter()
	m.Deliveries(func() map[string]int64 { return map[string]int64{"queued": 2, "signature": 1} })
	m.Ledger(func(context.Context) (ledger.Stats, error) {
		return ledger.Stats{Depth: 3, Oldest: 90 * time.Second, Works: map[ledger.State]int64{ledger.Waiting: 2, ledger.Running: 1}}, nil
	})
	m.Rollback("TMinus/App", "production", "rolled-back", 3*time.Second)
	m.Rollback("evil/app", "made-up", "failed", time.Second)
	m.News("ops", nil)
	m.News("ops", errors.New("no"))
	all := scrape(t, m)
	expect(t, all, "deliveries_total", map[string]float64{"outcome=queued": 2, "outcome=again": 0, "outcome=joined": 0, "outcome=seen": 0, "outcome=ignored": 0, "outcome=signature": 1})
	expect(t, all, "works", map[string]float64{"state=queued": 2, "state=running": 1, "state=done": 0, "state=dead": 0})
	expect(t, all, "queue_depth", map[string]float64{"": 3})
	expect(t, all, "queue_oldest_seconds", map[string]float64{"": 90})
	expect(t, all, "database_up", map[string]float64{"": 1})
	expect(t, all, "rollbacks_total", map[string]float64{
		"environment=production outcome=rolled-back repository=tminus/app": 1, "environment=other outcome=failed repository=other": 1,
	})
	expect(t, all, "rollback_duration_seconds", map[string]float64{"outcome=rolled-back": 1, "outcome=failed": 1})
	expect(t, all, "notices_total", map[string]float64{"destination=ops outcome=taken": 1, "destination=ops outcome=failed": 1})
	if info := fmt.Sprint(values(all["rollback_webhook_build_info"])); !strings.Contains(info, "version=v1.2.3:1") {
		t.Errorf("build_info %s", info)
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if all[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestTheNamesAreAsPrometheusLikesThem(t *testing.T) {
	t.Parallel()
	m := newMeter()
	m.Deliveries(func() map[string]int64 { return map[string]int64{} })
	m.Ledger(func(context.Context) (ledger.Stats, error) { return ledger.Stats{}, nil })
	m.Rollback("", "", "x", 0)
	m.News("x", nil)
	problems, err := testutil.GatherAndLint(m.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "rollback_webhook_") {
			t.Errorf("%+v", promlint.Problem(p))
		}
	}
}

func TestTheDatabaseIsNotAskedAtEveryScrape(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter()
		asked := 0
		var fails error
		m.Ledger(func(ctx context.Context) (ledger.Stats, error) {
			asked++
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("it may take for ever")
			}
			return ledger.Stats{Depth: int64(asked)}, fails
		})
		gather := func() map[string]*dto.MetricFamily {
			families, err := m.Gatherer().Gather()
			if err != nil {
				t.Fatal(err)
			}
			all := map[string]*dto.MetricFamily{}
			for _, f := range families {
				all[f.GetName()] = f
			}
			return all
		}
		for range 10 {
			expect(t, gather(), "queue_depth", map[string]float64{"": 1})
		}
		time.Sleep(6 * time.Second)
		expect(t, gather(), "queue_depth", map[string]float64{"": 2})
		fails = errors.New("the database is away")
		time.Sleep(6 * time.Second)
		all := gather()
		expect(t, all, "queue_depth", map[string]float64{})
		expect(t, all, "database_up", map[string]float64{"": 0})
		if asked != 3 {
			t.Errorf("asked %d times", asked)
		}
	})
}

// trip is a platform's API.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCallsAndLimitsAreCounted(t *testing.T) {
	t.Parallel()
	m := newMeter()
	answer := func(status int, headers ...string) trip {
		return func(*http.Request) (*http.Response, error) {
			h := http.Header{}
			for i := 0; i+1 < len(headers); i += 2 {
				h.Add(headers[i], headers[i+1])
			}
			return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(""))}, nil
		}
	}
	call := func(platform, method string, base trip) {
		r, _ := http.NewRequestWithContext(t.Context(), method, "https://example.com", nil)
		r.Method = method
		res, err := m.Transport(platform, base).RoundTrip(r)
		if err == nil {
			res.Body.Close()
		}
	}
	call("github", "GET", answer(200, "X-RateLimit-Remaining", "4999", "X-RateLimit-Resource", "core"))
	call("github", "GET", answer(304, "X-RateLimit-Remaining", "4998"))
	call("github", "POST", answer(403, "X-RateLimit-Remaining", "0", "X-RateLimit-Resource", "search"))
	call("github", "BREW", answer(200, "X-RateLimit-Remaining", "7", "X-RateLimit-Resource", "A made up\nname"))
	call("github", "", func(*http.Request) (*http.Response, error) { return nil, errors.New("gone") })
	call("cloudflare", "PUT", answer(500, "Ratelimit", `"default";r=50;t=30, "burst";t=1;r=9`))
	for i := range 50 {
		call("cloudflare", "GET", answer(200, "Ratelimit", fmt.Sprintf(`"made-up-%d";r=1;t=1`, i)))
	}
	all := scrape(t, m)
	expect(t, all, "api_calls_total", map[string]float64{
		"class=2xx method=GET platform=github": 1, "class=3xx method=GET platform=github": 1, "class=4xx method=POST platform=github": 1,
		"class=2xx method=other platform=github": 1, "class=error method=GET platform=github": 1,
		"class=5xx method=PUT platform=cloudflare": 1, "class=2xx method=GET platform=cloudflare": 50,
	})
	expect(t, all, "api_call_duration_seconds", map[string]float64{"platform=github": 5, "platform=cloudflare": 51})
	left := values(all["rollback_webhook_rate_limit_remaining"])
	for labels, want := range map[string]float64{
		"platform=github resource=core": 4998, "platform=github resource=search": 0, "platform=github resource=other": 7,
		"platform=cloudflare resource=default": 50, "platform=cloudflare resource=burst": 9, "platform=cloudflare resource=other": 1,
	} {
		if got, ok := left[labels]; !ok || got != want {
			t.Errorf("%s: %v, want %v", labels, got, want)
		}
	}
	if len(left) != 3+21 {
		t.Errorf("%d limits are told apart", len(left))
	}
}

package meter

import (
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const prefix = "rollback_webhook_"

// other stands for a label's value that is not known.
const other = "other"

// Options make a Meter.
type Options struct {
	// Version is the program's.
	Version string
	// Repositories and Environments are those that are told apart.
	Repositories, Environments []string
	Log                        *slog.Logger
}

// Meter counts. It may be used from several goroutines.
type Meter struct {
	o        Options
	registry *prometheus.Registry

	rollbacks *prometheus.CounterVec
	took      *prometheus.HistogramVec
	news      *prometheus.CounterVec
	calls     *prometheus.CounterVec
	waits     *prometheus.HistogramVec
	remaining *prometheus.GaugeVec
	limits    known
}

// New makes a meter that counts nothing yet.
func New(o Options) *Meter {
	m := &Meter{
		o: o, registry: prometheus.NewRegistry(),
		rollbacks: counters("rollbacks_total", "Tries to take a release back, by how they ended.", "repository", "environment", "outcome"),
		took:      histograms("rollback_duration_seconds", "How long a try to take a release back took.", []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900}, "outcome"),
		news:      counters("notices_total", "Tries to send news to a destination, by whether they were taken.", "destination", "outcome"),
		calls:     counters("api_calls_total", "Calls to a platform's API, each attempt, by the class of the answer.", "platform", "method", "class"),
		waits:     histograms("api_call_duration_seconds", "How long a platform's API took to begin its answer.", []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30}, "platform"),
		remaining: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "rate_limit_remaining", Help: "Calls that a platform's rate limit left at its last answer."}, []string{"platform", "resource"}),
	}
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: prefix + "build_info", Help: "Always 1; the labels say which program it is.",
		ConstLabels: prometheus.Labels{"version": o.Version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
	m.registry.MustRegister(m.rollbacks, m.took, m.news, m.calls, m.waits, m.remaining, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets}, labels)
}

// Handler answers Prometheus.
func (m *Meter) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: logged{m.o.Log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}

// logged writes errors of the library's handler to our log.
type logged struct{ log *slog.Logger }

// Println implements promhttp.Logger.
func (l logged) Println(v ...any) {
	var words []string
	for _, one := range v {
		switch one := one.(type) {
		case error:
			words = append(words, one.Error())
		case string:
			words = append(words, one)
		}
	}
	l.log.Warn("not everything can be measured", "error", strings.Join(words, " "))
}

// Gatherer is the registry, for reading it otherwise than over HTTP.
func (m *Meter) Gatherer() prometheus.Gatherer { return m.registry }

// Rollback counts a try to take a release back. The outcome is one of a few words.
func (m *Meter) Rollback(repository, environment, outcome string, took time.Duration) {
	m.rollbacks.WithLabelValues(among(m.o.Repositories, repository), among(m.o.Environments, environment), outcome).Inc()
	m.took.WithLabelValues(outcome).Observe(took.Seconds())
}

// News counts a try to send news to a destination of the configuration.
func (m *Meter) News(destination string, err error) {
	outcome := "taken"
	if err != nil {
		outcome = "failed"
	}
	m.news.WithLabelValues(destination, outcome).Inc()
}

// among is a name as the list writes it, or other.
func among(list []string, name string) string {
	if i := slices.IndexFunc(list, func(one string) bool { return strings.EqualFold(one, name) }); i >= 0 {
		return list[i]
	}
	return other
}

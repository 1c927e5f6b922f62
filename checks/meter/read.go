package meter

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// The ledger is read at most once in fresh, and for no longer than patience.
const (
	fresh    = 5 * time.Second
	patience = 2 * time.Second
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

// Deliveries has what a Receiver counts be shown. It is called once.
func (m *Meter) Deliveries(counts func() map[string]int64) {
	m.registry.MustRegister(deliveries{counts, desc("deliveries_total", "Deliveries since the start, by what was decided or why they were refused.", "outcome")})
}

type deliveries struct {
	counts func() map[string]int64
	total  *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (d deliveries) Describe(to chan<- *prometheus.Desc) { to <- d.total }

// Collect implements prometheus.Collector. What did not happen yet is shown as zero, so
// that the first time is seen as a change.
func (d deliveries) Collect(to chan<- prometheus.Metric) {
	counts := d.counts()
	for _, o := range []hook.Outcome{hook.Queued, hook.Again, hook.Joined, hook.Seen, hook.Ignored} {
		counts[string(o)] += 0
	}
	for outcome, n := range counts {
		to <- prometheus.MustNewConstMetric(d.total, prometheus.CounterValue, float64(n), outcome)
	}
}

// Ledger has the works in the ledger be shown. It is called once.
func (m *Meter) Ledger(stats func(context.Context) (ledger.Stats, error)) {
	m.registry.MustRegister(&works{
		stats:  stats,
		states: desc("works", "Works in the database, by state.", "state"),
		depth:  desc("queue_depth", "Works that wait or run."),
		oldest: desc("queue_oldest_seconds", "Since when the oldest work waits or runs."),
		up:     desc("database_up", "Whether the database could be read."),
	})
}

type works struct {
	stats                     func(context.Context) (ledger.Stats, error)
	states, depth, oldest, up *prometheus.Desc

	mu   sync.Mutex
	read time.Time
	last ledger.Stats
	err  error
}

// Describe implements prometheus.Collector.
func (w *works) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{w.states, w.depth, w.oldest, w.up} {
		to <- d
	}
}

// Collect implements prometheus.Collector. When the database cannot be read there are no
// numbers, rather than old ones.
func (w *works) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s, err := w.now()
	if err != nil {
		gauge(w.up, 0)
		return
	}
	gauge(w.up, 1)
	gauge(w.depth, float64(s.Depth))
	gauge(w.oldest, s.Oldest.Seconds())
	for _, state := range []ledger.State{ledger.Waiting, ledger.Running, ledger.Done, ledger.Dead} {
		gauge(w.states, float64(s.Works[state]), string(state))
	}
}

func (w *works) now() (ledger.Stats, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.read.IsZero() || time.Since(w.read) >= fresh {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		w.last, w.err = w.stats(ctx)
		w.read = time.Now()
	}
	return w.last, w.err
}

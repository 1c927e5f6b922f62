package queue

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// BenchmarkRecord measures how long sixteen who deliver at once wait until it is on
// the disk: go test -run - -bench Record ./checks/hook/queue
func BenchmarkRecord(b *testing.B) {
	q, err := Open(b.Context(), Options{Database: filepath.Join(b.TempDir(), "hook.db"), Log: quietly, Do: func(context.Context, ledger.Work, func(string)) error { return nil }})
	if err != nil {
		b.Fatal(err)
	}
	payload := append(make([]byte, 0, 15_000), `{"a":"`...)
	for len(payload) < 14_990 {
		payload = append(payload, 'x')
	}
	payload = append(payload, `"}`...)
	var mu sync.Mutex
	var took []time.Duration
	var next atomic.Int64
	var senders sync.WaitGroup
	b.ResetTimer()
	for range 16 {
		senders.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				d, c := message(fmt.Sprint(i), fmt.Sprint(i), fmt.Sprint(i%9))
				d.Payload = payload
				began := time.Now()
				if _, err := q.Record(b.Context(), d, c); err != nil {
					b.Error(err)
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		b.Error(err)
	}
}

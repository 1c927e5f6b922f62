package queue

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// BenchmarkBegin measures how long it takes from a delivery to the begin of its work
// when there is nothing else to do:
//
//	go test -run - -bench Begin -benchtime 100x ./checks/hook/queue
func BenchmarkBegin(b *testing.B) {
	begun := make(chan time.Time, 1)
	q, err := Open(b.Context(), Options{Database: filepath.Join(b.TempDir(), "hook.db"), Log: quietly, Do: func(context.Context, ledger.Work, func(string)) error {
		begun <- time.Now()
		return nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for i := range b.N {
		d, c := message(fmt.Sprint(i), fmt.Sprint(i), "")
		sent := time.Now()
		if _, err := q.Record(b.Context(), d, c); err != nil {
			b.Fatal(err)
		}
		at := <-begun
		took = append(took, at.Sub(sent))
		time.Sleep(100 * time.Millisecond)
	}
	slices.Sort(took)
	report(b, took)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		b.Error(err)
	}
}

// BenchmarkDone measures how long it takes until a burst of works is done that do nothing.
func BenchmarkDone(b *testing.B) {
	for name, lanes := range map[string]int{"nine lanes": 9, "a lane each": 1 << 40} {
		b.Run(name, func(b *testing.B) {
			done := make(chan bool, b.N)
			q, err := Open(b.Context(), Options{Database: filepath.Join(b.TempDir(), "hook.db"), Log: quietly, Do: nothing,
				After: func(ledger.Work, ledger.State, time.Duration, error) { done <- true }})
			if err != nil {
				b.Fatal(err)
			}
			var senders sync.WaitGroup
			b.ResetTimer()
			for s := range 16 {
				senders.Go(func() {
					for i := s; i < b.N; i += 16 {
						d, c := message(fmt.Sprint(i), fmt.Sprint(i), fmt.Sprint(i%lanes))
						if _, err := q.Record(b.Context(), d, c); err != nil {
							b.Error(err)
						}
					}
				})
			}
			senders.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "recorded/s")
			began := time.Now()
			for range b.N {
				<-done
			}
			b.StopTimer()
			b.ReportMetric(time.Since(began).Seconds(), "rest-s")
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := q.Stop(ctx); err != nil {
				b.Error(err)
			}
		})
	}
}

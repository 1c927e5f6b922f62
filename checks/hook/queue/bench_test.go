package queue

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
)

// BenchmarkRecord measures how long sixteen who deliver at once wait until it is on the
// disk, and BenchmarkDisk how long it takes to have one page there:
//
//	go test -run - -bench 'Record|Disk' ./checks/hook/queue
func BenchmarkRecord(b *testing.B) {
	for name, judge := range map[string]func(i int64) (hook.Delivery, hook.Decision){
		"ignored": func(i int64) (hook.Delivery, hook.Decision) {
			d, _ := message(fmt.Sprint(i), "", "")
			return d, hook.Ignore("the deployment is success")
		},
		"nine lanes": func(i int64) (hook.Delivery, hook.Decision) {
			return message(fmt.Sprint(i), fmt.Sprint(i), fmt.Sprint(i%9))
		},
		"a lane each": func(i int64) (hook.Delivery, hook.Decision) {
			return message(fmt.Sprint(i), fmt.Sprint(i), fmt.Sprint(i))
		},
	} {
		b.Run(name, func(b *testing.B) { record(b, judge) })
	}
}

func record(b *testing.B, judge func(int64) (hook.Delivery, hook.Decision)) {
	q, err := Open(b.Context(), Options{Database: filepath.Join(b.TempDir(), "hook.db"), Log: quietly, Do: nothing})
	if err != nil {
		b.Fatal(err)
	}
	payload := fmt.Appendf(nil, `{"a":"%s"}`, strings.Repeat("x", 15_000))
	var mu sync.Mutex
	var took []time.Duration
	var next atomic.Int64
	var senders sync.WaitGroup
	b.ResetTimer()
	for range 16 {
		senders.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				d, c := judge(i)
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
	report(b, took)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		b.Error(err)
	}
}

func BenchmarkDisk(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "page"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 8192)
	for b.Loop() {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

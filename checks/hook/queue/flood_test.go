package queue

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// listening has a real receiver on a loopback address record with a queue. Every
// delivery of an even number asks for a work.
func listening(t testing.TB, q *Queue) (string, *http.Client) {
	r, err := hook.New(hook.Options{Secrets: []string{childSecret}, Record: q.Record, Log: quietly, Judge: func(d hook.Delivery) hook.Decision {
		var p struct{ N int }
		if err := json.Unmarshal(d.Payload, &p); err != nil || p.N%2 == 1 {
			return hook.Ignore("odd")
		}
		return hook.Decision{Order: &hook.Order{Key: d.GUID, Lane: fmt.Sprint(p.N % 9)}, Reason: "it failed"}
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return s.URL, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 10 * time.Second}
}

// signed are deliveries of 15 kB.
func signed(url string, count int) []*http.Request {
	padding := strings.Repeat("x", 15_000)
	all := make([]*http.Request, count)
	for i := range all {
		body := fmt.Appendf(nil, `{"n":%d,"padding":"%s"}`, i, padding)
		mac := hmac.New(sha256.New, []byte(childSecret))
		mac.Write(body)
		all[i], _ = http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
		all[i].Header = http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"deployment_status"}, "X-Github-Delivery": {fmt.Sprintf("guid-%d", i)}, "X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
	}
	return all
}

// flood sends signed deliveries on so many connections, and gives how long each took
// that was accepted.
func flood(t testing.TB, q *Queue, connections, count int) []time.Duration {
	url, client := listening(t, q)
	defer client.CloseIdleConnections()
	all := signed(url, count)
	if b, ok := t.(*testing.B); ok {
		b.ResetTimer()
	}
	var next, refused atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var senders sync.WaitGroup
	for range connections {
		senders.Go(func() {
			for i := next.Add(1); i <= int64(count); i = next.Add(1) {
				m := all[i-1]
				began := time.Now()
				res, err := client.Do(m)
				if err != nil {
					refused.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode != http.StatusAccepted {
					refused.Add(1)
					continue
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	if n := refused.Load(); n > 0 {
		t.Errorf("%d of %d deliveries were refused", n, count)
	}
	slices.Sort(took)
	return took
}

func TestAFloodLosesAndRefusesNone(t *testing.T) {
	t.Parallel()
	count := 5000
	if raced { // which takes ten times as long
		count /= 10
	}
	database := filepath.Join(t.TempDir(), "hook.db")
	q := open(t, Options{Database: database, Do: nothing})
	began := time.Now()
	took := flood(t, q, 64, count)
	t.Logf("%d deliveries from 64 senders were recorded in %s, the slowest in %s", len(took), time.Since(began), took[len(took)-1])
	until(t, 60*time.Second, "every work is done", inState(t, q, ledger.Done, int64(count/2)))
	stop(t, q)
	q = open(t, Options{Database: database, Do: nothing})
	s, err := q.Ledger.Stats(t.Context())
	if err != nil || s.Decisions[hook.Queued] != int64(count/2) || s.Decisions[hook.Ignored] != int64(count/2) || s.Depth != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// BenchmarkReceive measures sixteen connections to a real receiver, half of whose
// deliveries ask for a work; sending is part of it:
//
//	go test -run - -bench Receive -benchtime 5000x ./checks/hook/queue
func BenchmarkReceive(b *testing.B) {
	q, err := Open(b.Context(), Options{Database: filepath.Join(b.TempDir(), "hook.db"), Log: quietly, Do: nothing})
	if err != nil {
		b.Fatal(err)
	}
	took := flood(b, q, 16, b.N)
	b.StopTimer()
	report(b, took)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		b.Error(err)
	}
}

// report says how long what was done took, in order.
func report(b *testing.B, took []time.Duration) {
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "deliveries/s")
}

package queue

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// stormy is how many deliveries a storm has: go test ./checks/hook/queue -run Storm -storm 10000
var stormy = flag.Int("storm", 1500, "deliveries of a storm")

const (
	stormLanes   = 5
	stormSenders = 16
	stormRate    = 600 // deliveries a second at most
	stormTakes   = 8 * time.Millisecond
)

// storm is what is sent to servers that are killed all the time.
type storm struct {
	t        *testing.T
	database string
	notes    string
	lease    time.Duration
	failures int

	mu      sync.Mutex
	servers []*spawned
	kills   int
	refused atomic.Int64
}

// sent is one delivery of a storm.
type sent struct{ guid, key, lane string }

// deliveries tell of every failure five times, with three GUIDs, in no order.
func (s *storm) deliveries() []sent {
	var all []sent
	for i := range s.failures {
		for j := range 5 {
			all = append(all, sent{fmt.Sprintf("guid-%d-%d", i, j%3), fmt.Sprintf("key-%d", i), fmt.Sprint(i % stormLanes)})
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// server is one of those that live now.
func (s *storm) server() *spawned {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.servers[rand.IntN(len(s.servers))]
}

// kill kills the one that has lived longest, with whatever it is at, and starts another.
func (s *storm) kill() {
	old := s.servers[0] // nobody else changes them
	old.kill()
	fresh := append(s.servers[1:len(s.servers):len(s.servers)], spawn(s.t, s.database, s.notes, stormTakes, s.lease))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kills++
	s.servers = fresh
}

// send sends a delivery until it is accepted, as whoever asks GitHub for failed
// deliveries has it do.
func (s *storm) send(client *http.Client, d sent) {
	for {
		if ok, _ := s.server().post(client, d.guid, d.key, d.lane); ok {
			return
		}
		s.refused.Add(1)
		time.Sleep(20 * time.Millisecond)
	}
}

// rage sends everything, and kills a server about every so often meanwhile.
func (s *storm) rage(every time.Duration) {
	todo := make(chan sent)
	var senders sync.WaitGroup
	for range stormSenders {
		senders.Go(func() {
			client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for d := range todo {
				s.send(client, d)
			}
		})
	}
	over := make(chan bool)
	var killer sync.WaitGroup
	killer.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(every/2 + rand.N(every)):
				s.kill()
			}
		}
	})
	for _, d := range s.deliveries() {
		todo <- d
		time.Sleep(time.Second / stormRate)
	}
	close(todo)
	senders.Wait()
	close(over)
	killer.Wait()
}

// settle kills all servers, has another one do what is left, and looks what became of
// every failure.
func (s *storm) settle() *Queue {
	t := s.t
	for _, one := range s.servers {
		one.kill()
		s.kills++
	}
	began := time.Now()
	q := open(t, Options{Database: s.database, Lease: s.lease, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
		return note(s.notes, w.Key, w.Lane)
	}})
	until(t, 60*time.Second, "every work is done", inState(t, q, ledger.Done, int64(s.failures)))
	t.Logf("%d deliveries of %d failures, %d kills, %d not answered; the rest was done %s after the last start", 5*s.failures, s.failures, s.kills, s.refused.Load(), time.Since(began))
	s.judge(q)
	return q
}

func (s *storm) judge(q *Queue) {
	t := s.t
	works, err := q.Ledger.Works(t.Context(), ledger.Filter{Limit: 100_000})
	if err != nil || len(works) != s.failures {
		t.Fatalf("%d works of %d failures, %v", len(works), s.failures, err)
	}
	begun, ended, overlaps := noted(t, s.notes)
	again := 0
	for _, w := range works {
		// Of all its runs, one came to an end that was written down.
		if w.State != ledger.Done || w.Runs != w.Cuts+1 || w.Tries != 0 {
			t.Errorf("%s is %s after %d runs, %d cut off, %d tries", w.Key, w.State, w.Runs, w.Cuts, w.Tries)
		}
		if ended[w.Key] < 1 || begun[w.Key] > w.Runs {
			t.Errorf("%s was begun %d times and had its effect %d times in %d runs", w.Key, begun[w.Key], ended[w.Key], w.Runs)
		}
		again += w.Cuts
	}
	// Each kill can cut off one work in each lane, and no other is begun again.
	if most := s.kills * stormLanes; again > most {
		t.Errorf("%d works were begun again, which %d kills do not explain", again, s.kills)
	}
	if overlaps > 0 || len(begun) != s.failures {
		t.Errorf("%d overlaps, %d works were begun, want %d", overlaps, len(begun), s.failures)
	}
	all, err := q.Ledger.Deliveries(t.Context(), 1_000_000, ledger.Place{})
	if err != nil || len(all) != 3*s.failures {
		t.Errorf("%d deliveries are recorded of %d, %v", len(all), 3*s.failures, err)
	}
}

func TestAStormOfKillsLosesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := &storm{t: t, database: filepath.Join(folder, "hook.db"), notes: filepath.Join(folder, "notes"), lease: 20 * time.Second, failures: *stormy / 5}
	s.servers = []*spawned{spawn(t, s.database, s.notes, stormTakes, s.lease)}
	s.rage(pace())
	q := s.settle()
	if !q.Ledger.Alone {
		t.Error("the killed servers still hold the file")
	}
	stop(t, q)
	db, err := sql.Open("sqlite", s.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var said string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
		t.Errorf("the file is %q, %v", said, err)
	}
}

func TestAStormOfKillsOnTwoServersLosesNothing(t *testing.T) {
	t.Parallel()
	s := &storm{t: t, database: onPostgres(t), notes: filepath.Join(t.TempDir(), "notes"), lease: 2 * time.Second, failures: *stormy / 10}
	for range 2 {
		s.servers = append(s.servers, spawn(t, s.database, s.notes, stormTakes, s.lease))
	}
	s.rage(pace())
	s.settle()
}

// pace is how often a server is killed: in a short storm more often than every second,
// so that it sees some kills too.
func pace() time.Duration {
	return min(time.Second, time.Second*time.Duration(*stormy)/stormRate/6)
}

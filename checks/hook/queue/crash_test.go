package queue

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// The test binary is a server when it is told a database, a file to write down what
// it does, how long a work takes at most, and how long a lease lasts.
const (
	childFile   = "HOOK_TEST_DATABASE"
	childNotes  = "HOOK_TEST_NOTES"
	childTakes  = "HOOK_TEST_TAKES"
	childLease  = "HOOK_TEST_LEASE"
	childSecret = "a secret of this test"
)

func child() {
	fatal := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	notes, err := os.OpenFile(os.Getenv(childNotes), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	fatal(err)
	takes, err := time.ParseDuration(os.Getenv(childTakes))
	fatal(err)
	lease, err := time.ParseDuration(os.Getenv(childLease))
	fatal(err)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	q, err := Open(context.Background(), Options{Database: os.Getenv(childFile), Log: log, Lease: lease, Do: func(_ context.Context, w ledger.Work, say func(string)) error {
		fmt.Fprintf(notes, "begin %s %s %d\n", w.Key, w.Lane, os.Getpid())
		say("begun")
		time.Sleep(rand.N(takes))
		fmt.Fprintf(notes, "end %s %s %d\n", w.Key, w.Lane, os.Getpid())
		return nil
	}})
	fatal(err)
	r, err := hook.New(hook.Options{Secrets: []string{childSecret}, Record: q.Record, Log: log, Judge: func(d hook.Delivery) hook.Decision {
		var p struct{ Key, Lane string }
		if err := json.Unmarshal(d.Payload, &p); err != nil {
			return hook.Ignore("%s", err)
		}
		return hook.Decision{Order: &hook.Order{Key: p.Key, Lane: p.Lane}, Reason: "it failed"}
	}})
	fatal(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(err)
	fmt.Println(l.Addr())
	go func() { fatal(http.Serve(l, r)) }()
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test
}

// spawned is a server in a process of its own.
type spawned struct {
	cmd     *exec.Cmd
	address string
}

func spawn(t *testing.T, database, notes string, takes, lease time.Duration) *spawned {
	t.Helper()
	s := &spawned{cmd: exec.Command(os.Args[0])}
	s.cmd.Env = append(os.Environ(), childFile+"="+database, childNotes+"="+notes, childTakes+"="+takes.String(), childLease+"="+lease.String())
	s.cmd.Stderr = t.Output()
	if _, err := s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	s.address = strings.TrimSpace(line)
	return s
}

func (s *spawned) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// post sends a signed delivery and tells whether it was accepted.
func (s *spawned) post(client *http.Client, guid, key, lane string) (bool, string) {
	body := fmt.Appendf(nil, `{"key":%q,"lane":%q}`, key, lane)
	mac := hmac.New(sha256.New, []byte(childSecret))
	mac.Write(body)
	q, _ := http.NewRequest(http.MethodPost, "http://"+s.address+"/webhook", bytes.NewReader(body))
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("X-GitHub-Event", "deployment_status")
	q.Header.Set("X-GitHub-Delivery", guid)
	q.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := client.Do(q)
	if err != nil {
		return false, err.Error()
	}
	defer res.Body.Close()
	all, _ := io.ReadAll(res.Body)
	return res.StatusCode == http.StatusAccepted, string(all)
}

// noted reads what servers wrote down: how often each work was begun and ended, and
// how often a lane was begun before the work in it had ended, though the same server
// was there to end it.
func noted(t *testing.T, notes string) (begun, ended map[string]int, overlaps int) {
	t.Helper()
	all, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	begun, ended = map[string]int{}, map[string]int{}
	open := map[string]string{} // by lane, the server that works on it
	for line := range strings.Lines(string(all)) {
		f := strings.Fields(line)
		key, lane, server := f[1], f[2], f[3]
		if f[0] == "end" {
			ended[key]++
			delete(open, lane)
			continue
		}
		begun[key]++
		if open[lane] == server {
			overlaps++
		}
		open[lane] = server
	}
	return begun, ended, overlaps
}

func TestKilledServersLoseNothing(t *testing.T) {
	t.Parallel()
	const kills, messages, lanes = 8, 240, 5
	folder := t.TempDir()
	database, notes := filepath.Join(folder, "hook.db"), filepath.Join(folder, "notes")
	server := spawn(t, database, notes, 20*time.Millisecond, 20*time.Second)
	kill := time.Now().Add(rand.N(600 * time.Millisecond))
	client := &http.Client{Timeout: 5 * time.Second}
	killed, refused, accepted := 0, 0, 0
	for i := 0; i < messages || killed < kills; i++ {
		// Until it is accepted it is sent again, as whoever asks GitHub for failed
		// deliveries has it do; and every other message tells of the one before.
		for {
			if time.Now().After(kill) && killed < kills {
				server.kill()
				killed++
				server = spawn(t, database, notes, 20*time.Millisecond, 20*time.Second)
				kill = time.Now().Add(rand.N(600 * time.Millisecond))
			}
			if p := server.cmd.Process; killed < kills && rand.IntN(60) == 0 { // killed while it answers
				time.AfterFunc(rand.N(4*time.Millisecond), func() { _ = p.Kill() })
			}
			ok, _ := server.post(client, fmt.Sprintf("guid-%d", i), fmt.Sprintf("key-%d", i/2), fmt.Sprint(i/2%lanes))
			if ok {
				accepted++
				break
			}
			refused++
			kill = time.Time{}
			if killed >= kills {
				server.kill()
				server = spawn(t, database, notes, 20*time.Millisecond, 20*time.Second)
			}
		}
	}
	server.kill() // with whatever it was at
	began := time.Now()
	q := open(t, Options{Database: database, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
		f, err := os.OpenFile(notes, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = fmt.Fprintf(f, "begin %s %s last\nend %s %s last\n", w.Key, w.Lane, w.Key, w.Lane)
			_ = f.Close()
		}
		return err
	}})
	if !q.Ledger.Alone {
		t.Error("the killed servers still hold the file")
	}
	works := int64((accepted + 1) / 2)
	until(t, 40*time.Second, "every work is done", inState(t, q, ledger.Done, works))
	t.Logf("%d deliveries of %d works, %d kills, %d not answered; the rest was done %s after the last start", accepted, works, killed, refused, time.Since(began))
	begun, ended, overlaps := noted(t, notes)
	again := 0
	for i := range int(works) {
		key := fmt.Sprintf("key-%d", i)
		if ended[key] < 1 || begun[key] > killed+refused+2 {
			t.Errorf("%s was begun %d times and ended %d times", key, begun[key], ended[key])
		}
		again += begun[key] - 1
	}
	// Each kill can cut off one work in each lane, and no other is begun again.
	if most := (killed + refused + 1) * lanes; again > most {
		t.Errorf("%d works were begun again, which %d kills do not explain", again, most)
	}
	if overlaps > 0 || len(begun) != int(works) {
		t.Errorf("%d overlaps, %d works were begun, want %d", overlaps, len(begun), works)
	}
	all, err := q.Ledger.Deliveries(t.Context(), 10000, ledger.Place{})
	if err != nil || len(all) != accepted {
		t.Errorf("%d deliveries are recorded of %d that were accepted, %v", len(all), accepted, err)
	}
}

func TestAnotherServerTakesUpWhatAKilledOneLeft(t *testing.T) {
	onBoth(t, func(t *testing.T, database string) {
		notes := filepath.Join(t.TempDir(), "notes")
		const lease = 2 * time.Second
		done := make(chan ledger.Work, 10)
		first := spawn(t, database, notes, time.Hour, lease)
		for i := range 3 { // two of them wait behind the first
			if ok, why := first.post(http.DefaultClient, fmt.Sprintf("guid-%d", i), fmt.Sprintf("key-%d", i), "lane"); !ok {
				t.Fatal(why)
			}
		}
		until(t, 10*time.Second, "the work is under way", func() bool {
			all, _ := os.ReadFile(notes)
			return len(all) > 0
		})
		second := open(t, Options{Database: database, Lease: lease, Do: func(_ context.Context, w ledger.Work, _ func(string)) error {
			done <- w
			return nil
		}})
		if second.Ledger.Alone {
			t.Error("two servers have the file and one thinks it is alone")
		}
		time.Sleep(lease * 3 / 2)
		if len(done) > 0 {
			t.Fatal("a work was taken from a living server")
		}
		first.kill()
		began := time.Now()
		until(t, 15*time.Second, "the works are done", inState(t, second, ledger.Done, 3))
		if w := <-done; w.Key != "key-0" || w.Cuts != 1 || w.Tries != 0 || w.Runs != 2 {
			t.Errorf("%+v", w)
		}
		// With the lease of 20 s the same takes ten times as long at most.
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("taken up after %s, with a lease of %s", took, lease)
		}
	})
}

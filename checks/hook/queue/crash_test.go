package queue

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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
		time.Sleep(takes/2 + rand.N(takes/2+1))
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

// note writes down that a work was begun and ended here.
func note(notes, key, lane string) error {
	f, err := os.OpenFile(notes, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "begin %s %s last\nend %s %s last\n", key, lane, key, lane)
	return errors.Join(err, f.Close())
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
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("taken up after %s, with a lease of %s", took, lease)
		}
	})
}

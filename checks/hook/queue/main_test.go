package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

func TestMain(m *testing.M) {
	if os.Getenv(childFile) != "" {
		child()
		return
	}
	code := m.Run()
	postgres.end()
	os.Exit(code)
}

var quietly = slog.New(slog.DiscardHandler)

// postgres is one server for all tests, started by the first that needs it.
var postgres server

type server struct {
	once   sync.Once
	folder string
	cmd    *exec.Cmd
	err    error
}

func (s *server) address(database string) string {
	return "postgres:///" + database + "?" + url.Values{"host": {s.folder}, "user": {"postgres"}}.Encode()
}

func (s *server) start() error {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return errors.New("there is no Postgres under /usr/lib/postgresql: apt-get install -y postgresql")
	}
	slices.Sort(found)
	bin := filepath.Dir(found[len(found)-1])
	folder, err := os.MkdirTemp("", "pg")
	if err != nil {
		return err
	}
	s.folder = folder
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // Postgres refuses to run as root
		nobody, err := user.Lookup("nobody")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(folder, uid, gid); err != nil {
			return err
		}
	}
	data := filepath.Join(folder, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = as, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200")
	s.cmd.SysProcAttr, s.cmd.Dir = as, folder
	var said bytes.Buffer
	s.cmd.Stderr = &said
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for range 100 {
		c, err := pgx.Connect(context.Background(), s.address("postgres"))
		if err == nil {
			return c.Close(context.Background())
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("postgres does not answer: %s", said.String())
}

func (s *server) end() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGINT)
		_ = s.cmd.Wait()
	}
	if s.folder != "" {
		_ = os.RemoveAll(s.folder)
	}
}

// onBoth runs a test on an SQLite file and on a Postgres database, both empty.
func onBoth(t *testing.T, test func(t *testing.T, database string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, filepath.Join(t.TempDir(), "hook ü?#%.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, onPostgres(t))
	})
}

// onPostgres makes an empty database.
func onPostgres(t *testing.T) string {
	t.Helper()
	postgres.once.Do(func() { postgres.err = postgres.start() })
	if postgres.err != nil {
		t.Fatal(postgres.err)
	}
	c, err := pgx.Connect(t.Context(), postgres.address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	name := fmt.Sprintf("t%d", time.Now().UnixNano())
	if _, err := c.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return postgres.address(name)
}

// open opens a queue that is stopped with the test.
func open(t *testing.T, o Options) *Queue {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
		if testing.Verbose() {
			o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
		}
	}
	q, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, q) })
	return q
}

func stop(t *testing.T, q *Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// message is a delivery and what it asks for.
func message(guid, key, lane string) (hook.Delivery, hook.Decision) {
	return hook.Delivery{GUID: guid, Event: "deployment_status", Repository: "acme/shop", Received: time.Now(), Payload: []byte(`{"for":"` + key + `"}`)},
		hook.Decision{Order: &hook.Order{Key: key, Lane: lane, Args: []byte(`{"n":1}`)}, Environment: "production", Reason: "it failed"}
}

func send(t *testing.T, q *Queue, guid, key, lane string) hook.Receipt {
	t.Helper()
	d, c := message(guid, key, lane)
	r, err := q.Record(t.Context(), d, c)
	if err != nil {
		t.Errorf("record %s: %v", guid, err)
	}
	return r
}

// until waits for something to become true.
func until(t *testing.T, patience time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// inState tells whether as many works are in a state.
func inState(t *testing.T, q *Queue, state ledger.State, n int64) func() bool {
	return func() bool {
		s, err := q.Ledger.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Works[state] == n
	}
}

// counted counts by name.
type counted struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counted) add(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[name]++
	return c.n[name]
}

func (c *counted) of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

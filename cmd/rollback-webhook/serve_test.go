package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// stuck is a GitHub that does not answer until it is let.
func stuck(t *testing.T) (url string, asked chan struct{}, let func()) {
	t.Helper()
	asked, gate := make(chan struct{}, 100), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-gate:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	once := make(chan struct{}, 1)
	once <- struct{}{}
	let = func() {
		select {
		case <-once:
			close(gate)
		default:
		}
	}
	t.Cleanup(func() { let(); s.Close() })
	return s.URL, asked, let
}

// While a work runs on, a server that is told to stop says so to everybody at once, and
// ends when the work has.
func TestAServerThatStopsRefusesAndFinishes(t *testing.T) {
	t.Parallel()
	api, asked, let := stuck(t)
	s := newStand(t, func(c *config) { c.GitHubAPI = api })
	s.hooked()
	idle, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	fmt.Fprint(idle, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	reader := bufio.NewReader(idle)
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != http.StatusOK || res.Close {
		t.Fatalf("%v, %v", res, err)
	} else {
		_, _ = io.Copy(io.Discard, res.Body)
	}
	s.deployed("deploy", "r2", "failure", nil)
	<-asked
	if status, _ := s.get("/readyz"); status != http.StatusOK {
		t.Fatalf("not ready: %d", status)
	}
	s.end()
	s.until("it is not ready", func() bool {
		status, text := s.get("/readyz")
		return status == 503 && strings.Contains(text, "stopping")
	})
	s.until("deliveries are refused", func() bool {
		res := s.deliver()
		defer res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "30"
	})
	_ = idle.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := reader.ReadByte(); err != io.EOF {
		t.Errorf("the idle connection is open: %v", err)
	}
	select {
	case err := <-s.ended:
		t.Fatalf("it ended before its work: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	let()
	s.stop()
	if log := s.log.String(); !strings.Contains(log, "work failed and is tried again") || strings.Contains(log, "handed back") {
		t.Errorf("the work did not end by itself\n%s", log)
	}
}

// deliver sends a delivery as GitHub does.
func (s *stand) deliver() *http.Response {
	s.t.Helper()
	r, err := signedDelivery(s.t.Context(), "http://"+s.address+"/webhook")
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return res
}

// A work that goes on and on is handed back: that is no failure, and no news.
func TestAWorkThatDoesNotEndIsHandedBack(t *testing.T) {
	t.Parallel()
	api, asked, _ := stuck(t)
	s := newStand(t, func(c *config) { c.GitHubAPI = api })
	s.hooked()
	s.deployed("deploy", "r2", "failure", nil)
	<-asked
	began := time.Now()
	s.stop()
	if took := time.Since(began); took > draining {
		t.Errorf("it took %s", took)
	}
	if log := s.log.String(); !strings.Contains(log, `"msg":"work is handed back"`) {
		t.Errorf("%s", log)
	}
	l, err := ledger.Open(t.Context(), s.config.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if works, err := l.Works(t.Context(), ledger.Filter{}); err != nil || len(works) != 1 || works[0].State != ledger.Waiting || works[0].Tries != 0 {
		t.Errorf("%v: it was told, or counted as a failure: %+v", err, works)
	}
}

// child runs the program itself.
func child(t *testing.T, env ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "--listen", "127.0.0.1:0", "--database", filepath.Join(t.TempDir(), "server.db"), "--repository", "acme/site", "--script", "tminus-*-production")
	cmd.Env = append(env, "ROLLBACK_WEBHOOK_CHILD=1", "RECONCILE=0", "WEBHOOK_SECRET="+hookSecret, "GITHUB_TOKEN=x", "CLOUDFLARE_API_TOKEN="+cloudToken)
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return cmd, line.Address
		}
	}
	t.Fatal("it does not listen")
	return nil, ""
}

func TestTheProgramEndsWellWhenItIsStopped(t *testing.T) {
	t.Parallel()
	cmd, address := child(t)
	health := exec.Command(os.Args[0], "--health", "--listen", address)
	health.Env = []string{"ROLLBACK_WEBHOOK_CHILD=1"}
	if out, err := health.CombinedOutput(); err != nil {
		t.Errorf("--health of a server that is well: %v\n%s", err, out)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	health = exec.Command(os.Args[0], "--health", "--listen", address)
	health.Env = []string{"ROLLBACK_WEBHOOK_CHILD=1"}
	if err := health.Run(); err == nil || health.ProcessState.ExitCode() != 1 {
		t.Errorf("--health of a server that is gone: %v", err)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	api, asked, _ := stuck(t)
	cmd, address := child(t, "GITHUB_API_URL="+api)
	r, err := signedDelivery(t.Context(), "http://"+address+"/webhook")
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	<-asked
	began := time.Now()
	for range 2 {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 || time.Since(began) > 12*time.Second {
		t.Errorf("it ended with %v after %s", err, time.Since(began))
	}
}

func TestMetricsAreWhereTheyAreWanted(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.hooked()
	s.deployed("deploy", "r2", "failure", nil)
	s.until("it is given up", func() bool { return len(s.news.all()) == 2 })
	s.settled()
	status, text := s.get("/metrics")
	for _, want := range []string{
		`rollback_webhook_deliveries_total{outcome="queued"} 1`, `rollback_webhook_rollbacks_total{environment="production",outcome="failed",repository="acme/site"} 4`,
		`rollback_webhook_api_calls_total{class="2xx",method="GET",platform="github"}`, `rollback_webhook_rate_limit_remaining{platform="github",resource="core"}`,
		`rollback_webhook_notices_total{destination="webhook",outcome="taken"} 2`, `rollback_webhook_database_up 1`, `rollback_webhook_works{state="dead"} `,
		`rollback_webhook_rollback_duration_seconds_count{outcome="failed"} 4`, `rollback_webhook_build_info{`,
	} {
		if status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%d, %s is missing", status, want)
		}
	}
	apart := newStand(t, func(c *config) { c.Metrics = "127.0.0.1:0" })
	if status, _ := apart.get("/metrics"); status != http.StatusNotFound {
		t.Errorf("they are on the server's own address: %d", status)
	}
	var address string
	for line := range strings.SplitSeq(apart.log.String(), "\n") {
		var one struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &one) == nil && one.Msg == "listening for metrics" {
			address = one.Address
		}
	}
	res, err := http.Get("http://" + address + "/metrics")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("they are not on their own: %v, %v", res, err)
	} else {
		res.Body.Close()
	}
}

func TestAnAddressThatIsTakenIsAnError(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, change := range map[string]func(*config){
		"the server's": func(c *config) { c.Listen = l.Addr().String() },
		"the metrics'": func(c *config) { c.Metrics = l.Addr().String() },
	} {
		c := complete()
		c.Listen, c.Database = "127.0.0.1:0", filepath.Join(t.TempDir(), "server.db")
		change(&c)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := newServer(c, c.logger(io.Discard)).serve(ctx, func(string) { t.Errorf("%s: it listens", name) })
		cancel()
		if err == nil || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whoever looks for a delivery in the log finds every line about it and about its work.
func TestEveryLineAboutAWorkCarriesTheDelivery(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.hooked()
	s.deployed("deploy", "r2", "failure", nil)
	s.until("it is given up", func() bool { return len(s.news.all()) == 2 })
	s.settled()
	res := s.deliver()
	res.Body.Close()
	s.settled()
	s.stop()
	works, deliveries := 0, map[string]int{}
	for text := range strings.SplitSeq(strings.TrimSpace(s.log.String()), "\n") {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		_, about := line["work"]
		message, _ := line["msg"].(string)
		if !about && !strings.Contains(message, "work") && !strings.Contains(message, "deliver") {
			continue
		}
		works++
		id, _ := line["delivery"].(string)
		if deliveries[id]++; id == "" {
			t.Errorf("no delivery: %s", text)
		}
		if message == "delivery" && (line["event"] == nil || line["repository"] != "acme/site") {
			t.Errorf("not all of it: %s", text)
		}
	}
	if works < 20 || len(deliveries) != 3 { // a ping, a status, and one by hand
		t.Errorf("%d lines about %d deliveries\n%s", works, len(deliveries), s.log)
	}
}

func TestCheckConfigSaysEverythingAtOnce(t *testing.T) {
	t.Parallel()
	run := func(args ...string) (string, int) {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = []string{"ROLLBACK_WEBHOOK_CHILD=1", "WEBHOOK_SECRET=" + hookSecret, "CLOUDFLARE_API_TOKEN=" + cloudToken, "SLACK_WEBHOOK_URL=nonsense-hidden"}
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	file := written(t, "server.yaml", "lisen: x\nrepository: [tminus/app]\nscript: [\"*\"]\n")
	out, code := run("--check-config", "--config", file)
	for _, want := range []string{`1:1: there is no setting "lisen"`, "notify slack: its address is no URL", "--script *: not a pattern", "there is no identity on GitHub"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if code != 2 || strings.Count(out, "\n") != 4 || strings.Contains(out, "hidden") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// Whoever runs the server and has said how much may lie about is not overruled.
func TestTheCollectorIsToldOnce(t *testing.T) {
	was := debug.SetGCPercent(150)
	limit := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetGCPercent(was); debug.SetMemoryLimit(limit) })
	spare(func(name string) (string, bool) { return "150", name == "GOGC" })
	if now := debug.SetGCPercent(150); now != 150 || debug.SetMemoryLimit(-1) != limit {
		t.Errorf("GOGC=150 was overruled with %d", now)
	}
	spare(func(string) (string, bool) { return "", false })
	if now := debug.SetGCPercent(150); now != idle || debug.SetMemoryLimit(-1) != room {
		t.Errorf("nothing was said, and it is %d", now)
	}
}

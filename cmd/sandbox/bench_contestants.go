package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// contestant is a server that can be measured.
type contestant struct {
	name, short string
	start       func(ctx context.Context, dir, github string) (*contender, error)
}

const ours = "ours"

var contestants = []contestant{
	{"rollback-webhook, SQLite with fsync", ours, startOurs},
	{"go-githubapp, queue in memory", "githubapp", startGitHubApp},
	{"adnanh/webhook, a process each", "webhook", startWebhook},
}

// contender is a server that runs as a child process.
type contender struct {
	cmd           *exec.Cmd
	address, path string
	// kept are the GUIDs of what is left, or was done, after the server was killed.
	kept func(*asked) (map[string]bool, error)
	// keepsAll: also what is ignored.
	keepsAll bool
}

func (c *contender) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}

// memory reads a line of the process's status.
func (c *contender) memory(line string) (int64, error) {
	all, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(all), "\n"+line+":")
	kB, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(kB, 10, 64)
	return n << 10, err
}

// asked stands for GitHub, which knows of no deployment and takes 20 ms to say so.
type asked struct {
	server *httptest.Server
	url    string
	mu     sync.Mutex
	about  map[string]bool // the deliveries that were named
}

func openAsked() (*asked, error) {
	a := &asked{about: map[string]bool{}}
	a.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond)
		a.mu.Lock()
		a.about[r.URL.Query().Get("delivery")] = true
		a.mu.Unlock()
		fmt.Fprintln(w, "[]")
	}))
	a.url = a.server.URL
	return a, nil
}

// named are the deliveries that were named until now.
func (a *asked) named() map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.about)
}

func (a *asked) close() { a.server.Close() }

// offspring makes the command of a server with nothing of this process's secrets.
func offspring(ctx context.Context, binary string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "WEBHOOK_SECRET=" + floodSecret}, env...)
	return cmd
}

// startOurs starts the real server on a new file. Nothing it could reach is real.
func startOurs(ctx context.Context, dir, github string) (*contender, error) {
	binary, err := buildBinary(ctx, dir, "rollback-webhook")
	if err != nil {
		return nil, err
	}
	database := filepath.Join(dir, "hook.db")
	args := []string{"--listen", "127.0.0.1:0", "--database", database, "--script", "tminus-*-production"}
	for i := range repositories {
		args = append(args, "--repository", fmt.Sprintf("acme/app-%d", i))
	}
	cmd := offspring(ctx, binary, []string{"GITHUB_TOKEN=none", "GITHUB_API_URL=" + github, "CLOUDFLARE_API_TOKEN=none", "CLOUDFLARE_ACCOUNT_ID=none", "CLOUDFLARE_API_BASE_URL=" + github}, args...)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &contender{cmd: cmd, path: "/webhook", keepsAll: true, kept: func(*asked) (map[string]bool, error) { return recorded(ctx, database) }}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c.address = listening(log.Name()); c.address != "" {
			return c, nil
		}
	}
	c.kill()
	return nil, errors.New("rollback-webhook does not listen")
}

// listening is the address that a log of ours names.
func listening(log string) string {
	all, _ := os.ReadFile(log)
	for line := range strings.Lines(string(all)) {
		var one struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &one) == nil && one.Msg == "listening" {
			return one.Address
		}
	}
	return ""
}

// recorded are the deliveries in a database.
func recorded(ctx context.Context, database string) (map[string]bool, error) {
	l, err := ledger.Open(ctx, database)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	all, err := l.Deliveries(ctx, 1_000_000, ledger.Place{})
	kept := map[string]bool{}
	for _, e := range all {
		kept[e.GUID] = true
	}
	return kept, err
}

// startGitHubApp builds the server in testdata/peers, which is a module of its own.
func startGitHubApp(ctx context.Context, dir, github string) (*contender, error) {
	binary, err := buildPeer(ctx, dir)
	if err != nil {
		return nil, err
	}
	cmd := offspring(ctx, binary, []string{"GITHUB_API_URL=" + github})
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &contender{cmd: cmd, path: "/api/github/hook", kept: func(a *asked) (map[string]bool, error) { return a.named(), nil }}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.kill()
		return nil, fmt.Errorf("go-githubapp does not listen: %w", err)
	}
	c.address = strings.TrimSpace(line)
	return c, nil
}

func buildPeer(ctx context.Context, dir string) (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("the sandbox does not know where its sources are")
	}
	binary := filepath.Join(dir, "githubapp")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = filepath.Join(filepath.Dir(file), "..", "..", "testdata", "peers")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build testdata/peers: %w\n%s", err, out)
	}
	return binary, nil
}

// startWebhook starts the program webhook, which has to be on this machine. Its command
// makes a file that is named after the delivery.
func startWebhook(ctx context.Context, dir, _ string) (*contender, error) {
	binary, err := exec.LookPath("webhook")
	if err != nil {
		return nil, errors.New("the program webhook is not on this machine: apt-get install webhook")
	}
	done := filepath.Join(dir, "done")
	if err := os.Mkdir(done, 0o700); err != nil {
		return nil, err
	}
	hooks, err := webhookRules(done)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "hooks.json")
	if err := os.WriteFile(config, hooks, 0o600); err != nil {
		return nil, err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := offspring(ctx, binary, nil, "-ip", "127.0.0.1", "-port", port, "-hooks", config)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &contender{cmd: cmd, address: address, path: "/hooks/x", kept: func(*asked) (map[string]bool, error) { return files(done) }}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return c, nil
		}
	}
	c.kill()
	return nil, errors.New("webhook does not listen")
}

// webhookRules have the program do something about a signed delivery of a failure.
func webhookRules(dir string) ([]byte, error) {
	type m = map[string]any
	return json.Marshal([]m{{
		"id": "x", "execute-command": "/usr/bin/touch", "command-working-directory": dir, "pass-arguments-to-command": []m{{"source": "header", "name": "X-GitHub-Delivery"}},
		"trigger-rule": m{"and": []m{
			{"match": m{"type": "payload-hmac-sha256", "secret": floodSecret, "parameter": m{"source": "header", "name": "X-Hub-Signature-256"}}},
			{"match": m{"type": "value", "value": "failure", "parameter": m{"source": "payload", "name": "deployment_status.state"}}},
		}},
	}})
}

func files(dir string) (map[string]bool, error) {
	all, err := os.ReadDir(dir)
	names := map[string]bool{}
	for _, e := range all {
		names[e.Name()] = true
	}
	return names, err
}

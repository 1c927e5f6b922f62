package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// guard is the webhook server as a child process.
type guard struct {
	cmd     *exec.Cmd
	address string
	log     string // path
}

// What is shared: by GitHub and the server, and by the action and the server.
const (
	hookSecret = "a secret of the hook, long enough"
	payloadKey = "a key that signs the records of releases"
)

// guard starts the server beside a repository and the account, with its log in a file.
// More are flags, and variables as NAME=value.
func (w *world) guard(h *hub, binary, database, log string, more ...string) (*guard, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	args := []string{"--listen", "127.0.0.1:0", "--database", database, "--repository", h.FullName(), "--script", "tminus-*-production", "--cacert", w.caFile()}
	for _, value := range w.resolve() {
		args = append(args, "--resolve", value)
	}
	var variables []string
	for _, one := range more {
		if name, _, ok := strings.Cut(one, "="); ok && name == strings.ToUpper(name) {
			variables = append(variables, one)
			continue
		}
		args = append(args, one)
	}
	g := &guard{cmd: exec.Command(binary, args...), log: log}
	g.cmd.Env = append(w.env(), "WEBHOOK_SECRET="+hookSecret, "PAYLOAD_KEY="+payloadKey, "GITHUB_TOKEN="+h.token, "GITHUB_API_URL="+h.url)
	g.cmd.Env = append(g.cmd.Env, variables...)
	g.cmd.Stderr = file
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for line := range g.lines() {
			if line["msg"] == "listening" {
				g.address, _ = line["address"].(string)
			}
		}
		if g.address != "" {
			return g, nil
		}
	}
	g.kill()
	said, err := os.ReadFile(log)
	return nil, errors.Join(fmt.Errorf("the server does not listen: %s", said), err)
}

// lines are the lines of the log.
func (g *guard) lines() func(func(map[string]any) bool) {
	return func(yield func(map[string]any) bool) {
		f, err := os.Open(g.log)
		if err != nil {
			return
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var one map[string]any
			if json.Unmarshal(lines.Bytes(), &one) == nil && !yield(one) {
				return
			}
		}
	}
}

// stop ends the server as an operator does.
func (g *guard) stop() error {
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return g.cmd.Wait()
}

// kill ends it without a word.
func (g *guard) kill() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
}

// Package child is the Node process under package workerd: finding a Node and
// a miniflare, starting the program that drives it, asking it by lines of
// JSON, and making sure that nothing of it is left.
//
// It does not know what it is asked to serve.
package child

import (
	"bufio"
	"bytes"
	"context"
	_ "embed" // for the program below
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

//go:embed js/serve.mjs
var program []byte

// patience is how long the child may take to end before it is ended.
const patience = 5 * time.Second

// Child is the Node process and the conversation with it.
type Child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan Answer // closed when the process has said its last
	log   recent      // what it and workerd print

	mu   sync.Mutex // one question at a time
	last int
}

// Answer is one line of the child. URL is where the Workers are, Failed why
// some could not start.
type Answer struct {
	ID     int               `json:"id"`
	Error  string            `json:"error"`
	URL    string            `json:"url"`
	Failed map[string]string `json:"failed"` // by Worker
}

// Start starts the child with a directory for its state and waits until it
// has found the miniflare of a project.
func Start(ctx context.Context, project, state string) (*Child, error) {
	node, err := findNode(ctx)
	if err != nil {
		return nil, err
	}
	where, err := places(project)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(state, "serve.mjs")
	if err := os.WriteFile(path, program, 0o600); err != nil {
		return nil, err
	}
	c := &Child{cmd: exec.Command(node, append([]string{path, state}, where...)...), lines: make(chan Answer)}
	c.cmd.Dir, c.cmd.Env, c.cmd.Stderr, c.cmd.WaitDelay = state, environment(state), &c.log, patience
	alone(c.cmd)
	if err := c.start(); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	first, err := c.next(ctx)
	if err == nil && first.Error != "" {
		err = errNoMiniflare(project)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Child) start() error {
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	c.stdin = stdin
	if err := c.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(c.lines)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var a Answer
			if json.Unmarshal(lines.Bytes(), &a) == nil { // anything else is some library's chatter
				c.lines <- a
			}
		}
	}()
	return nil
}

// next waits for the child's next line.
func (c *Child) next(ctx context.Context) (Answer, error) {
	select {
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	case a, ok := <-c.lines:
		if !ok {
			return Answer{}, fmt.Errorf("the runtime's process ended:\n%s", c.log.String())
		}
		return a, nil
	}
}

// Ask gives a command and waits for its answer.
func (c *Child) Ask(ctx context.Context, what string, command map[string]any) (Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	command["id"], command["do"] = c.last, what
	line, err := json.Marshal(command)
	if err != nil {
		return Answer{}, err
	}
	if _, err := c.stdin.Write(append(line, '\n')); err != nil {
		return Answer{}, fmt.Errorf("the runtime's process ended: %w\n%s", err, c.log.String())
	}
	for {
		a, err := c.next(ctx)
		switch {
		case err != nil:
			return Answer{}, err
		case a.ID != c.last: // of a question nobody waited for
		case a.Error != "":
			return a, errors.New(a.Error)
		default:
			return a, nil
		}
	}
}

// Pid returns the process, which is also its group.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Log returns the last of what the child and workerd printed.
func (c *Child) Log() string { return c.log.String() }

// Close ends the child: by closing its stdin, which it understands as the
// parent's end, and by force when it takes too long. Nothing of its process
// group is left.
func (c *Child) Close() error {
	_ = c.stdin.Close() // it may be gone already
	late := time.AfterFunc(patience, func() { _ = killAll(c.cmd) })
	for range c.lines {
		continue // until it has said its last
	}
	err := c.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil // it was told to end; how it ended does not matter
	}
	late.Stop()
	return errors.Join(err, killAll(c.cmd))
}

// recent keeps the last part of what is written to it. It is safe for concurrent use.
type recent struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const kept = 64 << 10

// Write keeps p.
func (r *recent) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.buf.Write(p)
	r.buf.Next(max(r.buf.Len()-kept, 0))
	return n, err
}

// String returns what was kept.
func (r *recent) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

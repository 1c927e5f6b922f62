package workerd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tminus/deploy-action/runner/fakecloudflare/asset"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/workerd/child"
)

// World is what the runtime needs of the account.
type World struct {
	Scripts *script.Scripts
	Blob    func(hash string) (asset.Blob, bool)
	Reach   Reach
}

// Fleet is the running Workers.
type Fleet struct {
	world  World
	state  string // directory
	key    string
	host   string // address of the listener bindings reach
	server *http.Server
	child  *child.Child
	wire   *http.Transport // to the Workers

	mu     sync.RWMutex // held for writing while serving anew
	served served
	active atomic.Int64 // requests on their way
}

// served is what the child serves now.
type served struct {
	revision int
	url      string
	failed   map[string]string
	turns    *turns
}

// grace is how long serving anew waits for requests on their way; workerd is
// one process, and starting another cuts them off.
const grace = 2 * time.Second

// limit is how long serving anew may take before it counts as failed.
const limit = time.Minute

// Start starts the child for the project in a directory, whose packages it
// uses. It serves nothing until the first request or Settle.
func Start(ctx context.Context, project string, world World) (f *Fleet, err error) {
	state, err := os.MkdirTemp("", "fakecloudflare-")
	if err != nil {
		return nil, fmt.Errorf("make room for the runtime: %w", err)
	}
	f = &Fleet{world: world, state: state, key: uuid.NewString(), served: served{revision: -1}, wire: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}}
	defer func() {
		if err != nil {
			err, f = errors.Join(err, f.Close()), nil
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the runtime: %w", err)
	}
	f.host = listener.Addr().String()
	server := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	f.server = server
	go func() { _ = server.Serve(listener) }() // returns when closed
	f.child, err = child.Start(ctx, project, state)
	return f, err
}

// Close ends the child and everything it started, and removes its state.
func (f *Fleet) Close() error {
	var errs []error
	f.wire.CloseIdleConnections()
	if f.child != nil {
		errs = append(errs, f.child.Close())
	}
	if f.server != nil {
		errs = append(errs, f.server.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(f.state))...)
}

// Settle makes sure that what is deployed is what is served. It is cheap when nothing has changed.
func (f *Fleet) Settle(ctx context.Context) error {
	revision := f.world.Scripts.Revision()
	f.mu.RLock()
	current := f.served.revision == revision
	f.mu.RUnlock()
	if current {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	revision = f.world.Scripts.Revision() // before reading the scripts: what changes meanwhile is served next time
	if f.served.revision == revision {
		return nil
	}
	command := f.command(f.world.Scripts.All())
	f.quiet()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit) // who asked first may give up; the others still wait
	defer cancel()
	a, err := f.child.Ask(ctx, "serve", command)
	if err != nil {
		return fmt.Errorf("serve the Workers: %w", err)
	}
	f.wire.CloseIdleConnections() // they lead to a workerd that is gone
	f.served = served{revision: revision, url: a.URL, failed: a.Failed, turns: &turns{}}
	return nil
}

// quiet waits until no request is on its way, or for as long as there is grace.
func (f *Fleet) quiet() {
	for end := time.Now().Add(grace); f.active.Load() > 0 && time.Now().Before(end); {
		time.Sleep(2 * time.Millisecond)
	}
}

// Failures returns why Workers could not start, by script.
func (f *Fleet) Failures() map[string]string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	out := map[string]string{}
	for name, text := range f.served.failed {
		script, _, _ := strings.Cut(name, "@")
		out[script] = text
	}
	return out
}

// Log returns the last of what the child and workerd printed.
func (f *Fleet) Log() string { return f.child.Log() }

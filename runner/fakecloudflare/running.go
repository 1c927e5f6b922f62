package fakecloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/edge"
	"github.com/tminus/deploy-action/runner/fakecloudflare/queue"
	"github.com/tminus/deploy-action/runner/fakecloudflare/workerd"
)

// Running is an account behind loopback addresses, with its Workers running.
type Running struct {
	*Server
	API   string // base URL of the API, with /client/v4
	Edge  string // host:port where https for all host names arrives
	CA    []byte // PEM of the authority that signs the edge's certificates
	Fleet *workerd.Fleet

	servers []*http.Server
	stop    context.CancelFunc
}

// Start serves the account on loopback until Close: its API, and its Workers
// at an https edge, run by the miniflare of the project in a directory. Node 20
// or newer must be on the PATH. ctx bounds the starting only.
func (s *Server) Start(ctx context.Context, project string) (_ *Running, err error) {
	r := &Running{Server: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	r.Fleet, err = workerd.Start(ctx, project, workerd.World{Scripts: s.Scripts, Blob: s.Assets.Blob, Reach: workerd.Reach{
		D1: s.D1.ServeBinding, KV: s.KV.ServeBinding, Queue: s.Queues.ServeBinding, Tail: s.heard,
	}})
	if err != nil {
		return nil, err
	}
	authority, err := edge.NewAuthority()
	if err != nil {
		return nil, err
	}
	r.CA = authority.PEM()
	api, err := r.listen(s, func(server *http.Server, l net.Listener) error { return server.Serve(l) })
	if err != nil {
		return nil, err
	}
	r.API = "http://" + api + Base
	r.Edge, err = r.listen(&edge.Edge{Find: s.Account.answers, Ask: r.Fleet.Ask}, func(server *http.Server, l net.Listener) error {
		server.TLSConfig = authority.Config()
		return server.ServeTLS(l, "", "")
	})
	if err != nil {
		return nil, err
	}
	delivery, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	s.Queues.Start(delivery, r.deliver)
	return r, nil
}

// listen serves a handler on a loopback port of its own.
func (r *Running) listen(handler http.Handler, serve func(*http.Server, net.Listener) error) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen on loopback: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	r.servers = append(r.servers, server)
	go func() { _ = serve(server, listener) }() // returns when closed
	return listener.Addr().String(), nil
}

// Settle waits until the Workers that are deployed are those that run.
func (r *Running) Settle(ctx context.Context) error { return r.Fleet.Settle(ctx) }

// Close ends the Workers, the listeners and the account. No process is left behind.
func (r *Running) Close() error {
	if r.stop != nil {
		r.stop()
		r.Queues.Wait()
	}
	var errs []error
	for _, server := range r.servers {
		errs = append(errs, server.Close())
	}
	if r.Fleet != nil {
		errs = append(errs, r.Fleet.Close())
	}
	return errors.Join(append(errs, r.Server.Close())...)
}

// deliver gives a batch of messages to the Worker that consumes it.
func (r *Running) deliver(ctx context.Context, batch queue.Batch) (queue.Outcome, error) {
	body, err := json.Marshal(batch)
	if err != nil {
		return queue.Outcome{}, err
	}
	answer, err := r.Fleet.Event(ctx, batch.Script, "queue", "", body)
	if err != nil {
		return queue.Outcome{}, err
	}
	var outcome queue.Outcome
	return outcome, json.Unmarshal(answer, &outcome)
}

// RunCron gives a script the event of one of its schedules now.
func (r *Running) RunCron(ctx context.Context, script, cron string) error {
	_, err := r.Fleet.Event(ctx, script, "scheduled", cron, nil)
	return err
}

// heard passes what a Worker said and did to its tails.
func (s *Server) heard(script, version string, events []map[string]any) {
	for _, event := range events {
		_ = s.Tails.Send(script, version, event) // it came as JSON
	}
}

// answers says who takes a request for a host: the Worker of a workers.dev
// name, or whom the zones name.
func (a Account) answers(host, target string) edge.Outcome {
	if label, ours := strings.CutSuffix(host, "."+a.Subdomain.Name()+".workers.dev"); ours {
		if s, err := a.Scripts.Get(label); err == nil && s.Subdomain.Enabled {
			return edge.Outcome{Script: label}
		}
		return edge.Outcome{Status: http.StatusNotFound, Code: 1042, Why: "no Worker answers " + host}
	}
	found := a.Zones.Answers(host, target)
	switch {
	case found.Zone == "":
		return edge.Outcome{Status: 530, Code: 1001, Why: "the account has no zone for " + host}
	case !found.Proxied:
		return edge.Outcome{Status: 530, Code: 1016, Why: "no proxied DNS record brings " + host + " to Cloudflare"}
	case found.Script == "":
		return edge.Outcome{Status: 522, Code: 522, Why: "no route and no custom domain takes " + host + target}
	}
	return edge.Outcome{Script: found.Script}
}

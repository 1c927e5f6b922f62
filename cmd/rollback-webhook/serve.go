package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/queue"
	"github.com/tminus/deploy-action/checks/meter"
	"github.com/tminus/deploy-action/checks/notice"
	"github.com/tminus/deploy-action/checks/patrol"
)

// draining is how long the server takes to end what is under way when it is stopped.
const draining = 15 * time.Second

// server is what its parts have in common.
type server struct {
	config config
	log    *slog.Logger
	redact func(string) string
	queue  *queue.Queue
	kept   *kept
	actor  *actor
	patrol *patrol.Patrol
	meter  *meter.Meter
	notify []*notice.Messenger
	// opened is closed when works may begin: the queue begins with what was cut off
	// before it is known here.
	opened   chan struct{}
	stopping atomic.Bool
	// waits are those between tries; the queue's own if it is nil.
	waits []time.Duration
}

func newServer(c config, log *slog.Logger) *server {
	s := &server{config: c, log: log, redact: c.redactor().Redact, opened: make(chan struct{})}
	s.kept = &kept{client: func(name string) (*github.Client, error) { return s.config.repository(name) }}
	return s
}

// serve runs the server until the context ends, and then ends what is under way.
func (s *server) serve(ctx context.Context, ready func(address string)) error {
	handler, err := s.open(ctx)
	if err != nil {
		return err
	}
	servers, l, err := s.listen(handler)
	if err != nil {
		return errors.Join(err, s.queue.Stop(ctx))
	}
	s.log.Info("listening", "address", l[0].Addr().String(), "repositories", s.config.Repository, "environments", s.config.Environment)
	failed := make(chan error, len(servers))
	for i, one := range servers {
		go func() { failed <- one.Serve(l[i]) }()
	}
	stop := s.reconcile(ctx)
	if s.config.Reconcile > 0 { // else nobody is asked anything unless there is work
		go s.tryAtStart(ctx)
	}
	ready(l[0].Addr().String())
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
		s.log.Info("stopping", "within", draining.String())
	}
	stop()
	return errors.Join(err, s.drain(context.WithoutCancel(ctx), servers))
}

// drain ends what is under way. New deliveries are refused first, so that GitHub lists
// them as failed, and whoever asks is told that the server is not ready.
func (s *server) drain(ctx context.Context, servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, draining)
	defer cancel()
	s.stopping.Store(true)
	for _, one := range servers {
		one.SetKeepAlivesEnabled(false) // which closes the idle connections
	}
	err := s.queue.Stop(ctx)
	for _, one := range servers {
		err = errors.Join(err, one.Shutdown(ctx))
	}
	return err
}

// listen opens the addresses that are answered on: the server's, and that of the
// metrics if they have their own.
func (s *server) listen(handler http.Handler) ([]*http.Server, []net.Listener, error) {
	var servers []*http.Server
	var listeners []net.Listener
	add := func(address string, h http.Handler) error {
		l, err := net.Listen("tcp", address)
		if err == nil {
			listeners = append(listeners, l)
			servers = append(servers, &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute})
		}
		return err
	}
	err := add(s.config.Listen, handler)
	if err == nil && s.config.Metrics != "" {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.meter.Handler())
		if err = add(s.config.Metrics, mux); err != nil {
			err = errors.Join(err, listeners[0].Close())
		} else {
			s.log.Info("listening for metrics", "address", listeners[1].Addr().String())
		}
	}
	return servers, listeners, err
}

// open opens the database, begins to work, and gives what answers.
func (s *server) open(ctx context.Context) (http.Handler, error) {
	prober, err := s.config.prober()
	if err != nil {
		return nil, err
	}
	s.measure()
	if err := s.messengers(); err != nil {
		return nil, err
	}
	s.kept = &kept{client: s.config.repository}
	s.actor = &actor{
		github: s.kept.repository, project: s.kept.project, account: s.config.account, rules: s.config.rules(), probe: prober, redact: s.redact, log: s.log,
		patience: s.config.Patience, hurried: s.hurried, app: s.config.App, page: s.config.PublicURL,
	}
	if s.queue, err = queue.Open(ctx, queue.Options{Database: s.config.Database, Log: s.log, Do: s.work, After: s.after, Waits: s.waits}); err != nil {
		return nil, fmt.Errorf("open the database: %w", errors.New(s.redact(err.Error())))
	}
	s.patrol = s.patrolled()
	if s.config.Executor == "dispatch" {
		s.actor.dispatch = &dispatcher{workflow: s.config.Workflow, ledger: s.queue.Ledger, redact: s.redact, again: 5 * time.Second, find: 30 * time.Second}
	}
	close(s.opened)
	receiver, err := hook.New(hook.Options{Secrets: s.config.secrets(), Record: s.queue.Record, Log: s.log, Judge: s.decide})
	if err != nil {
		return nil, errors.Join(err, s.queue.Stop(ctx))
	}
	s.meter.Deliveries(receiver.Counts)
	s.meter.Ledger(s.queue.Ledger.Stats)
	mux := http.NewServeMux()
	if s.config.Metrics == "" {
		mux.Handle("GET /metrics", s.meter.Handler())
	}
	mux.Handle("/webhook", receiver)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	page, err := s.page(ctx)
	if err != nil {
		return nil, errors.Join(err, s.queue.Stop(ctx))
	}
	mux.Handle("/", page)
	return mux, nil
}

// trades are the works that the server does.
func (s *server) trades() trades {
	return trades{"take-back": s.takeBackWork, "died": s.diedWork, "request": s.requestWork, "card": s.cardWork, "comment": s.commentWork, "tell": s.tellWork}
}

// ready answers whether deliveries can be recorded.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	if s.stopping.Load() {
		http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
		return
	}
	if err := s.queue.Ledger.Ready(r.Context()); err != nil {
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// decide says what a delivery means.
func (s *server) decide(d hook.Delivery) hook.Decision {
	switch d.Event {
	case "check_run":
		return s.pressed(d)
	case "workflow_run":
		return decideDeath(s.config.rules(), d)
	}
	al, why, failed := s.config.rules().Judge(d.Event, d.Payload)
	if !failed {
		return s.show(d, al, why)
	}
	decision, err := takeBackOrder(al, why)
	if err != nil {
		return hook.Ignore("the alarm cannot be written down: %s", err)
	}
	return decision
}

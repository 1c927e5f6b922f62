package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
	"github.com/tminus/deploy-action/checks/hook/queue"
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
	actor  *actor
	patrol *patrol.Patrol
	// opened is closed when all of the above is there: works begin before.
	opened chan struct{}
}

// serve runs the server until the context ends, and then ends what is under way.
func serve(ctx context.Context, c config, log *slog.Logger, ready func(address string)) error {
	s := &server{config: c, log: log, redact: c.redactor().Redact, opened: make(chan struct{})}
	handler, err := s.open(ctx)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return errors.Join(err, s.queue.Stop(ctx))
	}
	listener := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	log.Info("listening", "address", l.Addr().String(), "repositories", c.Repository, "environments", c.Environment)
	ready(l.Addr().String())
	stop := s.reconcile(ctx)
	failed := make(chan error, 1)
	go func() { failed <- listener.Serve(l) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
	stop()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), draining)
	defer cancel()
	// New deliveries are refused first, so that GitHub lists them as failed.
	return errors.Join(err, s.queue.Stop(end), listener.Shutdown(end))
}

// open opens the database, begins to work, and gives what answers.
func (s *server) open(ctx context.Context) (http.Handler, error) {
	prober, err := s.config.prober()
	if err != nil {
		return nil, err
	}
	s.actor = &actor{
		github: s.config.repository, account: s.config.account, rules: s.config.rules(), probe: prober, redact: s.redact, log: s.log,
		patience: s.config.Patience, app: s.config.App, page: s.config.PublicURL,
	}
	if s.queue, err = queue.Open(ctx, queue.Options{Database: s.config.Database, Log: s.log, Do: s.work}); err != nil {
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
	mux := http.NewServeMux()
	mux.Handle("/webhook", receiver)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	return mux, nil
}

// trades are the works that the server does.
func (s *server) trades() trades {
	return trades{"take-back": s.takeBackWork, "died": s.diedWork, "request": s.requestWork, "card": s.cardWork, "comment": s.commentWork}
}

// work does a work, once the server is whole: the queue begins before that.
func (s *server) work(ctx context.Context, w ledger.Work, say func(string)) error {
	select {
	case <-s.opened:
		return s.trades().work(ctx, w, say)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ready answers whether deliveries can be recorded.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
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

// takeBackWork takes back the release of an alarm.
func (s *server) takeBackWork(ctx context.Context, w ledger.Work, with json.RawMessage, say func(string)) error {
	var al alarm.Alarm
	if err := json.Unmarshal(with, &al); err != nil {
		return fmt.Errorf("the record of the work cannot be read: %w", err)
	}
	o, err := s.actor.act(ctx, al, say)
	s.actor.note(w, o, err)
	if err == nil {
		err = s.remark(ctx, w, remark{Repository: al.Repository, Environment: al.Environment, SHA: al.SHA, Release: al.Payload.Release, Kind: o.Kind, To: o.To, Why: al.Words, By: itself, Text: o.Text})
	}
	return err
}

// note logs how a work ended that needed somebody to look at an environment.
func (a *actor) note(w ledger.Work, o outcome, err error) {
	if err == nil {
		a.log.Info("outcome", "delivery", w.Delivery, "work", w.ID, "kind", o.Kind, "to", o.To, "text", a.redact(o.Text))
	}
}

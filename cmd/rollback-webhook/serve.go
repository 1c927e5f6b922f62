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
}

// serve runs the server until the context ends, and then ends what is under way.
func serve(ctx context.Context, c config, log *slog.Logger, ready func(address string)) error {
	s := &server{config: c, log: log, redact: c.redactor().Redact}
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
	failed := make(chan error, 1)
	go func() { failed <- listener.Serve(l) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
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
	s.actor = &actor{github: s.config.repository, account: s.config.account, probe: prober, redact: s.redact, log: s.log, patience: s.config.Patience}
	if s.queue, err = queue.Open(ctx, queue.Options{Database: s.config.Database, Log: s.log, Do: s.trades().work}); err != nil {
		return nil, fmt.Errorf("open the database: %w", errors.New(s.redact(err.Error())))
	}
	rules := s.config.rules()
	receiver, err := hook.New(hook.Options{Secrets: s.config.secrets(), Record: s.queue.Record, Log: s.log, Judge: func(d hook.Delivery) hook.Decision { return decide(rules, d) }})
	if err != nil {
		return nil, errors.Join(err, s.queue.Stop(ctx))
	}
	mux := http.NewServeMux()
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
	return trades{"take-back": s.actor.takeBackWork}
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
func decide(rules alarm.Rules, d hook.Delivery) hook.Decision {
	al, why, failed := rules.Judge(d.Event, d.Payload)
	if !failed {
		return hook.Decision{Environment: al.Environment, Reason: why}
	}
	o, err := order("take-back", al.Key(), al.Lane(), al)
	if err != nil {
		return hook.Ignore("the alarm cannot be written down: %s", err)
	}
	return hook.Decision{Environment: al.Environment, Reason: why, Order: o}
}

// takeBackWork takes back the release of an alarm.
func (a *actor) takeBackWork(ctx context.Context, _ ledger.Work, with json.RawMessage, say func(string)) error {
	var al alarm.Alarm
	if err := json.Unmarshal(with, &al); err != nil {
		return fmt.Errorf("the record of the work cannot be read: %w", err)
	}
	return a.act(ctx, al, say)
}

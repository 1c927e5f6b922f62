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

// serve runs the server until the context ends, and then ends what is under way.
func serve(ctx context.Context, c config, log *slog.Logger, ready func(address string)) error {
	prober, err := c.prober()
	if err != nil {
		return err
	}
	redact := c.redactor().Redact
	a := &actor{github: c.repository, account: c.account, probe: prober, redact: redact, log: log, patience: c.Patience}
	q, err := queue.Open(ctx, queue.Options{Database: c.Database, Log: log, Do: a.work})
	if err != nil {
		return fmt.Errorf("open the database: %w", errors.New(redact(err.Error())))
	}
	rules := c.rules()
	receiver, err := hook.New(hook.Options{Secrets: c.secrets(), Record: q.Record, Log: log, Judge: func(d hook.Delivery) hook.Decision { return decide(rules, d) }})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/webhook", receiver)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := q.Ledger.Ready(r.Context()); err != nil {
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return errors.Join(err, q.Stop(ctx))
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	log.Info("listening", "address", l.Addr().String(), "repositories", c.Repository, "environments", c.Environment)
	ready(l.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), draining)
	defer cancel()
	// New deliveries are refused first, so that GitHub lists them as failed.
	return errors.Join(err, q.Stop(end), server.Shutdown(end))
}

// decide says what a delivery means.
func decide(rules alarm.Rules, d hook.Delivery) hook.Decision {
	if d.Event == "ping" {
		return hook.Ignore("GitHub asked whether somebody listens")
	}
	al, why, failed := rules.Judge(d.Event, d.Payload)
	if !failed {
		return hook.Decision{Environment: al.Environment, Reason: why}
	}
	args, err := json.Marshal(al)
	if err != nil {
		return hook.Ignore("the alarm cannot be written down: %s", err)
	}
	return hook.Decision{Environment: al.Environment, Reason: why, Order: &hook.Order{Key: al.Key(), Lane: al.Lane(), Args: args}}
}

// work does a work from its record.
func (a *actor) work(ctx context.Context, w ledger.Work, say func(string)) error {
	var al alarm.Alarm
	if err := json.Unmarshal(w.Args, &al); err != nil {
		return fmt.Errorf("the record of the work cannot be read: %w", err)
	}
	return a.act(ctx, al, say)
}

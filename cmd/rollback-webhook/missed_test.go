package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/hook/queue"
)

// rounding is a server that only goes rounds.
func rounding(t *testing.T, url, database string) *server {
	t.Helper()
	c := complete()
	c.GitHubAPI, c.Database, c.Reconcile, c.ReconcileWindow, c.Repository = url, database, time.Hour, time.Hour, []string{"acme/site"}
	c.tokens.github = "nobody"
	s := newServer(c, slog.New(slog.DiscardHandler))
	var err error
	if s.queue, err = queue.Open(t.Context(), queue.Options{Database: database, Log: s.log, Do: s.work}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.queue.Stop(context.WithoutCancel(t.Context())) })
	s.patrol = s.patrolled()
	return s
}

func TestOneOfSeveralServersGoesTheRounds(t *testing.T) {
	t.Parallel()
	hub := fakegithub.New(fakegithub.Options{})
	server := httptest.NewServer(hub)
	defer server.Close()
	s := rounding(t, server.URL, filepath.Join(t.TempDir(), "db"))
	rounds := func() int {
		n := hub.Calls().Count("GET", "/repos/*/*/deployments")
		hub.Forget()
		return n
	}
	s.round(t.Context(), "one")
	if n := rounds(); n != 1 {
		t.Errorf("the first round: asked %d times", n)
	}
	for _, owner := range []string{"two", "one"} {
		if s.round(t.Context(), owner); rounds() != 0 {
			t.Errorf("%s goes a round that was just gone", owner)
		}
	}
	// When the interval is over, whoever is first goes the next.
	s.config.Reconcile = 0
	if err := s.queue.Ledger.Drop(t.Context(), beat, "one"); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"two", "one"} {
		if s.round(t.Context(), owner); rounds() != 1 {
			t.Errorf("%s does not go its round", owner)
		}
	}
}

func TestRoundsEndWithTheServer(t *testing.T) {
	t.Parallel()
	hub := fakegithub.New(fakegithub.Options{})
	server := httptest.NewServer(hub)
	defer server.Close()
	s := rounding(t, server.URL, filepath.Join(t.TempDir(), "db"))
	stop := s.reconcile(t.Context())
	for end := time.Now().Add(10 * time.Second); hub.Calls().Count("GET", "/repos/*/*/deployments") == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	stop()
	if taken, err := s.queue.Ledger.Take(t.Context(), beat, "another", time.Minute); err != nil || !taken {
		t.Errorf("another server may not go the next round: %v, %v", taken, err)
	}
	s.config.Reconcile = 0
	hub.Forget()
	s.reconcile(t.Context())()
	if n := len(hub.Calls()); n != 0 {
		t.Errorf("%d calls, although nobody wants rounds", n)
	}
}

func TestJitterStaysNear(t *testing.T) {
	t.Parallel()
	for range 1000 {
		if d := jittered(time.Minute); d < 54*time.Second || d > 66*time.Second {
			t.Fatalf("%s", d)
		}
	}
}

func TestDeliveriesThatLeadToWork(t *testing.T) {
	t.Parallel()
	for what, want := range map[[2]string]bool{
		{"deployment_status", "created"}: true, {"workflow_run", "completed"}: true, {"workflow_run", "requested"}: false,
		{"check_run", "requested_action"}: true, {"check_run", "created"}: false, {"push", ""}: false, {"ping", ""}: false,
	} {
		if wanted(what[0], what[1]) != want {
			t.Errorf("%v: %v", what, !want)
		}
	}
}

package main

import (
	"context"
	"crypto/rand"
	"math"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/patrol"
)

// beat is the lane whose lease says which server goes the rounds.
const beat = "patrol"

// longestRound bounds a round, unless the time between two is longer.
const longestRound = time.Minute

// patrolled makes the patrol that asks GitHub for what nobody told.
func (s *server) patrolled() *patrol.Patrol {
	p := &patrol.Patrol{
		Rules: s.config.rules(), Client: s.kept.repository, Queue: s.queue, Order: takeBackOrder, Grace: s.config.Grace, Window: s.config.ReconcileWindow, Log: s.log,
		Mailbox: patrol.Mailbox{URL: s.config.PublicURL, Wants: wanted, Interval: s.config.Reconcile},
	}
	if s.config.App != 0 {
		p.Mailbox.App = s.config.app
	}
	return p
}

// wanted tells which deliveries lead to work.
func wanted(event, action string) bool {
	switch event {
	case "deployment_status":
		return true
	case "workflow_run":
		return action == "completed"
	case "check_run":
		return action == "requested_action"
	}
	return false
}

// takeBackOrder is the decision that a release has to be taken back.
func takeBackOrder(al alarm.Alarm, why string) (hook.Decision, error) {
	o, err := order("take-back", al.Key(), al.Lane(), al)
	return hook.Decision{Environment: al.Environment, Reason: why, Order: o}, err
}

// reconcile goes a round at once and then again and again, on one of several servers,
// until the function that it gives is called.
func (s *server) reconcile(ctx context.Context) (stop func()) {
	if s.config.Reconcile <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	owner := rand.Text()
	done.Go(func() {
		for {
			s.round(ctx, owner)
			select {
			case <-time.After(jittered(s.config.Reconcile)):
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
		// A server that comes after this one need not wait.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := s.queue.Ledger.Drop(end, beat, owner); err != nil {
			s.log.Warn("the patrol's lease was not given up", "error", err.Error())
		}
	}
}

// jittered spreads a time by a tenth, so that servers do not ask in step.
func jittered(d time.Duration) time.Duration {
	return time.Duration(math.Round(float64(d) * (0.9 + 0.2*mathrand.Float64())))
}

// round goes one round, unless another server does, or has just done so.
func (s *server) round(ctx context.Context, owner string) {
	limit := max(s.config.Reconcile, longestRound)
	began := time.Now()
	mine, err := s.queue.Ledger.Take(ctx, beat, owner, limit)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("nobody knows who asks GitHub for what was missed", "error", err.Error())
	}
	if err != nil || !mine {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := s.patrol.Round(bounded); err != nil && ctx.Err() == nil {
		s.log.Warn("GitHub was not asked for all that was missed", "error", s.redact(err.Error()))
	}
	rest := s.config.Reconcile*8/10 - time.Since(began)
	if _, err := s.queue.Ledger.Renew(ctx, beat, owner, max(rest, 0)); err != nil && ctx.Err() == nil {
		s.log.Warn("the patrol's lease was not renewed", "error", err.Error())
	}
}

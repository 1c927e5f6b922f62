package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tminus/deploy-action/checks/card"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// lifting is what can be asked for beside the buttons of a card.
const lifting = "lift"

// request is what a person asks for: by a button on a card, or on the server's page.
type request struct {
	Do          string `json:"do"`
	Repository  string `json:"repository"`
	Environment string `json:"environment"`
	// Release is the one that the person has seen as the newest; empty for whichever is.
	Release string `json:"release,omitempty"`
	By      string `json:"by"`
	Reason  string `json:"reason,omitempty"`
	// Unproven: nobody has asked yet whether the person may.
	Unproven bool `json:"unproven,omitempty"`
}

// lane names what only one work at a time may change.
func (r request) lane() string { return laneOf(r.Repository, r.Environment) }

// pressed is what a delivery about a check run means.
func (s *server) pressed(d hook.Delivery) hook.Decision {
	p, why, ok := card.Judge(s.config.App, d.Event, d.Payload)
	rules := s.config.rules()
	if !ok {
		return hook.Decision{Environment: p.Environment, Reason: why}
	}
	if outside := rules.Place(p.Repository, p.Environment); outside != "" {
		return hook.Decision{Environment: p.Environment, Reason: outside}
	}
	r := request{Do: p.Button, Repository: p.Repository, Environment: p.Environment, Release: p.Release, By: p.By, Unproven: true}
	o, err := order("request", "press "+d.GUID, r.lane(), r)
	if err != nil {
		return hook.Ignore("the request cannot be written down: %s", err)
	}
	return hook.Decision{Environment: p.Environment, Reason: why, Order: o}
}

// requestWork does what a person asked for.
func (s *server) requestWork(ctx context.Context, w ledger.Work, with json.RawMessage, say func(string)) error {
	var r request
	if err := json.Unmarshal(with, &r); err != nil {
		return fmt.Errorf("the record of the work cannot be read: %w", err)
	}
	began := time.Now()
	o, err := s.as(w).request(ctx, r, say)
	if r.Do == card.RollBack {
		s.meter.Rollback(r.Repository, r.Environment, ended(ctx, o, err), time.Since(began))
	}
	if err != nil {
		return cut(ctx, err)
	}
	if err := s.queue.Ledger.Note(ctx, r.By, r.Do, fmt.Sprintf("%s %s: %s", r.Repository, r.Environment, s.redact(o.Text))); err != nil {
		return err
	}
	return s.conclude(ctx, w, subject{Repository: r.Repository, Environment: r.Environment, By: r.By, Why: r.Reason}, o)
}

// request does what a person asks for, and gives how that ended.
func (a *actor) request(ctx context.Context, r request, say func(string)) (outcome, error) {
	return settle(say, func() (outcome, error) { return a.grant(ctx, r, say) })
}

func (a *actor) grant(ctx context.Context, r request, say func(string)) (outcome, error) {
	if err := a.allowed(ctx, r); err != nil {
		return outcome{}, err
	}
	s, err := a.look(ctx, r.Repository, r.Environment)
	if err != nil {
		return outcome{}, err
	}
	note := ""
	defer func() { a.card(ctx, s, note, say) }()
	if now := s.release().Release; r.Release != "" && now != r.Release {
		return outcome{}, settled("superseded by release " + now)
	}
	if done := s.taken(); done != nil && r.Do != lifting && r.Do != card.Verify {
		return outcome{}, settled("taken back already, as " + done.Release)
	}
	if err := a.read(ctx, s); err != nil {
		return outcome{}, err
	}
	does := map[string]func(context.Context, *scene, reason, func(string)) (outcome, error){
		card.RollBack: a.bringBack, card.Hold: a.hold, card.Verify: a.verify, lifting: a.lift,
	}[r.Do]
	if does == nil {
		return outcome{}, settled(fmt.Sprintf("nobody here knows how to %q", r.Do))
	}
	o, err := does(ctx, s, reason{By: r.By, Why: first(r.Reason, "asked for by "+r.By)}, say)
	o.SHA, o.Release = s.release().Deployment.SHA, s.release().Release
	if note = a.redact(o.Text); err != nil {
		note = a.redact(err.Error())
	}
	return o, err
}

// allowed asks GitHub whether a person may write to the repository.
func (a *actor) allowed(ctx context.Context, r request) error {
	if !r.Unproven {
		return nil
	}
	c, err := a.github(r.Repository)
	if err != nil {
		return err
	}
	may, err := c.Permission(ctx, r.By)
	if refusal, denied := github.Denied(err); denied && refusal.Status == http.StatusNotFound {
		may, err = "none", nil
	}
	if err != nil {
		return err
	}
	if may != "admin" && may != "write" {
		return settled(fmt.Sprintf("%s may not write to %s", r.By, r.Repository))
	}
	return nil
}

// hurried tells whether a person asks to roll an environment back and waits for another
// work of it.
func (s *server) hurried(ctx context.Context, repository, env string) bool {
	waiting, err := s.queue.Ledger.Works(ctx, ledger.Filter{Lane: laneOf(repository, env), State: ledger.Waiting})
	if err != nil {
		return false
	}
	return slices.ContainsFunc(waiting, func(w ledger.Work) bool {
		var j job
		var r request
		return json.Unmarshal(w.Args, &j) == nil && j.Do == "request" && json.Unmarshal(j.With, &r) == nil && r.Do == card.RollBack && s.actor.allowed(ctx, r) == nil
	})
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/card"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// drawing is the record of a work that draws a card.
type drawing struct {
	Repository  string `json:"repository"`
	Environment string `json:"environment"`
}

// laneOf names what only one work at a time may change in an environment.
func laneOf(repository, env string) string {
	return alarm.Alarm{Repository: repository, Environment: env}.Lane()
}

// show is what a delivery about a release means for its card: one that has not failed
// changes nothing else.
func (s *server) show(d hook.Delivery, al alarm.Alarm, why string) hook.Decision {
	ignored := hook.Decision{Environment: al.Environment, Reason: why}
	if s.config.App == 0 || d.Event != "deployment_status" {
		return ignored
	}
	al, ours := alarm.Release(d.Payload)
	if !ours || s.config.rules().Outside(al.Repository, al.Environment, al.Payload) != "" {
		return ignored
	}
	o, err := order("card", "card "+d.GUID, "card "+laneOf(al.Repository, al.Environment), drawing{al.Repository, al.Environment})
	if err != nil {
		return ignored
	}
	return hook.Decision{Environment: al.Environment, Reason: why + "; its card is drawn", Order: o}
}

// cardWork draws the cards of an environment: that of the newest release, and that of
// the one before it, which loses its buttons.
func (s *server) cardWork(ctx context.Context, _ ledger.Work, with json.RawMessage, say func(string)) error {
	var w drawing
	if err := json.Unmarshal(with, &w); err != nil {
		return fmt.Errorf("the record of the work cannot be read: %w", err)
	}
	seen, err := s.actor.look(ctx, w.Repository, w.Environment)
	if why, ok := errors.AsType[settled](err); ok {
		say(string(why))
		return nil
	}
	if err != nil {
		return err
	}
	return s.actor.cards(ctx, seen.records, seen, "")
}

// cards draws the cards of the two newest releases.
func (a *actor) cards(ctx context.Context, all []deployment.Record, s *scene, note string) error {
	k := card.Keeper{Client: s.client, App: a.app, Page: a.page}
	err := k.Keep(ctx, all, s.release().Release, note)
	if name := card.Replaced(all); name != "" {
		err = errors.Join(err, k.Keep(ctx, all, name, ""))
	}
	return err
}

// card draws the card of the newest release after something was done about it. That
// this is not possible does not undo what was done.
func (a *actor) card(ctx context.Context, s *scene, note string, say func(string)) {
	if a.app == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	all, err := deployment.Records(ctx, s.client, s.env)
	if err == nil {
		err = a.cards(ctx, all, s, note)
	}
	if err != nil {
		say("the card on the commit could not be drawn: " + a.redact(err.Error()))
	}
}

package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/tminus/deploy-action/checks/card"
	"github.com/tminus/deploy-action/checks/console"
	"github.com/tminus/deploy-action/checks/hook"
)

// ask records the work that a person asks for on the page, who may do so.
func (s *server) ask(ctx context.Context, d console.Deed) (string, error) {
	if outside := s.config.rules().Place(d.Repository, d.Environment); outside != "" {
		return "", fmt.Errorf("%s", outside)
	}
	r := request{
		Do:         map[console.What]string{console.ToRollBack: card.RollBack, console.ToHold: card.Hold, console.ToLift: lifting}[d.What],
		Repository: d.Repository, Environment: d.Environment, Release: d.Release, By: d.By, Reason: d.Reason,
	}
	id := rand.Text()
	o, err := order("request", fmt.Sprintf("%s %s %s", r.lane(), r.Do, id), r.lane(), r)
	if err != nil {
		return "", err
	}
	receipt, err := s.queue.Add(ctx, hook.Delivery{GUID: "page-" + id, Event: "page", Repository: d.Repository},
		hook.Decision{Environment: d.Environment, Reason: fmt.Sprintf("%s asks for it: %s", d.By, d.Reason), Order: o})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Work %d is recorded", receipt.Work), nil
}

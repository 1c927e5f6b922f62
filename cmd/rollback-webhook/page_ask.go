package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/console"
	"github.com/tminus/deploy-action/checks/hook"
)

// ask records the work that a person asks for.
func (s *server) ask(ctx context.Context, d console.Deed) (string, error) {
	lane := alarm.Alarm{Repository: d.Repository, Environment: d.Environment}.Lane()
	id := rand.Text()
	o, err := order("ask", fmt.Sprintf("%s %s %s", lane, d.What, id), lane, d)
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

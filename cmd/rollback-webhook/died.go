package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// decideDeath says what a delivery about a workflow's run means.
func decideDeath(rules alarm.Rules, d hook.Delivery) hook.Decision {
	death, why, died := rules.Died(d.Event, d.Payload)
	if !died {
		return hook.Decision{Reason: why}
	}
	o, err := order("died", death.Key(), death.Lane(), death)
	if err != nil {
		return hook.Ignore("the death of the run cannot be written down: %s", err)
	}
	return hook.Decision{Reason: why, Order: o}
}

// diedWork looks after a run that may have died with a release in progress. What has to
// be taken back is work of its own, in its environment's lane.
func (s *server) diedWork(ctx context.Context, w ledger.Work, with json.RawMessage, say func(string)) error {
	var d alarm.Death
	if err := json.Unmarshal(with, &d); err != nil {
		return fmt.Errorf("the record of the work cannot be read: %w", err)
	}
	return s.patrol.Inquire(ctx, d, w.Delivery, say)
}

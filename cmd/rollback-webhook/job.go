package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// job is the record of a work: which trade does it, and about what.
type job struct {
	Do   string          `json:"do"`
	With json.RawMessage `json:"with"`
}

// trade does the works of one kind. It may be called again for a work that was done
// in part or whole, and says how far it is in words. An error means that it has to be
// tried again; what needs nothing to be done is no error.
type trade func(ctx context.Context, w ledger.Work, with json.RawMessage, say func(string)) error

// trades are the kinds of works, by the name that is in the record. A name is never
// given another meaning: works outlive the program that recorded them.
type trades map[string]trade

// work does a work from its record. It is the queue's Do.
func (t trades) work(ctx context.Context, w ledger.Work, say func(string)) error {
	var j job
	if err := json.Unmarshal(w.Args, &j); err != nil {
		return fmt.Errorf("the record of the work cannot be read: %w", err)
	}
	do := t[j.Do]
	if do == nil {
		return fmt.Errorf("nobody here does %q: the record is of another version of the server", j.Do)
	}
	return do(ctx, w, j.With, say)
}

// order makes the order of a work for a trade.
func order(do, key, lane string, with any) (*hook.Order, error) {
	args, err := json.Marshal(struct {
		Do   string `json:"do"`
		With any    `json:"with"`
	}{do, with})
	if err != nil {
		return nil, err
	}
	return &hook.Order{Key: key, Lane: lane, Args: args}, nil
}

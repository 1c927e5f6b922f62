package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// reach is how other programs reach the account.
type reach struct {
	BaseURL   string   `json:"cloudflare_api_base_url"`
	AccountID string   `json:"account_id"`
	Token     string   `json:"api_token"`
	ZoneID    string   `json:"zone_id"`
	Resolve   []string `json:"resolve"`
	CAFile    string   `json:"ca_file"`
}

// serve keeps the account up until it is interrupted.
func serve(ctx context.Context, f serveFlags) error {
	if err := install(ctx, f.Project); err != nil {
		return err
	}
	w, err := open(ctx, f.Project, f.Latency)
	if err != nil {
		return err
	}
	defer w.close()
	if !f.Empty {
		if err := w.furnish(); err != nil {
			return err
		}
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(reach{BaseURL: w.API, AccountID: w.ID(), Token: w.token, ZoneID: w.zone, Resolve: w.resolve(), CAFile: w.caFile()}); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "the account is up; end it with Ctrl-C")
	<-ctx.Done()
	return nil
}

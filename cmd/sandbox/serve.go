package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// reach is how other programs reach the account, and a repository on GitHub beside it.
type reach struct {
	BaseURL   string   `json:"cloudflare_api_base_url"`
	AccountID string   `json:"account_id"`
	Token     string   `json:"api_token"`
	ZoneID    string   `json:"zone_id"`
	Resolve   []string `json:"resolve"`
	CAFile    string   `json:"ca_file"`
	onGitHub
}

// onGitHub is how a job reaches the repository.
type onGitHub struct {
	API        string `json:"github_api_url"`
	Token      string `json:"github_token"`
	Repository string `json:"github_repository"`
	SHA        string `json:"github_sha"`
	Checks     string `json:"github_checks_page"`
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
	h, err := openHub(w.tmp)
	if err != nil {
		return err
	}
	defer h.close()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(reach{
		BaseURL: w.API, AccountID: w.ID(), Token: w.token, ZoneID: w.zone, Resolve: w.resolve(), CAFile: w.caFile(),
		onGitHub: onGitHub{API: h.url, Token: h.token, Repository: h.FullName(), SHA: h.sha, Checks: h.page()},
	}); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "the account and the repository are up; end them with Ctrl-C")
	<-ctx.Done()
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
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
	Project   string   `json:"project"`
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
	w, err := served(ctx, f)
	if err != nil {
		return err
	}
	defer w.close()
	h, err := openHub(w.tmp)
	if err != nil {
		return err
	}
	defer h.close()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(reach{
		BaseURL: w.API, AccountID: w.ID(), Token: w.token, ZoneID: w.zone, Resolve: w.resolve(), CAFile: w.caFile(), Project: w.dir,
		onGitHub: onGitHub{API: h.url, Token: h.token, Repository: h.FullName(), SHA: h.sha, Checks: h.page()},
	}); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "the account and the repository are up; end them with Ctrl-C")
	<-ctx.Done()
	return nil
}

// served opens the account that is served: one that has what the project names, or an
// empty one beside a copy of the project that has placeholders in the place of ids.
func served(ctx context.Context, f serveFlags) (*world, error) {
	if !f.Empty {
		w, err := open(ctx, f.Project, f.Latency)
		if err == nil {
			if err = w.furnish(); err != nil {
				w.close()
			}
		}
		return w, err
	}
	dir, err := unset(f.Project)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	w, err := open(ctx, dir, f.Latency)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	w.copied = true
	return w, nil
}

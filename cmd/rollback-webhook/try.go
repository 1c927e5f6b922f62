package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/finding"
)

// trying bounds how long the tokens are tried.
const trying = 30 * time.Second

// trial is something that the server will have to do, and whether it may.
type trial struct {
	what string
	err  error
}

// try does everything that changes nothing and that the server will need at night. A
// token that may not write is found by the first write only: no platform tells.
func (c config) try(ctx context.Context) []trial {
	ctx, cancel := context.WithTimeout(ctx, trying)
	defer cancel()
	var all []trial
	for _, name := range c.Repository {
		all = append(all, c.tryRepository(ctx, name)...)
	}
	if c.Executor != "dispatch" {
		all = append(all, c.tryAccount(ctx))
	}
	return all
}

// tryRepository reads of a repository what the server reads.
func (c config) tryRepository(ctx context.Context, name string) []trial {
	var all []trial
	try := func(what string, err error) bool {
		all = append(all, trial{name + ": " + what, err})
		return err == nil
	}
	client, err := c.repository(name)
	if err != nil {
		try("sign in", err)
		return all
	}
	branch, err := client.DefaultBranch(ctx)
	if !try("see the repository", err) {
		return all // the rest would say the same
	}
	_, err = client.Deployments(ctx, url.Values{"environment": {c.Environment[0]}}, 1)
	try("read deployments (deployments: write)", err)
	_, err = client.Runs(ctx, branch, nil)
	try("read check runs (checks: write)", err)
	_, err = client.File(ctx, "tminus.yaml", branch)
	if refusal, denied := github.Denied(err); denied && refusal.Status == 404 {
		err = nil // there need be none
	}
	try("read files (contents: read)", err)
	_, err = client.WorkflowRun(ctx, 1)
	if refusal, denied := github.Denied(err); denied && refusal.Status == 404 {
		err = nil // there is no such run
	}
	try("read workflow runs (actions: read)", err)
	if c.Executor == "dispatch" {
		_, err = client.WorkflowRuns(ctx, c.Workflow, nil, 1)
		try("find the workflow "+c.Workflow, err)
	}
	return all
}

// tryAccount asks Cloudflare whether the token is good.
func (c config) tryAccount(ctx context.Context) trial {
	account, err := c.account("")
	if err != nil {
		return trial{what: "Cloudflare: the account is named by the Workers' configuration, and is not tried"}
	}
	name, err := check.Access(ctx, account)
	return trial{"Cloudflare: see the account " + name, err}
}

// tell writes what came of a trial, for a person.
func (t trial) tell(to io.Writer, redact func(string) string) {
	if t.err == nil {
		fmt.Fprintf(to, "✓ %s\n", t.what)
		return
	}
	fmt.Fprintf(to, "✗ %s: %s\n", t.what, redact(t.err.Error()))
	if f, ok := errors.AsType[finding.Finding](t.err); ok && f.Hint != "" {
		fmt.Fprintf(to, "  → %s\n", f.Hint)
	}
}

// tried tries the tokens for a person, and gives the exit code.
func (c config) tried(ctx context.Context, to io.Writer) int {
	code := 0
	for _, t := range c.try(ctx) {
		t.tell(to, c.redactor().Redact)
		if t.err != nil {
			code = 1
		}
	}
	return code
}

// tryAtStart tries the tokens beside the serving: what is wrong must be known before a
// release fails.
func (s *server) tryAtStart(ctx context.Context) {
	for _, t := range s.config.try(ctx) {
		if t.err != nil && ctx.Err() == nil {
			s.log.Error("something will not be possible", "what", t.what, "error", s.redact(t.err.Error()))
		}
	}
}

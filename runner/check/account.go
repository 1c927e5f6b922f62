package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
)

// Access finds out whether the account can be worked with at all: the token is
// good and the account exists. It gives the account's name.
func Access(ctx context.Context, c *cloudflare.Client) (string, error) {
	var name, status string
	var nameErr error
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { status, err = c.VerifyToken(ctx); return err })
	group.Go(func() error { name, nameErr = c.Account(ctx); return nil })
	err := group.Wait()
	switch {
	case cloudflare.IsDenied(err) || cloudflare.Has(err, 1000, 6003, 6111):
		return "", finding.Errorf("wrong-token", finding.Position{}, "Cloudflare does not know the API token: %s", err).
			Hintf("check CLOUDFLARE_API_TOKEN; a token is made at dash.cloudflare.com/profile/api-tokens")
	case err != nil:
		return "", err
	case status != "active":
		return "", finding.Errorf("wrong-token", finding.Position{}, "the API token is %s", status).
			Hintf("renew it at dash.cloudflare.com/profile/api-tokens, or set CLOUDFLARE_API_TOKEN to another one")
	case cloudflare.Has(nameErr, 7003, 7000, 9109, 10000) || cloudflare.IsDenied(nameErr):
		return "", finding.Errorf("unknown-account", finding.Position{}, "the API token has no access to the account: %s", nameErr).
			Hintf("check CLOUDFLARE_ACCOUNT_ID: 32 hex digits, shown in the dashboard's sidebar; and that the token is for this account")
	}
	return name, nameErr
}

// Account judges what the files say against what the account has: stores that
// do not exist, scripts of others that are gone, host names without a zone, and
// permissions that the token lacks.
func Account(ctx context.Context, c *cloudflare.Client, p project.Project, targets ...project.Target) ([]finding.Finding, error) {
	scope := live.Scope{Stores: true}
	for _, t := range targets {
		one := Scope(t)
		scope.Hosts = append(scope.Hosts, one.Hosts...)
		scope.Uses = live.Uses{
			Queues: scope.Uses.Queues || one.Uses.Queues, Databases: scope.Uses.Databases || one.Uses.Databases,
			Namespaces: scope.Uses.Namespaces || one.Uses.Namespaces, Buckets: scope.Uses.Buckets || one.Uses.Buckets,
		}
	}
	a, err := live.Read(ctx, c, scope)
	if err != nil {
		if all := finding.From(err, "", finding.Position{}); all[0].Rule != "" {
			return all, nil
		}
		return nil, err
	}
	j := judge{a}
	var all []finding.Finding
	for _, t := range targets {
		all = append(all, j.stores(t)...)
		all = append(all, j.hosts(t)...)
		all = append(all, j.outside(p, t.Env)...)
	}
	return all, nil
}

// Scope is what must be read of the account for a target.
func Scope(t project.Target) live.Scope {
	scope := live.Scope{Hosts: t.Hosts()}
	for _, s := range t.Scripts {
		scope.Scripts = append(scope.Scripts, s.Name)
		if len(s.Section.Triggers.Consumers) > 0 {
			scope.Uses.Queues = true
		}
		for _, r := range s.Section.Triggers.Routes {
			scope.Uses.Domains = scope.Uses.Domains || r.Custom
			if r.ZoneID.V != "" {
				scope.Zones = append(scope.Zones, r.ZoneID.V)
			}
		}
		for _, b := range s.Section.Bindings {
			switch b.Type {
			case "queue":
				scope.Uses.Queues = true
			case "d1":
				scope.Uses.Databases = true
			case "kv_namespace":
				scope.Uses.Namespaces = true
			case "r2_bucket":
				scope.Uses.Buckets = true
			}
		}
	}
	return scope
}

// judge compares files with an account.
type judge struct{ *live.Account }

// stores finds databases, namespaces, buckets and queues that do not exist.
func (j judge) stores(t project.Target) []finding.Finding {
	var all []finding.Finding
	missing := func(u use) {
		all = append(all, finding.Errorf("missing-store", u.at, "%s names the %s %q, which the account does not have", u.what, u.kind, u.id).
			Hintf("correct the name, or create it with deploy-action provision --env %s", t.Env))
	}
	for _, u := range uses(t) {
		switch u.kind {
		case "D1 database":
			i := slices.IndexFunc(j.Databases, func(d cloudflare.Database) bool { return d.ID == u.id })
			if i < 0 {
				missing(u)
			} else if real := j.Databases[i].Name; u.name != "" && real != u.name {
				all = append(all, finding.Errorf("name-id-mismatch", u.at, "database %s is called %q on the account and %q here", u.id, real, u.name).
					Hintf("only the id counts on Cloudflare; correct the name or the id"))
			}
		case "KV namespace":
			if !slices.ContainsFunc(j.Namespaces, func(n cloudflare.Namespace) bool { return n.ID == u.id }) {
				missing(u)
			}
		case "R2 bucket":
			if !slices.Contains(j.Buckets, u.id) {
				missing(u)
			}
		case "queue":
			if !slices.ContainsFunc(j.Queues, func(q cloudflare.Queue) bool { return q.Name == u.id }) {
				missing(u)
			}
		}
	}
	return all
}

// hosts finds routes whose host lies in no zone of the account.
func (j judge) hosts(t project.Target) []finding.Finding {
	var all []finding.Finding
	for _, s := range t.Scripts {
		for _, r := range s.Section.Triggers.Routes {
			if r.ZoneID.V != "" || r.Pattern.V == "" {
				continue
			}
			name := r.Zone
			if name.V == "" {
				host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.Pattern.V, "https://"), "http://"), "/")
				name = r.Pattern
				name.V = host
			}
			if _, ok := j.Zone(name.V); !ok {
				all = append(all, finding.Errorf("no-zone", name.At, "no zone of the account holds %s", name.V).
					Hintf("add the domain to the account, or give the token Zone:Read for it"))
			}
		}
	}
	return all
}

// outside finds scripts of nobody: named here, and not on the account.
func (j judge) outside(p project.Project, env string) []finding.Finding {
	var all []finding.Finding
	for _, ref := range p.Outside(env) {
		if !j.Known[ref.Script] {
			all = append(all, unknownScript(finding.Error, ref, "and not on the account"))
		}
	}
	return all
}

// Unasked warns of scripts out of the project when there is no account to ask.
func Unasked(p project.Project, envs ...string) []finding.Finding {
	var all []finding.Finding
	for _, ref := range p.Outside(envs...) {
		all = append(all, unknownScript(finding.Warning, ref, "and the account was not asked"))
	}
	return all
}

func unknownScript(severity finding.Severity, ref project.Need, why string) finding.Finding {
	return finding.Finding{
		Rule: "unknown-script", Severity: severity, At: ref.At,
		Message: fmt.Sprintf("%s names %q, which is no Worker of this project %s", ref.Why, ref.Script, why),
		Hint:    "correct the name, or deploy that Worker first",
	}
}

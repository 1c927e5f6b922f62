package main

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/console"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/release"
)

// scripts are those of the newest release that goes forward, by the records, as far
// as the server may touch them; sorted by the names of their Workers.
func scripts(all []deployment.Record, rules alarm.Rules) []release.Placed {
	i := deployment.Latest(all)
	if i < 0 {
		return nil
	}
	var on []release.Placed
	for _, w := range all[i].Workers {
		if rules.Script(w.Script) {
			on = append(on, w)
		}
	}
	slices.SortFunc(on, func(a, b release.Placed) int { return cmp.Compare(a.Worker, b.Worker) })
	return on
}

// serving asks Cloudflare for the deployments of scripts. Those that are not there
// have none; those that it does not tell of are left out.
func (b *board) serving(ctx context.Context, on []release.Placed) (map[string][]cloudflare.Deployment, error) {
	client, err := b.actor.account("")
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	all := map[string][]cloudflare.Deployment{}
	var group errgroup.Group
	group.SetLimit(4)
	for _, w := range on {
		group.Go(func() error {
			found, err := client.Deployments(ctx, w.Script)
			if err != nil && !cloudflare.IsMissing(err) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			all[w.Script] = found
			return nil
		})
	}
	return all, group.Wait()
}

// workers are the versions that serve, a row for each.
func workers(all []deployment.Record, on []release.Placed, serving map[string][]cloudflare.Deployment) []console.Worker {
	var rows []console.Worker
	for _, w := range on {
		history, asked := serving[w.Script]
		if !asked {
			rows = append(rows, recorded(all, w))
			continue
		}
		if len(history) == 0 {
			rows = append(rows, console.Worker{Worker: w.Worker, Script: w.Script, Release: "not deployed"})
			continue
		}
		since := history[0].CreatedOn.Time
		for _, d := range history[1:] {
			if !slices.Equal(d.Versions, history[0].Versions) {
				break
			}
			since = d.CreatedOn.Time
		}
		for _, v := range history[0].Versions {
			rows = append(rows, console.Worker{Worker: w.Worker, Script: w.Script, Version: v.Version, Release: of(all, history, w.Script, v.Version), Since: since, Share: v.Percent})
		}
	}
	return rows
}

// of is the release that a version came with: as its deployments say, else as the
// records do. A version that a rollback brought back keeps the release that it is of.
func of(all []deployment.Record, history []cloudflare.Deployment, script, version string) string {
	name := ""
	for _, d := range history {
		l, ours := release.ParseLabel(d.Message())
		if ours && len(d.Versions) == 1 && d.Versions[0].Version == version {
			name = l.Release // the oldest that names it is the one that brought it
		}
	}
	if name != "" {
		return name
	}
	for _, r := range slices.Backward(all) {
		if w, ok := r.Placed(script); ok && w.Version == version {
			return r.Release
		}
	}
	return ""
}

// recorded is what the records say that a script serves.
func recorded(all []deployment.Record, w release.Placed) console.Worker {
	row := console.Worker{Worker: w.Worker, Script: w.Script, Share: 100}
	for _, r := range all {
		if placed, ok := r.Placed(w.Script); ok && (r.Good() || r.State() == "") && placed.Version != "" {
			row.Version, row.Since = placed.Version, r.Created
			row.Release = of(all, nil, w.Script, placed.Version)
			return row
		}
	}
	return row
}

// heldBy is how an environment is held, as Cloudflare's deployments say, and why, as
// the records do. The rule is that of runner/hold.
func heldBy(all []deployment.Record, serving map[string][]cloudflare.Deployment, redact func(string) string) *console.Hold {
	var by cloudflare.Deployment
	var held release.Label
	newest := ""
	for _, history := range serving {
		if len(history) == 0 {
			continue
		}
		l, _ := release.ParseLabel(history[0].Message())
		newest = max(newest, l.Release)
		first := l.From == held.From && l.From != "" && history[0].CreatedOn.Before(by.CreatedOn.Time)
		if l.From > held.From || first {
			held, by = l, history[0]
		}
	}
	if held.From == "" || !held.Strict && newest > held.From {
		return nil
	}
	h := &console.Hold{From: held.From, By: by.Author, Since: by.CreatedOn.Time, Anything: held.Strict}
	for _, r := range all {
		if back := r.Manifest.Back; back != nil && back.From == held.From {
			h.Why = redact(back.Reason)
			if back.By != "" {
				h.By = back.By
			}
			break
		}
	}
	return h
}

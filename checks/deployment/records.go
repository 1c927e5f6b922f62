package deployment

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/release"
)

// Record is a release as GitHub has it.
type Record struct {
	ID int64
	Payload
	// Good: it passed its gates at some time.
	Good bool
	// State is the last that was said of it, Said all of that.
	State string
	Said  github.Status
	SHA   string // of the commit
	// Creator is the login of who made the record, and Raw what they wrote, for whoever
	// has to decide whether to believe it.
	Creator string
	Raw     json.RawMessage
}

// kept is how many deployments of an environment are looked through.
const kept = 100

// asked is for how many of them GitHub is asked what was said of them.
const asked = 12

// Records are the newest releases of an environment, the newest first. Of those
// beyond the first dozen it is not known whether they were good.
func Records(ctx context.Context, c *github.Client, env string) ([]Record, error) {
	found, err := c.Deployments(ctx, url.Values{"environment": {env}}, kept)
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, d := range found {
		if p, ours := ParsePayload(d.Payload); ours && p.Environment == env {
			all = append(all, Record{ID: d.ID, Payload: p, SHA: d.SHA, Creator: d.Creator, Raw: d.Payload})
		}
	}
	group, asking := errgroup.WithContext(ctx)
	for i := range all[:min(len(all), asked)] {
		group.Go(func() error {
			said, err := c.Statuses(asking, all[i].ID)
			if len(said) > 0 {
				all[i].State, all[i].Said = said[0].State, said[0]
			}
			all[i].Good = slices.ContainsFunc(said, func(s github.Status) bool { return s.State == github.Success })
			return err
		})
	}
	return all, group.Wait()
}

// Manifests are the newest releases of an environment as GitHub has them, the newest
// first, without what was said of them.
func Manifests(ctx context.Context, c *github.Client, env string) ([]release.Manifest, error) {
	found, err := c.Deployments(ctx, url.Values{"environment": {env}}, kept)
	var all []release.Manifest
	for _, d := range found {
		if p, ours := ParsePayload(d.Payload); ours && p.Environment == env {
			all = append(all, p.Manifest)
		}
	}
	return all, err
}

// Back finds among the records the release to be taken back, the newest, and the
// one to go back to: the last good one before it that was not taken back itself, or
// the one with the given name. The second is nil when there is none.
func Back(all []Record, to string) (from, good *release.Manifest, err error) {
	taken := map[string]bool{}
	for _, r := range all {
		if r.Manifest.Back != nil {
			taken[r.Manifest.Back.From] = true
		}
	}
	for i, r := range all {
		switch {
		case r.Manifest.Back != nil:
		case from == nil:
			from = &all[i].Manifest
			if to == from.Release {
				return nil, nil, fmt.Errorf("release %s is the newest; there is nothing to take back", to)
			}
		case to != "" && r.Release == to, to == "" && r.Good && !taken[r.Release]:
			return from, &all[i].Manifest, nil
		}
	}
	if to != "" {
		return nil, nil, fmt.Errorf("there is no record of release %s among the %d newest", to, len(all))
	}
	return from, nil, nil
}

// Latest is where the newest release is among the records, below zero if there are
// rollbacks only.
func Latest(all []Record) int {
	return slices.IndexFunc(all, func(r Record) bool { return r.Manifest.Back == nil })
}

// Taker is the rollback that took a release of the records back, nil if none did.
func Taker(all []Record, i int) *Record {
	for at := range all[:i] {
		if back := all[at].Manifest.Back; back != nil && back.From == all[i].Release && all[at].Good {
			return &all[at]
		}
	}
	return nil
}

// Unsettled tells whether the records do not say how it is once a release has been
// taken back: that it serves no more, and that what was begun last came to its end. A
// run that was killed leaves them so.
func Unsettled(all []Record, from string) bool {
	for i, r := range all {
		back := r.Manifest.Back != nil
		ended := r.State == github.Inactive || r.State == github.Failure || r.State == github.Error
		if i == 0 && !ended && !(back && r.State == github.Success) || !back && r.Release == from && r.State == github.Success {
			return true
		}
	}
	return false
}

// LastGood is the release that an environment was good on when the run looked,
// without this run's own.
func (k *Keeper) LastGood(env string) (release.Manifest, bool) {
	l := k.seen(k.at(env))
	if l == nil || !l.over() || l.good == nil {
		return release.Manifest{}, false
	}
	return *l.good, true
}

// Compromised are the secrets that were replaced because somebody else may know them,
// in any release after the one to go back to; sorted. Without a name that is the one
// before the newest.
func Compromised(all []Record, to string) []string {
	newest := Latest(all)
	var names []string
	for i, r := range all {
		if to != "" && r.Release > to || to == "" && i <= newest {
			names = append(names, r.Manifest.Compromised...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

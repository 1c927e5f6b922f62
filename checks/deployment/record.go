package deployment

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/release"
)

// Record implements release.Journal. It waits for GitHub's answer, unless the
// release changes nothing.
func (k *Keeper) Record(ctx context.Context, m release.Manifest) error {
	p := k.at(m.Environment)
	k.mu.Lock()
	p.manifest = m
	known := p.id != 0
	k.mu.Unlock()
	if known {
		return nil // a payload cannot be changed; versions are labelled with the release
	}
	if !m.Changed() {
		k.say(context.WithoutCancel(ctx), p, github.Status{State: github.InProgress})
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := k.create(waiting, p); err != nil {
		return k.unrecorded(err)
	}
	seen := k.seen(p)
	if seen != nil {
		<-seen.done
	}
	detached := context.WithoutCancel(ctx)
	if seen != nil && len(seen.before(p.id)) > 0 {
		other := seen.before(p.id)[0]
		k.say(detached, p, github.Status{State: github.Error, Description: "Not deployed: release " + other.release + " is under way"})
		return locked(p.env, other)
	}
	k.say(detached, p, github.Status{State: github.InProgress})
	k.beside.Go(func() { k.confirm(detached, p) })
	if seen == nil {
		return nil
	}
	return k.takeOver(detached, p, seen)
}

// create makes the deployment, if it was not made yet.
func (k *Keeper) create(ctx context.Context, p *place) error {
	k.mu.Lock()
	m, id := p.manifest, p.id
	k.mu.Unlock()
	if id != 0 {
		return nil
	}
	raw, err := json.Marshal(Payload{By: Mark, Run: k.Run, Manifest: m})
	if err != nil {
		return err
	}
	id, err = k.Client.CreateDeployment(ctx, github.Deployment{SHA: k.SHA, Task: TaskDeploy, Environment: m.Environment, Description: describe(m), Payload: raw})
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	p.id = id
	return nil
}

func describe(m release.Manifest) string {
	changed := 0
	for _, w := range m.Workers {
		if !w.Unchanged {
			changed++
		}
	}
	return fmt.Sprintf("Release %s, %d of %d Workers changed", m.Release, changed, len(m.Workers))
}

// unrecorded says that GitHub has no record of the release, which does not stop it.
func (k *Keeper) unrecorded(err error) error {
	f := finding.Warnf("unrecorded", finding.Position{}, "GitHub has no deployment for this release: %s", err).
		Hintf("the record is in the workspace and on each version; a rollback finds it there")
	if r, denied := github.Denied(err); denied {
		f.Hint = "give the job the permission deployments: write"
		if r.Permission != "" && r.Permission != "deployments: write" {
			f.Hint += " (GitHub asks for " + r.Permission + ")"
		}
	}
	return f
}

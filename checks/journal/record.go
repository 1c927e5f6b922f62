package journal

import (
	"context"
	"time"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/release"
)

// impatience is how long the record of an environment that is not the last one is
// waited for. It was sent before any traffic moved, and the workspace has it.
const impatience = time.Second

// Record implements release.Journal. It waits for GitHub's answer, for the last
// environment of the road as long as it takes, for one before it a second, and not
// at all if the release changes nothing.
func (k *Keeper) Record(ctx context.Context, m release.Manifest) error {
	p := k.at(m.Environment)
	k.mu.Lock()
	known := p.id != 0
	p.manifest, p.begun = m, true
	k.mu.Unlock()
	if known {
		return nil // a payload cannot be changed; versions are labelled with the release
	}
	detached := context.WithoutCancel(ctx)
	if !m.Changed() {
		k.say(detached, p, github.Status{State: github.InProgress})
		return nil
	}
	made := make(chan error, 1)
	k.beside.Go(func() {
		waiting, cancel := context.WithTimeout(detached, patience)
		defer cancel()
		made <- k.create(waiting, p)
	})
	var tired <-chan time.Time
	if !p.last {
		tired = time.After(impatience)
	}
	select {
	case err := <-made:
		return k.admit(detached, p, err)
	case <-tired:
		k.beside.Go(func() { k.admitLate(detached, p, <-made) })
		return nil
	case <-ctx.Done():
		return ctx.Err() // what is made now is closed with the rest
	}
}

// admit says what came of a record: the release goes on, or another was first.
func (k *Keeper) admit(ctx context.Context, p *place, err error) error {
	if err != nil {
		if _, denied := github.Denied(err); denied {
			k.mu.Lock()
			p.begun = false // there is nothing to say more of
			k.mu.Unlock()
		}
		return k.unrecorded(err)
	}
	seen := k.seen(p)
	if seen != nil {
		<-seen.done
		if others := seen.before(p.id); len(others) > 0 {
			k.say(ctx, p, github.Status{State: github.Error, Description: "Not deployed: release " + others[0].Release + " is under way"})
			return locked(p.env, others[0])
		}
	}
	k.mu.Lock()
	open := p.closed == ""
	k.mu.Unlock()
	if open {
		k.say(ctx, p, github.Status{State: github.InProgress})
	}
	go k.confirm(ctx, p) // of no use once the run has ended
	if seen == nil {
		return nil
	}
	return k.takeOver(ctx, p, seen)
}

// admitLate is admit for a release that has gone on meanwhile.
func (k *Keeper) admitLate(ctx context.Context, p *place, err error) {
	for _, f := range finding.From(k.admit(ctx, p, err), "record", finding.Position{}) {
		if f.Severity == finding.Error && k.Lose != nil {
			k.Lose(f)
		}
		if f.Severity > finding.Notice {
			k.mu.Lock()
			k.late = append(k.late, f)
			k.mu.Unlock()
		}
	}
}

// create makes the deployment, if it was not made yet.
func (k *Keeper) create(ctx context.Context, p *place) error {
	p.making.Lock()
	defer p.making.Unlock()
	k.mu.Lock()
	m, known := p.manifest, p.id != 0
	k.mu.Unlock()
	if known {
		return nil
	}
	id, err := deployment.Write(ctx, k.Client, k.SHA, deployment.Payload{Run: k.Run, Folder: k.Folder, Manifest: m}, k.Key)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	p.id = id
	return nil
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

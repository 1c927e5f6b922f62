package patrol

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// Event is the event of the deliveries that a patrol writes itself.
const Event = "reconcile"

// environment looks at an environment's newest release. Those before it are
// superseded, whatever became of them.
func (p *Patrol) environment(ctx context.Context, c *github.Client, env string) error {
	from, err := p.since(ctx, strings.ToLower(c.Repository())+" "+env)
	if err != nil {
		return err
	}
	all, err := deployment.Newest(ctx, c, env)
	if err != nil {
		return err
	}
	for i, r := range all {
		if r.Open() {
			if all[i], err = p.stuck(ctx, c, r, from); err != nil {
				return err
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	newest := all[len(all)-1]
	if newest.Rollback() || !newest.Failed() || deployment.Taker(all, len(all)-1) != nil {
		return nil
	}
	log := []any{"repository", c.Repository(), "environment", env, "release", newest.Release, "deployment", newest.Deployment.ID}
	if newest.Since().Before(from) {
		p.once(fmt.Sprint("old ", newest.Deployment.ID), "a release failed before watch was kept, or too long ago, and is left as it is", append(log, "failed", newest.Since())...)
		return nil
	}
	al, why, ok := p.Rules.Failed(c.Repository(), newest)
	if hold := newest.Hold(); hold != "" {
		why, ok = hold, false
	}
	if !ok {
		p.once(fmt.Sprint("refused ", newest.Deployment.ID), "a failed release is left as it is", append(log, "reason", why)...)
		return nil
	}
	known, err := p.Queue.Ledger.Works(ctx, ledger.Filter{Key: al.Key(), Limit: 1})
	if err != nil || len(known) > 0 {
		return err
	}
	return p.raise(ctx, al, newest, why)
}

// stuck ends a release that was left in progress, if its run is over for long enough.
func (p *Patrol) stuck(ctx context.Context, c *github.Client, r deployment.Record, from time.Time) (deployment.Record, error) {
	over, since, err := deployment.Over(ctx, c, r.Run, r.Deployment.Created)
	if err != nil || !over || time.Since(since) < p.Grace || time.Since(r.Since()) < p.Grace {
		return r, err
	}
	log := []any{"repository", c.Repository(), "environment", r.Deployment.Environment, "release", r.Release, "deployment", r.Deployment.ID, "run", r.Run.ID}
	if r.Since().Before(from) {
		p.once(fmt.Sprint("stuck ", r.Deployment.ID), "a release was left in progress before watch was kept, or too long ago, and is left as it is", append(log, "since", r.Since())...)
		return r, nil
	}
	if why := p.Rules.Refuses(c.Repository(), r); why != "" {
		p.once(fmt.Sprint("stuck ", r.Deployment.ID), "a release that was left in progress is left as it is", append(log, "reason", why)...)
		return r, nil
	}
	p.Log.Warn("a release was left in progress by a run that is over", log...)
	return deployment.Abandon(ctx, c, r)
}

// raise records an alarm with a delivery of the patrol's own, so that it is seen among
// those of GitHub.
func (p *Patrol) raise(ctx context.Context, al alarm.Alarm, r deployment.Record, why string) error {
	decision, err := p.Order(al, "nobody told: "+why)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(map[string]any{
		"action": r.State(), "deployment": r.Deployment.ID, "release": r.Release, "environment": r.Deployment.Environment, "repository": map[string]string{"full_name": al.Repository},
	})
	if err != nil {
		return err
	}
	d := hook.Delivery{
		GUID: fmt.Sprintf("%s-%d-%d", Event, r.Deployment.ID, r.Verdict().ID), Event: Event, Action: r.State(), Repository: al.Repository, Received: time.Now(), Payload: payload,
	}
	receipt, err := p.Queue.Record(ctx, d, decision)
	if err != nil {
		return fmt.Errorf("record what was found: %w", err)
	}
	p.Log.Warn("a failed release was found that nobody told of", "delivery", d, "environment", r.Deployment.Environment, "release", r.Release, "decision", receipt.Outcome, "reason", receipt.Reason, "work", receipt.Work)
	return nil
}

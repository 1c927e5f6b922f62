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
	for i, s := range all {
		if s.Open() {
			if all[i], err = p.stuck(ctx, c, s, from); err != nil {
				return err
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	newest := all[len(all)-1]
	if newest.Rollback() || !newest.Failed() || deployment.TakenBack(all) != "" {
		return nil
	}
	log := []any{"repository", c.Repository(), "environment", env, "release", newest.Ours.Release, "deployment", newest.ID}
	if newest.Since().Before(from) {
		p.once(fmt.Sprint("old ", newest.ID), "a release failed before watch was kept, or too long ago, and is left as it is", append(log, "failed", newest.Since())...)
		return nil
	}
	al, why, ok := p.Rules.Failed(c.Repository(), newest.Deployment, newest.Verdict())
	if hold := newest.Hold(); hold != "" {
		why, ok = hold, false
	}
	if !ok {
		p.once(fmt.Sprint("refused ", newest.ID), "a failed release is left as it is", append(log, "reason", why)...)
		return nil
	}
	known, err := p.Queue.Ledger.Works(ctx, ledger.Filter{Key: al.Key(), Limit: 1})
	if err != nil || len(known) > 0 {
		return err
	}
	return p.raise(ctx, al, newest, why)
}

// stuck ends a release that was left in progress, if its run is over for long enough.
func (p *Patrol) stuck(ctx context.Context, c *github.Client, s deployment.Standing, from time.Time) (deployment.Standing, error) {
	over, since, err := deployment.Over(ctx, c, s.Ours.Run, s.Created)
	if err != nil || !over || time.Since(since) < p.Grace || time.Since(s.Since()) < p.Grace {
		return s, err
	}
	log := []any{"repository", c.Repository(), "environment", s.Environment, "release", s.Ours.Release, "deployment", s.ID, "run", s.Ours.Run.ID}
	if s.Since().Before(from) {
		p.once(fmt.Sprint("stuck ", s.ID), "a release was left in progress before watch was kept, or too long ago, and is left as it is", append(log, "since", s.Since())...)
		return s, nil
	}
	if why := p.Rules.Refuses(c.Repository(), s.Deployment); why != "" {
		p.once(fmt.Sprint("stuck ", s.ID), "a release that was left in progress is left as it is", append(log, "reason", why)...)
		return s, nil
	}
	p.Log.Warn("a release was left in progress by a run that is over", log...)
	return deployment.Abandon(ctx, c, s)
}

// raise records an alarm with a delivery of the patrol's own, so that it is seen among
// those of GitHub.
func (p *Patrol) raise(ctx context.Context, al alarm.Alarm, s deployment.Standing, why string) error {
	decision, err := p.Order(al, "nobody told: "+why)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(map[string]any{
		"action": s.State(), "deployment": s.ID, "release": s.Ours.Release, "environment": s.Environment, "repository": map[string]string{"full_name": al.Repository},
	})
	if err != nil {
		return err
	}
	d := hook.Delivery{
		GUID: fmt.Sprintf("%s-%d-%d", Event, s.ID, s.Verdict().ID), Event: Event, Action: s.State(), Repository: al.Repository, Received: time.Now(), Payload: payload,
	}
	receipt, err := p.Queue.Record(ctx, d, decision)
	if err != nil {
		return fmt.Errorf("record what was found: %w", err)
	}
	p.Log.Warn("a failed release was found that nobody told of", "delivery", d, "environment", s.Environment, "release", s.Ours.Release, "decision", receipt.Outcome, "reason", receipt.Reason, "work", receipt.Work)
	return nil
}

package doctor

import (
	"time"

	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/sight"
)

// Deployment is one line of the table of deployments.
type Deployment struct {
	Environment string          `json:"environment"`
	Script      string          `json:"script"`
	When        time.Time       `json:"when"`
	Versions    []release.Share `json:"versions"`
	By          string          `json:"by"`
	Release     string          `json:"release,omitempty"`
	// Trigger is what made it, as Cloudflare says: deployment, rollback, secret.
	Trigger string `json:"trigger,omitempty"`
	// Serving: it is the newest, which serves.
	Serving bool `json:"serving,omitempty"`
}

// History are the last deployments of every script, the newest first, at most n of
// each; none before the account was read.
func (d *Doctor) History(n int) []Deployment {
	var all []Deployment
	for _, s := range sight.Patients(d.Targets) {
		for i, one := range d.seen.Script(s.Name).History {
			if i == n {
				break
			}
			line := Deployment{Environment: s.Env, Script: s.Name, When: one.CreatedOn.Time, By: sight.Author(one), Trigger: one.Annotations["workers/triggered_by"], Serving: i == 0}
			for _, v := range one.Versions {
				line.Versions = append(line.Versions, release.Share{Version: v.Version, Percent: v.Percent})
			}
			if label, ok := release.ParseLabel(one.Message()); ok {
				line.Release = label.Release
			}
			all = append(all, line)
		}
	}
	return all
}

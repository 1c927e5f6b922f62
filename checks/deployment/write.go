package deployment

import (
	"context"
	"fmt"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/release"
)

// Write records a release as a deployment of a commit, signed with a key if there is
// one, and gives the deployment's id.
func Write(ctx context.Context, c *github.Client, sha string, p Payload, key string) (int64, error) {
	p.By = Mark
	raw, err := p.Sign(c.Repository(), key)
	if err != nil {
		return 0, err
	}
	return c.CreateDeployment(ctx, github.Deployment{SHA: sha, Task: task(p.Manifest), Environment: p.Environment, Description: describe(p.Manifest), Payload: raw})
}

// task says whether a release goes forward or back.
func task(m release.Manifest) string {
	if m.Back != nil {
		return TaskRollback
	}
	return TaskDeploy
}

func describe(m release.Manifest) string {
	if m.Back != nil {
		return fmt.Sprintf("Rollback %s, takes back release %s", m.Release, m.Back.From)
	}
	changed := 0
	for _, w := range m.Workers {
		if !w.Unchanged {
			changed++
		}
	}
	return fmt.Sprintf("Release %s, %d of %d Workers changed", m.Release, changed, len(m.Workers))
}

package deployment

import (
	"context"
	"strings"

	"github.com/tminus/deploy-action/checks/github"
)

// What statuses about a hold begin with. They repeat the state before them.
const (
	holding = "Held by "
	lifting = "Hold lifted by "
)

// Aside tells whether a status speaks of a hold, and says nothing new of the release.
func Aside(description string) bool {
	return strings.HasPrefix(description, holding) || strings.HasPrefix(description, lifting)
}

// Held says of the newest release of an environment who holds it, and why.
func Held(ctx context.Context, c *github.Client, env, who, reason string) error {
	return aside(ctx, c, env, holding+who+": "+reason)
}

// Lifted says of the newest release or rollback of an environment who lifted its hold,
// and why.
func Lifted(ctx context.Context, c *github.Client, env, who, reason string) error {
	return aside(ctx, c, env, lifting+who+": "+reason)
}

// aside says something of the newest deployment of ours without a change of its state.
func aside(ctx context.Context, c *github.Client, env, words string) error {
	found, err := find(ctx, c, env, newest)
	if err != nil || len(found) == 0 {
		return err
	}
	id := found[0].Deployment.ID
	said, err := c.Statuses(ctx, id)
	if err != nil || len(said) == 0 {
		return err
	}
	return c.SetStatus(ctx, id, github.Status{State: said[0].State, LogURL: said[0].LogURL, EnvironmentURL: said[0].EnvironmentURL, Description: words})
}

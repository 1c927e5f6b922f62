package deployment

import (
	"context"
	"net/url"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/release"
)

// How many of an environment's newest deployments are looked through.
const (
	kept   = 100 // for the releases to go back to
	looked = 30  // for the newest, and for those of a run
	newest = 10  // for what is under way
)

// asked is of how many records it is asked at once what was said of them, and of how
// many at all when they are many.
const asked = 12

// find are the records among the newest deployments of an environment, or of all when
// none is named, the newest first. What was said of them is not known yet.
func find(ctx context.Context, c *github.Client, env string, among int) ([]Record, error) {
	query := url.Values{}
	if env != "" {
		query.Set("environment", env)
	}
	found, err := c.Deployments(ctx, query, among)
	var all []Record
	for _, d := range found {
		if r, ours := Read(d); ours {
			all = append(all, r)
		}
	}
	return all, err
}

// ask fills in what was said. A record of which nothing was said yet is queued.
func ask(ctx context.Context, c *github.Client, all []Record) error {
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(asked)
	for i := range all {
		group.Go(func() error {
			said, err := c.Statuses(asking, all[i].Deployment.ID)
			if err == nil && len(said) == 0 {
				said = []github.Status{{State: github.Queued}}
			}
			all[i].Said = said
			return err
		})
	}
	return group.Wait()
}

// of are the records whose payloads are of an environment too.
func of(ctx context.Context, c *github.Client, env string) ([]Record, error) {
	found, err := find(ctx, c, env, kept)
	var all []Record
	for _, r := range found {
		if r.Environment == env {
			all = append(all, r)
		}
	}
	return all, err
}

// Records are the newest releases of an environment, the newest first. Of those
// beyond the first dozen nobody asks what was said.
func Records(ctx context.Context, c *github.Client, env string) ([]Record, error) {
	all, err := of(ctx, c, env)
	if err != nil {
		return nil, err
	}
	return all, ask(ctx, c, all[:min(len(all), asked)])
}

// Manifests are the newest releases of an environment as GitHub has them, the newest
// first, without what was said of them.
func Manifests(ctx context.Context, c *github.Client, env string) ([]release.Manifest, error) {
	found, err := of(ctx, c, env)
	var all []release.Manifest
	for _, r := range found {
		all = append(all, r.Manifest)
	}
	return all, err
}

// Recent are the records among an environment's last few deployments. One that is still
// in progress is among them, unless as many have been made since.
func Recent(ctx context.Context, c *github.Client, env string) ([]Record, error) {
	all, err := find(ctx, c, env, newest)
	if err != nil {
		return nil, err
	}
	return all, ask(ctx, c, all)
}

// Newest are an environment's newest release, and before it the rollbacks that were
// begun since. There may be none.
func Newest(ctx context.Context, c *github.Client, env string) ([]Record, error) {
	all, err := find(ctx, c, env, looked)
	if err != nil {
		return nil, err
	}
	if i := Latest(all); i >= 0 {
		all = all[:i+1]
	}
	return all, ask(ctx, c, all)
}

// OfRun are the releases and rollbacks that a workflow's run made, up to an attempt,
// the newest first.
func OfRun(ctx context.Context, c *github.Client, env string, run int64, attempt int) ([]Record, error) {
	all, err := find(ctx, c, env, looked)
	if err != nil {
		return nil, err
	}
	var found []Record
	for _, r := range all {
		if r.Run.ID == run && r.Run.Attempt <= attempt {
			found = append(found, r)
		}
	}
	return found, ask(ctx, c, found)
}

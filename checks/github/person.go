package github

import (
	"context"
	"net/http"
	"net/url"
)

// Permission is what somebody may do in the repository: admin, write, read or none.
// Roles between those count as the lower one: maintain as write, triage as read. A
// login that GitHub does not know gives a [Refusal] with status 404.
func (c *Client) Permission(ctx context.Context, login string) (string, error) {
	var is struct {
		Permission string `json:"permission"`
	}
	_, err := c.call(ctx, c.safe, "read permission", http.MethodGet, c.repo("collaborators/%s/permission", url.PathEscape(login)), nil, &is)
	return is.Permission, err
}

// PullsOf are the numbers of the pull requests that a commit belongs to, those that
// are open or were merged. It wants the permission "pull requests: read".
func (c *Client) PullsOf(ctx context.Context, sha string) ([]int, error) {
	var all []int
	for page := 1; page > 0; {
		var list []struct {
			Number int     `json:"number"`
			State  string  `json:"state"`
			Merged *string `json:"merged_at"`
		}
		res, err := c.call(ctx, c.safe, "list pull requests of the commit", http.MethodGet, c.repo("commits/%s/pulls?per_page=100&page=%d", sha, page), nil, &list)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if p.State == "open" || p.Merged != nil {
				all = append(all, p.Number)
			}
		}
		page = res.NextPage
	}
	return all, nil
}

package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

// commentLimit is how many characters a comment may have.
const commentLimit = 65536

// KeepComment keeps one comment on a pull request: the one that holds the mark is
// changed in place, and if there is none it is made. The mark is an HTML comment
// such as "<!-- plan -->", which a reader does not see.
func (c *Client) KeepComment(ctx context.Context, pull int, mark, markdown string) error {
	return c.keepComment(ctx, fmt.Sprintf("issues/%d/comments", pull), "issues/comments/%d", mark, markdown)
}

// KeepCommitComment is KeepComment for a commit. It wants the permission "contents:
// write".
func (c *Client) KeepCommitComment(ctx context.Context, sha, mark, markdown string) error {
	return c.keepComment(ctx, "commits/"+sha+"/comments", "comments/%d", mark, markdown)
}

// keepComment keeps one comment among those of a place.
func (c *Client) keepComment(ctx context.Context, place, one, mark, markdown string) error {
	body := map[string]string{"body": fitCharacters(mark+"\n"+markdown, commentLimit)}
	for page := 1; page > 0; {
		var list []*gh.IssueComment
		res, err := c.call(ctx, c.safe, "list comments", http.MethodGet, c.repo("%s?per_page=100&page=%d", place, page), nil, &list)
		if err != nil {
			return err
		}
		for _, found := range list {
			if strings.HasPrefix(found.GetBody(), mark) {
				_, err := c.call(ctx, c.safe, "update comment", http.MethodPatch, c.repo(one, found.GetID()), body, nil)
				return err
			}
		}
		page = res.NextPage
	}
	_, err := c.call(ctx, c.once, "create comment", http.MethodPost, c.repo("%s", place), body, nil)
	return err
}

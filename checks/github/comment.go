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
	body := map[string]string{"body": fitCharacters(mark+"\n"+markdown, commentLimit)}
	for page := 1; page > 0; {
		var list []*gh.IssueComment
		path := c.repo("issues/%d/comments?per_page=100&page=%d", pull, page)
		res, err := c.call(ctx, c.safe, "list comments", http.MethodGet, path, nil, &list)
		if err != nil {
			return err
		}
		for _, one := range list {
			if strings.HasPrefix(one.GetBody(), mark) {
				_, err := c.call(ctx, c.safe, "update comment", http.MethodPatch, c.repo("issues/comments/%d", one.GetID()), body, nil)
				return err
			}
		}
		page = res.NextPage
	}
	_, err := c.call(ctx, c.once, "create comment", http.MethodPost, c.repo("issues/%s/comments", fmt.Sprint(pull)), body, nil)
	return err
}

package github

import (
	"time"

	gh "github.com/google/go-github/v60/github"
)

// Rate is how many calls of an hour are left, as the last answer said.
type Rate struct {
	Limit, Remaining int
	Reset            time.Time
}

// Rate tells how many calls are left; false if no answer has said so yet. A server
// may have no limit.
func (c *Client) Rate() (Rate, bool) {
	r := c.rate.Load()
	if r == nil {
		return Rate{}, false
	}
	return *r, true
}

func (c *Client) count(res *gh.Response) {
	if res != nil && res.Rate.Limit > 0 {
		c.rate.Store(&Rate{Limit: res.Rate.Limit, Remaining: res.Rate.Remaining, Reset: res.Rate.Reset.Time})
	}
}

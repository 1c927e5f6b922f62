package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// Hook is a receiver of deliveries, of which GitHub remembers what it sent for some
// days: three on github.com, seven on an Enterprise server.
type Hook struct {
	ID     int64 // zero for an App's own
	URL    string
	Events []string
	Active bool
}

// Hooks lists the repository's own hooks. It wants the permission "repository hooks:
// read", or that of an administrator.
func (c *Client) Hooks(ctx context.Context) ([]Hook, error) {
	var all []Hook
	for page := 1; page > 0; {
		var list []struct {
			ID     int64    `json:"id"`
			Active bool     `json:"active"`
			Events []string `json:"events"`
			Config struct {
				URL string `json:"url"`
			} `json:"config"`
		}
		res, err := c.call(ctx, c.safe, "list hooks", http.MethodGet, c.repo("hooks?per_page=100&page=%d", page), nil, &list)
		if err != nil {
			return nil, err
		}
		for _, h := range list {
			all = append(all, Hook{ID: h.ID, URL: h.Config.URL, Events: h.Events, Active: h.Active})
		}
		page = res.NextPage
	}
	return all, nil
}

// Delivery is one try of GitHub to deliver an event to a hook.
type Delivery struct {
	ID            int64
	GUID          string // of the event, the same for every try
	Event, Action string
	At            time.Time
	// OK: the hook answered with 2xx.
	OK bool
	// Status is what GitHub says of it, such as "OK" or "timed out".
	Status string
	Code   int
}

// deliveries is where the tries of a hook are listed: an App's own for the zero Hook,
// which wants a client that signs as the App itself.
func (c *Client) deliveries(h Hook) string {
	if h.ID == 0 {
		return "app/hook/deliveries"
	}
	return c.repo("hooks/%d/deliveries", h.ID)
}

// Deliveries is one page of a hook's tries, the newest first, and where the next page
// begins, empty after the last.
func (c *Client) Deliveries(ctx context.Context, h Hook, cursor string) ([]Delivery, string, error) {
	q := url.Values{"per_page": {"100"}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	var list []*gh.HookDelivery
	res, err := c.call(ctx, c.safe, "list deliveries", http.MethodGet, c.deliveries(h)+"?"+q.Encode(), nil, &list)
	if err != nil {
		return nil, "", err
	}
	var all []Delivery
	for _, d := range list {
		all = append(all, Delivery{
			ID: d.GetID(), GUID: d.GetGUID(), Event: d.GetEvent(), Action: d.GetAction(), At: d.GetDeliveredAt().Time,
			OK: d.GetStatusCode() >= 200 && d.GetStatusCode() < 300, Status: d.GetStatus(), Code: d.GetStatusCode(),
		})
	}
	return all, res.Cursor, nil
}

// Redeliver has GitHub send a delivery again, under the same GUID. It wants the
// permission "repository hooks: write", or that of an administrator.
func (c *Client) Redeliver(ctx context.Context, h Hook, delivery int64) error {
	_, err := c.call(ctx, c.once, "redeliver", http.MethodPost, c.deliveries(h)+fmt.Sprintf("/%d/attempts", delivery), nil, nil)
	if accepted := (*gh.AcceptedError)(nil); errors.As(err, &accepted) {
		return nil // go-github takes 202 for an error
	}
	return err
}

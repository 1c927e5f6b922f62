package patrol

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// Mailbox is where this server's deliveries arrive, as GitHub knows it. The zero value
// is none: then nobody asks for what did not arrive.
type Mailbox struct {
	// URL is this server's public address. The repository's hooks below it are ours.
	URL string
	// App makes the client that signs as the App itself, whose one hook leads here; nil
	// without an App.
	App func() (*github.Client, error)
	// Wants tells which deliveries matter.
	Wants func(event, action string) bool
	// Interval is how long a delivery that was sent again has before the next time.
	Interval time.Duration
}

// The most pages of deliveries that a round reads, of a hundred each, and the most that
// it has sent again.
const (
	mostPages = 30
	mostAgain = 100
)

// overlap is how much later a delivery may be listed than it was made.
const overlap = 10 * time.Minute

// longestPause bounds the time between two tries to have the same delivery sent again.
const longestPause = time.Hour

// hooks has those deliveries of the repository's hooks sent again that did not arrive.
func (p *Patrol) hooks(ctx context.Context, c *github.Client) error {
	if p.Mailbox.URL == "" {
		if p.Mailbox.App == nil {
			p.once("no address", "nobody asks for deliveries that did not arrive: the server does not know its public address")
		}
		return nil
	}
	all, err := c.Hooks(ctx)
	if r, denied := github.Denied(err); denied {
		p.once("hooks "+c.Repository(), "nobody asks for deliveries that did not arrive: the token may not read the repository's hooks", "repository", c.Repository(), "permission", r.Permission)
		return nil
	}
	if err != nil {
		return err
	}
	found := false
	for _, h := range all {
		if h.Active && p.leadsHere(h.URL) {
			found = true
			if err := p.redeliver(ctx, c, h, c.Repository()); err != nil {
				return err
			}
		}
	}
	if !found {
		p.once("none "+c.Repository(), "no hook of the repository leads to this server", "repository", c.Repository(), "address", p.Mailbox.URL)
	}
	return nil
}

// app has those deliveries of the App's hook sent again that did not arrive.
func (p *Patrol) app(ctx context.Context) error {
	c, err := p.Mailbox.App()
	if err != nil {
		return err
	}
	err = p.redeliver(ctx, c, github.Hook{}, "the App")
	if r, denied := github.Denied(err); denied {
		p.once("app", "nobody asks for deliveries that did not arrive: the App has no hook", "error", r.Error())
		return nil
	}
	return err
}

// leadsHere tells whether a hook's address is below this server's.
func (p *Patrol) leadsHere(address string) bool {
	ours, err := url.Parse(strings.TrimRight(p.Mailbox.URL, "/") + "/")
	theirs, wrong := url.Parse(address)
	return err == nil && wrong == nil && strings.EqualFold(ours.Host, theirs.Host) && strings.HasPrefix(theirs.Path+"/", ours.Path)
}

// letter is one event, with all tries to deliver it.
type letter struct {
	github.Delivery // the newest try
	first           time.Time
	tries           int
	arrived         bool
}

// redeliver has what did not arrive at a hook sent again: what GitHub never got through,
// unless it was recorded here all the same, and its work did not end as a dead letter.
func (p *Patrol) redeliver(ctx context.Context, c *github.Client, h github.Hook, of string) error {
	name, began := fmt.Sprint(of, " ", h.ID), time.Now()
	letters, err := p.letters(ctx, c, h, name)
	if err != nil {
		return err
	}
	healthy, again := began.Add(-overlap), 0
	for _, l := range letters {
		missing, err := p.missing(ctx, l)
		if err != nil {
			return err
		}
		if !missing {
			continue
		}
		if l.first.Before(healthy) {
			healthy = l.first
		}
		if time.Since(l.At) < p.pause(l.tries) || again == mostAgain {
			continue
		}
		again++
		if err := c.Redeliver(ctx, h, l.ID); err != nil {
			r, refused := errors.AsType[*github.Refusal](err)
			switch {
			case !refused || r.Limit || r.Status >= 500:
				return err
			case r.Status == http.StatusForbidden || r.Status == http.StatusUnauthorized:
				p.once("again "+name, "deliveries that did not arrive are not sent again: the token may not ask for it", "hook", name, "permission", r.Permission)
				return nil
			}
			p.once("again "+l.GUID, "a delivery that did not arrive cannot be sent again", "hook", name, "guid", l.GUID, "error", r.Error())
			continue
		}
		p.Log.Info("a delivery that did not arrive is sent again", "hook", name, "guid", l.GUID, "event", l.Event, "action", l.Action, "status", l.Status, "tries", l.tries)
	}
	p.healthy[name] = healthy
	return nil
}

// pause is how long after a try the next one may follow: at once after GitHub's own,
// later the more there were.
func (p *Patrol) pause(tries int) time.Duration {
	if tries < 2 {
		return 0
	}
	return min(p.Mailbox.Interval<<min(tries-2, 16), longestPause)
}

// missing tells whether a delivery has to be sent again.
func (p *Patrol) missing(ctx context.Context, l letter) (bool, error) {
	if l.arrived {
		return false, nil
	}
	state, known, err := p.Queue.Ledger.Received(ctx, l.GUID)
	return !known || state == ledger.Dead, err
}

// letters are the deliveries to a hook since it was healthy, the oldest first.
func (p *Patrol) letters(ctx context.Context, c *github.Client, h github.Hook, name string) ([]letter, error) {
	from := time.Now().Add(-p.Window)
	if p.healthy[name].After(from) {
		from = p.healthy[name]
	}
	all, at := []letter{}, map[string]int{} // the newest first
	cursor := ""
	for range mostPages {
		page, next, err := c.Deliveries(ctx, h, cursor)
		if err != nil {
			return nil, err
		}
		for _, d := range page {
			if d.At.Before(from) {
				return oldestFirst(all), nil
			}
			if !p.Mailbox.Wants(d.Event, d.Action) {
				continue
			}
			i, seen := at[d.GUID]
			if !seen {
				i = len(all)
				at[d.GUID] = i
				all = append(all, letter{Delivery: d})
			}
			all[i].first, all[i].tries, all[i].arrived = d.At, all[i].tries+1, all[i].arrived || d.OK
		}
		if cursor = next; cursor == "" {
			return oldestFirst(all), nil
		}
	}
	p.Log.Warn("there are more deliveries than are looked through", "hook", name, "pages", mostPages)
	return oldestFirst(all), nil
}

func oldestFirst(all []letter) []letter {
	slices.Reverse(all)
	return all
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/card"
	"github.com/tminus/deploy-action/checks/console"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

// How many of each are on the first page, and on a page of older ones.
const (
	shown = 20
	older = 50
	many  = 60 // works, of which not all are shown
)

// look gives the first page.
func (p *page) look(ctx context.Context) (console.View, error) {
	var v console.View
	works, err := p.newest(ctx)
	if err != nil {
		return v, err
	}
	news := map[string]time.Time{}
	tell := func(lane string, at time.Time) {
		if at.After(news[lane]) {
			news[lane] = at
		}
	}
	for _, w := range works {
		one, err := p.shown(ctx, w)
		if err != nil {
			return v, err
		}
		tell(w.Lane, w.Ended)
		if w.State == ledger.Dead {
			v.Dead = append(v.Dead, one)
		} else {
			v.Works = append(v.Works, one)
		}
	}
	deliveries, err := p.queue.Ledger.Deliveries(ctx, shown, ledger.Place{})
	if err != nil {
		return v, err
	}
	for _, d := range deliveries {
		tell(alarm.Alarm{Repository: d.Repository, Environment: d.Environment}.Lane(), d.Received)
		v.Deliveries = append(v.Deliveries, p.delivery(d))
	}
	noted, err := p.queue.Ledger.Audit(ctx, shown, 0)
	if err != nil {
		return v, err
	}
	for _, n := range noted {
		v.Audit = append(v.Audit, p.noted(n))
	}
	v.Environments = p.board.look(ctx, news)
	return v, nil
}

// newest are the works that the first page shows, newest first: whatever runs, waits
// or is dead, and the newest of all.
func (p *page) newest(ctx context.Context) ([]ledger.Work, error) {
	var all []ledger.Work
	for _, state := range []ledger.State{"", ledger.Running, ledger.Waiting, ledger.Dead} {
		some, err := p.queue.Ledger.Works(ctx, ledger.Filter{State: state, Limit: many})
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b ledger.Work) int { return cmp.Compare(b.ID, a.ID) })
	all = slices.CompactFunc(all, func(a, b ledger.Work) bool { return a.ID == b.ID })
	n := 0
	return slices.DeleteFunc(all, func(w ledger.Work) bool {
		if w.State == ledger.Done {
			n++
		}
		return w.State == ledger.Done && (n > many || minor(w))
	}), nil
}

// minor works follow from others. They are shown while they are to be done, and when
// they could not be.
func minor(w ledger.Work) bool {
	var j job
	return json.Unmarshal(w.Args, &j) == nil && slices.Contains([]string{"card", "comment", "tell"}, j.Do)
}

// work is one work for its own page.
func (p *page) work(ctx context.Context, id int64) (console.Work, bool, error) {
	found, err := p.queue.Ledger.Works(ctx, ledger.Filter{ID: id})
	if err != nil || len(found) == 0 {
		return console.Work{}, false, err
	}
	w, err := p.shown(ctx, found[0])
	return w, err == nil, err
}

// shown is a work with its steps.
func (p *page) shown(ctx context.Context, w ledger.Work) (console.Work, error) {
	one := console.Work{
		ID: w.ID, Title: p.text(title(w)), Reason: p.text(w.Reason), Repository: w.Repository, Environment: w.Environment, Delivery: w.Delivery,
		State: console.State(w.State), Runs: w.Runs, Tries: w.Tries, Cuts: w.Cuts, Error: p.text(w.Error), Created: w.Created, Due: w.Due, Begun: w.Begun, Ended: w.Ended,
	}
	steps, err := p.queue.Ledger.Steps(ctx, w.ID)
	for _, s := range steps {
		one.Steps = append(one.Steps, console.Step{Run: s.Run, At: s.At, Text: p.text(s.Text)})
	}
	return one, err
}

// longestText bounds what is shown of a text, in bytes: some come from deliveries.
const longestText = 2000

// text is a text as it may be shown.
func (p *page) text(s string) string {
	if s = p.redact(s); len(s) > longestText {
		s = strings.ToValidUTF8(s[:longestText], "") + "…"
	}
	return s
}

// title says what a work is about, from its record.
func title(w ledger.Work) string {
	var j job
	_ = json.Unmarshal(w.Args, &j)
	switch j.Do {
	case "take-back":
		var al alarm.Alarm
		if json.Unmarshal(j.With, &al) == nil && al.Payload.Release != "" {
			return fmt.Sprintf("Take release %s back from %s", al.Payload.Release, al.Environment)
		}
	case "request":
		var r request
		if json.Unmarshal(j.With, &r) == nil && r.Do != "" {
			words := map[string]string{card.RollBack: "Roll back", card.Hold: "Hold", card.Verify: "Verify", lifting: "Lift the hold of"}[r.Do]
			return fmt.Sprintf("%s %s, as %s asks", words, r.Environment, r.By)
		}
	case "died":
		var d alarm.Death
		if json.Unmarshal(j.With, &d) == nil {
			return fmt.Sprintf("See what run %d left in progress", d.Run)
		}
	case "comment":
		var r remark
		if json.Unmarshal(j.With, &r) == nil {
			return fmt.Sprintf("Comment on release %s", r.Release)
		}
	case "tell":
		var m message
		if json.Unmarshal(j.With, &m) == nil {
			return fmt.Sprintf("Tell %s that %s", m.To, m.News.Title)
		}
	case "card":
		return fmt.Sprintf("Draw the card of %s", w.Environment)
	}
	return strings.TrimSpace(strings.ReplaceAll(j.Do, "-", " ") + " " + w.Key)
}

func (p *page) delivery(d ledger.Entry) console.Delivery {
	return console.Delivery{
		GUID: d.GUID, Event: d.Event, Action: d.Action, Repository: d.Repository, Environment: p.text(d.Environment), Received: d.Received,
		Times: d.Attempts, Decision: string(d.Decision), Reason: p.text(d.Reason), Work: d.Work,
	}
}

func (p *page) noted(n ledger.Noted) console.Noted {
	return console.Noted{At: n.At, Who: n.Who, What: n.What, About: p.text(n.About)}
}

// deliveries are a page of older ones. A place is written as time and GUID.
func (p *page) deliveries(ctx context.Context, before string) ([]console.Delivery, string, error) {
	var from ledger.Place
	if ms, guid, ok := strings.Cut(before, " "); ok {
		if at, err := strconv.ParseInt(ms, 10, 64); err == nil && at > 0 {
			from = ledger.Place{Received: time.UnixMilli(at), GUID: guid}
		}
	}
	found, err := p.queue.Ledger.Deliveries(ctx, older, from)
	var all []console.Delivery
	next := ""
	for _, d := range found {
		all = append(all, p.delivery(d))
		next = fmt.Sprintf("%d %s", d.Received.UnixMilli(), d.GUID)
	}
	if len(found) < older {
		next = ""
	}
	return all, next, err
}

// audit is a page of older lines.
func (p *page) audit(ctx context.Context, before string) ([]console.Noted, string, error) {
	from, _ := strconv.ParseInt(before, 10, 64)
	found, err := p.queue.Ledger.Audit(ctx, older, max(from, 0))
	var all []console.Noted
	next := ""
	for _, n := range found {
		all = append(all, p.noted(n))
		next = strconv.FormatInt(n.ID, 10)
	}
	if len(found) < older {
		next = ""
	}
	return all, next, err
}

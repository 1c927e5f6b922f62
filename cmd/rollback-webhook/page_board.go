package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/console"
	"github.com/tminus/deploy-action/checks/deployment"
)

// How old what is known of an environment may be while somebody looks. GitHub tells
// by deliveries when its records change, so they are asked for seldom: one look at
// them is a dozen calls.
const (
	oldest  = 30 * time.Second // what serves
	records = 2 * time.Minute  // what GitHub has recorded
	asking  = 20 * time.Second // bounds one look
	waiting = time.Second      // how long a reader waits for the first
)

// board is what is known of the environments, as far as somebody looked.
type board struct {
	*server
	ctx context.Context // ends with the server

	mu     sync.Mutex
	places []*place
	busy   chan struct{} // closed when the look under way has ended; nil without one
}

// place is one environment.
type place struct {
	repository, environment string

	asked, recorded time.Time // when a look began, and one at GitHub's records
	records         []deployment.Record
	known           console.Environment
	trouble         string // why the last look failed
}

func (p *place) lane() string {
	return alarm.Alarm{Repository: p.repository, Environment: p.environment}.Lane()
}

func newBoard(ctx context.Context, s *server) *board {
	b := &board{server: s, ctx: ctx}
	for _, r := range s.config.Repository {
		for _, e := range s.config.Environment {
			b.places = append(b.places, &place{repository: r, environment: e, known: console.Environment{Repository: r, Name: e}})
		}
	}
	return b
}

// look gives what is known, and has it found out again where it is old or where there
// is news: by lane, when the last came. A reader never waits long for that.
func (b *board) look(ctx context.Context, news map[string]time.Time) []console.Environment {
	b.mu.Lock()
	due := slices.DeleteFunc(slices.Clone(b.places), func(p *place) bool { return !p.due(time.Now(), news[p.lane()]) })
	if len(due) > 0 && b.busy == nil && b.ctx.Err() == nil {
		b.busy = make(chan struct{})
		told := make([]bool, len(due))
		for i, p := range due {
			told[i] = news[p.lane()].After(p.asked)
		}
		go b.refresh(due, told)
	}
	busy := b.busy
	unknown := slices.ContainsFunc(b.places, func(p *place) bool { return p.asked.IsZero() })
	b.mu.Unlock()
	if busy != nil && unknown {
		select {
		case <-busy:
		case <-time.After(waiting):
		case <-ctx.Done():
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]console.Environment, len(b.places))
	for i, p := range b.places {
		all[i] = p.known
		if p.trouble != "" {
			all[i].Notes = append(slices.Clone(all[i].Notes), p.trouble)
		}
	}
	return all
}

// due tells whether it is time to look again.
func (p *place) due(now, news time.Time) bool {
	age := now.Sub(p.asked)
	return p.asked.IsZero() || age >= oldest || news.After(p.asked) && age >= soonest
}

// refresh looks at places, one after another.
func (b *board) refresh(due []*place, told []bool) {
	for i, p := range due {
		ctx, cancel := context.WithTimeout(b.ctx, asking)
		b.find(ctx, p, told[i])
		cancel()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.busy)
	b.busy = nil
}

// find looks at one place. Nobody else writes to it meanwhile.
func (b *board) find(ctx context.Context, p *place, told bool) {
	began := time.Now()
	b.mu.Lock()
	all, old := p.records, told || began.Sub(p.recorded) >= records
	b.mu.Unlock()
	var err error
	if old {
		all, err = b.recorded(ctx, p)
	}
	var known console.Environment
	if err == nil {
		known = b.environment(ctx, p, all)
		known.Known = began
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p.asked = began
	if err != nil {
		p.trouble = "GitHub does not tell what was released: " + b.redact(err.Error()) + "."
		return
	}
	p.known, p.records, p.trouble = known, all, ""
	if old {
		p.recorded = began
	}
}

func (b *board) recorded(ctx context.Context, p *place) ([]deployment.Record, error) {
	c, err := b.actor.github(p.repository)
	if err != nil {
		return nil, err
	}
	return deployment.Records(ctx, c, p.environment)
}

// environment puts together what GitHub and Cloudflare say.
func (b *board) environment(ctx context.Context, p *place, all []deployment.Record) console.Environment {
	e := console.Environment{Repository: p.repository, Name: p.environment, Live: live(all), Releases: releases(all, b.config.web()+"/"+p.repository, b.redact)}
	on := scripts(all, b.config.rules())
	if len(on) == 0 {
		return e
	}
	serving, err := b.serving(ctx, on)
	if err != nil {
		e.Notes = append(e.Notes, fmt.Sprintf("What serves is what the records say: %s.", b.redact(err.Error())))
	}
	e.Workers = workers(all, on, serving)
	e.Hold = heldBy(all, serving, b.redact)
	return e
}

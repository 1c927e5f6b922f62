package tail

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/tminus/deploy-action/runner/cloudflare"
)

// Listener follows one script.
type Listener struct {
	Client *cloudflare.Client
	Script string
	// Filters are Cloudflare's; see [Filter].
	Filters   []map[string]any
	UserAgent string
	// Hear is given each event as it came, one at a time.
	Hear func(raw []byte)
	// Tell, if set, is told what becomes of the connection, in words.
	Tell func(text string)
	// Opened, if set, is called when the tail is heard for the first time.
	Opened func()
	// Pause is how long to wait after the nth failure in a row; 1, 2, 4, 8, 16 and then
	// 30 s when it is nil.
	Pause func(n int) time.Duration
	// Beat is how often the socket is asked whether it lives; 10 s when it is zero.
	Beat time.Duration
}

const (
	connecting = 15 * time.Second // to make a tail and to connect to it
	ending     = 5 * time.Second  // to delete one
	overlap    = 10 * time.Second // in which two tails may tell the same event
	steady     = time.Minute      // after which a connection counts as a good one
)

// errGoodbye is Cloudflare's end of a tail, after which nobody should come back.
var errGoodbye = errors.New("the tail was ended by Cloudflare")

// Run listens until the context ends or Cloudflare ends the tail, which it tells. Its
// tail is deleted when it returns. The error says why the script could not be
// listened to, or not any more.
func (l Listener) Run(ctx context.Context) error {
	failures := 0
	for opened := false; ctx.Err() == nil; {
		now, err := l.open(ctx)
		if err == nil {
			if !opened && l.Opened != nil {
				l.Opened()
			}
			if opened {
				l.tell("connected again; events in between are missing")
			}
			opened = true
			begin := time.Now()
			if err = l.follow(ctx, now); time.Since(begin) > steady {
				failures = 0
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errGoodbye):
			l.tell("Cloudflare ended the tail")
			return nil
		case !opened || permanent(err):
			return err
		}
		failures++
		wait := l.pause(failures)
		l.tell("the connection fell, and events may be missing; again in " + wait.String() + ": " + err.Error())
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// permanent tells whether asking again is of no use.
func permanent(err error) bool { return cloudflare.IsDenied(err) || cloudflare.IsMissing(err) }

func (l Listener) tell(text string) {
	if l.Tell != nil {
		l.Tell(text)
	}
}

func (l Listener) pause(n int) time.Duration {
	if l.Pause != nil {
		return l.Pause(n)
	}
	return min(time.Second<<min(n-1, 5), 30*time.Second)
}

// heard is a message of a line, or its end.
type heard struct {
	from *line
	raw  []byte
	err  error
}

// follow hears a line until it falls, and changes over to a new one before it expires.
// In the changeover an event may come over both; it is told once.
func (l Listener) follow(ctx context.Context, now *line) error {
	ctx, cancel := context.WithCancel(ctx)
	messages, fresh := make(chan heard), make(chan *line, 1)
	var ends sync.WaitGroup
	defer func() {
		cancel()
		ends.Wait()
		if len(fresh) > 0 {
			(<-fresh).end(ctx) // it came too late
		}
	}()
	go now.read(ctx, l.beat(), messages)
	defer func() { now.end(ctx) }()
	renew, calm := time.After(now.lives()), (<-chan time.Time)(nil)
	var told map[[sha256.Size]byte]bool // only while two lines are open
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-renew:
			told = map[[sha256.Size]byte]bool{}
			ends.Go(func() { fresh <- l.another(ctx) })
		case next := <-fresh:
			if next == nil {
				return errors.New("the tail expired")
			}
			old := now
			ends.Go(func() { old.end(ctx) })
			now = next
			go now.read(ctx, l.beat(), messages)
			renew, calm = time.After(now.lives()), time.After(overlap)
		case <-calm:
			told = nil
		case m := <-messages:
			if m.err != nil && m.from == now {
				return m.err
			}
			if sum := sha256.Sum256(m.raw); m.err == nil && !told[sum] {
				l.Hear(m.raw)
				if told != nil {
					told[sum] = true
				}
			}
		}
	}
}

// another opens a line in place of one that expires; nil if that cannot be done in
// time.
func (l Listener) another(ctx context.Context) *line {
	for n := 1; n <= 3 && ctx.Err() == nil; n++ {
		if next, err := l.open(ctx); err == nil {
			return next
		}
		select {
		case <-ctx.Done():
		case <-time.After(l.pause(n)):
		}
	}
	return nil
}

func (l Listener) beat() time.Duration {
	if l.Beat > 0 {
		return l.Beat
	}
	return 10 * time.Second
}

// open makes a tail and connects to it. What was made is deleted if that fails.
func (l Listener) open(ctx context.Context) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, connecting)
	defer cancel()
	made, err := l.Client.NewTail(ctx, l.Script, l.Filters)
	if err != nil {
		return nil, err
	}
	now := &line{client: l.Client, script: l.Script, tail: made}
	if now.conn, err = dial(ctx, made.URL, l.UserAgent); err != nil {
		now.end(ctx)
		return nil, fmt.Errorf("connect to the tail of %s: %w", l.Script, err)
	}
	return now, nil
}

// Filter makes Cloudflare's filters of what a person asks for. Empty values ask for
// nothing. Source: cloudflare/workers-sdk, tail/filters.ts.
type Filter struct {
	Status   []string // ok, error or canceled
	Sampling float64  // the share of events, between 0 and 1
	Method   []string
	Search   string // in the console's texts
	Version  string
	// Header and Value: only requests with this header.
	Header, Value string
}

// outcomes are the outcomes that a status stands for.
var outcomes = map[string][]string{
	"ok": {"ok"}, "canceled": {"canceled"}, "error": {"exception", "exceededCpu", "exceededMemory", "unknown"},
}

// Wire are the filters as the API takes them.
func (f Filter) Wire() []map[string]any {
	var all []map[string]any
	if f.Sampling > 0 && f.Sampling < 1 {
		all = append(all, map[string]any{"sampling_rate": f.Sampling})
	}
	var ends []string
	for _, status := range f.Status {
		ends = append(ends, outcomes[status]...)
	}
	if len(ends) > 0 {
		all = append(all, map[string]any{"outcome": ends})
	}
	if len(f.Method) > 0 {
		all = append(all, map[string]any{"method": f.Method})
	}
	if f.Header != "" {
		all = append(all, map[string]any{"header": map[string]string{"key": f.Header, "query": f.Value}})
	}
	if f.Search != "" {
		all = append(all, map[string]any{"query": f.Search})
	}
	if f.Version != "" {
		all = append(all, map[string]any{"scriptVersion": f.Version})
	}
	return all
}

// line is an open tail.
type line struct {
	client *cloudflare.Client
	script string
	tail   cloudflare.Tail
	conn   *websocket.Conn // nil if it was never connected
}

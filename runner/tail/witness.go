package tail

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/origin"
)

// Thrown is something that a Worker threw, or caught and logged with its stack.
type Thrown struct {
	Event   Event
	Text    string // name and message
	Frames  []origin.Frame
	Handled bool // it was caught
}

// Thrown are the exceptions of an event, and what its code caught and logged as an
// error with a stack.
func (e Event) Thrown() []Thrown {
	var all []Thrown
	for _, x := range e.Exceptions {
		all = append(all, Thrown{Event: e, Text: x.String(), Frames: origin.Frames(x.Stack)})
	}
	for _, l := range e.Logs {
		if l.Level != "error" {
			continue
		}
		if text, frames := origin.Thrown(l.Text); len(frames) > 0 {
			all = append(all, Thrown{Event: e, Text: text, Frames: frames, Handled: true})
		}
	}
	if len(all) == 0 && e.Failed() {
		all = append(all, Thrown{Event: e, Text: "ended with " + e.Outcome})
	}
	return all
}

// Witness hears what some Workers throw while a gate asks them. It never fails: what
// cannot be heard is told when somebody wants to know. It waits for little, as a
// gate waits for it.
type Witness struct {
	Client    *cloudflare.Client
	Filters   []map[string]any
	UserAgent string
	Redact    func(string) string
	// Explain makes a finding of what was thrown.
	Explain func(ctx context.Context, t Thrown) finding.Finding

	mu     sync.Mutex
	ears   map[string]*ear
	closed bool
	all    sync.WaitGroup
}

// ear is the witness at one script.
type ear struct {
	begun  time.Time
	cancel context.CancelFunc
	opened chan struct{} // closed when it hears, or never will
	once   sync.Once

	mu     sync.Mutex
	thrown []Thrown
	err    error
	more   chan struct{} // closed and made anew with each that is thrown
}

// kept is how many exceptions of a script are remembered, shown how many are told of.
const kept, shown = 20, 3

// listening is how long a question waits until somebody listens, late how long after it
// an event may come.
const listening, late = time.Second, 2 * time.Second

// Listen begins to listen to a script, if nobody does. With wait it comes back when
// the script is heard, after a second at most; else at once.
func (w *Witness) Listen(ctx context.Context, script string, wait bool) {
	if w == nil {
		return
	}
	e := w.ear(ctx, script)
	if !wait || e == nil {
		return
	}
	select {
	case <-e.opened:
	case <-time.After(listening - time.Since(e.begun)):
	case <-ctx.Done():
	}
}

// ear gives the witness at a script; nil after the end.
func (w *Witness) ear(ctx context.Context, script string) *ear {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.ears[script]; e != nil || w.closed {
		return e
	}
	e := &ear{begun: time.Now(), opened: make(chan struct{}), more: make(chan struct{})}
	if w.ears == nil {
		w.ears = map[string]*ear{}
	}
	w.ears[script] = e
	ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l := Listener{
		Client: w.Client, Script: script, Filters: w.Filters, UserAgent: w.UserAgent,
		Opened: func() { e.once.Do(func() { close(e.opened) }) },
		Hear: func(raw []byte) {
			if event, err := Parse(raw, w.Redact); err == nil {
				e.take(event.Thrown())
			}
		},
	}
	w.all.Go(func() {
		err := l.Run(ctx)
		e.mu.Lock()
		e.err = err
		e.mu.Unlock()
		e.once.Do(func() { close(e.opened) })
	})
	return e
}

func (e *ear) take(all []Thrown) {
	if len(all) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.thrown = append(e.thrown, all...)
	e.thrown = e.thrown[max(len(e.thrown)-kept, 0):]
	close(e.more)
	e.more = make(chan struct{})
}

// Thrown are findings about what a script threw when it was asked for a path, the last
// ones; they close no gate. An event may come some time after the answer, for which it
// waits two seconds at most.
func (w *Witness) Thrown(ctx context.Context, script, path string) []finding.Finding {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	e := w.ears[script]
	w.mu.Unlock()
	if e == nil {
		return nil
	}
	over := time.After(late)
	for {
		e.mu.Lock()
		all, err, more := e.about(path), e.err, e.more
		e.mu.Unlock()
		if len(all) > 0 {
			return w.explain(ctx, all)
		}
		if err != nil {
			return []finding.Finding{unheard(script, err)}
		}
		select {
		case <-more:
		case <-over:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// about is what was thrown on requests for a path.
func (e *ear) about(path string) []Thrown {
	return slices.DeleteFunc(slices.Clone(e.thrown), func(t Thrown) bool { return t.Event.Trigger.Path() != path })
}

// explain makes findings of the newest exceptions, each once.
func (w *Witness) explain(ctx context.Context, all []Thrown) []finding.Finding {
	var found []finding.Finding
	told := map[string]bool{}
	for _, t := range slices.Backward(all) {
		key := t.Text
		if len(t.Frames) > 0 {
			key += t.Frames[0].String()
		}
		if !told[key] && len(found) < shown {
			told[key] = true
			found = append(found, w.Explain(ctx, t))
		}
	}
	return found
}

// unheard says why nobody listened.
func unheard(script string, err error) finding.Finding {
	if cloudflare.IsDenied(err) {
		return finding.Notef("no-tail", finding.Position{}, "what %s threw was not heard: the API token is refused: %s", script, err).
			Hintf("give the token the permission Workers Tail:Read, and exceptions are shown at their line")
	}
	return finding.Notef("no-tail", finding.Position{}, "what %s threw was not heard: %s", script, err)
}

// Hush stops listening, and returns at once.
func (w *Witness) Hush() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for _, e := range w.ears {
		e.cancel()
	}
}

// Close stops listening, and returns when the tails are deleted or five seconds have
// passed.
func (w *Witness) Close() {
	if w == nil {
		return
	}
	w.Hush()
	w.all.Wait()
}

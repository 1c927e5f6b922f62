package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tminus/deploy-action/checks/report"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/origin"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/tail"
)

// share is a part of a whole, between 0 and 1.
type share float64

type logsFlags struct {
	commonFlags
	accountFlags
	Env      string        `default:"production" placeholder:"NAME" help:"staging, production or all."`
	Worker   []string      `placeholder:"NAME" help:"Follow this Worker only; repeatable."`
	Status   []string      `enum:"ok,error,canceled" placeholder:"STATUS" help:"Only what ended so: ok, error or canceled; repeatable."`
	Sampling share         `placeholder:"SHARE" help:"Only this share of what happens, such as 0.1."`
	Search   string        `placeholder:"TEXT" help:"Only what wrote this text to its console."`
	Method   []string      `placeholder:"METHOD" help:"Only requests with this method; repeatable."`
	For      time.Duration `placeholder:"TIME" help:"End by itself after this time, such as 5m."`
}

// following is one run of the command logs.
type following struct {
	*program
	sources *sources
	all     []project.Target
	width   int
	events  chan invocation
	dropped atomic.Int64
	told    map[string]bool // why a version's stacks are not led back
}

// invocation is an event and where it came from.
type invocation struct {
	target project.Target
	script project.Script
	raw    []byte
	notice string // what became of the connection, in place of an event
}

// waiting is how many events may wait to be shown, while a source map is made.
const waiting = 2000

// logsCommand is the command logs: what Workers do while they do it.
func (p *program) logsCommand(ctx context.Context, f logsFlags) (pipeline.Verdict, error) {
	if f.Sampling < 0 || f.Sampling > 1 {
		return pipeline.Pending, finding.Errorf("bad-flag", finding.Position{}, "--sampling: %g is no share", f.Sampling).Hintf("give a number between 0 and 1, such as 0.1")
	}
	if p.face != nil && f.For <= 0 {
		return pipeline.Pending, finding.Errorf("bad-flag", finding.Position{}, "in a workflow, logs would only end when the job is cut off").Hintf("say for how long with for: 5m")
	}
	loaded, dir, all, err := p.open(f.Env)
	if err != nil {
		return pipeline.Pending, err
	}
	client, _, err := p.client(f.accountFlags, all)
	if err != nil {
		return pipeline.Pending, err
	}
	for i, t := range all {
		if all[i], err = t.Only(f.Worker...); err != nil {
			return pipeline.Pending, err
		}
	}
	if _, err := check.Access(ctx, client); err != nil {
		return pipeline.Pending, err
	}
	l := &following{
		program: p, all: all, events: make(chan invocation, waiting), told: map[string]bool{},
		sources: p.sources(client, loaded, dir),
	}
	ended, stop := context.WithCancel(ctx)
	if f.For > 0 {
		ended, stop = context.WithTimeout(ctx, f.For)
	}
	defer stop()
	if err := l.follow(ended, client, f); err != nil {
		return pipeline.Pending, err
	}
	if ctx.Err() != nil {
		return pipeline.Cancelled, nil
	}
	return pipeline.Passed, nil
}

// follow listens to all scripts until the context ends or there is nothing left to
// hear. The error says why none could be heard.
func (l *following) follow(ctx context.Context, client *cloudflare.Client, f logsFlags) error {
	filters := tail.Filter{Status: f.Status, Sampling: float64(f.Sampling), Method: f.Method, Search: f.Search}.Wire()
	var listeners sync.WaitGroup
	var mu sync.Mutex
	var refused []finding.Finding
	heard := false
	for _, t := range l.all {
		for _, s := range t.Scripts {
			l.width = max(l.width, len(l.name(s)))
			listeners.Go(func() {
				err := tail.Listener{
					Client: client, Script: s.Name, Filters: filters, UserAgent: userAgent,
					Hear:   func(raw []byte) { l.take(invocation{target: t, script: s, raw: raw}) },
					Tell:   func(text string) { l.take(invocation{script: s, notice: text}) },
					Opened: func() { mu.Lock(); heard = true; mu.Unlock(); l.take(invocation{script: s, notice: "listening"}) },
				}.Run(ctx)
				if err != nil {
					mu.Lock()
					refused = append(refused, unheard(s, err))
					mu.Unlock()
				}
			})
		}
	}
	go func() { listeners.Wait(); close(l.events) }()
	for one := range l.events {
		l.show(ctx, one)
	}
	if n := l.dropped.Load(); n > 0 {
		l.say(l.width, "", fmt.Sprintf("%d events came faster than they could be shown and were left out", n))
	}
	finding.Sort(refused)
	refused = slices.CompactFunc(refused, func(a, b finding.Finding) bool { return a.Rule == "missing-permission" && a.Rule == b.Rule })
	if !heard && ctx.Err() == nil {
		return finding.Join(refused)
	}
	for i := range refused {
		refused[i].Severity = finding.Warning
	}
	l.tell(refused)
	return nil
}

// unheard says why a script cannot be listened to.
func unheard(s project.Script, err error) finding.Finding {
	switch {
	case cloudflare.IsDenied(err):
		return live.Denied(err, "Workers Tail:Read")
	case cloudflare.IsMissing(err):
		return finding.Errorf("not-deployed", s.At(), "%s is not on the account", s.Name).Hintf("deploy it first; deploy-action status shows what there is")
	}
	return finding.Errorf("tail", s.At(), "%s cannot be listened to: %s", s.Name, err).
		Hintf("try again; a Worker has ten tails at most, and one that was left open ends by itself")
}

func (l *following) take(one invocation) {
	select {
	case l.events <- one:
	default:
		l.dropped.Add(1)
	}
}

// name is what a Worker is called in a line: short, unless two environments are
// followed.
func (l *following) name(s project.Script) string {
	if len(l.all) > 1 {
		return s.Name
	}
	return s.Worker
}

// show writes one event.
func (l *following) show(ctx context.Context, one invocation) {
	if one.notice != "" {
		l.say(l.width, l.name(one.script), one.notice)
		return
	}
	event, err := tail.Parse(one.raw, l.redact)
	if err != nil {
		l.say(l.width, l.name(one.script), "an event could not be read")
		return
	}
	event.Script = one.script.Name
	led := l.lead(ctx, one.target, event)
	if l.common.Format == "json" {
		_ = report.WriteJSON(l.out, "invocation", shownEvent{Environment: one.target.Env, Worker: one.script.Worker, Event: event, Thrown: led})
		return
	}
	report.WriteHeard(l.out, l.style(), l.heard(one.script, event, led))
}

// led is what was thrown, with its stack led back.
type led struct {
	Text    string           `json:"text"`
	Handled bool             `json:"handled,omitempty"`
	At      finding.Position `json:"at,omitzero"`
	Frames  origin.Trace     `json:"frames,omitempty"`
	Why     string           `json:"why,omitempty"` // it is left in built code
}

// shownEvent is an event in JSON.
type shownEvent struct {
	Environment string `json:"environment"`
	Worker      string `json:"worker"`
	tail.Event
	Thrown []led `json:"thrown,omitempty"`
}

// lead leads the stacks of an event back.
func (l *following) lead(ctx context.Context, t project.Target, e tail.Event) []led {
	var all []led
	for _, one := range e.Thrown() {
		trace, why := l.sources.trace(context.WithoutCancel(ctx), t, one)
		all = append(all, led{Text: one.Text, Handled: one.Handled, At: trace.At(), Frames: trace, Why: l.redact(why)})
	}
	return all
}

// heard is an event as a person sees it.
func (l *following) heard(s project.Script, e tail.Event, thrown []led) report.Heard {
	h := report.Heard{Time: e.Time, Worker: l.name(s), Width: l.width, Outcome: e.Outcome, Failed: e.Failed(), What: what(e.Trigger)}
	for _, log := range e.Logs {
		if _, stack := origin.Thrown(log.Text); log.Level != "error" || len(stack) == 0 {
			h.Lines = append(h.Lines, report.HeardLine{Level: log.Level, Text: log.Text})
		}
	}
	for _, one := range thrown {
		h.Lines = append(h.Lines, report.HeardLine{Level: "error", Text: one.Text})
		for _, p := range one.Frames {
			h.Lines = append(h.Lines, report.HeardLine{Level: "frame", Text: p.String()})
		}
		if key := s.Name + e.Version; one.Why != "" && !l.told[key] {
			l.told[key] = true
			h.Lines = append(h.Lines, report.HeardLine{Level: "info", Text: "these are places in the built code: " + one.Why})
		}
	}
	return h
}

// what a Worker was invoked for, with the path of a request alone: its host says
// nothing that the Worker's name does not.
func what(t tail.Trigger) string {
	if t.Kind != "request" {
		return t.String()
	}
	text := t.Method + " " + t.Target()
	if t.Status > 0 {
		text += fmt.Sprintf(" %d", t.Status)
	}
	return text
}

// say tells what becomes of a connection.
func (l *following) say(width int, name, text string) {
	if l.common.Format == "json" {
		_ = report.WriteJSON(l.out, "notice", map[string]string{"worker": name, "line": l.redact(text)})
		return
	}
	fmt.Fprintf(l.err, "%9s  %-*s  %s\n", "", width, name, l.redact(text))
}

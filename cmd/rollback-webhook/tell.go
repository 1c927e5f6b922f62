package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/hook"
	"github.com/tminus/deploy-action/checks/hook/ledger"
	"github.com/tminus/deploy-action/checks/notice"
)

// message is the record of a work of the trade tell. The destination is named: its
// address is in no record.
type message struct {
	To   string      `json:"to"`
	News notice.News `json:"news"`
}

// What is recorded of news, in bytes: nobody reads more of it in a channel.
const (
	longestTitle = 300
	longestNews  = 8000
)

func brief(text string, limit int) string {
	return strings.ToValidUTF8(text[:min(len(text), limit)], "")
}

// messengers makes who sends news.
func (s *server) messengers() error {
	for _, d := range s.config.destinations {
		m, err := notice.New(d, userAgent)
		if err != nil {
			return err
		}
		s.notify = append(s.notify, m)
	}
	return nil
}

// tell records news for every destination, to be sent by works of their own. News of one
// ID are recorded once; without one they are told apart by what they say of the day.
// That they cannot be recorded is logged, and no reason for the caller to fail.
func (s *server) tell(ctx context.Context, n notice.News) {
	if n.At.IsZero() {
		n.At = time.Now().UTC()
	}
	if n.ID == "" {
		n.ID = notice.ID(strings.Join([]string{string(n.Kind), strings.ToLower(n.Repository), n.Environment, n.Release, n.Outcome, strconv.FormatInt(n.Work, 10), n.At.Format(time.DateOnly)}, " "))
	}
	n.Title, n.Text = brief(s.redact(n.Title), longestTitle), brief(s.redact(n.Text), longestNews)
	for _, m := range s.notify {
		key := slices.DeleteFunc([]string{"tell", m.Name(), strings.ToLower(n.Repository), n.Environment, n.Release, string(n.Kind), n.ID}, func(part string) bool { return part == "" })
		o, err := order("tell", strings.Join(key, " "), "tell "+m.Name(), message{To: m.Name(), News: n})
		if err == nil {
			_, err = s.queue.Add(context.WithoutCancel(ctx), hook.Delivery{GUID: n.Delivery, Repository: n.Repository}, hook.Decision{Environment: n.Environment, Reason: "news: " + n.Title, Order: o})
		}
		if err != nil {
			s.log.Error("news not recorded", "delivery", n.Delivery, "work", n.Work, "destination", m.Name(), "kind", n.Kind, "error", err)
		}
	}
}

// tellWork sends news to one destination.
func (s *server) tellWork(ctx context.Context, _ ledger.Work, with json.RawMessage, say func(string)) error {
	var m message
	if err := json.Unmarshal(with, &m); err != nil {
		return fmt.Errorf("the record of the work cannot be read: %w", err)
	}
	i := slices.IndexFunc(s.notify, func(one *notice.Messenger) bool { return one.Name() == m.To })
	if i < 0 {
		say("nobody is called " + m.To + " any more")
		return nil
	}
	err := s.notify[i].Send(ctx, m.News)
	s.meter.News(m.To, err)
	if err == nil {
		say("told " + m.To)
	}
	return err
}

// work does a work of the queue when the server is open. What it says, and why it failed,
// is kept without secrets.
func (s *server) work(ctx context.Context, w ledger.Work, say func(string)) error {
	select {
	case <-s.opened:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := s.trades().work(ctx, w, func(step string) { say(s.redact(step)) })
	if err == nil {
		return nil
	}
	return cleaned{s.redact(err.Error()), err}
}

// cleaned is an error without secrets.
type cleaned struct {
	text string
	error
}

// Error implements error.
func (c cleaned) Error() string { return c.text }

// Unwrap gives the error as it was.
func (c cleaned) Unwrap() error { return c.error }

// takeBackWork takes back the release of an alarm, and tells how that ended.
func (s *server) takeBackWork(ctx context.Context, w ledger.Work, with json.RawMessage, say func(string)) error {
	var al alarm.Alarm
	if err := json.Unmarshal(with, &al); err != nil {
		return fmt.Errorf("the record of the work cannot be read: %w", err)
	}
	began := time.Now()
	o, err := s.as(w).act(ctx, al, say)
	s.meter.Rollback(al.Repository, al.Environment, ended(ctx, o, err), time.Since(began))
	if err != nil {
		return cut(ctx, err)
	}
	o.Release, o.SHA = al.Payload.Release, al.SHA
	return s.conclude(ctx, w, subject{Repository: al.Repository, Environment: al.Environment, By: itself, Why: al.Words, URL: al.Payload.Run.URL}, o)
}

// as is the actor that does a work: its log names it.
func (s *server) as(w ledger.Work) *actor {
	a := *s.actor
	a.try = w.Runs
	a.log = s.log.With("delivery", w.Delivery, "work", w.ID, "key", w.Key)
	return &a
}

// cut tells an error of a work that was told to end from a failure of its own.
func cut(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return interrupted{err}
	}
	return err
}

// interrupted is an error of a work that was told to end: no failure of its own.
type interrupted struct{ error }

// Unwrap gives what the work said.
func (i interrupted) Unwrap() error { return i.error }

// newsOf are news about an alarm, with why there was one.
func newsOf(al alarm.Alarm, w ledger.Work) notice.News {
	n := notice.News{
		Repository: al.Repository, Environment: al.Environment, Release: al.Payload.Release, Commit: al.SHA,
		URL: al.Payload.Run.URL, Work: w.ID, Delivery: w.Delivery,
	}
	if al.Words != "" {
		n.Text = sentence("Release %s failed: %s", n.Release, al.Words)
	}
	return n
}

// serves says what serves again.
func serves(to string) string {
	if to == "" {
		return "What was there before serves again"
	}
	return "Release " + to + " serves again"
}

// sentence ends what was made of other people's words.
func sentence(format string, args ...any) string {
	text := strings.TrimSpace(fmt.Sprintf(format, args...))
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "…") {
		return text
	}
	return text + "."
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n")
}

// after tells what failed: a rollback's first try, and whatever is given up. News that
// cannot be sent are no news.
func (s *server) after(w ledger.Work, next ledger.State, _ time.Duration, err error) {
	<-s.opened
	var j job
	if err == nil || json.Unmarshal(w.Args, &j) != nil || j.Do == "tell" {
		return
	}
	_, cut := errors.AsType[interrupted](err)
	dead := next == ledger.Dead
	var n notice.News
	switch why := err.Error(); {
	case j.Do == "take-back" && (dead || w.Tries == 0 && !cut):
		var al alarm.Alarm
		_ = json.Unmarshal(j.With, &al) // what is unknown is left out
		n = newsOf(al, w)
		n.Kind, n.Outcome, n.Title = notice.RollbackFailed, "retrying", fmt.Sprintf("the rollback of %s of %s failed", w.Environment, w.Repository)
		n.Text = join(n.Text, sentence("The rollback failed and is tried again: %s", why))
		if dead {
			n.Outcome = "gave-up"
			n.Text = join(newsOf(al, w).Text, sentence("The rollback failed %d times and is not tried again: %s", w.Tries+1, why), "Somebody has to look at it.")
		}
	case dead:
		n = notice.News{Kind: notice.DeadLetter, Outcome: "gave-up", Work: w.ID, Delivery: w.Delivery, Title: "a work could not be done"}
		n.Text = sentence("%s (%s) is not tried again: %s", w.Key, j.Do, why)
	default:
		return
	}
	n.Repository, n.Environment = first(n.Repository, w.Repository), first(n.Environment, w.Environment)
	n.ID = notice.ID(fmt.Sprintf("%s %s %d", w.Key, n.Kind, w.Runs))
	s.tell(context.Background(), n)
}

package queue

import (
	"context"
	"slices"
	"time"
)

// Batch is what a consumer is given.
type Batch struct {
	Script   string    `json:"-"`
	Queue    string    `json:"queue"`
	Messages []Message `json:"messages"`
}

// Outcome is what a consumer says of a batch, as workerd reports it. Without
// an explicit word, an ok acknowledges all and anything else retries all.
type Outcome struct {
	Outcome    string   `json:"outcome"`
	AckAll     bool     `json:"ackAll"`
	RetryBatch Retry    `json:"retryBatch"`
	Acks       []string `json:"explicitAcks"`
	Retries    []Retry  `json:"retryMessages"`
}

// Retry asks for a message, or for all, to come again after a while.
type Retry struct {
	ID    string `json:"msgId"`
	Retry bool   `json:"retry"`
	Delay *int   `json:"delaySeconds"`
}

// Deliver gives a batch to a Worker. An error is as an exception in it.
type Deliver func(context.Context, Batch) (Outcome, error)

// Start begins delivery to Workers; before it, and once ctx is done, messages
// wait. Wait returns when the last batch is back.
func (qs *Queues) Start(ctx context.Context, deliver Deliver) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	qs.serve = func(q *line) {
		qs.done.Go(func() { qs.loop(ctx, q, deliver) })
	}
	for _, q := range qs.all {
		qs.serve(q)
	}
}

// Wait returns when delivery has ended.
func (qs *Queues) Wait() { qs.done.Wait() }

func (qs *Queues) loop(ctx context.Context, q *line, deliver Deliver) {
	for ctx.Err() == nil {
		batch, consumer, wait := qs.next(q, time.Now())
		if len(batch) > 0 {
			outcome, err := deliver(ctx, Batch{Script: consumer.Script, Queue: q.Name, Messages: wire(batch)})
			if err != nil {
				outcome = Outcome{Outcome: "exception"}
			}
			qs.settle(q, consumer, batch, outcome, ctx.Err() != nil)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case _, open := <-q.wake:
			if !open {
				timer.Stop()
				return // the queue was deleted
			}
		}
		timer.Stop()
	}
}

func (q *line) poke() {
	select {
	case q.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

func wire(batch []*message) []Message {
	out := make([]Message, len(batch))
	for i, m := range batch {
		out[i] = m.Message
	}
	return out
}

// never is how long a queue with nothing to do sleeps unless it is woken.
const never = time.Hour

func value(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

// next takes the messages that are due: a full batch, or what has waited as
// long as the consumer allows. Without any it says how long to wait.
func (qs *Queues) next(q *line, now time.Time) ([]*message, Consumer, time.Duration) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	i := slices.IndexFunc(q.Consumers, func(c Consumer) bool { return c.Type == "worker" })
	if i < 0 || q.Settings.Paused {
		return nil, Consumer{}, never
	}
	consumer := q.Consumers[i]
	size, patience := value(consumer.Limits.BatchSize, 10), time.Duration(value(consumer.Limits.Wait, 5000))*time.Millisecond
	wait := never
	var ready []*message
	due := false
	for _, m := range q.messages {
		if early := m.visible.Sub(now); early > 0 {
			wait = min(wait, early)
			continue
		}
		ready = append(ready, m)
		left := m.visible.Add(patience).Sub(now)
		due = due || left <= 0
		wait = min(wait, max(left, time.Millisecond))
	}
	if len(ready) < size && !due {
		return nil, Consumer{}, wait
	}
	ready = ready[:min(size, len(ready))]
	for _, m := range ready {
		m.Attempts++
	}
	return ready, consumer, 0
}

// settle removes what was taken, and brings back or buries what was not. When
// delivery was cut off nothing counts.
func (qs *Queues) settle(q *line, consumer Consumer, batch []*message, outcome Outcome, cut bool) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	for _, m := range batch {
		if cut {
			m.Attempts--
			continue
		}
		delay, again := outcome.again(m.ID, value(consumer.Limits.RetryDelay, 0))
		if again && m.Attempts <= value(consumer.Limits.Retries, 3) {
			m.visible = time.Now().Add(delay)
			continue
		}
		q.messages = slices.DeleteFunc(q.messages, func(other *message) bool { return other == m })
		if dead := qs.named(consumer.DeadLetter); again && dead != nil {
			m.Attempts, m.visible = 0, time.Now()
			dead.messages = append(dead.messages, m)
			dead.poke()
		}
	}
}

// again says whether a message is to come again, and after which time. An
// explicit acknowledgement counts even when the handler failed later.
func (o Outcome) again(id string, otherwise int) (time.Duration, bool) {
	if slices.Contains(o.Acks, id) {
		return 0, false
	}
	seconds := value(o.RetryBatch.Delay, otherwise)
	for _, r := range o.Retries {
		if r.ID == id {
			return time.Duration(value(r.Delay, seconds)) * time.Second, true
		}
	}
	failed := o.Outcome != "ok" && !o.AckAll
	return time.Duration(seconds) * time.Second, failed || o.RetryBatch.Retry
}

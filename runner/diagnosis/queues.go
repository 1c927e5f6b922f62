package diagnosis

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/sight"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// stale is how old the oldest message of a queue may be before somebody should look.
const stale = 15 * time.Minute

// Queues asks of each configured consumer whether its queue's messages reach it.
func (q Questions) Queues() []pipeline.Task {
	var tasks []pipeline.Task
	for _, s := range sight.Patients(q.Targets) {
		for _, c := range s.Section.Triggers.Consumers {
			tasks = append(tasks, pipeline.Task{Title: "Do messages get through: " + c.Queue.V, At: c.At, Do: func(_ context.Context, out *pipeline.Out) error {
				return q.queue(out, s, c)
			}})
		}
	}
	return tasks
}

func (q Questions) queue(out *pipeline.Out, s sight.Patient, c wrangler.Consumer) error {
	if err := q.Seen.Refused(sight.Queues); err != nil {
		sight.Unknown(out, c.At, "the account does not list its queues: %s", finding.Quote(err))
		return nil
	}
	queue, ok := q.named(c.Queue.V)
	if !ok {
		return finding.Errorf("missing-store", c.Queue.At, "the account has no queue %s", c.Queue.V).
			Hintf("correct the name, or create it with deploy-action provision --env %s", s.Env)
	}
	q.consumer(out, s, c, queue)
	if queue.Settings.Paused {
		out.Note(finding.Errorf("queue-paused", c.At, "delivery of queue %s is paused: nobody gets its messages", queue.Name).
			Hintf("go on with npx wrangler queues resume-delivery %s", queue.Name))
	}
	words := q.waiting(out, s, c, queue)
	out.Endf("%s, %s", words, q.letters(out, s, c))
	return nil
}

func (q Questions) named(name string) (cloudflare.Queue, bool) {
	for _, queue := range q.Seen.Live.Queues {
		if queue.Name == name {
			return queue, true
		}
	}
	return cloudflare.Queue{}, false
}

// consumer asks whether the script is registered as consumer, and can consume.
func (q Questions) consumer(out *pipeline.Out, s sight.Patient, c wrangler.Consumer, queue cloudflare.Queue) {
	now := q.Seen.Script(s.Name)
	ours := slices.ContainsFunc(queue.Consumers, func(one cloudflare.Consumer) bool { return one.Script == s.Name })
	switch {
	case len(now.Serving.Versions) == 0:
		out.Note(finding.Errorf("no-consumer", c.At, "%s, which consumes queue %s, is not deployed", s.Name, queue.Name).Hintf("deploy it: %s", s.Promote()))
	case len(queue.Consumers) == 0:
		out.Note(finding.Errorf("no-consumer", c.At, "queue %s has no consumer, so its messages wait until they are thrown away", queue.Name).
			Hintf("register %s again with %s", s.Name, s.Promote()))
	case !ours && queue.Consumers[0].Type == "http_pull":
		out.Note(finding.Errorf("other-consumer", c.At, "queue %s is consumed by pulling, and not by %s", queue.Name, s.Name).
			Hintf("remove that consumer with npx wrangler queues consumer http remove %s, then %s", queue.Name, s.Promote()))
	case !ours:
		out.Note(finding.Errorf("other-consumer", c.At, "queue %s is consumed by %s, and not by %s", queue.Name, queue.Consumers[0].Script, s.Name).
			Hintf("take it from %s with npx wrangler queues consumer remove %s %s, then %s", queue.Consumers[0].Script, queue.Name, queue.Consumers[0].Script, s.Promote()))
	case now.Listed.Handlers != nil && !slices.Contains(now.Listed.Handlers, "queue"):
		out.Note(finding.Errorf("no-handler", c.At, "%s consumes queue %s, and its live code has no queue handler; %s", s.Name, queue.Name, q.Seen.Served(s.Name)).
			Hintf("export queue() from %s, then %s", s.Section.Module.Main.V, s.Promote()))
	}
}

// waiting says what waits in a queue.
func (q Questions) waiting(out *pipeline.Out, s sight.Patient, c wrangler.Consumer, queue cloudflare.Queue) string {
	b, err := q.Seen.Backlog(queue.Name)
	if err != nil {
		out.Note(finding.Notef(sight.NotKnown, c.At, "not known: the account does not tell what waits in %s: %s", queue.Name, finding.Quote(err)).
			Hintf("queue metrics may need another plan, or a token with Queues:Read"))
		return "what waits is not known"
	}
	words := count(b)
	if age := q.now().Sub(b.Since()); b.Count > 0 && !b.Since().IsZero() && age > stale {
		out.Note(finding.Warnf("backlog", c.At, "%s waiting in queue %s, the oldest for %s", finding.Many(int(b.Count), "message"), queue.Name, age.Round(time.Minute)).
			Hintf("see what the consumer does with %s", s.Logs()))
	}
	return words
}

// count says how many messages there are, and since when.
func count(b cloudflare.Backlog) string {
	if b.Count == 0 || b.Since().IsZero() {
		return fmt.Sprintf("%d waiting", b.Count)
	}
	return fmt.Sprintf("%d waiting, the oldest since %s", b.Count, finding.When(b.Since()))
}

// letters says what lies in the dead letter queue.
func (q Questions) letters(out *pipeline.Out, s sight.Patient, c wrangler.Consumer) string {
	name := c.DeadLetter
	if name.V == "" {
		return "no dead letter queue"
	}
	if _, ok := q.named(name.V); !ok {
		out.Note(finding.Errorf("missing-store", name.At, "the account has no queue %s, so that dead letters are lost", name.V).
			Hintf("correct the name, or create it with deploy-action provision --env %s", s.Env))
		return "no dead letter queue"
	}
	b, err := q.Seen.Backlog(name.V)
	switch {
	case err != nil:
		return "dead letters are not known"
	case b.Count == 0:
		return "no dead letters"
	}
	out.Note(finding.Warnf("dead-letters", name.At, "%s in %s that %s could not handle, the oldest since %s", finding.Many(int(b.Count), "dead letter"), name.V, s.Name, finding.When(b.Since())).
		Hintf("see why with %s; they are kept until somebody consumes %s, or its retention is over", s.Logs(), name.V))
	return fmt.Sprintf("%d dead letters", b.Count)
}

package queue

import (
	"net/http"
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

type consumerBody struct {
	Type       string `json:"type"`
	Script     string `json:"script_name"`
	DeadLetter string `json:"dead_letter_queue"`
	Env        string `json:"environment"`
	Limits     Limits `json:"settings"`
}

// fits checks what a consumer says of itself against the account.
func (qs *Queues) fits(in consumerBody) error {
	switch {
	case in.Type != "worker" && in.Type != "http_pull":
		return envelope.Fail(http.StatusBadRequest, 100127, "the consumer type must be worker or http_pull, not %q", in.Type)
	case in.Type == "worker" && !qs.world.Has(in.Script):
		return envelope.Fail(http.StatusNotFound, 10007, "This Worker does not exist on your account. (%s)", in.Script)
	case in.Type == "worker" && !qs.world.Handles(in.Script):
		return envelope.Fail(http.StatusBadRequest, 11001, "queue handler is missing")
	}
	for _, limit := range []struct {
		name      string
		value     *int
		low, high int
	}{
		{"batch_size", in.Limits.BatchSize, 1, 100},
		{"max_retries", in.Limits.Retries, 0, 100},
		{"max_wait_time_ms", in.Limits.Wait, 0, 60000},
		{"max_concurrency", in.Limits.Concurrency, 1, 250},
		{"retry_delay", in.Limits.RetryDelay, 0, 86400},
	} {
		if limit.value != nil && (*limit.value < limit.low || *limit.value > limit.high) {
			return envelope.Fail(http.StatusBadRequest, 100127, "%s must be from %d to %d, not %d", limit.name, limit.low, limit.high, *limit.value)
		}
	}
	return nil
}

func (qs *Queues) postConsumer(c *envelope.Call) (envelope.Answer, error) {
	var in consumerBody
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if err := qs.fits(in); err != nil {
		return envelope.Answer{}, err
	}
	made := Consumer{ID: qs.mint.Hex(), Type: in.Type, Script: in.Script, DeadLetter: in.DeadLetter, Limits: in.Limits, CreatedOn: qs.mint.Stamp()}
	_, err := qs.change(c.Param("queue"), func(q *line) error {
		if len(q.Consumers) > 0 {
			return envelope.Fail(http.StatusConflict, 11004, "Queue '%s' already has a consumer. (workers.api.error.consumer_exists)", q.Name)
		}
		made.Queue = q.Name
		q.Consumers = append(q.Consumers, made)
		return nil
	})
	return envelope.OK(made), err
}

func (qs *Queues) putConsumer(c *envelope.Call) (envelope.Answer, error) {
	var in consumerBody
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if err := qs.fits(in); err != nil {
		return envelope.Answer{}, err
	}
	var changed Consumer
	_, err := qs.change(c.Param("queue"), func(q *line) error {
		i, err := q.consumer(c.Param("consumer"))
		if err != nil {
			return err
		}
		was := &q.Consumers[i]
		was.Type, was.Script, was.DeadLetter, was.Limits = in.Type, in.Script, in.DeadLetter, in.Limits
		changed = *was
		return nil
	})
	return envelope.OK(changed), err
}

func (qs *Queues) deleteConsumer(c *envelope.Call) (envelope.Answer, error) {
	_, err := qs.change(c.Param("queue"), func(q *line) error {
		i, err := q.consumer(c.Param("consumer"))
		if err == nil {
			q.Consumers = slices.Delete(q.Consumers, i, i+1)
		}
		return err
	})
	return envelope.OK(nil), err
}

func (qs *Queues) getConsumers(c *envelope.Call) (envelope.Answer, error) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q, err := qs.find(c.Param("queue"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.List(slices.Clone(q.Consumers)), nil
}

func (qs *Queues) getConsumer(c *envelope.Call) (envelope.Answer, error) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q, err := qs.find(c.Param("queue"))
	if err != nil {
		return envelope.Answer{}, err
	}
	i, err := q.consumer(c.Param("consumer"))
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(q.Consumers[i]), nil
}

func (q *line) consumer(id string) (int, error) {
	i := slices.IndexFunc(q.Consumers, func(c Consumer) bool { return c.ID == id })
	if i < 0 {
		return 0, envelope.Fail(http.StatusNotFound, 11000, "Consumer %s of queue '%s' does not exist.", id, q.Name)
	}
	return i, nil
}

package queue

import (
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Endpoints lists the API of queues, consumers and messages.
func (qs *Queues) Endpoints() []envelope.Endpoint {
	const all, one = "/accounts/{account}/queues", "/accounts/{account}/queues/{queue}"
	const consumers, consumer = one + "/consumers", one + "/consumers/{consumer}"
	return []envelope.Endpoint{
		{Method: "GET", Path: all, Needs: envelope.QueuesRead, Do: qs.getAll},
		{Method: "POST", Path: all, Needs: envelope.QueuesEdit, Do: qs.post},
		{Method: "GET", Path: one, Needs: envelope.QueuesRead, Do: qs.get},
		{Method: "PUT", Path: one, Needs: envelope.QueuesEdit, Do: qs.update},
		{Method: "PATCH", Path: one, Needs: envelope.QueuesEdit, Do: qs.update},
		{Method: "DELETE", Path: one, Needs: envelope.QueuesEdit, Do: qs.deleteOne},
		{Method: "GET", Path: consumers, Needs: envelope.QueuesRead, Do: qs.getConsumers},
		{Method: "POST", Path: consumers, Needs: envelope.QueuesEdit, Do: qs.postConsumer},
		{Method: "GET", Path: consumer, Needs: envelope.QueuesRead, Do: qs.getConsumer},
		{Method: "PUT", Path: consumer, Needs: envelope.QueuesEdit, Do: qs.putConsumer},
		{Method: "DELETE", Path: consumer, Needs: envelope.QueuesEdit, Do: qs.deleteConsumer},
		{Method: "GET", Path: one + "/metrics", Needs: envelope.QueuesRead, Do: qs.getMetrics},
		{Method: "GET", Path: one + "/purge", Needs: envelope.QueuesRead, Do: qs.getPurge},
		{Method: "POST", Path: one + "/purge", Needs: envelope.QueuesEdit, Do: qs.postPurge},
		{Method: "POST", Path: one + "/messages", Needs: envelope.QueuesEdit, Do: qs.postMessage},
	}
}

type producerBody struct {
	Type   string `json:"type"`
	Script string `json:"script"`
}

type queueBody struct {
	ID            string         `json:"queue_id"`
	Name          string         `json:"queue_name"`
	CreatedOn     string         `json:"created_on"`
	ModifiedOn    string         `json:"modified_on"`
	Settings      Settings       `json:"settings"`
	Producers     []producerBody `json:"producers"`
	ProducerCount int            `json:"producers_total_count"`
	Consumers     []Consumer     `json:"consumers"`
	ConsumerCount int            `json:"consumers_total_count"`
}

func (qs *Queues) body(q Queue) queueBody {
	out := queueBody{ID: q.ID, Name: q.Name, CreatedOn: q.CreatedOn, ModifiedOn: q.ModifiedOn, Settings: q.Settings, Producers: []producerBody{}, Consumers: []Consumer{}}
	for _, script := range qs.world.Producers(q.Name) {
		out.Producers = append(out.Producers, producerBody{Type: "worker", Script: script})
	}
	out.Consumers = append(out.Consumers, q.Consumers...)
	out.ProducerCount, out.ConsumerCount = len(out.Producers), len(out.Consumers)
	return out
}

// getAll is filtered by name, which may be given several times and is exact.
func (qs *Queues) getAll(c *envelope.Call) (envelope.Answer, error) {
	var bodies []queueBody
	for _, q := range qs.list(c.URL.Query()["name"]) {
		bodies = append(bodies, qs.body(q))
	}
	return envelope.Paged(c, bodies, 100, 100)
}

type createBody struct {
	Name     string `json:"queue_name"`
	Settings struct {
		Delay     *int  `json:"delivery_delay"`
		Paused    *bool `json:"delivery_paused"`
		Retention *int  `json:"message_retention_period"`
	} `json:"settings"`
}

func (in createBody) apply(to Settings) (Settings, error) {
	s := in.Settings
	if s.Delay != nil {
		to.Delay = *s.Delay
	}
	if s.Paused != nil {
		to.Paused = *s.Paused
	}
	if s.Retention != nil {
		to.Retention = *s.Retention
	}
	if to.Delay < 0 || to.Delay > 86400 || to.Retention != 0 && (to.Retention < 60 || to.Retention > 1209600) {
		return to, envelope.Fail(http.StatusBadRequest, 100128, "delivery_delay must be from 0 to 86400 seconds and message_retention_period from 60 to 1209600")
	}
	return to, nil
}

func (qs *Queues) post(c *envelope.Call) (envelope.Answer, error) {
	var in createBody
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	settings, err := in.apply(Settings{})
	if err != nil {
		return envelope.Answer{}, err
	}
	made, err := qs.Create(in.Name, settings)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(qs.body(made)), nil
}

func (qs *Queues) get(c *envelope.Call) (envelope.Answer, error) {
	qs.mu.Lock()
	q, err := qs.find(c.Param("queue"))
	if err != nil {
		qs.mu.Unlock()
		return envelope.Answer{}, err
	}
	found := q.copy()
	qs.mu.Unlock() // the answer asks the Workers, who may be asking us
	return envelope.OK(qs.body(found)), nil
}

// update changes settings; renaming is not possible here, the name may only be repeated.
func (qs *Queues) update(c *envelope.Call) (envelope.Answer, error) {
	var in createBody
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	changed, err := qs.change(c.Param("queue"), func(q *line) error {
		if in.Name != "" && in.Name != q.Name {
			return envelope.Fail(http.StatusBadRequest, 100128, "queue '%s' cannot be renamed", q.Name)
		}
		settings, err := in.apply(q.Settings)
		if err == nil {
			q.Settings = settings
		}
		return err
	})
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(qs.body(changed)), nil
}

func (qs *Queues) deleteOne(c *envelope.Call) (envelope.Answer, error) {
	return envelope.OK(nil), qs.delete(c.Param("queue"))
}

func (qs *Queues) getMetrics(c *envelope.Call) (envelope.Answer, error) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q, err := qs.find(c.Param("queue"))
	if err != nil {
		return envelope.Answer{}, err
	}
	count, bytes, oldest := q.backlog()
	return envelope.OK(map[string]int64{"backlog_count": count, "backlog_bytes": bytes, "oldest_message_timestamp_ms": oldest}), nil
}

func (qs *Queues) getPurge(c *envelope.Call) (envelope.Answer, error) {
	_, err := qs.change(c.Param("queue"), func(*line) error { return nil })
	return envelope.OK(map[string]string{"completed": "true", "started_at": qs.mint.Stamp()}), err
}

func (qs *Queues) postPurge(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Delete bool `json:"delete_messages_permanently"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if !in.Delete {
		return envelope.Answer{}, envelope.Invalid("purging needs delete_messages_permanently: true")
	}
	changed, err := qs.change(c.Param("queue"), func(q *line) error {
		q.messages = nil
		return nil
	})
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.OK(qs.body(changed)), nil
}

func (qs *Queues) postMessage(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Body  json.RawMessage `json:"body"`
		Type  string          `json:"content_type"`
		Delay int             `json:"delay_seconds"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	part := incoming{Type: in.Type, Delay: &in.Delay, Body: base64.StdEncoding.EncodeToString(in.Body)}
	switch in.Type {
	case "", "json":
		part.Type = "json"
	case "text":
		var text string
		if err := json.Unmarshal(in.Body, &text); err != nil {
			return envelope.Answer{}, envelope.Invalid("a message of content_type text must be a string")
		}
		part.Body = base64.StdEncoding.EncodeToString([]byte(text))
	default:
		return envelope.Answer{}, envelope.Invalid("content_type must be json or text, not %q", in.Type)
	}
	_, err := qs.change(c.Param("queue"), func(q *line) error { return qs.enqueue(q, []incoming{part}) })
	return envelope.OK(map[string]any{}), err
}

package cloudflare

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/queues"
	"github.com/cloudflare/cloudflare-go/v7/workers"
	"github.com/cloudflare/cloudflare-go/v7/workflows"
)

// Queue is a queue with who takes its messages.
type Queue struct {
	ID        string     `json:"queue_id"`
	Name      string     `json:"queue_name"`
	Consumers []Consumer `json:"consumers"`
	Settings  struct {
		// Paused: nobody gets messages, although consumers are there.
		Paused bool `json:"delivery_paused"`
	} `json:"settings"`
}

// Consumer is who takes a queue's messages. Settings keep nulls, which mean
// "automatic".
type Consumer struct {
	ID         string         `json:"consumer_id,omitempty"`
	Type       string         `json:"type"`
	Script     string         `json:"script_name"`
	DeadLetter string         `json:"dead_letter_queue,omitempty"`
	Settings   map[string]any `json:"settings"`
}

// UnmarshalJSON implements json.Unmarshaler. Answers name the script in one of
// three fields.
func (c *Consumer) UnmarshalJSON(raw []byte) error {
	type fields Consumer
	var other struct{ Script, Service string }
	if err := json.Unmarshal(raw, (*fields)(c)); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &other); err != nil {
		return err
	}
	for _, name := range []string{other.Script, other.Service} {
		if c.Script == "" {
			c.Script = name
		}
	}
	return nil
}

// Workflow is a workflow and the class that runs it.
type Workflow struct {
	Name   string `json:"name"`
	Script string `json:"script_name"`
	Class  string `json:"class_name"`
}

// Schedules lists the cron expressions that start a script.
func (c *Client) Schedules(ctx context.Context, script string) ([]string, error) {
	var p workers.ScriptScheduleGetParams
	c.in(&p.AccountID.Value)
	answer, err := ask[struct {
		Schedules []cron `json:"schedules"`
	}](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Schedules.Get(ctx, script, p, o...)
		return err
	})
	crons := make([]string, len(answer.Schedules))
	for i, s := range answer.Schedules {
		crons[i] = s.Cron
	}
	slices.Sort(crons)
	return crons, wrap(err, "read the schedules of %s", script)
}

type cron struct {
	Cron string `json:"cron"`
}

// SetSchedules sets all cron expressions of a script; none clears them.
func (c *Client) SetSchedules(ctx context.Context, script string, crons []string) error {
	var p workers.ScriptScheduleUpdateParams
	c.in(&p.AccountID.Value)
	body := make([]cron, len(crons))
	for i, s := range crons {
		body[i] = cron{s}
	}
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Schedules.Update(ctx, script, p, o...)
		return err
	}, jsonBody(body))
	return wrap(err, "set the schedules of %s", script)
}

// Subdomain tells whether a script answers on workers.dev.
type Subdomain struct {
	Enabled         bool `json:"enabled"`
	PreviewsEnabled bool `json:"previews_enabled"`
}

// Subdomain tells whether a script answers on workers.dev.
func (c *Client) Subdomain(ctx context.Context, script string) (Subdomain, error) {
	var p workers.ScriptSubdomainGetParams
	c.in(&p.AccountID.Value)
	s, err := ask[Subdomain](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Subdomain.Get(ctx, script, p, o...)
		return err
	})
	return s, wrap(err, "read whether %s is on workers.dev", script)
}

// Subdomains tells of all scripts of the account at once whether they answer on
// workers.dev.
func (c *Client) Subdomains(ctx context.Context) (map[string]Subdomain, error) {
	var p workers.BetaWorkerListParams
	c.in(&p.AccountID.Value)
	all, err := pages[struct {
		Name      string    `json:"name"`
		Subdomain Subdomain `json:"subdomain"`
	}](func(o ...option.RequestOption) error {
		_, err := c.workers.Beta.Workers.List(ctx, p, o...)
		return err
	})
	byName := make(map[string]Subdomain, len(all))
	for _, w := range all {
		byName[w.Name] = w.Subdomain
	}
	return byName, wrap(err, "list which scripts are on workers.dev")
}

// SetSubdomain decides whether a script answers on workers.dev.
func (c *Client) SetSubdomain(ctx context.Context, script string, s Subdomain) error {
	var p workers.ScriptSubdomainNewParams
	c.in(&p.AccountID.Value)
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Subdomain.New(ctx, script, p, o...)
		return err
	}, jsonBody(s))
	return wrap(err, "set whether %s is on workers.dev", script)
}

// Queues lists all queues of the account with their consumers.
func (c *Client) Queues(ctx context.Context) ([]Queue, error) {
	var p queues.QueueListParams
	c.in(&p.AccountID.Value)
	all, err := pages[Queue](func(o ...option.RequestOption) error {
		_, err := c.queues.List(ctx, p, o...)
		return err
	})
	return all, wrap(err, "list the queues")
}

// PutConsumer makes a script the consumer of a queue, or changes how it consumes
// when the consumer has an id. Code 11004 means that another one consumes it.
func (c *Client) PutConsumer(ctx context.Context, queue string, consumer Consumer) error {
	id := consumer.ID
	consumer.ID, consumer.Type = "", "worker"
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		if id == "" {
			var p queues.ConsumerNewParams
			c.in(&p.AccountID.Value)
			_, err := c.queues.Consumers.New(ctx, queue, p, o...)
			return err
		}
		var p queues.ConsumerUpdateParams
		c.in(&p.AccountID.Value)
		_, err := c.queues.Consumers.Update(ctx, queue, id, p, o...)
		return err
	}, jsonBody(consumer))
	return wrap(err, "make %s consume queue %s", consumer.Script, queue)
}

// RemoveConsumer takes a consumer away from a queue.
func (c *Client) RemoveConsumer(ctx context.Context, queue, consumer string) error {
	var p queues.ConsumerDeleteParams
	c.in(&p.AccountID.Value)
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.queues.Consumers.Delete(ctx, queue, consumer, p, o...)
		return err
	})
	return wrap(err, "remove consumer %s of queue %s", consumer, queue)
}

// Workflows lists all workflows of the account.
func (c *Client) Workflows(ctx context.Context) ([]Workflow, error) {
	var p workflows.WorkflowListParams
	c.in(&p.AccountID.Value)
	all, err := pages[Workflow](func(o ...option.RequestOption) error {
		_, err := c.workflows.List(ctx, p, o...)
		return err
	})
	return all, wrap(err, "list the workflows")
}

// PutWorkflow says which class of which script runs a workflow.
func (c *Client) PutWorkflow(ctx context.Context, w Workflow) error {
	var p workflows.WorkflowUpdateParams
	c.in(&p.AccountID.Value)
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workflows.Update(ctx, w.Name, p, o...)
		return err
	}, jsonBody(map[string]string{"script_name": w.Script, "class_name": w.Class}))
	return wrap(err, "put workflow %s", w.Name)
}

// RemoveWorkflow deletes a workflow with all its instances.
func (c *Client) RemoveWorkflow(ctx context.Context, name string) error {
	var p workflows.WorkflowDeleteParams
	c.in(&p.AccountID.Value)
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workflows.Delete(ctx, name, p, o...)
		return err
	})
	return wrap(err, "remove workflow %s", name)
}

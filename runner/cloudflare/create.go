package cloudflare

import (
	"context"
	"encoding/json"

	"github.com/cloudflare/cloudflare-go/v7/d1"
	"github.com/cloudflare/cloudflare-go/v7/kv"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/queues"
	"github.com/cloudflare/cloudflare-go/v7/r2"
)

// A creation is never repeated once it may have been taken: a second one would make
// a second store, or be refused because of the first. Its answer is waited for a
// little although everything is cancelled, because it has the id.

// create makes one call that makes something.
func create[T any](ctx context.Context, call func(context.Context, ...option.RequestOption) error, body any) (T, error) {
	if err := ctx.Err(); err != nil {
		var none T
		return none, err
	}
	ctx, end := lingering(ctx)
	defer end()
	return ask[T](func(o ...option.RequestOption) error { return call(ctx, o...) }, jsonBody(body))
}

// CreateDatabase makes a D1 database. It wants the permission D1:Edit.
func (c *Client) CreateDatabase(ctx context.Context, name string) (Database, error) {
	var p d1.DatabaseNewParams
	c.in(&p.AccountID.Value)
	made, err := create[Database](ctx, func(ctx context.Context, o ...option.RequestOption) error {
		_, err := c.d1.New(ctx, p, o...)
		return err
	}, map[string]string{"name": name})
	return made, wrap(err, "create D1 database %s", name)
}

// CreateNamespace makes a KV namespace. It wants the permission Workers KV
// Storage:Edit. Code 10014 means that the title is taken.
func (c *Client) CreateNamespace(ctx context.Context, title string) (Namespace, error) {
	var p kv.NamespaceNewParams
	c.in(&p.AccountID.Value)
	made, err := create[Namespace](ctx, func(ctx context.Context, o ...option.RequestOption) error {
		_, err := c.kv.New(ctx, p, o...)
		return err
	}, map[string]string{"title": title})
	return made, wrap(err, "create KV namespace %s", title)
}

// CreateBucket makes an R2 bucket. It wants the permission Workers R2 Storage:Edit.
func (c *Client) CreateBucket(ctx context.Context, name string) error {
	var p r2.BucketNewParams
	c.in(&p.AccountID.Value)
	_, err := create[json.RawMessage](ctx, func(ctx context.Context, o ...option.RequestOption) error {
		_, err := c.r2.New(ctx, p, o...)
		return err
	}, map[string]string{"name": name})
	return wrap(err, "create R2 bucket %s", name)
}

// CreateQueue makes a queue. It wants the permission Queues:Edit. Code 11009 means
// that the name is taken.
func (c *Client) CreateQueue(ctx context.Context, name string) (Queue, error) {
	var p queues.QueueNewParams
	c.in(&p.AccountID.Value)
	made, err := create[Queue](ctx, func(ctx context.Context, o ...option.RequestOption) error {
		_, err := c.queues.New(ctx, p, o...)
		return err
	}, map[string]string{"queue_name": name})
	return made, wrap(err, "create queue %s", name)
}

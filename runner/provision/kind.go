package provision

import (
	"context"

	"github.com/tminus/deploy-action/runner/cloudflare"
)

// made is a store as the account has it. Buckets and queues are known by their name.
type made struct{ id, name string }

// kind is a kind of store: how it is listed and made.
type kind struct {
	name string // in words
	// permission is the one that making it needs; it includes reading.
	permission string
	list       func(context.Context, *cloudflare.Client) ([]made, error)
	create     func(context.Context, *cloudflare.Client, string) (made, error)
}

var databases = &kind{
	name: "D1 database", permission: "D1:Edit",
	list: func(ctx context.Context, c *cloudflare.Client) ([]made, error) {
		all, err := c.Databases(ctx)
		return each(all, func(d cloudflare.Database) made { return made{d.ID, d.Name} }), err
	},
	create: func(ctx context.Context, c *cloudflare.Client, name string) (made, error) {
		d, err := c.CreateDatabase(ctx, name)
		return made{d.ID, name}, err
	},
}

var namespaces = &kind{
	name: "KV namespace", permission: "Workers KV Storage:Edit",
	list: func(ctx context.Context, c *cloudflare.Client) ([]made, error) {
		all, err := c.Namespaces(ctx)
		return each(all, func(n cloudflare.Namespace) made { return made{n.ID, n.Title} }), err
	},
	create: func(ctx context.Context, c *cloudflare.Client, name string) (made, error) {
		n, err := c.CreateNamespace(ctx, name)
		return made{n.ID, name}, err
	},
}

var buckets = &kind{
	name: "R2 bucket", permission: "Workers R2 Storage:Edit",
	list: func(ctx context.Context, c *cloudflare.Client) ([]made, error) {
		all, err := c.Buckets(ctx)
		return each(all, func(name string) made { return made{name, name} }), err
	},
	create: func(ctx context.Context, c *cloudflare.Client, name string) (made, error) {
		return made{name, name}, c.CreateBucket(ctx, name)
	},
}

var queues = &kind{
	name: "Queue", permission: "Queues:Edit",
	list: func(ctx context.Context, c *cloudflare.Client) ([]made, error) {
		all, err := c.Queues(ctx)
		return each(all, func(q cloudflare.Queue) made { return made{q.Name, q.Name} }), err
	},
	create: func(ctx context.Context, c *cloudflare.Client, name string) (made, error) {
		_, err := c.CreateQueue(ctx, name)
		return made{name, name}, err
	},
}

// kinds are in the order in which they are shown.
var kinds = []*kind{databases, namespaces, buckets, queues}

func each[T any](all []T, do func(T) made) []made {
	list := make([]made, len(all))
	for i, one := range all {
		list[i] = do(one)
	}
	return list
}

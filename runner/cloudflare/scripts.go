package cloudflare

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/workers"
)

// Script is a Worker as the account lists it.
type Script struct {
	Name string `json:"id"`
	// MigrationTag is the newest Durable Object migration that was applied.
	MigrationTag string `json:"migration_tag"`
	// Handlers are the events that the default export handles; nil when not told.
	Handlers         []string        `json:"handlers"`
	Tags             []string        `json:"tags"`
	LastDeployedFrom string          `json:"last_deployed_from"`
	Observability    json.RawMessage `json:"observability"`
	Logpush          bool            `json:"logpush"`
	TailConsumers    json.RawMessage `json:"tail_consumers"`
}

// Deployment is what serves, or served, a script's requests.
type Deployment struct {
	ID          string            `json:"id"`
	CreatedOn   Time              `json:"created_on"`
	Source      string            `json:"source"`
	Author      string            `json:"author_email"`
	Annotations map[string]string `json:"annotations"`
	Versions    []Traffic         `json:"versions"`
}

// Message is the deployment's message, empty if it has none.
func (d Deployment) Message() string { return d.Annotations["workers/message"] }

// Traffic is a version's share of the requests, in percent.
type Traffic struct {
	Version string  `json:"version_id"`
	Percent float64 `json:"percentage"`
}

// Version is an uploaded version.
type Version struct {
	ID          string            `json:"id"`
	Number      int               `json:"number"`
	Annotations map[string]string `json:"annotations"`
	Metadata    struct {
		CreatedOn Time   `json:"created_on"`
		Source    string `json:"source"`
		Author    string `json:"author_email"`
	} `json:"metadata"`
	Resources struct {
		Bindings []map[string]any `json:"bindings"`
		Runtime  struct {
			Date  string   `json:"compatibility_date"`
			Flags []string `json:"compatibility_flags"`
		} `json:"script_runtime"`
	} `json:"resources"`
}

// Scripts lists all scripts of the account.
func (c *Client) Scripts(ctx context.Context) ([]Script, error) {
	var p workers.ScriptListParams
	c.in(&p.AccountID.Value)
	all, err := ask[[]Script](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.List(ctx, p, o...)
		return err
	})
	return all, wrap(err, "list the scripts")
}

// Deployments lists a script's deployments, newest first.
func (c *Client) Deployments(ctx context.Context, script string) ([]Deployment, error) {
	var p workers.ScriptDeploymentListParams
	c.in(&p.AccountID.Value)
	all, err := ask[struct {
		Deployments []Deployment `json:"deployments"`
	}](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Deployments.List(ctx, script, p, o...)
		return err
	})
	return all.Deployments, wrap(err, "read the deployments of %s", script)
}

// Version reads one version of a script.
func (c *Client) Version(ctx context.Context, script, id string) (Version, error) {
	var p workers.ScriptVersionGetParams
	c.in(&p.AccountID.Value)
	v, err := ask[Version](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Versions.Get(ctx, script, id, p, o...)
		return err
	})
	return v, wrap(err, "read version %s of %s", id, script)
}

// Versions lists the versions of a script that can be deployed, newest first.
func (c *Client) Versions(ctx context.Context, script string) ([]Version, error) {
	var p workers.ScriptVersionListParams
	c.in(&p.AccountID.Value)
	all, err := ask[struct {
		Items []Version `json:"items"`
	}](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Versions.List(ctx, script, p, o...)
		return err
	}, option.WithQuery("deployable", "true"))
	return all.Items, wrap(err, "list the versions of %s", script)
}

// Deploy gives versions of a script their share of the traffic. Force is the
// only way past Cloudflare's refusal to bring back a version whose secrets have
// changed since (code 10220).
//
// A call that was begun is not given up at once when the context ends: it might take
// effect after somebody has looked what serves. Its answer is waited for a little.
func (c *Client) Deploy(ctx context.Context, script string, traffic []Traffic, message string, force bool) (Deployment, error) {
	if err := ctx.Err(); err != nil {
		return Deployment{}, wrap(err, "deploy %s", script)
	}
	ctx, end := lingering(ctx)
	defer end()
	var p workers.ScriptDeploymentNewParams
	c.in(&p.AccountID.Value)
	body := struct {
		Strategy    string            `json:"strategy"`
		Versions    []Traffic         `json:"versions"`
		Annotations map[string]string `json:"annotations"`
	}{"percentage", traffic, map[string]string{"workers/message": message}}
	opts := []option.RequestOption{jsonBody(body)}
	if force {
		opts = append(opts, option.WithQuery("force", "true"))
	}
	d, err := ask[Deployment](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Deployments.New(ctx, script, p, o...)
		return err
	}, opts...)
	return d, wrap(err, "deploy %s", script)
}

// linger is how long an answer is waited for after the context has ended. A runner kills
// a cancelled step after some 10 s, and what was moved has to be put back before.
const linger = 2 * time.Second

// late marks a context that lingers already.
type late struct{}

// lingering is a context that ends a little later than another one, but not later than
// that if it is such a one itself.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Value(late{}) != nil {
		return ctx, func() {}
	}
	ctx = context.WithValue(ctx, late{}, true)
	later, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(linger, func() { cancel(context.Cause(ctx)) })
	})
	return later, func() { stop(); cancel(nil) }
}

// Settings are the properties of a script that no version carries.
type Settings struct {
	Tags          []string         `json:"tags"`
	Observability any              `json:"observability,omitempty"`
	Logpush       *bool            `json:"logpush,omitempty"`
	TailConsumers []map[string]any `json:"tail_consumers,omitempty"`
}

// SetSettings writes the properties of a script that no version carries.
func (c *Client) SetSettings(ctx context.Context, script string, s Settings) error {
	var p workers.ScriptSettingEditParams
	c.in(&p.AccountID.Value)
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Settings.Edit(ctx, script, p, o...)
		return err
	}, jsonBody(s))
	return wrap(err, "write the settings of %s", script)
}

// Secrets lists the names of a script's secrets.
func (c *Client) Secrets(ctx context.Context, script string) ([]string, error) {
	var p workers.ScriptSecretListParams
	c.in(&p.AccountID.Value)
	all, err := ask[[]struct {
		Name string `json:"name"`
	}](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Secrets.List(ctx, script, p, o...)
		return err
	})
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.Name
	}
	return names, wrap(err, "list the secrets of %s", script)
}

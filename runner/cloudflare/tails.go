package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/workers"
)

// Tail is a place at which the events of a script can be read from a web socket.
type Tail struct {
	ID string `json:"id"`
	// URL is ws: or wss: and the only key to the events: whoever has it may read.
	URL string `json:"url"`
	// Expires is when Cloudflare stops sending, without closing the socket.
	Expires Time `json:"expires_at"`
}

// NewTail makes a tail of a script. Each filter is an object with one condition; an
// event has to meet all of them. A script has ten tails at most. If the context ends
// while the tail is made, it is waited for a little, or nobody could delete it.
func (c *Client) NewTail(ctx context.Context, script string, filters []map[string]any) (Tail, error) {
	if err := ctx.Err(); err != nil {
		return Tail{}, wrap(err, "make a tail of %s", script)
	}
	ctx, end := lingering(ctx)
	defer end()
	var p workers.ScriptTailNewParams
	c.in(&p.AccountID.Value)
	if filters == nil {
		filters = []map[string]any{}
	}
	t, err := ask[Tail](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Tail.New(ctx, script, p, o...)
		return err
	}, jsonBody(map[string]any{"filters": filters}))
	return t, wrap(err, "make a tail of %s", script)
}

// DeleteTail ends a tail. One that is gone already is no error.
func (c *Client) DeleteTail(ctx context.Context, script, id string) error {
	var p workers.ScriptTailDeleteParams
	c.in(&p.AccountID.Value)
	_, err := ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Tail.Delete(ctx, script, id, p, o...)
		return err
	})
	if IsMissing(err) {
		return nil
	}
	return wrap(err, "end the tail of %s", script)
}

// Modules are the modules of one version of a script as they were uploaded, by name.
// Source: cloudflare/workers-sdk, which uploads them again to change a secret.
func (c *Client) Modules(ctx context.Context, script, version string) (map[string][]byte, error) {
	var p workers.ScriptContentGetParams
	c.in(&p.AccountID.Value)
	res, err := c.workers.Scripts.Content.Get(ctx, script, p, option.WithQuery("version", version))
	if err != nil {
		return nil, wrap(plain(err), "read the code of %s", script)
	}
	defer res.Body.Close()
	all, err := modulesOf(res)
	return all, wrap(err, "read the code of %s", script)
}

func modulesOf(res *http.Response) (map[string][]byte, error) {
	_, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, fmt.Errorf("the answer is no form but %q", res.Header.Get("Content-Type"))
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	form, all := multipart.NewReader(bytes.NewReader(raw), params["boundary"]), map[string][]byte{}
	for {
		part, err := form.NextRawPart()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		all[part.FormName()] = content
	}
}

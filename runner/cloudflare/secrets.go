package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/workers"
)

// Bindings lists the bindings of a script's newest version, deployed or not. Of a
// secret there is the name and no value.
func (c *Client) Bindings(ctx context.Context, script string) ([]map[string]any, error) {
	var p workers.ScriptScriptAndVersionSettingGetParams
	c.in(&p.AccountID.Value)
	answer, err := ask[struct {
		Bindings []map[string]any `json:"bindings"`
	}](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.ScriptAndVersionSettings.Get(ctx, script, p, o...)
		return err
	})
	return answer.Bindings, wrap(err, "read the bindings of %s", script)
}

// SetSecrets gives a script secrets, all in one call, which makes a version of the
// newest one and has it serve at once. Bindings are those that the newest version has;
// they go by name and type and stay as they are. The message becomes the version's, and
// that of its deployment. Code 10215 means that the newest version is not the one that
// serves, so that code would go with it which nobody asked for; then nothing is changed.
//
// Sources: wrangler 4.65, secret bulk, for the form; the description of the API for the
// annotations of the version that is made.
func (c *Client) SetSecrets(ctx context.Context, script string, bindings []map[string]any, values map[string]string, message string) error {
	all := []map[string]any{}
	for _, b := range bindings {
		name, _ := b["name"].(string)
		if _, given := values[name]; !given {
			all = append(all, map[string]any{"type": b["type"], "name": name})
		}
	}
	for name, text := range values {
		all = append(all, map[string]any{"type": "secret_text", "name": name, "text": text})
	}
	raw, err := json.Marshal(map[string]any{"bindings": all, "annotations": annotations("", message)})
	if err != nil {
		return wrap(err, "set the secrets of %s", script)
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := w.WriteField("settings", string(raw)); err != nil {
		return wrap(err, "set the secrets of %s", script)
	}
	if err := w.Close(); err != nil {
		return wrap(err, "set the secrets of %s", script)
	}
	var p workers.ScriptScriptAndVersionSettingEditParams
	c.in(&p.AccountID.Value)
	_, err = ask[json.RawMessage](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.ScriptAndVersionSettings.Edit(ctx, script, p, o...)
		return err
	}, option.WithRequestBody(w.FormDataContentType(), body.Bytes()))
	return wrap(err, "set the secrets of %s", script)
}

// VersionWithSecrets makes a version of the newest one, deployed or not, that differs
// in some secrets only and serves nothing yet, and gives its id.
//
// Source: wrangler, versions secret bulk. The service package has no such call; the
// version is reached as if it were a Worker's name.
func (c *Client) VersionWithSecrets(ctx context.Context, script string, values map[string]string, tag, message string) (string, error) {
	env := map[string]any{}
	for name, text := range values {
		env[name] = map[string]any{"type": "secret_text", "text": text}
	}
	raw, err := json.Marshal(map[string]any{"env": env, "annotations": annotations(tag, message)})
	if err != nil {
		return "", wrap(err, "make a version of %s", script)
	}
	var p workers.BetaWorkerEditParams
	c.in(&p.AccountID.Value)
	v, err := ask[Version](func(o ...option.RequestOption) error {
		_, err := c.workers.Beta.Workers.Edit(ctx, script+"/versions/latest", p, o...)
		return err
	}, option.WithRequestBody("application/merge-patch+json", raw))
	if err == nil && v.ID == "" {
		err = fmt.Errorf("the account gave no version id")
	}
	return v.ID, wrap(err, "make a version of %s", script)
}

// annotations are what a version says of itself, without what is empty.
func annotations(tag, message string) map[string]string {
	all := map[string]string{}
	if tag != "" {
		all["workers/tag"] = tag
	}
	if message != "" {
		all["workers/message"] = message
	}
	return all
}

package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"strings"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/workers"
)

// Upload is a script's code and configuration in the form of the API.
type Upload struct {
	// Metadata is the part of that name, such as main_module, bindings, compatibility_date.
	Metadata map[string]any
	Parts    []Part
}

// Part is one module of an upload. Name is the specifier by which others import it.
type Part struct {
	Name    string
	MIME    string
	Content []byte
}

// UploadVersion makes a version that serves nothing yet and gives its id. Code
// 10211 means that a Durable Object migration is among the metadata, which only
// [Client.Put] can carry.
func (c *Client) UploadVersion(ctx context.Context, script string, u Upload) (string, error) {
	form, err := u.form()
	if err != nil {
		return "", wrap(err, "upload %s", script)
	}
	var p workers.ScriptVersionNewParams
	c.in(&p.AccountID.Value)
	v, err := ask[Version](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Versions.New(ctx, script, p, o...)
		return err
	}, form, option.WithQuery("bindings_inherit", "strict"))
	if err == nil && v.ID == "" {
		err = fmt.Errorf("the account gave no version id")
	}
	return v.ID, wrap(err, "upload %s", script)
}

// Put uploads a script and has it serve all requests at once: the way for a
// script that does not exist yet or that migrates Durable Object classes. It
// gives the version's id.
func (c *Client) Put(ctx context.Context, script string, u Upload) (string, error) {
	form, err := u.form()
	if err != nil {
		return "", wrap(err, "put %s", script)
	}
	var p workers.ScriptUpdateParams
	c.in(&p.AccountID.Value)
	answer, err := ask[struct {
		DeploymentID string `json:"deployment_id"`
	}](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Update(ctx, script, p, o...)
		return err
	}, form, option.WithQuery("excludeScript", "true"), option.WithQuery("bindings_inherit", "strict"))
	return hyphenate(answer.DeploymentID), wrap(err, "put %s", script)
}

// hyphenate makes a UUID of 32 hex digits, the form in which the API gives the
// version of a put.
func hyphenate(id string) string {
	if len(id) != 32 {
		return id
	}
	return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
}

// form is the multipart body: one JSON part called metadata and one part for
// each module, named as it is imported.
func (u Upload) form() (option.RequestOption, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	metadata, err := json.Marshal(u.Metadata)
	if err != nil {
		return nil, err
	}
	if err := w.WriteField("metadata", string(metadata)); err != nil {
		return nil, err
	}
	for _, p := range u.Parts {
		name := quoted.Replace(p.Name)
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, name, name))
		header.Set("Content-Type", p.MIME)
		part, err := w.CreatePart(header)
		if err != nil {
			return nil, err
		}
		if _, err := part.Write(p.Content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return option.WithRequestBody(w.FormDataContentType(), body.Bytes()), nil
}

// quoted escapes what would end a quoted name, as browsers do.
var quoted = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")

package kv

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Endpoints lists the API of namespaces and values.
func (ns *Namespaces) Endpoints() []envelope.Endpoint {
	const all, one = "/accounts/{account}/storage/kv/namespaces", "/accounts/{account}/storage/kv/namespaces/{namespace}"
	return []envelope.Endpoint{
		{Method: "GET", Path: all, Needs: envelope.KVRead, Do: ns.getAll},
		{Method: "POST", Path: all, Needs: envelope.KVEdit, Do: ns.post},
		{Method: "GET", Path: one, Needs: envelope.KVRead, Do: ns.getOne},
		{Method: "DELETE", Path: one, Needs: envelope.KVEdit, Do: ns.deleteOne},
		{Method: "GET", Path: one + "/keys", Needs: envelope.KVRead, Do: ns.getKeys},
		{Method: "GET", Path: one + "/metadata/{key}", Needs: envelope.KVRead, Do: ns.getMetadata},
		{Method: "GET", Path: one + "/values/{key}", Needs: envelope.KVRead, Do: ns.getValue},
		{Method: "PUT", Path: one + "/values/{key}", Needs: envelope.KVEdit, Do: ns.putValue},
		{Method: "DELETE", Path: one + "/values/{key}", Needs: envelope.KVEdit, Do: ns.deleteValue},
	}
}

// getAll honours page, per_page and direction; wrangler asks on until a page is empty.
func (ns *Namespaces) getAll(c *envelope.Call) (envelope.Answer, error) {
	list := ns.list()
	if c.Query("direction") == "desc" {
		slices.Reverse(list)
	}
	return envelope.Paged(c, list, 20, 1000)
}

func (ns *Namespaces) post(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Title string `json:"title"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	made, err := ns.Create(in.Title, "")
	return envelope.OK(made), err
}

func (ns *Namespaces) getOne(c *envelope.Call) (envelope.Answer, error) {
	found, err := ns.find(c.Param("namespace"))
	return envelope.OK(found), err
}

func (ns *Namespaces) deleteOne(c *envelope.Call) (envelope.Answer, error) {
	return envelope.OK(nil), ns.delete(c.Param("namespace"))
}

func (ns *Namespaces) getKeys(c *envelope.Call) (envelope.Answer, error) {
	limit, err := c.Number("limit", 1000, 1000)
	if err != nil {
		return envelope.Answer{}, err
	}
	last, err := base64.RawURLEncoding.DecodeString(c.Query("cursor"))
	if err != nil {
		return envelope.Answer{}, envelope.Invalid("cursor %q is not one this list gave", c.Query("cursor"))
	}
	keys, next, err := ns.keys(c.Param("namespace"), c.Query("prefix"), string(last), limit)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.Answer{Result: keys, Info: &envelope.Info{
		Count: len(keys), Cursor: base64.RawURLEncoding.EncodeToString([]byte(next)),
	}}, nil
}

func (ns *Namespaces) getMetadata(c *envelope.Call) (envelope.Answer, error) {
	_, metadata, _, err := ns.value(c)
	return envelope.OK(metadata), err
}

func (ns *Namespaces) getValue(c *envelope.Call) (envelope.Answer, error) {
	value, _, expires, err := ns.value(c)
	if err != nil {
		return envelope.Answer{}, err
	}
	return envelope.Answer{Write: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/octet-stream")
		if expires != "" {
			w.Header().Set("Expiration", expires)
		}
		_, _ = w.Write(value) // the caller hung up; nobody is left to tell
	}}, nil
}

func (ns *Namespaces) value(c *envelope.Call) (value []byte, metadata json.RawMessage, expires string, err error) {
	if _, err := ns.find(c.Param("namespace")); err != nil {
		return nil, nil, "", err
	}
	value, metadata, at, ok := ns.Get(c.Param("namespace"), c.Param("key"))
	if !ok {
		return nil, nil, "", envelope.Fail(http.StatusNotFound, 10009, "get: 'key not found'")
	}
	if !at.IsZero() {
		expires = at.Format("2006-01-02T15:04:05Z")
	}
	return value, metadata, expires, nil
}

// putValue takes the body as the value, whatever its type says, or a form
// with the parts value and metadata.
func (ns *Namespaces) putValue(c *envelope.Call) (envelope.Answer, error) {
	expires, err := ns.expiry(c.Query("expiration"), c.Query("expiration_ttl"))
	if err != nil {
		return envelope.Answer{}, err
	}
	e := entry{value: c.Body, expires: expires}
	if kind, params := c.MediaType(); kind == "multipart/form-data" {
		if e.value, e.metadata, err = form(c.Body, params["boundary"]); err != nil {
			return envelope.Answer{}, err
		}
	}
	return envelope.OK(nil), ns.put(c.Param("namespace"), c.Param("key"), e)
}

func form(body []byte, boundary string) (value []byte, metadata json.RawMessage, err error) {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return value, metadata, nil
		}
		if err != nil {
			return nil, nil, envelope.Invalid("read the form: %v", err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, envelope.Invalid("read the form: %v", err)
		}
		switch part.FormName() {
		case "value":
			value = data
		case "metadata":
			if !json.Valid(data) {
				return nil, nil, envelope.Invalid("the part metadata is not JSON")
			}
			metadata = data
		default:
			return nil, nil, envelope.Invalid("unknown part %q in the form", part.FormName())
		}
	}
}

func (ns *Namespaces) deleteValue(c *envelope.Call) (envelope.Answer, error) {
	return envelope.OK(nil), ns.remove(c.Param("namespace"), c.Param("key"))
}

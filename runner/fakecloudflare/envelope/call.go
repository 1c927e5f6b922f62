package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// Call is one request as an endpoint sees it: its path already taken apart, its body already read.
type Call struct {
	*http.Request
	Endpoint Endpoint
	Body     []byte
	params   map[string]string
}

// Param returns a part of the path by the name the endpoint's pattern gives it, unescaped.
func (c *Call) Param(name string) string { return c.params[name] }

// Query returns the first value of a query parameter.
func (c *Call) Query(name string) string { return c.URL.Query().Get(name) }

// Source is what Cloudflare would record as the caller's kind. How the real
// account derives it is not documented; the User-Agent is the only sign a caller gives.
func (c *Call) Source() string {
	agent := strings.ToLower(c.UserAgent())
	for _, known := range []string{"wrangler", "terraform"} {
		if strings.HasPrefix(agent, known) {
			return known
		}
	}
	return "api"
}

// MediaType returns the body's media type and its parameters, both empty when none is given.
func (c *Call) MediaType() (string, map[string]string) {
	kind, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	return kind, params
}

// Decode reads the body as one JSON value. Fields the destination does not
// have are refused. The text/plain type that wrangler's undici puts on JSON
// strings is accepted, as the real API accepts it; no type, or another, is not.
func (c *Call) Decode(into any) error {
	switch kind, _ := c.MediaType(); kind {
	case "application/json", "text/plain", "application/merge-patch+json":
	case "":
		return Fail(400, 6003, "Invalid request headers: a JSON body needs the header Content-Type: application/json")
	default:
		return Fail(415, 6003, "Invalid request headers: Content-Type %s, this endpoint reads application/json", kind)
	}
	return DecodeStrict(c.Body, into)
}

// DecodeStrict reads exactly one JSON value and refuses fields that into does not have.
func DecodeStrict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return Invalid("unknown field %s in the body", field)
		}
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return Invalid("field %q of the body is a %s, expected %s", kind.Field, kind.Value, kind.Type)
		}
		return Fail(400, 6007, "Malformed JSON in request body: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Fail(400, 6007, "Malformed JSON in request body: more than one value")
	}
	return nil
}

// Number returns a whole number from 1 to limit from the query, or otherwise when it is not given.
func (c *Call) Number(name string, otherwise, limit int) (int, error) {
	text := c.Query(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > limit {
		return 0, Invalid("query parameter %s must be a number from 1 to %d, not %q", name, limit, text)
	}
	return n, nil
}

package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Description is GitHub's API as it describes it.
type Description struct {
	doc    *openapi3.T
	router routers.Router
}

// Open fetches and reads the description, which takes about three seconds. It is safe for concurrent use.
func Open(ctx context.Context) (*Description, error) {
	path, err := Fetch(ctx, Described, "generated/api.github.com.json")
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the description: %w", err)
	}
	doc.Servers = nil // any host will do
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("read the description's paths: %w", err)
	}
	return &Description{doc: doc, router: router}, nil
}

// Payload holds a delivery's JSON against the description of its event.
func (d *Description) Payload(event string, body []byte) error {
	var payload map[string]any
	if err := json.Unmarshal(body, &payload); err != nil {
		return err
	}
	name := "webhook-" + strings.ReplaceAll(event, "_", "-")
	if action, ok := payload["action"].(string); ok {
		name += "-" + strings.ReplaceAll(action, "_", "-")
	}
	schema, ok := d.doc.Components.Schemas[name]
	if !ok {
		return fmt.Errorf("the description has no %s", name)
	}
	if err := schema.Value.VisitJSON(payload, openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("%s: %s", name, brief(err))
	}
	return nil
}

// brief says where each part does not fit and why, without the schema and the value.
func brief(err error) string {
	var lines []string
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) {
		case openapi3.MultiError:
			for _, inner := range e {
				walk(inner)
			}
		case *openapi3.SchemaError:
			lines = append(lines, "/"+strings.Join(e.JSONPointer(), "/")+": "+e.Reason)
			if e.Origin != nil {
				walk(e.Origin)
			}
		case interface{ Unwrap() error }:
			if inner := e.Unwrap(); inner != nil {
				walk(inner)
				return
			}
			lines = append(lines, err.Error())
		default:
			lines = append(lines, err.Error())
		}
	}
	walk(err)
	return strings.Join(lines, "; ")
}

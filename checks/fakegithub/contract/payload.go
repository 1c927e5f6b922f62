package contract

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

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
	schema, err := d.schema(name)
	if err != nil {
		return err
	}
	if err := schema.VisitJSON(payload, openapi3.MultiErrors()); err != nil {
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

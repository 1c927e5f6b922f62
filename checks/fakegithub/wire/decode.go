package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// Decode reads the body as one JSON object into a struct. Fields it does not
// have, also by case alone, are refused, as are values of another kind. An
// empty body and null (which ghinstallation sends) are an empty object.
func (c *Call) Decode(into any) error {
	data := bytes.TrimSpace(c.Body)
	if len(data) == 0 || string(data) == "null" {
		return nil
	}
	if !json.Valid(data) {
		return Fail(http.StatusBadRequest, "Problems parsing JSON")
	}
	if data[0] != '{' {
		return Fail(http.StatusBadRequest, "Body should be a JSON object")
	}
	if err := known("", data, reflect.TypeOf(into)); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return Malformed(kind.Field, "invalid", "For '%s', a %s is not a %s.", kind.Field, kind.Value, kind.Type)
		}
		return Malformed("", "invalid", "%v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Fail(http.StatusBadRequest, "Problems parsing JSON")
	}
	return nil
}

// known refuses the first key, in order of the alphabet, that the type has no field for.
func known(at string, data []byte, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		var items []json.RawMessage
		if json.Unmarshal(data, &items) != nil {
			return nil // of another kind, which Decode says better
		}
		for _, item := range items {
			if err := known(at, item, t.Elem()); err != nil {
				return err
			}
		}
	case t.Kind() == reflect.Struct:
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) != nil {
			return nil
		}
		keys := make([]string, 0, len(object))
		for key := range object {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		fields := tags(t)
		for _, key := range keys {
			field, ok := fields[key]
			if !ok {
				return Malformed(at+key, "invalid", "%q is not a permitted key.", at+key)
			}
			if err := known(at+key+".", object[key], field); err != nil {
				return err
			}
		}
	}
	return nil
}

// tags maps the JSON names of a struct to the types of their fields.
func tags(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range fieldsOf(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = f.Type
	}
	return fields
}

func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous {
				for inner := range fieldsOf(f.Type) {
					if !yield(inner) {
						return
					}
				}
				continue
			}
			if f.Tag.Get("json") != "" && !yield(f) {
				return
			}
		}
	}
}

package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Description is GitHub's API as it describes it. The whole takes seconds to
// read, so its parts are read when they are first needed. It is safe for
// concurrent use.
type Description struct {
	paths      map[string]json.RawMessage
	components map[string]map[string]json.RawMessage
	order      []string // paths, those with more fixed words first

	mu      sync.Mutex
	routes  map[string]routers.Router
	schemas map[string]*openapi3.Schema
}

// Open fetches the description and looks it through.
func Open(ctx context.Context) (*Description, error) {
	file, err := Fetch(ctx, Described, "generated/api.github.com.json")
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var whole struct {
		Paths      map[string]json.RawMessage            `json:"paths"`
		Components map[string]map[string]json.RawMessage `json:"components"`
	}
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, fmt.Errorf("read the description: %w", err)
	}
	d := &Description{paths: whole.Paths, components: whole.Components, routes: map[string]routers.Router{}, schemas: map[string]*openapi3.Schema{}}
	d.order = slices.SortedFunc(maps.Keys(whole.Paths), func(a, b string) int {
		if n := strings.Count(a, "{") - strings.Count(b, "{"); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	return d, nil
}

// fits says whether an escaped path has the shape of one with holes.
func fits(shape, path string) bool {
	a, b := strings.Split(shape, "/"), strings.Split(path, "/")
	return len(a) == len(b) && slices.EqualFunc(a, b, func(a, b string) bool { return a == b || strings.HasPrefix(a, "{") && b != "" })
}

// route returns a router that knows the one path that fits, or nil.
func (d *Description) route(path string) (routers.Router, error) {
	at := slices.IndexFunc(d.order, func(shape string) bool { return fits(shape, path) })
	if at < 0 {
		return nil, nil
	}
	shape := d.order[at]
	d.mu.Lock()
	defer d.mu.Unlock()
	if r, ok := d.routes[shape]; ok {
		return r, nil
	}
	doc, err := d.part(map[string]json.RawMessage{shape: d.paths[shape]}, d.paths[shape])
	if err != nil {
		return nil, err
	}
	correct(doc, shape)
	r, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", shape, err)
	}
	d.routes[shape] = r
	return r, nil
}

// correct mends the one place where the description contradicts itself: the
// account of a listed installation is said to be a user and an enterprise at
// once, while everywhere else it is one of them.
func correct(doc *openapi3.T, shape string) {
	if shape != "/app/installations" {
		return
	}
	item := doc.Paths.Value(shape).Get.Responses.Status(200).Value.Content["application/json"].Schema.Value.Items.Value
	account := item.Properties["account"].Value
	account.AnyOf, account.AllOf = account.AllOf, nil
}

var reference = regexp.MustCompile(`"#/components/([^/"]+)/([^/"]+)"`)

// part reads some paths and what they refer to as a description of its own.
func (d *Description) part(paths map[string]json.RawMessage, from json.RawMessage) (*openapi3.T, error) {
	needed := map[string]map[string]json.RawMessage{}
	for todo := []json.RawMessage{from}; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		for _, m := range reference.FindAllSubmatch(next, -1) {
			kind, name := string(m[1]), string(m[2])
			if needed[kind] == nil {
				needed[kind] = map[string]json.RawMessage{}
			}
			if _, seen := needed[kind][name]; !seen {
				needed[kind][name] = d.components[kind][name]
				todo = append(todo, d.components[kind][name])
			}
		}
	}
	data, err := json.Marshal(map[string]any{
		"openapi": "3.0.3", "info": map[string]string{"title": "part", "version": "1"}, "paths": paths, "components": needed,
	})
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(data)
}

// schema reads one named schema.
func (d *Description) schema(name string) (*openapi3.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.schemas[name]; ok {
		return s, nil
	}
	if d.components["schemas"][name] == nil {
		return nil, fmt.Errorf("the description has no %s", name)
	}
	doc, err := d.part(map[string]json.RawMessage{}, json.RawMessage(`"#/components/schemas/`+name+`"`))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	d.schemas[name] = doc.Components.Schemas[name].Value
	return d.schemas[name], nil
}

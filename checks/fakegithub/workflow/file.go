package workflow

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tminus/deploy-action/checks/fakegithub/repository"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

const folder = ".github/workflows/"

// MaxInputs is how many inputs a dispatch may have; MaxInput the bytes of all of them as JSON.
const (
	MaxInputs = 25
	MaxInput  = 65535
)

// Input is what a workflow declares of one input.
type Input struct {
	Type     string   `yaml:"type"` // string, boolean, number, choice or environment
	Required bool     `yaml:"required"`
	Default  any      `yaml:"default"`
	Options  []string `yaml:"options"`
}

// File is a workflow as its file says it.
type File struct {
	Path, Name string
	RunName    string // what its runs are called, with expressions
	Dispatch   bool   // whether it can be dispatched
	Inputs     map[string]Input
}

var inputExpression = regexp.MustCompile(`\$\{\{\s*inputs\.([A-Za-z0-9_-]+)\s*\}\}`)

// title is what a run is called: the workflow's name, or its run-name, in which only
// expressions that name an input are understood.
func (f File) title(inputs map[string]string) string {
	if f.RunName == "" {
		return f.Name
	}
	return inputExpression.ReplaceAllStringFunc(f.RunName, func(e string) string {
		return inputs[inputExpression.FindStringSubmatch(e)[1]]
	})
}

// read takes a workflow's file out of a commit.
func read(c *repository.Commit, name string) (File, error) {
	text, ok := c.Files[name]
	if !ok {
		return File{}, wire.NotFound()
	}
	var in struct {
		Name    string    `yaml:"name"`
		RunName string    `yaml:"run-name"`
		On      yaml.Node `yaml:"on"`
	}
	if err := yaml.Unmarshal([]byte(text), &in); err != nil {
		return File{}, wire.Fail(422, "Workflow file %s is not valid: %v", name, err)
	}
	f := File{Path: name, Name: in.Name, RunName: in.RunName}
	if f.Name == "" {
		f.Name = name
	}
	switch in.On.Kind {
	case yaml.ScalarNode:
		f.Dispatch = in.On.Value == "workflow_dispatch"
	case yaml.SequenceNode:
		f.Dispatch = slices.ContainsFunc(in.On.Content, func(n *yaml.Node) bool { return n.Value == "workflow_dispatch" })
	case yaml.MappingNode:
		var on map[string]yaml.Node
		if err := in.On.Decode(&on); err != nil {
			return File{}, wire.Fail(422, "Workflow file %s is not valid: %v", name, err)
		}
		var dispatch yaml.Node
		dispatch, f.Dispatch = on["workflow_dispatch"]
		var takes struct {
			Inputs map[string]Input `yaml:"inputs"`
		}
		if err := dispatch.Decode(&takes); err != nil {
			return File{}, wire.Fail(422, "Workflow file %s is not valid: %v", name, err)
		}
		f.Inputs = takes.Inputs
	}
	return f, nil
}

// files lists the workflows of a commit.
func files(c *repository.Commit) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		if ext := path.Ext(name); path.Dir(name)+"/" == folder && (ext == ".yml" || ext == ".yaml") {
			found = append(found, name)
		}
	}
	return found
}

// fill holds the inputs of a dispatch to what the file declares, and adds defaults.
func (f File) fill(given map[string]any) (map[string]string, error) {
	if len(given) > MaxInputs {
		return nil, wire.Malformed("inputs", "invalid", "No more than %d properties are allowed; %d were supplied.", MaxInputs, len(given))
	}
	if size, err := json.Marshal(given); err != nil || len(size) > MaxInput {
		return nil, wire.Fail(422, "inputs are too large.")
	}
	filled := map[string]string{}
	var unexpected []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		declared, ok := f.Inputs[name]
		if !ok {
			unexpected = append(unexpected, fmt.Sprintf("%q", name))
			continue
		}
		value := fmt.Sprint(given[name])
		if err := declared.takes(name, value); err != nil {
			return nil, err
		}
		filled[name] = value
	}
	if len(unexpected) > 0 {
		return nil, wire.Fail(422, "Unexpected inputs provided: [%s]", strings.Join(unexpected, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Inputs)) {
		if _, ok := filled[name]; ok {
			continue
		}
		switch declared := f.Inputs[name]; {
		case declared.Default != nil:
			filled[name] = fmt.Sprint(declared.Default)
		case declared.Required:
			return nil, wire.Fail(422, "Required input '%s' not provided", name)
		}
	}
	return filled, nil
}

func (i Input) takes(name, value string) error {
	options := i.Options
	if i.Type == "boolean" {
		options = []string{"true", "false"}
	}
	if (i.Type == "choice" || i.Type == "boolean") && !slices.Contains(options, value) {
		return wire.Fail(422, "Provided value '%s' for input '%s' not in the list of allowed values", value, name)
	}
	return nil
}

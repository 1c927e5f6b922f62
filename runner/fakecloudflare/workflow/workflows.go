// Package workflow is the account's Workflows by name: which script's class
// each of them runs. Instances live in the runtime (package workerd) and
// cannot be listed here.
package workflow

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

// Workflow is one Workflow.
type Workflow struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Script     string          `json:"script_name"`
	Class      string          `json:"class_name"`
	CreatedOn  string          `json:"created_on"`
	ModifiedOn string          `json:"modified_on"`
	Triggered  *string         `json:"triggered_on"`
	Instances  map[string]int  `json:"instances"`
	Limits     json.RawMessage `json:"limits,omitempty"`
}

// Workflows are all Workflows of the account. It is safe for concurrent use.
type Workflows struct {
	mint *mint.Mint
	// exports says whether a script exists and exports a class.
	exports func(script, class string) (exists, has bool)
	mu      sync.Mutex
	all     map[string]Workflow
}

// New returns an account without Workflows.
func New(m *mint.Mint, exports func(script, class string) (exists, has bool)) *Workflows {
	return &Workflows{mint: m, exports: exports, all: map[string]Workflow{}}
}

// Endpoints lists the API of Workflows.
func (ws *Workflows) Endpoints() []envelope.Endpoint {
	const all, one = "/accounts/{account}/workflows", "/accounts/{account}/workflows/{workflow}"
	return []envelope.Endpoint{
		{Method: "GET", Path: all, Needs: envelope.ScriptsRead, Do: ws.getAll},
		{Method: "GET", Path: one, Needs: envelope.ScriptsRead, Do: ws.get},
		{Method: "PUT", Path: one, Needs: envelope.ScriptsEdit, Do: ws.put},
		{Method: "DELETE", Path: one, Needs: envelope.ScriptsEdit, Do: ws.delete},
	}
}

func (ws *Workflows) getAll(c *envelope.Call) (envelope.Answer, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	var list []Workflow
	for _, name := range slices.Sorted(maps.Keys(ws.all)) {
		list = append(list, ws.all[name])
	}
	return envelope.Paged(c, list, 10, 100)
}

func (ws *Workflows) find(c *envelope.Call) (Workflow, error) {
	found, ok := ws.all[c.Param("workflow")]
	if !ok {
		return Workflow{}, envelope.Fail(http.StatusNotFound, 10200, "workflow.not_found: %s", c.Param("workflow"))
	}
	return found, nil
}

func (ws *Workflows) get(c *envelope.Call) (envelope.Answer, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	found, err := ws.find(c)
	return envelope.OK(found), err
}

// put makes a Workflow or points it at another script, without asking whose
// it was. A script that is not there is 10007; for a class it does not export
// no code is documented.
func (ws *Workflows) put(c *envelope.Call) (envelope.Answer, error) {
	var in struct {
		Script string          `json:"script_name"`
		Class  string          `json:"class_name"`
		Limits json.RawMessage `json:"limits"`
		Crons  []any           `json:"schedules"`
	}
	if err := c.Decode(&in); err != nil {
		return envelope.Answer{}, err
	}
	if len(in.Crons) > 0 {
		return envelope.Answer{}, envelope.Fail(http.StatusForbidden, 10208, "workflow schedules need a paid plan")
	}
	exists, has := ws.exports(in.Script, in.Class)
	if !exists {
		return envelope.Answer{}, envelope.Fail(http.StatusNotFound, 10007, "This Worker does not exist on your account. (%s)", in.Script)
	}
	if !has {
		return envelope.Answer{}, envelope.Invalid("script %s does not export the class %q", in.Script, in.Class)
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	now := ws.mint.Stamp()
	found, ok := ws.all[c.Param("workflow")]
	if !ok {
		found = Workflow{ID: ws.mint.UUID(), Name: c.Param("workflow"), CreatedOn: now, Instances: map[string]int{}}
	}
	found.Script, found.Class, found.Limits, found.ModifiedOn = in.Script, in.Class, in.Limits, now
	ws.all[found.Name] = found
	return envelope.OK(found), nil
}

func (ws *Workflows) delete(c *envelope.Call) (envelope.Answer, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	found, err := ws.find(c)
	if err != nil {
		return envelope.Answer{}, err
	}
	delete(ws.all, found.Name)
	return envelope.OK(map[string]any{"status": "ok", "success": true}), nil
}

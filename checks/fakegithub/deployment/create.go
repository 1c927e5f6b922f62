package deployment

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/checks/fakegithub/repository"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

type creation struct {
	Ref              *string         `json:"ref"`
	Task             *string         `json:"task"`
	AutoMerge        *bool           `json:"auto_merge"`
	RequiredContexts *[]string       `json:"required_contexts"`
	Payload          json.RawMessage `json:"payload"`
	Environment      *string         `json:"environment"`
	Description      *string         `json:"description"`
	Transient        *bool           `json:"transient_environment"`
	Production       *bool           `json:"production_environment"`
}

func (ds *Deployments) create(c *wire.Call) (wire.Answer, error) {
	var in creation
	if err := c.Decode(&in); err != nil {
		return wire.Answer{}, err
	}
	commit, err := ds.check(in)
	if err != nil {
		return wire.Answer{}, err
	}
	if wire.Or(in.AutoMerge, true) && ds.merge(*in.Ref, commit) {
		message := fmt.Sprintf("Auto-merged %s into %s on deployment.", ds.Repo.Main, *in.Ref)
		return wire.Answer{Status: http.StatusAccepted, Body: wire.Object{"message": message}}, nil
	}
	if err := ds.ready(*in.Ref, commit.SHA, in.RequiredContexts); err != nil {
		return wire.Answer{}, err
	}
	environment := wire.Or(in.Environment, "production")
	d := &Deployment{
		ID: ds.Who.NewID(), SHA: commit.SHA, Ref: *in.Ref, Task: wire.Or(in.Task, "deploy"), Payload: in.Payload,
		Environment: environment, FirstEnvironment: environment, Description: in.Description, Transient: wire.Or(in.Transient, false),
		Production: wire.Or(in.Production, environment == "production"), By: ds.Who.Who(c).Actor, Made: ds.Who.Now(),
	}
	if d.Payload == nil || string(d.Payload) == "null" || string(d.Payload) == `""` {
		d.Payload = json.RawMessage("{}")
	}
	ds.All = append(ds.All, d)
	ds.told(c, d)
	return wire.Created(ds.Body(c.Links, d)), nil
}

func (ds *Deployments) check(in creation) (*repository.Commit, error) {
	switch {
	case in.Ref == nil:
		return nil, wire.Missing("ref")
	case in.Environment != nil && *in.Environment == "":
		return nil, wire.Invalid("Deployment", "environment", "custom", "environment can't be blank")
	case len(in.Payload) > 0 && in.Payload[0] != '{' && in.Payload[0] != '"' && in.Payload[0] != 'n':
		return nil, wire.Malformed("payload", "invalid", "For 'properties/payload', %s is not an object or a string.", in.Payload)
	}
	commit, ok := ds.Repo.Resolve(*in.Ref)
	if !ok {
		return nil, wire.Fail(http.StatusUnprocessableEntity, "No ref found for: %s", *in.Ref)
	}
	return commit, nil
}

// merge brings the default branch into a branch that does not hold it yet, and says whether it had to.
func (ds *Deployments) merge(ref string, commit *repository.Commit) bool {
	name, ok := ds.Repo.Ref(ref)
	main, exists := ds.Repo.Resolve("heads/" + ds.Repo.Main)
	branch, isBranch := strings.CutPrefix(name, "heads/")
	if !ok || !exists || !isBranch || ds.Repo.Holds(commit.SHA, main.SHA) {
		return false
	}
	ds.Repo.Merge(branch, main)
	return true
}

// ready refuses while required checks are not good. None given means all of the
// commit's; one that is given and is not there counts as pending.
func (ds *Deployments) ready(ref, sha string, required *[]string) error {
	states := ds.Contexts(sha)
	names := wire.Or(required, slices.Sorted(maps.Keys(states)))
	refusal := wire.Fail(http.StatusConflict, "Conflict: Commit status checks failed for %s.", ref)
	for _, name := range names {
		state, ok := states[name]
		if !ok {
			state = "pending"
		}
		if state != "success" {
			refusal.Details = append(refusal.Details, wire.Detail{
				Resource: "Deployment", Field: "required_contexts", Code: "invalid", Message: fmt.Sprintf("context %s is %s", name, state),
			})
		}
	}
	if len(refusal.Details) == 0 {
		return nil
	}
	return refusal
}

package script

import (
	"maps"
	"net/http"
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// Secrets returns the names and types of the newest version's secrets, in order.
func (s *Scripts) Secrets(name string) ([]upload.Binding, error) {
	found, err := s.Get(name)
	if err != nil {
		return nil, err
	}
	secrets := []upload.Binding{}
	for _, b := range found.Newest().Bindings {
		if b.Secret() {
			secrets = append(secrets, upload.Binding{Name: b.Name, Type: b.Type})
		}
	}
	slices.SortFunc(secrets, func(a, b upload.Binding) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return secrets, nil
}

// Rebinding changes bindings without new code. A nil binding removes its name.
type Rebinding struct {
	Script, Source string
	Change         map[string]*upload.Binding
	Only           bool // what Change does not name is removed, except secrets
	Annotations    map[string]string
	Undeployed     bool // make a version and leave it at that
}

// Rebind makes a version from the newest one with other bindings and, unless
// told not to, deploys it. Deploying is refused with 10215 when the newest
// version is not what serves. Removing a secret that is not there is 10056,
// for which the real code is not documented.
func (s *Scripts) Rebind(in Rebinding) (*Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.Script)
	if err != nil {
		return nil, err
	}
	if !in.Undeployed {
		if err := found.newestServes("Secret edit"); err != nil {
			return nil, err
		}
	}
	before := found.Newest()
	bindings, err := rebound(before, in)
	if err != nil {
		return nil, err
	}
	if err := upload.CheckBindings(bindings); err != nil {
		return nil, err
	}
	if err := s.bound(in.Script, bindings, found.Classes, before.Code, true); err != nil {
		return nil, err
	}
	version := &Version{
		Stamp: Stamp{Source: in.Source, Annotations: maps.Clone(in.Annotations)}, Content: before.Content,
		Bindings: bindings, Runtime: before.Runtime, epoch: found.Classes.Epoch,
	}
	s.add(found, version, "secret")
	if !in.Undeployed {
		s.serve(found, in.Source, []Share{{version.ID, 100}}, maps.Clone(in.Annotations), "secret")
	}
	return version, nil
}

func rebound(before *Version, in Rebinding) ([]upload.Binding, error) {
	rest := maps.Clone(in.Change)
	var out []upload.Binding
	for _, b := range before.Bindings {
		changed, named := rest[b.Name]
		delete(rest, b.Name)
		switch {
		case !named && (!in.Only || b.Secret()):
			out = append(out, b)
		case named && changed != nil:
			out = append(out, *changed)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		if rest[name] == nil {
			return nil, envelope.Fail(http.StatusNotFound, 10056, "Binding '%s' not found.", name)
		}
		out = append(out, *rest[name])
	}
	return out, nil
}

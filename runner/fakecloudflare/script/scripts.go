package script

import (
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// World is what the rules need to know of the rest of the account.
type World struct {
	// Bound has, for each binding type that names something, the check that it exists.
	Bound map[string]func(upload.Binding) error
	// Files returns the files an asset upload's completion token stands for.
	Files func(script, jwt string) (map[string]string, error)
	// Consumes names a queue the script consumes, empty when there is none.
	Consumes func(script string) string
	// Subdomain returns the account's workers.dev name, empty when it has none.
	Subdomain func() string
}

// Scripts are all Workers of the account. It is safe for concurrent use.
type Scripts struct {
	mint  *mint.Mint
	world World

	mu       sync.Mutex
	all      map[string]*Script
	revision int
	stale    int
}

// New returns an account without Workers.
func New(m *mint.Mint, world World) *Scripts {
	return &Scripts{mint: m, world: world, all: map[string]*Script{}}
}

// SetStaleReads makes the next n readers of each version uploaded from now on
// not find it, as happens just after an upload: they get 100146.
func (s *Scripts) SetStaleReads(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = n
}

// Revision counts what changed about who serves and how; the runtime serves
// anew when it has moved.
func (s *Scripts) Revision() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// missing is 404 code 10007, Cloudflare's word for a script that is not there.
func missing(name string) error {
	return envelope.Fail(http.StatusNotFound, 10007, "This Worker does not exist on your account. (%s)", name)
}

// Get returns a script.
func (s *Scripts) Get(name string) (Script, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(name)
	if err != nil {
		return Script{}, err
	}
	return found.copy(), nil
}

// Has says whether a script of this name exists.
func (s *Scripts) Has(name string) bool {
	_, err := s.Get(name)
	return err == nil
}

// All returns all scripts by name.
func (s *Scripts) All() []Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Script
	for _, name := range slices.Sorted(maps.Keys(s.all)) {
		out = append(out, s.all[name].copy())
	}
	return out
}

func (s *Scripts) find(name string) (*Script, error) {
	if found := s.all[name]; found != nil {
		return found, nil
	}
	return nil, missing(name)
}

func (s *Script) copy() Script {
	out := *s
	out.Classes = s.Classes.Clone()
	out.Crons = slices.Clone(s.Crons)
	out.Versions = slices.Clone(s.Versions)
	out.Deployments = slices.Clone(s.Deployments)
	out.Settings.Tags = slices.Clone(s.Settings.Tags)
	return out
}

// Read returns one version of a script: 100146 when there is none, or while it is still stale.
func (s *Scripts) Read(name, version string) (*Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return found.read(version)
}

func (s *Script) read(version string) (*Version, error) {
	v := s.Version(version)
	if v == nil || v.unread > 0 {
		if v != nil {
			v.unread--
		}
		return nil, envelope.Fail(http.StatusNotFound, 100146,
			"The requested Worker version could not be found, please check the ID being passed and try again.")
	}
	return v, nil
}

// Delete removes a script. One that consumes a queue stays (10064); one that
// others are bound to goes only when forced, for which no code is documented
// and 10064 is used too.
func (s *Scripts) Delete(name string, force bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(name); err != nil {
		return err
	}
	if queue := s.world.Consumes(name); queue != "" {
		return envelope.Fail(http.StatusBadRequest, 10064, "Cannot delete this Worker as it is a consumer for a Queue (%s). Remove the consumer first.", queue)
	}
	if refs := s.references(name); len(refs) > 0 && !force {
		return envelope.Fail(http.StatusBadRequest, 10064, "Cannot delete this Worker as %s is bound to it. Use force=true to delete it anyway.", refs[0].Script)
	}
	delete(s.all, name)
	s.revision++
	return nil
}

// Reference is a binding of one script to another.
type Reference struct{ Script, Binding, Type, Class string }

// References returns the bindings of other scripts to this one, in order.
func (s *Scripts) References(name string) ([]Reference, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(name); err != nil {
		return nil, err
	}
	return s.references(name), nil
}

func (s *Scripts) references(name string) []Reference {
	var found []Reference
	for _, other := range slices.Sorted(maps.Keys(s.all)) {
		serving := s.all[other].Serving()
		if other == name || serving == nil {
			continue
		}
		for _, b := range serving.Bindings {
			if (b.Type == "service" && b.Text("service") == name) || (b.Type == "durable_object_namespace" && b.Text("script_name") == name) {
				found = append(found, Reference{Script: other, Binding: b.Name, Type: b.Type, Class: b.Text("class_name")})
			}
		}
	}
	return found
}

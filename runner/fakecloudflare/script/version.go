package script

import (
	"encoding/json"
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/durable"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// Stamp is who made something, when, and what they said about it.
type Stamp struct {
	ID, CreatedOn string
	Source        string            // wrangler, terraform, api
	Annotations   map[string]string // workers/message, workers/tag, workers/triggered_by
}

// Content is the code of a version and the files beside it.
type Content struct {
	Main    string // name of the main part; empty when there are only files
	Modules []upload.Module
	Worker  bool // in the service-worker format, not a module
	Code    upload.Code
	Assets  *Files
	ETag    string
}

// Files are the static files of a version: content hashes by path, and how they are served.
type Files struct {
	Paths  map[string]string
	Config map[string]json.RawMessage
}

// Version is one upload. It does not change once it is made.
type Version struct {
	Stamp
	Content
	Number   int
	Bindings []upload.Binding // inherited and kept ones resolved
	Runtime  upload.Runtime
	epoch    int // how many migrations the script had gone through
	unread   int // how many readers still do not find it
}

// Binding returns the binding of a name.
func (v *Version) Binding(name string) (upload.Binding, bool) {
	i := slices.IndexFunc(v.Bindings, func(b upload.Binding) bool { return b.Name == name })
	if i < 0 {
		return upload.Binding{}, false
	}
	return v.Bindings[i], true
}

// secrets returns the values of all secrets by name.
func (v *Version) secrets() map[string]string {
	values := map[string]string{}
	for _, b := range v.Bindings {
		if b.Secret() {
			text, _ := json.Marshal(b.Fields) // they came as JSON
			values[b.Name] = string(text)
		}
	}
	return values
}

// changedSecrets returns the names of secrets that differ between two versions, in order.
func changedSecrets(a, b *Version) []string {
	one, two := a.secrets(), b.secrets()
	var names []string
	for name, value := range one {
		if other, ok := two[name]; !ok || other != value {
			names = append(names, name)
		}
	}
	for name := range two {
		if _, ok := one[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Share is a version's part of the traffic.
type Share struct {
	Version    string  `json:"version_id"`
	Percentage float64 `json:"percentage"`
}

// Deployment says which versions serve. It does not change once it is made.
type Deployment struct {
	Stamp
	Shares []Share
}

// Cron is one schedule.
type Cron struct {
	Cron       string `json:"cron"`
	CreatedOn  string `json:"created_on"`
	ModifiedOn string `json:"modified_on"`
}

// Subdomain says whether the script answers on workers.dev.
type Subdomain struct {
	Enabled  bool `json:"enabled"`
	Previews bool `json:"previews_enabled"`
}

// Settings are what a script has beside its versions.
type Settings struct {
	Logpush       bool            `json:"logpush"`
	Observability json.RawMessage `json:"observability"`
	Tags          []string        `json:"tags"`
	TailConsumers json.RawMessage `json:"tail_consumers"`
	Streaming     json.RawMessage `json:"streaming_tail_consumers,omitempty"`
}

// Script is a Worker as it is now. Scripts hands out copies; the versions and
// deployments they point to are shared and never change.
type Script struct {
	Name, Tag             string
	CreatedOn, ModifiedOn string
	Settings              Settings
	Subdomain             Subdomain
	Crons                 []Cron
	Classes               durable.Classes
	Versions              []*Version    // oldest first
	Deployments           []*Deployment // oldest first
}

// Newest returns the version uploaded last; every script has one.
func (s Script) Newest() *Version { return s.Versions[len(s.Versions)-1] }

// Live returns the deployment that serves, nil when nothing was ever deployed.
func (s Script) Live() *Deployment {
	if len(s.Deployments) == 0 {
		return nil
	}
	return s.Deployments[len(s.Deployments)-1]
}

// Version returns a version by its identifier, nil when there is none.
func (s Script) Version(id string) *Version {
	for _, v := range s.Versions {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// Serving returns the version with the largest share of the traffic, the
// first of equals; nil when nothing was ever deployed.
func (s Script) Serving() *Version {
	live := s.Live()
	if live == nil {
		return nil
	}
	best := live.Shares[0]
	for _, share := range live.Shares[1:] {
		if share.Percentage > best.Percentage {
			best = share
		}
	}
	return s.Version(best.Version)
}

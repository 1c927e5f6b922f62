package upload

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
)

// Module is one part of the code. Type is the part's media type without parameters.
type Module struct {
	Name, Type string
	Body       []byte
}

// The media types of modules, as wrangler writes them.
const (
	ESModule  = "application/javascript+module"
	CommonJS  = "application/javascript"
	Wasm      = "application/wasm"
	Data      = "application/octet-stream"
	Text      = "text/plain"
	SourceMap = "application/source-map"
)

// Step is one step of a migration of Durable Object classes.
type Step struct {
	NewClasses       []string   `json:"new_classes,omitempty"`
	NewSQLiteClasses []string   `json:"new_sqlite_classes,omitempty"`
	Renamed          []Renaming `json:"renamed_classes,omitempty"`
	Deleted          []string   `json:"deleted_classes,omitempty"`
	Transferred      []Transfer `json:"transferred_classes,omitempty"`
}

// Renaming gives a class's objects to another class of the same script.
type Renaming struct{ From, To string }

// Transfer gives a class's objects to a class of another script.
type Transfer struct {
	From       string `json:"from"`
	FromScript string `json:"from_script"`
	To         string `json:"to"`
}

// Migrations move a script from one tag to another. A client may send one
// step without a list, which then stands beside the tags.
type Migrations struct {
	OldTag string `json:"old_tag,omitempty"`
	NewTag string `json:"new_tag,omitempty"`
	Steps  []Step `json:"steps,omitempty"`
	Step
}

// All returns the steps, however they were sent.
func (m Migrations) All() []Step {
	if len(m.Steps) == 0 {
		return []Step{m.Step}
	}
	return m.Steps
}

// Assets are the files that go with a version: the token their upload ended with, and how they are served.
type Assets struct {
	JWT    string                     `json:"jwt,omitempty"`
	Config map[string]json.RawMessage `json:"config,omitempty"`
}

// Metadata is the part of that name. Raw fields are kept and shown, not looked at.
type Metadata struct {
	MainModule string    `json:"main_module"`
	BodyPart   string    `json:"body_part"`
	Bindings   []Binding `json:"bindings"`
	Runtime
	Migrations  *Migrations       `json:"migrations"`
	Assets      *Assets           `json:"assets"`
	Annotations map[string]string `json:"annotations"`
	Kept
	Settings
	Ignored
}

// Kept is what to carry over from the version before: bindings by type, and the files.
type Kept struct {
	KeepBindings []string `json:"keep_bindings"`
	KeepAssets   bool     `json:"keep_assets"`
}

// Runtime is what a version says about how it wants to be run.
type Runtime struct {
	Date      string          `json:"compatibility_date"`
	Flags     []string        `json:"compatibility_flags"`
	Placement json.RawMessage `json:"placement"`
	Limits    json.RawMessage `json:"limits"`
}

// Settings belong to the script and to no version; nil leaves them as they are.
type Settings struct {
	Logpush       *bool           `json:"logpush"`
	TailConsumers json.RawMessage `json:"tail_consumers"`
	Streaming     json.RawMessage `json:"streaming_tail_consumers"`
	Observability json.RawMessage `json:"observability"`
	Tags          *[]string       `json:"tags"`
}

// Ignored is what clients send and the fake has no use for.
type Ignored struct {
	Containers   json.RawMessage `json:"containers"`
	Exports      json.RawMessage `json:"exports"`
	Cache        json.RawMessage `json:"cache_options"`
	Dependencies json.RawMessage `json:"package_dependencies"`
	Strategy     json.RawMessage `json:"code_update_strategy"`
	UsageModel   string          `json:"usage_model"`
}

// Upload is a new Worker as it was sent.
type Upload struct {
	Metadata Metadata
	Modules  []Module
}

// Read takes a request's body apart. A part without a media type is text, as
// RFC 7578 says; modules must say what they are.
func Read(contentType string, body []byte) (Upload, error) {
	parts, err := Parts(contentType, body)
	if err != nil {
		return Upload{}, err
	}
	var u Upload
	i := slices.IndexFunc(parts, func(m Module) bool { return m.Name == "metadata" })
	if i < 0 {
		return Upload{}, Refuse(`the upload has no part named "metadata"`)
	}
	if err := envelope.DecodeStrict(parts[i].Body, &u.Metadata); err != nil {
		return Upload{}, err
	}
	u.Modules = slices.Delete(parts, i, i+1)
	return u, u.check()
}

// Parts reads a multipart form into modules, in their order.
func Parts(contentType string, body []byte) ([]Module, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		return nil, envelope.Fail(http.StatusUnsupportedMediaType, 6003,
			"Invalid request headers: Content-Type %q, this endpoint reads multipart/form-data", contentType)
	}
	reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	var parts []Module
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return parts, nil
		}
		if err != nil {
			return nil, Refuse("read the form: %v", err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, Refuse("read part %q: %v", part.FormName(), err)
		}
		if part.FormName() == "" {
			return nil, Refuse("a part of the form has no name")
		}
		media, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";")
		parts = append(parts, Module{Name: part.FormName(), Type: strings.TrimSpace(media), Body: data})
	}
}

func (u Upload) check() error {
	m := u.Metadata
	seen := map[string]bool{}
	for _, module := range u.Modules {
		if seen[module.Name] {
			return Refuse("two parts are named %q", module.Name)
		}
		seen[module.Name] = true
		if module.Type == "" {
			return Refuse("part %q does not say its Content-Type, such as %s", module.Name, ESModule)
		}
	}
	switch main := m.MainModule + m.BodyPart; {
	case m.MainModule != "" && m.BodyPart != "":
		return Refuse("metadata has both main_module and body_part")
	case main == "" && m.Assets == nil && !m.KeepAssets:
		return Refuse("metadata names neither main_module nor body_part nor assets")
	case main != "" && !seen[main]:
		return Refuse("Uncaught TypeError: Main module name is not present in bundle.\n  at line 0\n")
	}
	return CheckBindings(m.Bindings)
}

// Main returns the name of the part that is run first; empty when the Worker has only assets.
func (u Upload) Main() string { return u.Metadata.MainModule + u.Metadata.BodyPart }

package script

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"github.com/tminus/deploy-action/runner/fakecloudflare/durable"
	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/upload"
)

// largest is the size of a paid plan's script, compressed.
const largest = 10 << 20

var nameForm = regexp.MustCompile(`^[a-z0-9_][a-z0-9_-]{0,62}$`)

// Sending is one upload on its way in.
type Sending struct {
	Script, Source string
	Upload         upload.Upload
	Strict         bool // an inherit that finds nothing is refused
}

// Put takes an upload that goes live at once, with its migrations; it makes
// the script when there is none.
func (s *Scripts) Put(in Sending) (*Version, error) {
	content, err := s.inspect(in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, existed := s.all[in.Script]
	if !existed {
		if s.world.Subdomain() == "" {
			return nil, noSubdomain()
		}
		found = s.fresh(in.Script)
	}
	m := &durable.Migration{Mint: s.mint, Classes: found.Classes.Clone(), Code: content.Code, Of: s.classesOf}
	version, err := s.accept(found, in, content, m, false)
	if err != nil {
		return nil, err
	}
	for _, gone := range m.Taken {
		delete(s.all[gone.Script].Classes.ByName, gone.Class)
	}
	found.Classes = m.Classes
	found.Settings.apply(in.Upload.Metadata.Settings)
	s.all[in.Script] = found
	s.add(found, version, "upload")
	s.serve(found, in.Source, []Share{{version.ID, 100}}, maps.Clone(in.Upload.Metadata.Annotations), "upload")
	return version, nil
}

// Upload takes an upload that goes live only when it is deployed. The script
// must exist, and there can be no migration in it.
func (s *Scripts) Upload(in Sending) (*Version, error) {
	content, err := s.inspect(in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.Script)
	if err != nil {
		return nil, err
	}
	if in.Upload.Metadata.Migrations != nil {
		return nil, envelope.Fail(http.StatusBadRequest, 10211, "Version upload failed. You attempted to upload a version of a Worker that includes "+
			"a Durable Object migration, but migrations must be fully applied via a non-versioned deployment.")
	}
	version, err := s.accept(found, in, content, &durable.Migration{Classes: found.Classes.Clone(), Code: content.Code}, true)
	if err != nil {
		return nil, err
	}
	version.unread = s.stale
	s.add(found, version, "version_upload")
	return version, nil
}

func noSubdomain() error {
	return envelope.Fail(http.StatusBadRequest, 10063, "You need a workers.dev subdomain in order to proceed. Please go to the dashboard and open the Workers menu. "+
		"Opening the Workers landing page for the first time will create a workers.dev subdomain automatically.")
}

func (s *Scripts) fresh(name string) *Script {
	now := s.mint.Stamp()
	return &Script{
		Name: name, Tag: s.mint.Hex(), CreatedOn: now, ModifiedOn: now,
		Settings: Settings{Tags: []string{}, TailConsumers: json.RawMessage("[]"), Observability: json.RawMessage(`{"enabled":false}`)},
		Classes:  durable.Classes{}.Clone(),
	}
}

// inspect does what needs no look at the account, and no lock.
func (s *Scripts) inspect(in Sending) (Content, error) {
	m := in.Upload.Metadata
	if !nameForm.MatchString(in.Script) {
		return Content{}, envelope.Fail(http.StatusBadRequest, 10016, "invalid script name %q: at most 63 of a-z, 0-9, _ and -, not beginning with -", in.Script)
	}
	if err := m.Runtime.Check(s.mint.Clock()); err != nil {
		return Content{}, err
	}
	if err := small(in.Upload.Modules); err != nil {
		return Content{}, err
	}
	code, err := upload.Inspect(in.Upload, m.Runtime.Node())
	if err != nil {
		return Content{}, err
	}
	content := Content{Main: in.Upload.Main(), Modules: in.Upload.Modules, Worker: m.BodyPart != "", Code: code, ETag: etag(in.Upload.Modules)}
	if m.Assets == nil {
		return content, nil
	}
	content.Assets = &Files{Config: m.Assets.Config}
	if m.Assets.JWT != "" {
		if content.Assets.Paths, err = s.world.Files(in.Script, m.Assets.JWT); err != nil {
			return Content{}, err
		}
	}
	return content, nil
}

func small(modules []upload.Module) error {
	total := 0
	for _, m := range modules {
		total += len(m.Body)
	}
	if total <= largest { // compressing makes nothing larger by much
		return nil
	}
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	for _, m := range modules {
		_, _ = zip.Write(m.Body) // a buffer takes everything
	}
	_ = zip.Close()
	if b.Len() > largest {
		return envelope.Fail(http.StatusRequestEntityTooLarge, 10027, "Your Worker exceeded the size limit of 10 MiB. Refer to the Workers documentation for more information.")
	}
	return nil
}

func etag(modules []upload.Module) string {
	sum := sha256.New()
	for _, m := range modules {
		_, _ = sum.Write([]byte(m.Name + "\x00" + m.Type + "\x00")) // a hash takes everything
		_, _ = sum.Write(m.Body)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// accept applies the rules and makes the version, changing nothing yet. The
// bindings come after the migration and the migration asks about the bindings,
// so they are resolved first and checked last.
func (s *Scripts) accept(found *Script, in Sending, content Content, m *durable.Migration, versioned bool) (*Version, error) {
	var before *Version
	if len(found.Versions) > 0 {
		before = found.Newest()
	}
	meta := in.Upload.Metadata
	bindings, err := resolve(meta.Bindings, meta.KeepBindings, before, in.Strict)
	if err != nil {
		return nil, err
	}
	m.Bindings = bindings
	if err := m.Apply(meta.Migrations); err != nil {
		return nil, err
	}
	if err := s.bound(found.Name, bindings, m.Classes, content.Code, versioned); err != nil {
		return nil, err
	}
	if before != nil && before.Assets != nil && (meta.KeepAssets || content.Assets != nil && content.Assets.Paths == nil) {
		content.Assets = keptFiles(before.Assets, content.Assets)
	}
	return &Version{
		Stamp:   Stamp{Source: in.Source, Annotations: maps.Clone(meta.Annotations)},
		Content: content, Bindings: bindings, Runtime: meta.Runtime, epoch: m.Classes.Epoch,
	}, nil
}

// keptFiles are the files of the version before with the new version's ways of serving them.
func keptFiles(before, now *Files) *Files {
	kept := *before
	if now != nil && now.Config != nil {
		kept.Config = now.Config
	}
	return &kept
}

// classesOf returns another script's classes for a migration that takes one.
func (s *Scripts) classesOf(name string) (durable.Classes, bool) {
	found := s.all[name]
	if found == nil {
		return durable.Classes{}, false
	}
	return found.Classes, true
}

// add gives a version its number and its place.
func (s *Scripts) add(found *Script, version *Version, trigger string) {
	version.ID, version.CreatedOn = s.mint.UUID(), s.mint.Stamp()
	version.Number = len(found.Versions) + 1
	version.Annotations = annotated(version.Annotations, trigger)
	found.Versions = append(found.Versions, version)
	found.ModifiedOn = version.CreatedOn
}

func annotated(annotations map[string]string, trigger string) map[string]string {
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations["workers/triggered_by"] = trigger
	return annotations
}

// apply takes over the settings an upload carries; those it leaves out stay.
func (st *Settings) apply(in upload.Settings) {
	if in.Logpush != nil {
		st.Logpush = *in.Logpush
	}
	if in.Tags != nil {
		st.Tags = slices.Clone(*in.Tags)
	}
	for _, field := range []struct {
		from json.RawMessage
		to   *json.RawMessage
	}{{in.Observability, &st.Observability}, {in.TailConsumers, &st.TailConsumers}, {in.Streaming, &st.Streaming}} {
		if len(field.from) > 0 && string(field.from) != "null" {
			*field.to = field.from
		}
	}
}

package upload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/secret"
)

// Script is everything that makes an upload.
type Script struct {
	Script project.Script
	// Bundle is the code; nil for a script of static files alone.
	Bundle *bundle.Bundle
	// Files are the static files; nil when the script has none.
	Files []cloudflare.Asset
	// Secrets are the values that are known here; those of the script go up with it.
	Secrets secret.Store
	// Key makes fingerprints of secrets unguessable; the API token serves.
	Key string
	// Migrations are the Durable Object migrations that the upload carries.
	Migrations map[string]any
}

// Make makes the upload. Label becomes the version's tag and message; files is
// the token that stands for the uploaded static files.
func (s Script) Make(tag, message, files string) cloudflare.Upload {
	m := s.metadata(func(name string) any {
		value, _ := s.Secrets.Value(name)
		return map[string]any{"type": "secret_text", "name": name, "text": value}
	})
	m["annotations"] = map[string]string{"workers/tag": tag, "workers/message": message}
	if assets, ok := m["assets"].(map[string]any); ok {
		assets["jwt"] = files
	}
	if s.Migrations != nil {
		m["migrations"] = s.Migrations
	}
	u := cloudflare.Upload{Metadata: m}
	if s.Bundle != nil {
		for _, module := range s.Bundle.Modules {
			u.Parts = append(u.Parts, cloudflare.Part{Name: module.Name, MIME: module.Kind.MIME(), Content: module.Content})
		}
	}
	return u
}

// Digest is a fingerprint of code, bindings, settings, static files and secrets:
// "sha256:" and 64 hex digits. Secrets count by keyed fingerprints only, and apart
// from the rest, so that they can change by themselves.
func (s Script) Digest() string {
	code := s
	code.Secrets = secret.Store{}
	return release.Mix(code.code(), s.Fingerprints().Digest())
}

// code is a fingerprint of everything but the secrets, 64 hex digits.
func (s Script) code() string {
	m := s.metadata(nil)
	sum := map[string]any{"metadata": m}
	if s.Bundle != nil {
		sum["bundle"] = s.Bundle.Digest()
	}
	files := map[string]string{}
	for _, f := range s.Files {
		files[f.Path] = f.Hash()
	}
	sum["files"] = files
	raw, err := json.Marshal(sum) // maps are written in the order of their keys
	if err != nil {
		raw = []byte(err.Error()) // values come from decoded files and always encode
	}
	digest := sha256.Sum256(raw)
	return hex.EncodeToString(digest[:])
}

// metadata is the upload's metadata part without what differs between two equal
// uploads. Each secret is written by a function. Source of the keys:
// cloudflare/workers-sdk, create-worker-upload-form.ts.
func (s Script) metadata(secretOf func(name string) any) map[string]any {
	section := s.Script.Section
	m := map[string]any{
		"compatibility_date":  section.Module.Date.V,
		"compatibility_flags": s.flags(),
	}
	if s.Bundle != nil {
		m["main_module"] = s.Bundle.Main
		m["bindings"] = s.bindings(secretOf)
		m["keep_bindings"] = s.keep()
	}
	if s.Files != nil {
		m["assets"] = map[string]any{"config": section.Settings.Assets.Config}
	}
	set := section.Settings
	for key, v := range map[string]any{"limits": set.Limits.V, "placement": placement(set.Placement.V), "observability": set.Observability.V} {
		if v != nil {
			m[key] = v
		}
	}
	if set.Logpush.Written() {
		m["logpush"] = set.Logpush.V
	}
	if len(set.TailConsumers) > 0 {
		m["tail_consumers"] = s.Script.Section.Settings.Tails()
	}
	return m
}

func (s Script) flags() []string {
	flags := []string{}
	for _, f := range s.Script.Section.Module.Flags {
		flags = append(flags, f.V)
	}
	return flags
}

// bindings are the configured ones and the secrets whose values are known.
func (s Script) bindings(secretOf func(string) any) []any {
	all := []any{}
	for _, b := range s.Script.Section.Bindings {
		all = append(all, b.Shape())
	}
	for _, name := range s.Known() {
		all = append(all, secretOf(name))
	}
	return all
}

// Known are the names of the script's secrets whose values are known here, sorted.
func (s Script) Known() []string {
	var names []string
	for _, name := range s.Script.Secrets {
		if _, ok := s.Secrets.Value(name); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fingerprint is how much of a keyed hash is written down.
const fingerprint = 16

// Fingerprints are those of the secrets that go up.
func (s Script) Fingerprints() release.Fingerprints {
	f := release.Fingerprints{Values: map[string]string{}}
	for _, name := range s.Known() {
		f.Key = s.Secrets.Fingerprint(s.Key, "")[:fingerprint]
		f.Values[name] = s.Secrets.Fingerprint(s.Key, name)[:fingerprint]
	}
	if len(f.Values) == 0 {
		return release.Fingerprints{}
	}
	return f
}

// keep are the types of bindings that stay as they are on the live version:
// secrets always, variables only when the configuration says keep_vars.
func (s Script) keep() []string {
	keep := []string{"secret_text", "secret_key"}
	if s.Script.Section.Settings.KeepVars.V {
		keep = append(keep, "plain_text", "json")
	}
	return keep
}

// placement is the configured placement as the API wants it; nil when it is off.
// Source: cloudflare/workers-sdk, placement.ts.
func placement(v any) any {
	p, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	mode, _ := p["mode"].(string)
	hint := p["hint"]
	switch {
	case mode == "smart" || hint != nil:
		out := map[string]any{"mode": "smart"}
		if hint != nil {
			out["hint"] = hint
		}
		return out
	case p["region"] != nil || p["host"] != nil || p["hostname"] != nil:
		out := map[string]any{"mode": "targeted"}
		for _, key := range []string{"region", "host", "hostname"} {
			if p[key] != nil {
				out[key] = p[key]
			}
		}
		return out
	}
	return nil
}

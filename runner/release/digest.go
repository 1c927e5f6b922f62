package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/finding"
)

// How many hex digits of a short digest tell the code and configuration, and how many
// the secrets that went up with them.
const (
	codeLength   = 20
	secretLength = digestLength - codeLength
)

// Mix makes one digest of two, of code and configuration and of the secrets that went
// up with them, both in hex. They can be told apart even in the short form, so that
// secrets can change while the code is known to stay what it was.
func Mix(code, secrets string) string {
	return "sha256:" + code[:codeLength] + secrets[:secretLength] + code[codeLength:codeLength+64-digestLength]
}

// Remix is a digest, short or not, with other secrets; the result is short.
func Remix(digest string, secrets Fingerprints) string {
	return "sha256:" + CodeOf(digest) + secrets.Digest()[:secretLength]
}

// CodeOf is the part of a digest that tells code and configuration.
func CodeOf(digest string) string {
	hex := strings.TrimPrefix(Short(digest), "sha256:")
	return hex[:min(len(hex), codeLength)]
}

// Fits tells whether secrets with these fingerprints make this digest, short or not.
func (f Fingerprints) Fits(digest string) bool { return Remix(digest, f) == Short(digest) }

// Digest is one fingerprint of all, 64 hex digits. It is the same for the same values
// under the same key.
func (f Fingerprints) Digest() string {
	var names []string
	for name := range f.Values {
		names = append(names, name)
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintf(sum, "%s=%s\n", name, f.Values[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// With are the fingerprints with those of g over them. What was made with another key
// cannot stand beside them and is left out.
func (f Fingerprints) With(g Fingerprints) Fingerprints {
	all := Fingerprints{Key: g.Key, Values: map[string]string{}}
	for _, one := range []Fingerprints{f, g} {
		for name, v := range one.Values {
			if one.Key == g.Key {
				all.Values[name] = v
			}
		}
	}
	return all
}

// Replaced is a value that a secret had before it was rotated, by its fingerprint. It
// goes from record to record, so that nobody brings it back by mistake.
type Replaced struct {
	Secret      string `json:"secret"`
	Key         string `json:"key"` // a fingerprint of the key
	Fingerprint string `json:"fingerprint"`
	Release     string `json:"release"` // that replaced it
	// Compromised: somebody else may know the value.
	Compromised bool `json:"compromised,omitempty"`
}

// remembered is how many replaced values a record carries, the newest first; what a
// deployment on GitHub takes is limited.
const remembered = 32

// Merge joins what several records know of replaced values, the newest first.
func Merge(records ...[]Replaced) []Replaced {
	all := slices.Concat(records...)
	slices.SortStableFunc(all, func(a, b Replaced) int {
		if n := strings.Compare(b.Release, a.Release); n != 0 {
			return n
		}
		return strings.Compare(a.Secret+a.Key+a.Fingerprint, b.Secret+b.Key+b.Fingerprint)
	})
	all = slices.Compact(all)
	return all[:min(len(all), remembered)]
}

// Brings tells which replaced value a secret would have again, if it would.
func (f Fingerprints) Brings(name string, all []Replaced) (Replaced, bool) {
	for _, r := range all {
		if r.Secret == name && r.Key == f.Key && r.Fingerprint == f.Values[name] && r.Fingerprint != "" {
			return r, true
		}
	}
	return Replaced{}, false
}

// Before are the fingerprints of a script's secrets from before the release rotated
// some, as far as it tells.
func (m Manifest) Before(p Placed) Fingerprints {
	old := Fingerprints{Key: p.Secrets.Key, Values: map[string]string{}}
	for _, r := range m.Replaced {
		if _, has := p.Secrets.Values[r.Secret]; has && r.Release == m.Release && r.Key == old.Key {
			old.Values[r.Secret] = r.Fingerprint
		}
	}
	return p.Secrets.With(old)
}

// Finding says that a secret would have a value again which a release replaced.
func (r Replaced) Finding(at finding.Position) finding.Finding {
	why, how := "", fmt.Sprintf("; deploy-action rotate %s --given brings the old one back on purpose", r.Secret)
	if r.Compromised {
		why, how = ", because somebody else may know it", ""
	}
	return finding.Errorf("replaced-secret", at, "the value of %s that is known here was replaced by release %s%s", r.Secret, r.Release, why).
		Hintf("put the new value where the old one comes from, or leave it out to keep what the account has (promote --skip-secrets)%s", how)
}

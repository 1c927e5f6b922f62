package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Seen is what the plan of one environment rests upon.
type Seen struct {
	Environment string
	Parts       []Part
}

// Part is one script or database: what the account has of it and what is wanted.
type Part struct {
	Name string
	// Kind is script or database.
	Kind string
	// Live and Wanted become JSON, so that two equal ones have equal digests.
	Live, Wanted any
	// Now says in words what the account has, for who is told that it moved.
	Now string
}

// The kinds of parts.
const (
	Script = "script"
	Ledger = "database"
)

// marked is how many hex digits of a part's two digests stand behind an
// environment's digest, so that a plan that was refused can say what moved.
const marked = 4

// Digest is "staging=sha256:<64 hex digits>.<marks>": a fingerprint of everything
// that was seen and is wanted, and behind the dot one mark for each part, by which
// [Moved] tells parts apart. Only the fingerprint decides.
func (s Seen) Digest() string {
	sum := sha256.New()
	marks := ""
	for _, p := range s.sorted() {
		live, wanted := hash(p.Live), hash(p.Wanted)
		fmt.Fprintf(sum, "%s %q %s %s\n", p.Kind, p.Name, live, wanted)
		marks += live[:marked] + wanted[:marked]
	}
	return s.Environment + "=sha256:" + hex.EncodeToString(sum.Sum(nil)) + "." + marks
}

func (s Seen) sorted() []Part {
	parts := slices.Clone(s.Parts)
	slices.SortFunc(parts, func(a, b Part) int {
		return strings.Compare(a.Kind+" "+a.Name, b.Kind+" "+b.Name)
	})
	return parts
}

func hash(v any) string {
	raw, err := json.Marshal(v) // maps are written in the order of their keys
	if err != nil {
		raw = []byte(err.Error()) // what is seen was decoded from JSON and files, and always encodes
	}
	digest := sha256.Sum256(raw)
	return hex.EncodeToString(digest[:])
}

// Join makes one digest of those of several environments.
func Join(digests []string) string { return strings.Join(digests, ",") }

// Of finds the part of a digest that is about an environment.
func Of(digest, environment string) (string, bool) {
	for one := range strings.SplitSeq(digest, ",") {
		one = strings.TrimSpace(one)
		if at := strings.LastIndex(one, "=sha256:"); at >= 0 && one[:at] == environment {
			return one, true
		}
	}
	return "", false
}

// Valid tells whether a text is a digest of some plan.
func Valid(digest string) bool {
	for one := range strings.SplitSeq(digest, ",") {
		env, sum, ok := strings.Cut(strings.TrimSpace(one), "=sha256:")
		sum, _, _ = strings.Cut(sum, ".")
		if raw, err := hex.DecodeString(sum); !ok || env == "" || err != nil || len(raw) != sha256.Size {
			return false
		}
	}
	return true
}

// Same tells whether an environment is as a plan of this digest saw it.
func (s Seen) Same(digest string) bool {
	planned, _, _ := strings.Cut(digest, ".")
	now, _, _ := strings.Cut(s.Digest(), ".")
	return planned == now
}

// Moved says in words what is not as the plan of a digest saw it, as far as its
// marks tell; nothing if they do not.
func (s Seen) Moved(digest string) []string {
	_, marks, _ := strings.Cut(digest, ".")
	parts := s.sorted()
	if len(marks) != len(parts)*2*marked {
		return []string{"there are other Workers or databases than planned"}
	}
	var moved []string
	for i, p := range parts {
		mark := marks[i*2*marked : (i+1)*2*marked]
		live, wanted := hash(p.Live)[:marked] != mark[:marked], hash(p.Wanted)[:marked] != mark[marked:]
		switch {
		case p.Kind == Ledger && live:
			moved = append(moved, fmt.Sprintf("other migrations of %s are pending%s", p.Name, now(p)))
		case p.Kind == Ledger && wanted:
			moved = append(moved, fmt.Sprintf("the pending migrations of %s have other SQL", p.Name))
		case live:
			moved = append(moved, fmt.Sprintf("%s was deployed or its triggers were changed on the account%s", p.Name, now(p)))
		}
		if p.Kind == Script && wanted {
			moved = append(moved, fmt.Sprintf("the code, configuration or secrets of %s are others than planned", p.Name))
		}
	}
	return moved
}

func now(p Part) string {
	if p.Now == "" {
		return ""
	}
	return " (" + p.Now + ")"
}

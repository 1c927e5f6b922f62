package release

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// ID makes the name of a release of its time and commit, such as
// 20261121T190455Z-d881ac3. Names sort by time.
func ID(now time.Time, commit string) string {
	id := now.UTC().Format("20060102T150405Z")
	if len(commit) > 7 {
		commit = commit[:7]
	}
	if commit == "" {
		return id
	}
	return id + "-" + commit
}

// Label is what a version or a deployment says of itself in its message: enough
// to know where it came from when GitHub cannot be asked.
type Label struct {
	Release string
	Digest  string // of code and configuration
	// From is the release that was taken back when this one came to serve again;
	// empty when it was deployed the first time.
	From string
	// Strict: the environment is held against every release, not only against From.
	Strict bool
}

// digestLength is how many hex digits of a digest fit into a label beside the
// release; 128 bits are enough to tell two apart.
const digestLength = 32

// String writes the label, at most 100 bytes, which every version of the API keeps.
func (l Label) String() string {
	text := fmt.Sprintf("release %s %s", l.Release, Short(l.Digest))
	if l.From != "" && l.Strict {
		text += " !" + l.From
	} else if l.From != "" {
		text += " <" + l.From
	}
	return text
}

// Short is a digest as a label holds it.
func Short(digest string) string {
	_, hex, ok := strings.Cut(digest, ":")
	if !ok {
		hex = digest
	}
	return "sha256:" + hex[:min(len(hex), digestLength)]
}

var label = regexp.MustCompile(`^release (\S{1,60}) (sha256:[0-9a-f]{32})(?: ([<!])(\S{1,60}))?$`)

// ParseLabel reads a message back. A message of somebody else gives false.
func ParseLabel(message string) (Label, bool) {
	m := label.FindStringSubmatch(message)
	if m == nil {
		return Label{}, false
	}
	return Label{Release: m[1], Digest: m[2], From: m[4], Strict: m[3] == "!"}, true
}

// Brief is enough of a version's id for a person to tell two apart.
func Brief(version string) string { return version[:min(len(version), 8)] }

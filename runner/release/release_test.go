package release

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 21, 19, 4, 55, 0, time.UTC)

func TestALabelFitsAndComesBack(t *testing.T) {
	t.Parallel()
	l := Label{Release: ID(now, "d881ac3e9d1c"), Digest: "sha256:" + strings.Repeat("0123456789abcdef", 4)}
	text := l.String()
	if want := "release 20261121T190455Z-d881ac3 sha256:0123456789abcdef0123456789abcdef"; text != want || len(text) > 100 {
		t.Errorf("label %q, want %q", text, want)
	}
	back, ok := ParseLabel(text)
	if !ok || back.Release != l.Release || back.Digest != Short(l.Digest) {
		t.Errorf("came back as %+v", back)
	}
	for _, foreign := range []string{"", "Rollback", "release x", "release x sha256:zz", text + " and more"} {
		if _, ok := ParseLabel(foreign); ok {
			t.Errorf("%q was taken for a label of ours", foreign)
		}
	}
	if got := ID(now, ""); got != "20261121T190455Z" {
		t.Errorf("ID without a commit: %s", got)
	}
}

func full() Manifest {
	d := NewDraft("r1", "abc", "staging", now)
	d.Place(Placed{Worker: "b", Script: "b-staging", Version: "v1"})
	d.Place(Placed{Worker: "a", Script: "a-staging", Previous: []Share{{"v0", 100}}, Triggers: Triggers{Crons: []string{"* * * * *"}, Consumers: []Consumer{{Queue: "q", Settings: map[string]any{"max_concurrency": nil}}}}})
	d.Place(Placed{Worker: "b", Script: "b-staging", Version: "v2"})
	d.Migrate(Migrated{Name: "db", ID: "d1", Bookmark: "bm"})
	d.Migrate(Migrated{Name: "db", ID: "d1", Bookmark: "bm", Applied: []string{"0001_a.sql"}})
	d.Answer("https://a")
	return d.Manifest("a-staging", "b-staging")
}

func TestADraftKeepsOneEntryForEachThing(t *testing.T) {
	t.Parallel()
	m := full()
	if len(m.Workers) != 2 || m.Workers[0].Script != "a-staging" || m.Workers[1].Version != "v2" {
		t.Errorf("workers %+v", m.Workers)
	}
	if len(m.Databases) != 1 || len(m.Databases[0].Applied) != 1 {
		t.Errorf("databases %+v", m.Databases)
	}
	if p, ok := m.Placed("b-staging"); !ok || p.Version != "v2" {
		t.Errorf("placed %+v", p)
	}
}

func TestAFolderKeepsTheNewestReleaseOfEachEnvironment(t *testing.T) {
	t.Parallel()
	f := Folder{Dir: filepath.Join(t.TempDir(), "releases")}
	if _, err := f.Read("staging"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading nothing: %v", err)
	}
	m := full()
	if err := f.Record(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	m.Release = "r2"
	if err := f.Record(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	back, err := f.Read("staging")
	if err != nil || !reflect.DeepEqual(back, m) {
		t.Errorf("came back as %+v, %v", back, err)
	}
	entries, err := os.ReadDir(f.Dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != ".gitignore" || entries[1].Name() != "staging.json" {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	// In a container this process is root, and the git that asks is not.
	if info, err := os.Stat(filepath.Join(f.Dir, ".gitignore")); err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestWhatIsNoManifestIsRefused(t *testing.T) {
	t.Parallel()
	other, _ := json.Marshal(Manifest{Schema: 99, Release: "r", Environment: "e"})
	for _, raw := range []string{"", "null", "[]", `{"task":"deploy"}`, string(other)} {
		if m, err := Parse([]byte(raw)); err == nil {
			t.Errorf("%q was read as %+v", raw, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	raw, _ := json.Marshal(full())
	f.Add(string(raw))
	f.Add(`{"schema":1,"release":"r","environment":"e","workers":[{}]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		m, err := Parse([]byte(raw))
		if err != nil {
			return
		}
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(out); err != nil {
			t.Fatalf("%s does not come back: %v", out, err)
		}
	})
}

func TestALabelTellsWhatWasTakenBack(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("ab", 16)
	for _, l := range []Label{
		{Release: "20261121T190455Z-d881ac3", Digest: digest},
		{Release: "20261121T190455Z-d881ac3", Digest: digest, From: "20261121T190456Z-d881ac4"},
		{Release: "20261121T190455Z-d881ac3", Digest: digest, From: "20261121T190456Z-d881ac4", Strict: true},
	} {
		text := l.String()
		if got, ok := ParseLabel(text); !ok || got != l {
			t.Errorf("%q came back as %+v, %v", text, got, ok)
		}
		if len(text) > 100 {
			t.Errorf("%q has %d bytes; 100 are kept", text, len(text))
		}
	}
	for _, text := range []string{"release r sha256:00", "release r " + digest + " <", "release r " + digest + "<x", "a release r " + digest} {
		if _, ok := ParseLabel(text); ok {
			t.Errorf("%q was taken for a label", text)
		}
	}
}

func TestFingerprintsTellWhichSecretsChanged(t *testing.T) {
	t.Parallel()
	old := Fingerprints{Key: "k", Values: map[string]string{"B": "1", "A": "1", "SAME": "1", "GONE": "1"}}
	now := Fingerprints{Key: "k", Values: map[string]string{"B": "2", "A": "2", "SAME": "1", "NEW": "1"}}
	if got := old.Changed(now); !slices.Equal(got, []string{"A", "B"}) {
		t.Errorf("changed %v", got)
	}
	now.Key = "another"
	if got := old.Changed(now); len(got) != 0 {
		t.Errorf("what cannot be compared changed: %v", got)
	}
}

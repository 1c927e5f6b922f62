package aim_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/release"
)

func alone(version string) []release.Share { return []release.Share{{Version: version, Percent: 100}} }

func crons(text string) release.Triggers { return release.Triggers{Crons: []string{text}} }

func TestUndoIsTheWayToWhatWasThereBefore(t *testing.T) {
	t.Parallel()
	split := []release.Share{{Version: "a1", Percent: 90}, {Version: "a0", Percent: 10}}
	m := release.Manifest{Release: "r2", Environment: "staging", Databases: []release.Migrated{{Name: "db"}}, Workers: []release.Placed{
		{Script: "a", Version: "a2", Previous: split, PreviousTriggers: crons("old"), Triggers: crons("new")},
		{Script: "b", Version: "b1", Unchanged: true, Previous: alone("b1")},
		{Script: "c", Version: "c1", OneWay: "it is new"},
	}}
	r := aim.Undo(m)
	if r.From != "r2" || r.To != "" || r.Environment != "staging" || len(r.Migrated) != 1 || len(r.Aims) != 2 {
		t.Fatalf("%+v", r)
	}
	a, _ := r.Aim("a")
	if a.Leaves != "a2" || !slices.Equal(a.Serves, split) || a.Triggers == nil || !reflect.DeepEqual(*a.Triggers, crons("old")) {
		t.Errorf("a goes %+v", a)
	}
	if _, ok := r.Aim("b"); ok {
		t.Error("a Worker that the release left alone is brought back")
	}
	if c, _ := r.Aim("c"); c.OneWay != "it is new" {
		t.Errorf("c goes %+v", c)
	}
}

func TestToIsTheWayToAGoodRelease(t *testing.T) {
	t.Parallel()
	split := []release.Share{{Version: "v1", Percent: 90}, {Version: "v0", Percent: 10}}
	good := release.Placed{Script: "a", Version: "v1", Digest: "sha256:good", Triggers: crons("good")}
	tests := []struct {
		name     string
		from     release.Placed
		good     release.Placed
		serves   []release.Share // nil: it has no aim
		triggers string
		oneWay   string
	}{
		{"the good one served right before, and shared its traffic", release.Placed{Script: "a", Version: "v3", Previous: split, PreviousTriggers: crons("before")}, good, split, "before", ""},
		{"others were in between", release.Placed{Script: "a", Version: "v3", Previous: alone("v2"), PreviousTriggers: crons("before")}, good, alone("v1"), "good", ""},
		{"unchanged, and the good one has the same version", release.Placed{Script: "a", Version: "v1", Unchanged: true, Previous: alone("v1")}, good, nil, "", ""},
		{"unchanged in the last release, but not since the good one", release.Placed{Script: "a", Version: "v2", Unchanged: true, Previous: alone("v2")}, good, alone("v1"), "good", ""},
		{"the good one was put as a whole and its version never written down", release.Placed{Script: "a", Version: "v3", Previous: alone("v2"), PreviousTriggers: crons("before")}, release.Placed{Script: "a"}, alone("v2"), "before", ""},
		{"there is no way back from it", release.Placed{Script: "a", Version: "v3", Previous: alone("v1"), OneWay: "a class migration"}, good, alone("v1"), "", "a class migration"},
		{"the good one was of other Workers only", release.Placed{Script: "a", Version: "v3", Previous: alone("v2"), PreviousTriggers: crons("before")}, release.Placed{Script: "other"}, alone("v2"), "before", ""},
		{"the good one was of other Workers only, and it stayed since", release.Placed{Script: "a", Version: "v2", Unchanged: true, Previous: alone("v2")}, release.Placed{Script: "other"}, nil, "", ""},
		{"the good one did not have it", release.Placed{Script: "a", Version: "v3"}, release.Placed{Script: "other"}, []release.Share{}, "", "release r1 did not have it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := aim.To(release.Manifest{Release: "r3", Workers: []release.Placed{tt.from}}, release.Manifest{Release: "r1", Workers: []release.Placed{tt.good}})
			a, ok := r.Aim("a")
			if r.From != "r3" || r.To != "r1" || ok != (tt.serves != nil) {
				t.Fatalf("%+v", r)
			}
			if !ok {
				return
			}
			if !slices.Equal(a.Serves, tt.serves) || a.OneWay != tt.oneWay || a.Leaves != tt.from.Version {
				t.Errorf("goes %+v", a)
			}
			if tt.triggers != "" && !reflect.DeepEqual(*a.Triggers, crons(tt.triggers)) {
				t.Errorf("triggers %+v", a.Triggers)
			}
		})
	}
}

// digest is one that a label can hold.
func digest(n int) string { return fmt.Sprintf("sha256:%032x", n) }

// history is a script with deployments, the newest first, each written as the
// release, the version and, after a <, the release that was taken back. A message of
// somebody else has no release.
func history(name string, deployments ...string) live.Script {
	s := live.Script{Name: name, Exists: true}
	for i, text := range deployments {
		rel, rest, _ := strings.Cut(text, " ")
		version, from, _ := strings.Cut(rest, " <")
		message := "by hand"
		if rel != "-" {
			message = release.Label{Release: rel, Digest: digest(len(deployments) - i), From: from}.String()
		}
		s.History = append(s.History, cloudflare.Deployment{
			ID: fmt.Sprint(name, i), Versions: []cloudflare.Traffic{{Version: version, Percent: 100}}, Annotations: map[string]string{"workers/message": message},
		})
	}
	if len(s.History) > 0 {
		s.Serving = s.History[0]
	}
	return s
}

func TestLabelsTellTheWayBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		scripts []live.Script
		to      string
		from    string            // empty: nothing tells a way
		aims    map[string]string // the version that serves again; empty where there is no way back
	}{
		{"from the newest release, what it left alone stays", []live.Script{history("a", "r2 a2", "r1 a1"), history("b", "r1 b1")}, "", "r2", map[string]string{"a": "a1"}},
		{"a second time finds everything there", []live.Script{history("a", "r1 a1 <r2", "r2 a2", "r1 a1"), history("b", "r1 b1 <r2", "r2 b2", "r1 b1")}, "", "r2", map[string]string{"a": "a1", "b": "b1"}},
		{"half of it was done", []live.Script{history("a", "r2 a2", "r1 a1"), history("b", "r1 b1 <r2", "r2 b2", "r1 b1")}, "", "r2", map[string]string{"a": "a1", "b": "b1"}},
		{"after a rollback a release that came later is the newest", []live.Script{history("a", "r3 a3", "r1 a1 <r2", "r2 a2", "r1 a1")}, "", "r3", map[string]string{"a": "a1"}},
		{"to a release that is named", []live.Script{history("a", "r3 a3", "r2 a2", "r1 a1"), history("b", "r2 b2", "r1 b1"), history("c", "r1 c1")}, "r1", "r3", map[string]string{"a": "a1", "b": "b1"}},
		{"to the newest release itself", []live.Script{history("a", "r2 a2", "r1 a1")}, "r2", "", nil},
		{"what somebody else deployed is come back to", []live.Script{history("a", "r2 a2", "- x", "r1 a1")}, "", "r2", map[string]string{"a": "x"}},
		{"somebody else deployed since", []live.Script{history("a", "- x", "r2 a2", "r1 a1"), history("b", "r2 b2", "r1 b1")}, "", "r2", map[string]string{"b": "b1"}},
		{"the first release has no way back", []live.Script{history("a", "r1 a1")}, "", "r1", map[string]string{"a": ""}},
		{"no label at all", []live.Script{history("a", "- x"), {Name: "b"}}, "", "", nil},
		{"no script", nil, "", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, ok := aim.ByLabels("staging", tt.scripts, tt.to)
			if ok != (tt.from != "") || ok && r.From != tt.from {
				t.Fatalf("%v, %+v", ok, r)
			}
			if !ok {
				return
			}
			got := map[string]string{}
			for _, a := range r.Aims {
				got[a.Script] = ""
				if a.OneWay == "" && len(a.Serves) == 1 {
					got[a.Script] = a.Serves[0].Version
				}
				if a.Triggers != nil {
					t.Errorf("%s: labels do not know triggers", a.Script)
				}
			}
			if !reflect.DeepEqual(got, tt.aims) {
				t.Errorf("goes %v, want %v", got, tt.aims)
			}
		})
	}
}

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/release"
)

var midnight = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// deployed writes a script's deployments, the newest first: version, a release, and
// behind a < or ! what it was taken back from, each an hour before the one before.
func deployed(lines ...string) []cloudflare.Deployment {
	var all []cloudflare.Deployment
	for i, line := range lines {
		words := strings.Fields(line)
		d := cloudflare.Deployment{ID: line, Author: "ci@example.com", CreatedOn: cloudflare.Time{Time: midnight.Add(-time.Duration(i) * time.Hour)}, Versions: []cloudflare.Traffic{{Version: words[0], Percent: 100}}, Annotations: map[string]string{}}
		if len(words) > 1 {
			l := release.Label{Release: words[1], Digest: strings.Repeat("ab", 16)}
			if len(words) > 2 {
				l.From, l.Strict = words[2][1:], words[2][0] == '!'
			}
			d.Annotations["workers/message"] = l.String()
		}
		all = append(all, d)
	}
	return all
}

func TestSinceWhenAVersionServes(t *testing.T) {
	t.Parallel()
	records := []deployment.Record{{Payload: deployment.Payload{Manifest: release.Manifest{Release: "r0", Workers: []release.Placed{{Script: "s", Version: "old"}}}}}}
	for name, tt := range map[string]struct {
		history []cloudflare.Deployment
		release string
		hours   float64
	}{
		"just deployed":               {deployed("b r2", "a r1"), "r2", 0},
		"deployed again, a hold":      {deployed("b r2", "b r2", "a r1"), "r2", 1},
		"taken back":                  {deployed("a r1 <r2", "b r2", "a r1"), "r1", 0},
		"unchanged by later releases": {deployed("a r1"), "r1", 0},
		"with the next one's label":   {deployed("a r2", "a r1"), "r1", 1},
		"by hand, known from records": {deployed("old"), "r0", 0},
		"by hand":                     {deployed("x", "a r1"), "", 0},
	} {
		rows := workers(records, []release.Placed{{Worker: "w", Script: "s"}}, map[string][]cloudflare.Deployment{"s": tt.history})
		if len(rows) != 1 || rows[0].Release != tt.release || midnight.Sub(rows[0].Since).Hours() != tt.hours {
			t.Errorf("%s: %+v", name, rows)
		}
	}
	if rows := workers(nil, []release.Placed{{Worker: "w", Script: "s"}}, map[string][]cloudflare.Deployment{"s": nil}); len(rows) != 1 || rows[0].Release != "not deployed" {
		t.Errorf("a script that is not there: %+v", rows)
	}
}

func TestWhatIsHeld(t *testing.T) {
	t.Parallel()
	reason := deployment.Record{}
	reason.Manifest = release.Manifest{Release: "b", Back: &release.Back{From: "r2", By: "ann", Reason: "logins fail"}}
	for name, tt := range map[string]struct {
		serving map[string][]cloudflare.Deployment
		from    string // and ! if against everything
	}{
		"nothing":                      {map[string][]cloudflare.Deployment{"a": deployed("a r1"), "b": nil}, ""},
		"one Worker was taken back":    {map[string][]cloudflare.Deployment{"a": deployed("a r1 <r2"), "b": deployed("b r1")}, "r2"},
		"a later release came":         {map[string][]cloudflare.Deployment{"a": deployed("a r1 <r2"), "b": deployed("b r3")}, ""},
		"strictly, so it stays":        {map[string][]cloudflare.Deployment{"a": deployed("a r1 !r2"), "b": deployed("b r3")}, "r2!"},
		"the newest of two":            {map[string][]cloudflare.Deployment{"a": deployed("a r1 <r2"), "b": deployed("b r1 <r3")}, "r3"},
		"a hold that was lifted since": {map[string][]cloudflare.Deployment{"a": deployed("a r1", "a r1 <r2")}, ""},
	} {
		got := ""
		h := heldBy([]deployment.Record{reason}, tt.serving, strings.ToUpper)
		if h != nil {
			if got = h.From; h.Anything {
				got += "!"
			}
		}
		if got != tt.from {
			t.Errorf("%s: held against %q, want %q", name, got, tt.from)
		}
		switch {
		case h != nil && h.From == "r2" && (h.By != "ann" || h.Why != "LOGINS FAIL" || !h.Since.Equal(midnight)):
			t.Errorf("%s: %+v", name, h)
		case h != nil && h.From == "r3" && (h.By != "ci@example.com" || h.Why != ""):
			t.Errorf("%s, of which GitHub has no record: %+v", name, h)
		}
	}
}

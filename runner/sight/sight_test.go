package sight_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/sight"
)

const script = "tminus-api-staging"

// deployment is one line of a history, of versions that share the traffic evenly.
func deployment(id, message, trigger string, versions ...string) cloudflare.Deployment {
	d := cloudflare.Deployment{ID: id, Source: "api", Author: "a@example.com", Annotations: map[string]string{"workers/message": message, "workers/triggered_by": trigger}}
	d.CreatedOn.Time = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, v := range versions {
		d.Versions = append(d.Versions, cloudflare.Traffic{Version: v, Percent: 100 / float64(len(versions))})
	}
	return d
}

// after is a sight of a script with a history, the newest first.
func after(history ...cloudflare.Deployment) *sight.Sight {
	return &sight.Sight{Live: &live.Account{Scripts: map[string]live.Script{script: {Name: script, Exists: true, Serving: history[0], History: history}}}}
}

func TestWhatServesIsSaid(t *testing.T) {
	t.Parallel()
	label := release.Label{Release: "20260101T000000Z-first", Digest: strings.Repeat("ab", 32)}.String()
	ours := deployment("1", label, "deployment", "11111111-1")
	last := release.Manifest{Release: "20260101T000000Z-first", Workers: []release.Placed{{Script: script, Version: "11111111-1"}}}
	const since = " serves since 2026-01-02 03:04:05Z, deployed by a@example.com with the API"
	const instead = "; release 20260101T000000Z-first, the last that was recorded here, put version 11111111"
	tests := []struct {
		name             string
		seen             *sight.Sight
		served, expected string
		ours             bool
	}{
		{"nothing was read", &sight.Sight{}, "which version serves is not known", instead, false},
		{"nothing is deployed", after(cloudflare.Deployment{}), "nothing serves it", instead, false},
		{"a release", after(ours), "version 11111111" + since + ", of release 20260101T000000Z-first", "", true},
		{"a release whose secrets somebody has set", after(deployment("2", "", "secret", "22222222-2"), ours), "version 22222222" + since + ", of release 20260101T000000Z-first with other secrets", "", true},
		{"something else", after(deployment("3", "by hand", "deployment", "33333333-3"), ours), "version 33333333" + since + ", of no release of this tool", instead, false},
		{"a release beside something else", after(deployment("4", label, "deployment", "11111111-1", "44444444-4")), "version 11111111" + since + ", of no release of this tool", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.seen.Served(script); got != tt.served {
				t.Errorf("%q, want %q", got, tt.served)
			}
			if got := tt.seen.Expected(script, last); got != tt.expected {
				t.Errorf("%q, want %q", got, tt.expected)
			}
			if label, ok := tt.seen.Label(script); ok != tt.ours || ok && label.Release != last.Release {
				t.Errorf("%+v %v", label, ok)
			}
		})
	}
}

func TestTheVersionOfMostRequestsServes(t *testing.T) {
	t.Parallel()
	d := deployment("1", "", "deployment", "few", "most")
	d.Versions[0].Percent, d.Versions[1].Percent = 10, 90
	if got := after(d).Serving(script); got != "most" {
		t.Errorf("%q", got)
	}
	if got := (&sight.Sight{}).Serving(script); got != "" {
		t.Errorf("%q serves before anything was read", got)
	}
}

func TestAnAuthorIsNamedAsFarAsTold(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]cloudflare.Deployment{
		"a@example.com with the dashboard": {Author: "a@example.com", Source: "dash"},
		"a@example.com with wrangler":      {Author: "a@example.com", Source: "wrangler"},
		"somebody with nobody knows what":  {},
	} {
		if got := sight.Author(d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestADatabaseIsFoundByItsIDAndElseByItsName(t *testing.T) {
	t.Parallel()
	seen := &sight.Sight{Live: &live.Account{Databases: []cloudflare.Database{{ID: "1", Name: "one"}, {ID: "2", Name: "two"}}}}
	for _, tt := range []struct {
		db   project.Database
		want string
	}{
		{project.Database{ID: "2", Name: "one"}, "2"}, {project.Database{Name: "one"}, "1"}, {project.Database{ID: "3", Name: "one"}, ""},
	} {
		if got, ok := seen.Database(tt.db); got.ID != tt.want || ok != (tt.want != "") {
			t.Errorf("%+v is %+v", tt.db, got)
		}
	}
	if _, ok := (&sight.Sight{}).Database(project.Database{Name: "one"}); ok {
		t.Error("a database was found before anything was read")
	}
}

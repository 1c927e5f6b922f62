package deployment

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/release"
)

// rec writes one record: its name, the release that it takes back after a <, and a
// * if it was good.
func rec(text string) Record {
	name, good := strings.CutSuffix(text, "*")
	name, from, back := strings.Cut(name, " <")
	r := Record{Deployment: github.Deployment{Task: TaskDeploy}}
	if good {
		r.Said = []github.Status{{State: github.Inactive}, {State: github.Success}}
	}
	r.Manifest = release.Manifest{Schema: release.Schema, Release: name, Environment: "production"}
	if back {
		r.Manifest.Back = &release.Back{From: from}
	}
	return r
}

func TestTheReleaseToGoBackToIsTheLastGoodOne(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		records    []string // the newest first
		to         string
		from, good string // empty: none
		err        string
	}{
		{"the one before was good", []string{"r2", "r1*"}, "", "r2", "r1", ""},
		{"the newest was good too, and is taken back all the same", []string{"r2*", "r1*"}, "", "r2", "r1", ""},
		{"the one before was not good", []string{"r3", "r2", "r1*"}, "", "r3", "r1", ""},
		{"the one before was good and taken back later", []string{"r3", "b1 <r2*", "r2*", "r1*"}, "", "r3", "r1", ""},
		{"after a rollback the same is found again", []string{"b1 <r2*", "r2", "r1*"}, "", "r2", "r1", ""},
		{"two rollbacks of the same release", []string{"b2 <r2*", "b1 <r2", "r2*", "r1*"}, "", "r2", "r1", ""},
		{"none was good", []string{"r2", "r1"}, "", "r2", "", ""},
		{"there is one release only", []string{"r1*"}, "", "r1", "", ""},
		{"there is no release", nil, "", "", "", ""},
		{"rollbacks alone", []string{"b1 <r0*"}, "", "", "", ""},
		{"a named one", []string{"r3", "r2*", "r1*"}, "r1", "r3", "r1", ""},
		{"a named one that was not good", []string{"r3", "r2", "r1*"}, "r2", "r3", "r2", ""},
		{"a named one that was taken back", []string{"r3", "b1 <r2*", "r2", "r1*"}, "r2", "r3", "r2", ""},
		{"the newest is named", []string{"r2", "r1*"}, "r2", "", "", "r2 is the newest"},
		{"the newest is named, and was rolled back", []string{"b1 <r2*", "r2", "r1*"}, "r2", "", "", "r2 is the newest"},
		{"a named one that nobody knows", []string{"r2", "r1*"}, "r0", "", "", "no record of release r0 among the 2 newest"},
		{"a rollback is no release to go back to", []string{"r2", "b1 <r0*"}, "b1", "", "", "no record of release b1"},
	}
	name := func(m *release.Manifest) string {
		if m == nil {
			return ""
		}
		return m.Release
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var all []Record
			for _, text := range tt.records {
				all = append(all, rec(text))
			}
			from, good, err := Back(all, tt.to)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if name(from) != tt.from || name(good) != tt.good {
				t.Errorf("from %q to %q, want %q to %q", name(from), name(good), tt.from, tt.good)
			}
		})
	}
}

func TestRecordsThatDoNotSayHowItIs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		records []string // the newest first, with their states
		want    bool
	}{
		{"nothing", nil, false},
		{"the release is said to serve", []string{"r2 success", "r1 inactive"}, true},
		{"the release failed", []string{"r2 failure", "r1 success"}, false},
		{"the release was killed", []string{"r2 in_progress", "r1 success"}, true},
		{"the release was killed, which was said", []string{"r2 error", "r1 success"}, false},
		{"it was taken back", []string{"b1 <r2 success", "r2 inactive", "r1 inactive"}, false},
		{"the rollback was killed", []string{"b1 <r2 in_progress", "r2 failure", "r1 success"}, true},
		{"the rollback was killed before anything was said of it", []string{"b1 <r2 ", "r2 failure", "r1 success"}, true},
		{"the rollback was killed before the release was retired", []string{"b1 <r2 error", "r2 success", "r1 inactive"}, true},
		{"the rollback is active, and so is the release", []string{"b1 <r2 success", "r2 success", "r1 inactive"}, true},
		{"another release is active", []string{"b1 <r2 error", "r2 failure", "r1 success"}, false},
		{"the second rollback brought it to its end", []string{"b2 <r2 success", "b1 <r2 in_progress", "r2 inactive", "r1 inactive"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var all []Record
			for _, text := range tt.records {
				i := strings.LastIndex(text, " ")
				r := rec(text[:i])
				r.Said = []github.Status{{State: text[i+1:]}}
				all = append(all, r)
			}
			if got := Unsettled(all, "r2"); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Neither a payload nor a task alone makes a release of what the other calls a rollback.
func TestWhatContradictsItselfIsNoRelease(t *testing.T) {
	t.Parallel()
	odd, newest, before := rec("r3*"), rec("r2"), rec("r1*")
	odd.Deployment.Task = TaskRollback
	all := []Record{odd, newest, before}
	if i := Latest(all); i != 1 || Taker(all, i) != nil || Taker(all, -1) != nil {
		t.Errorf("the newest is %d", i)
	}
	if from, good, err := Back(all, ""); err != nil || from.Release != "r2" || good.Release != "r1" {
		t.Errorf("from %v to %v, %v", from, good, err)
	}
}

func TestRecordsAreReadFromGitHub(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.job(s.begin())
	s.make(k, manifest("r1", "production"), github.Success, github.Inactive)
	s.make(k, manifest("other", "staging"), github.Success)
	if _, err := k.Client.CreateDeployment(t.Context(), github.Deployment{SHA: k.SHA, Task: TaskDeploy, Environment: "production", Payload: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	s.make(k, manifest("r2", "production"), github.InProgress, github.Failure)
	back := manifest("r2-rollback", "production")
	back.Back = &release.Back{From: "r2", To: "r1", Reason: "it was slow", By: "octocat"}
	s.make(k, back, github.InProgress)
	s.make(k, manifest("r3", "production"))
	all, err := Records(t.Context(), k.Client, "production")
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range all {
		got += fmt.Sprintf("%s %s %v, ", r.Release, r.State(), r.Good())
	}
	if want := "r3 queued false, r2-rollback in_progress false, r2 failure false, r1 inactive true, "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if b := all[1].Manifest.Back; b == nil || b.From != "r2" || b.Reason != "it was slow" {
		t.Errorf("%+v", b)
	}
	if none, err := Records(t.Context(), k.Client, "nowhere"); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

// Of more records than a few it is asked of the newest only what became of them.
func TestManyRecordsAreAskedForInAFewCalls(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.job(s.begin())
	for i := range asked + 3 {
		s.make(k, manifest(fmt.Sprintf("r%02d", i), "production"), github.Success)
	}
	s.hub.Forget()
	all, err := Records(t.Context(), k.Client, "production")
	if err != nil || len(all) != asked+3 || all[0].Release != fmt.Sprintf("r%02d", asked+2) || !all[asked-1].Good() || all[asked].Good() || all[asked].State() != "" {
		t.Errorf("%d records, %v", len(all), err)
	}
	if n := s.hub.Calls().Count("GET", "/repos/*/*/deployments/*/statuses"); n != asked {
		t.Errorf("%d calls for statuses", n)
	}
}

func TestRecordsThatCannotBeReadAreAnError(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.job(s.begin())
	s.make(k, manifest("r1", "production"), github.Success)
	s.hub.Break(traffic.Fault{Path: "/repos/*/*/deployments/*/statuses", Times: -1, Refusal: traffic.Unavailable()})
	if _, err := Records(t.Context(), k.Client, "production"); err == nil {
		t.Error("what became of a release is not known, and nobody says so")
	}
}

func TestCompromisedSecretsAreThoseReplacedSince(t *testing.T) {
	t.Parallel()
	record := func(name string, names ...string) Record {
		return Record{Deployment: github.Deployment{Task: TaskDeploy}, Payload: Payload{Manifest: release.Manifest{Release: name, Compromised: names}}}
	}
	all := []Record{record("r4", "B", "A"), record("r3", "A"), record("r2", "OLD"), record("r1")}
	for to, want := range map[string][]string{"": {"A", "B"}, "r3": {"A", "B"}, "r2": {"A", "B"}, "r1": {"A", "B", "OLD"}, "r4": nil} {
		if got := Compromised(all, to); !slices.Equal(got, want) {
			t.Errorf("back to %q: %v, want %v", to, got, want)
		}
	}
}

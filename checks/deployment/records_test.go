package deployment

import (
	"encoding/json"
	"errors"
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

// make makes a deployment of ours with the given states.
func (s *stand) make(k *Keeper, m release.Manifest, states ...string) int64 {
	s.t.Helper()
	id, err := k.Client.CreateDeployment(s.t.Context(), github.Deployment{SHA: k.SHA, Task: task(m), Environment: m.Environment, Payload: payload(s.t, k, m)})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, state := range states {
		if err := k.Client.SetStatus(s.t.Context(), id, github.Status{State: state}); err != nil {
			s.t.Fatal(err)
		}
	}
	return id
}

func TestRecordsAreReadFromGitHub(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.keeper(s.begin())
	s.make(k, manifest("r1", "production", true), github.Success, github.Inactive)
	s.make(k, manifest("other", "staging", true), github.Success)
	if _, err := k.Client.CreateDeployment(t.Context(), github.Deployment{SHA: k.SHA, Task: TaskDeploy, Environment: "production", Payload: []byte(`{}`)}); err != nil {
		t.Fatal(err)
	}
	s.make(k, manifest("r2", "production", true), github.InProgress, github.Failure)
	back := manifest("r2-rollback", "production", true)
	back.Back = &release.Back{From: "r2", To: "r1", Reason: "it was slow", By: "octocat"}
	s.make(k, back, github.InProgress)
	s.make(k, manifest("r3", "production", true))
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
	k := s.keeper(s.begin())
	for i := range asked + 3 {
		s.make(k, manifest(fmt.Sprintf("r%02d", i), "production", true), github.Success)
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
	k := s.keeper(s.begin())
	s.make(k, manifest("r1", "production", true), github.Success)
	s.hub.Break(traffic.Fault{Path: "/repos/*/*/deployments/*/statuses", Times: -1, Refusal: traffic.Unavailable()})
	if _, err := Records(t.Context(), k.Client, "production"); err == nil {
		t.Error("what became of a release is not known, and nobody says so")
	}
}

// looked is a keeper that has looked at production.
func (s *stand) looked() *Keeper {
	k := s.keeper(s.begin())
	<-k.look(s.t.Context(), k.at("production")).done
	return k
}

func TestAKeeperKnowsTheLastGoodReleaseAndWhyOneWasTakenBack(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.keeper(s.begin())
	if _, ok := k.LastGood("production"); ok || k.Why("production", "r2") != "" {
		t.Error("it knows something without having looked")
	}
	if _, ok := s.looked().LastGood("production"); ok {
		t.Error("there is none")
	}
	s.make(k, manifest("r1", "production", true), github.Success)
	s.make(k, manifest("r2", "production", true), github.Success) // the rollback did not come so far as to retire it
	if m, ok := s.looked().LastGood("production"); !ok || m.Release != "r2" {
		t.Errorf("%v, %s", ok, m.Release)
	}
	s.make(k, manifest("r2b", "production", true), github.Failure)
	back := manifest("r2-rollback", "production", true)
	back.Back = &release.Back{From: "r2", To: "r1", Reason: "it was slow", By: "octocat"}
	s.make(k, back, github.Success)
	k = s.looked()
	if m, ok := k.LastGood("production"); !ok || m.Release != "r1" {
		t.Errorf("%v, %s", ok, m.Release)
	}
	for from, want := range map[string]string{"r2": `, asked for by octocat, because "it was slow"`, "r1": ""} {
		if got := k.Why("production", from); got != want {
			t.Errorf("%s: %q, want %q", from, got, want)
		}
	}
}

func TestAHoldIsSaidWithoutAChangeOfState(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.keeper(s.begin())
	if err := errors.Join(Held(t.Context(), k.Client, "production", "octocat", "nobody"), Lifted(t.Context(), k.Client, "production", "octocat", "nobody")); err != nil {
		t.Errorf("without a release: %v", err)
	}
	s.make(k, manifest("r1", "production", true), github.Success)
	s.make(k, manifest("r2", "production", true), github.Failure)
	if err := Held(t.Context(), k.Client, "production", "octocat", "we look at it"); err != nil {
		t.Fatal(err)
	}
	look := s.keeper(s.begin())
	look.Look(t.Context(), "production")
	<-look.seen(look.at("production")).done
	if got := look.Why("production", "r2"); got != ", held by octocat: we look at it" {
		t.Errorf("why %q", got)
	}
	if err := Lifted(t.Context(), k.Client, "production", "octocat", "mended"); err != nil {
		t.Fatal(err)
	}
	all := s.hub.Deployments("production")
	last := all[1].Statuses[len(all[1].Statuses)-1]
	if all[1].State != github.Failure || last.Description != "Hold lifted by octocat: mended" || !Aside(last.Description) || Aside("Smoke production failed") {
		t.Errorf("%+v", all[1].Statuses)
	}
	if len(all[0].Statuses) != 1 {
		t.Error("another deployment was told")
	}
}

func payload(t *testing.T, k *Keeper, m release.Manifest) []byte {
	t.Helper()
	raw, err := json.Marshal(Payload{By: Mark, Run: k.Run, Manifest: m})
	if err != nil {
		t.Fatal(err)
	}
	return raw
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

func TestAPayloadIsSigned(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.keeper(s.begin())
	k.Key = "a key that the server has too"
	m := release.Manifest{Schema: release.Schema, Release: "r1", Environment: "production", Workers: []release.Placed{
		{Script: "api", Version: "v2", Previous: []release.Share{{Version: "v1", Percent: 33.3}, {Version: "v0", Percent: 66.7}}, Digest: "sha256:<&>"},
	}}
	if err := k.Record(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{"an object": s.hub.Deployments("")[0].Payload, "a text": fmt.Sprintf("%q", s.hub.Deployments("")[0].Payload)} {
		if !Signed([]byte(raw), s.hub.FullName(), k.Key) {
			t.Errorf("%s is not signed: %s", name, raw)
		}
		if Signed([]byte(raw), s.hub.FullName(), "another key of the same length") || Signed([]byte(raw), "other/app", k.Key) || Signed([]byte(raw), s.hub.FullName(), "") {
			t.Errorf("%s is signed by everybody", name)
		}
		if strings.Contains(raw, k.Key) {
			t.Errorf("the key is in %s", name)
		}
	}
}

// A server has no run of a workflow. What it left in progress when it was killed does
// not keep it out when it comes back.
func TestAServerIsNotKeptOutByWhatItLeft(t *testing.T) {
	t.Parallel()
	s := open(t)
	left := s.keeper(0)
	left.Run = Run{Job: "server"}
	s.make(left, manifest("b1", "production", true), github.InProgress)
	for job, kept := range map[string]bool{"server": false, "another": true, "": true} {
		k := s.keeper(0)
		k.Run = Run{Job: job}
		k.Look(t.Context(), "production")
		l := k.seen(k.at("production"))
		<-l.done
		if got := len(l.before(0)) > 0; l.err != nil || got != kept {
			t.Errorf("%q is kept out: %v, %v", job, got, l.err)
		}
	}
}

package inspection_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/inspection"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
)

// of is the inspection of a project among the fixtures, of files and code.
func of(t *testing.T, fixture string) inspection.Stage {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("../../testdata/projects/broken", fixture))
	if err != nil {
		t.Fatal(err)
	}
	s := inspection.Stage{Dir: dir}
	if s.Project, err = project.Load(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, env := range s.Project.Envs() {
		target, err := s.Project.In(env)
		if err != nil {
			t.Fatal(err)
		}
		s.Targets = append(s.Targets, target)
	}
	return s
}

// inspect runs the stage and gives its verdict, the titles of its tasks and what
// was found, as severity and rule.
func inspect(t *testing.T, s inspection.Stage) (verdict pipeline.Verdict, titles, found []string) {
	t.Helper()
	verdict, err := pipeline.Plan{Steps: []pipeline.Step{{Stage: s, KeepGoing: true}}}.Run(context.Background(), watcher(func(e pipeline.Event) {
		if f, ok := e.(pipeline.Finished); ok {
			for _, one := range f.Findings {
				found = append(found, one.Severity.String()+" "+one.Rule)
			}
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range s.Tasks() {
		titles = append(titles, task.Title)
	}
	slices.Sort(found)
	return verdict, titles, slices.Compact(found)
}

type watcher func(pipeline.Event)

func (w watcher) Observe(_ context.Context, e pipeline.Event) error { w(e); return nil }

const (
	files   = "Read the configuration"
	code    = "Look at the code"
	account = "Ask the account"
	waivers = "Look at the waivers"
)

func TestFilesAndCodeAreJudgedAndWaiversApplied(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fixture string
		change  func(*inspection.Stage)
		verdict pipeline.Verdict
		titles  []string
		found   []string
	}{
		{"extra-export", nil, pipeline.Failed, []string{files, code}, []string{"error extra-export", "warning extra-export"}},
		{"extra-export", func(s *inspection.Stage) { s.Dir = "" }, pipeline.Passed, []string{files}, nil},
		{"extra-export", func(s *inspection.Stage) {
			s.Dir, s.Remarks = "", []finding.Finding{finding.Warnf("partial-release", finding.Position{}, "some stay")}
		}, pipeline.Passed, []string{files}, []string{"warning partial-release"}},
		{"public-worker", nil, pipeline.Failed, []string{files, code}, []string{"error public-worker", "warning public-worker"}},
		{"public-worker", func(s *inspection.Stage) { s.Dir, s.DatabasesOnly = "", true }, pipeline.Passed, []string{files}, nil},
		{"no-migrations", func(s *inspection.Stage) { s.Dir, s.DatabasesOnly = "", true }, pipeline.Failed, []string{files}, []string{"error no-migrations"}},
		{"waived", nil, pipeline.Passed, []string{files, code, waivers}, []string{"warning public-worker"}},
		{"unused-waiver", nil, pipeline.Passed, []string{files, code, waivers}, []string{"warning unused-waiver"}},
	} {
		s := of(t, tt.fixture)
		if tt.change != nil {
			tt.change(&s)
		}
		verdict, titles, found := inspect(t, s)
		if verdict != tt.verdict || !slices.Equal(titles, tt.titles) || !slices.Equal(found, tt.found) {
			t.Errorf("%s: %s, want %s; tasks %q, want %q; found %q, want %q", tt.fixture, verdict, tt.verdict, titles, tt.titles, found, tt.found)
		}
	}
}

func TestATokenThatIsNoGoodIsToldAlone(t *testing.T) {
	t.Parallel()
	a := fakecloudflare.New(fakecloudflare.Options{Token: "token"})
	server := httptest.NewServer(a)
	t.Cleanup(func() {
		server.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, tt := range []struct {
		token   string
		verdict pipeline.Verdict
		found   []string
	}{
		{"token", pipeline.Failed, []string{"error missing-store"}},
		{"another", pipeline.Failed, []string{"error wrong-token"}},
	} {
		s := of(t, "missing-store")
		s.Dir = ""
		s.Client = cloudflare.New(cloudflare.Options{BaseURL: server.URL + fakecloudflare.Base, Account: a.ID(), Token: tt.token, UserAgent: "test"})
		verdict, titles, found := inspect(t, s)
		if verdict != tt.verdict || !slices.Equal(titles, []string{files, account}) || !slices.Equal(found, tt.found) {
			t.Errorf("%s: %s, tasks %q, found %q, want %q", tt.token, verdict, titles, found, tt.found)
		}
	}
}

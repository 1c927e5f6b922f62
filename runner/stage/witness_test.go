package stage_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/stage"
)

// bystander has heard one exception, and remembers what it was asked.
type bystander struct {
	mu    sync.Mutex
	asked []string
}

func (b *bystander) Listen(_ context.Context, script string, _ bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.asked, "listen "+script) {
		b.asked = append(b.asked, "listen "+script)
	}
}

func (b *bystander) Thrown(_ context.Context, script, path string) []finding.Finding {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, "thrown "+script+" "+path)
	return []finding.Finding{finding.Warnf("exception", finding.Position{File: "src/index.ts", Line: 3}, "it threw")}
}

func TestAGateThatClosesTellsWhatWasThrownAndOneThatPassesAsksNobody(t *testing.T) {
	t.Parallel()
	question := project.Smoke{Worker: "api", Steps: []project.Question{{Title: "log in", Method: "POST", Path: "/login?next=1", Status: []int{200}}}}
	for _, one := range []struct {
		name   string
		broken bool
		smoke  bool
		given  time.Duration // of patience
		asked  []string
		rules  []string
	}{
		{"health passes", false, false, 2 * time.Second, nil, nil},
		{"health fails", true, false, time.Second, []string{"listen tminus-api-staging", "thrown tminus-api-staging /health"}, []string{"exception", "health"}},
		{"health fails and has no time", true, false, time.Millisecond, nil, []string{"health"}},
		{"smoke passes", false, true, 0, []string{"listen tminus-api-staging"}, nil},
		{"smoke fails", true, true, 0, []string{"listen tminus-api-staging", "thrown tminus-api-staging /login"}, []string{"exception", "smoke"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			c, target := asked(t, func(w http.ResponseWriter, _ *http.Request) {
				if one.broken {
					w.WriteHeader(http.StatusInternalServerError)
				}
				_, _ = w.Write([]byte(health("healthy", "staging", "tminus-api")))
			})
			b := &bystander{}
			var s pipeline.Stage = stage.Health{Probe: c, Target: target, Path: "/health", Patience: one.given, Witness: b}
			if one.smoke {
				s = stage.Smoke{Probe: c, Target: target, Scenario: question, Witness: b}
			}
			verdict, _, found := run(t, context.Background(), pipeline.Step{Stage: s})
			var rules []string
			for _, f := range found {
				rules = append(rules, f.Rule)
			}
			slices.Sort(rules)
			want := map[bool]pipeline.Verdict{false: pipeline.Passed, true: pipeline.Failed}[one.broken]
			if verdict != want || !slices.Equal(b.asked, one.asked) || !slices.Equal(rules, one.rules) {
				t.Errorf("%s; asked %q, want %q; found %q, want %q", verdict, b.asked, one.asked, rules, one.rules)
			}
		})
	}
}

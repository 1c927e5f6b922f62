package summary

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/markdown"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

// page runs some stages as told and gives the page.
func page(t *testing.T, s *Summary) string {
	t.Helper()
	var got string
	s.Name, s.Write = "Promotion", func(text string) error { got = text; return nil }
	s.Links = markdown.Links{Base: "https://github.com/a/b/blob/sha"}
	now := time.Now()
	events := []pipeline.Event{
		pipeline.Planned{Steps: []pipeline.PlannedStep{{ID: "build", Title: "Build"}, {ID: "deploy-staging", Title: "Deploy staging", Env: "staging"}, {ID: "smoke-staging", Title: "Smoke staging", Env: "staging"}}},
		pipeline.Did{Step: "build", Task: "Run pnpm | build", Verdict: pipeline.Passed, Took: 3 * time.Second},
		pipeline.Finished{Step: "build", Verdict: pipeline.Passed, Time: now.Add(3 * time.Second), Took: 3 * time.Second},
		pipeline.Did{Step: "deploy-staging", Task: "Upload api", Verdict: pipeline.Failed, Took: time.Second},
		pipeline.Finished{Step: "deploy-staging", Verdict: pipeline.Failed, Time: now.Add(4 * time.Second), Took: time.Second, Findings: []finding.Finding{
			finding.Notef("bookmark", finding.Position{}, "stands at x"),
			finding.Errorf("no-zone", finding.Position{File: "a.toml", Line: 2}, "no zone | at all"),
		}},
		pipeline.Finished{Step: "smoke-staging", Verdict: pipeline.Blocked, Reason: "Deploy staging did not pass"},
		pipeline.Ended{Verdict: pipeline.Failed, Took: 4 * time.Second},
	}
	for _, e := range events {
		if err := s.Observe(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func TestThePageOfAFailedRun(t *testing.T) {
	t.Parallel()
	got := page(t, &Summary{Before: []finding.Finding{finding.Warnf("old-date", finding.Position{}, "an old date")}, Environments: func() []Environment {
		return []Environment{{Name: "staging", URL: "https://staging.example.com", Record: "https://github.com/a/b/deployments/staging",
			Serving: func(script string) bool { return script == "api-staging" },
			Manifest: release.Manifest{Release: "r1", Workers: []release.Placed{
				{Script: "api-staging", Version: "22222222-x", Previous: []release.Share{{Version: "11111111-x", Percent: 90}, {Version: "00000000-x", Percent: 10}}},
				{Script: "cron-staging", Version: "44444444-x", Previous: []release.Share{{Version: "33333333-x", Percent: 100}}},
				{Script: "mcp-staging", Version: "55555555-x", Previous: []release.Share{{Version: "55555555-x", Percent: 100}}, Unchanged: true},
			}, Databases: []release.Migrated{{Name: "registry", Bookmark: "b1", Applied: []string{"0001_a.sql"}}}}}}
	}})
	for _, want := range []string{
		"## ❌ Promotion failed in 4.0 s\n",
		"| ✅ | 1.\u00a0Build | passed | 1 | 3.0\u00a0s |  |\n",
		"| ❌ | 2.\u00a0Deploy\u00a0staging | failed | 1 | 1.0\u00a0s | no zone \\| at all |\n",
		"| ⛔ | 3.\u00a0Smoke\u00a0staging | blocked |  |  | Deploy staging did not pass |\n",
		"  section all\n  Build, 3.0\u00a0s :done, s1, 0, ",
		"  section staging\n  Deploy staging, 1.0\u00a0s :crit, s2, ",
		"Release `r1` on <https://staging.example.com>, recorded as [deployment](https://github.com/a/b/deployments/staging).",
		"| `api-staging` | `11111111` 90 %, `00000000` 10 % | `22222222` |  |\n",
		"| `cron-staging` | `33333333` | `33333333` | not switched, or put back |\n",
		"| `mcp-staging` | `55555555` | `55555555` | unchanged |\n",
		"Database `registry`: applied `0001_a.sql`. The Time Travel bookmark from before is `b1`.",
		"### Findings\n\n- ❌ [`a.toml:2`](https://github.com/a/b/blob/sha/a.toml#L2) no zone",
		"<details><summary>Good to know (1)</summary>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
	if strings.Index(got, "no-zone") > strings.Index(got, "old-date") {
		t.Error("errors do not come first")
	}
}

func TestARunThatDidNotBegin(t *testing.T) {
	t.Parallel()
	var got string
	s := &Summary{Name: "Promotion", Write: func(text string) error { got = text; return nil }}
	if err := s.Refused([]finding.Finding{finding.Errorf("placeholder", finding.Position{File: "a.toml"}, "never filled in")}); err != nil || !strings.Contains(got, "did not begin") || !strings.Contains(got, "never filled in") {
		t.Errorf("%v, %s", err, got)
	}
	s.Write = func(string) error { return errors.New("no file") }
	if err := s.Observe(t.Context(), pipeline.Ended{}); err == nil {
		t.Error("a page that could not be written was not told")
	}
	if got := fmt.Sprint(s.timeline()); got != "" {
		t.Errorf("a timeline of nothing: %s", got)
	}
}

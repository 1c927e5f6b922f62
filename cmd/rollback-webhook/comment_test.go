package main

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/hook/ledger"
)

func TestACommentIsOnThePullRequestOrOnTheCommit(t *testing.T) {
	t.Parallel()
	hub := fakegithub.New(fakegithub.Options{Owner: "tminus", Repo: "app"})
	web := httptest.NewServer(hub)
	t.Cleanup(func() { web.Close(); hub.Close() })
	hub.Reached(web.URL)
	alone := hub.Commit("main", "no pull request", map[string]string{"a": "a"})
	pulled := hub.Commit("topic", "with one", map[string]string{"a": "b"})
	number := hub.Pull("A change", "topic", "main")
	s := &server{config: config{GitHubAPI: web.URL, Comment: "pull-request", tokens: tokens{github: hub.WorkflowToken("contents:write", "pull-requests:write", "issues:write")}}}
	s.kept = &kept{client: s.config.repository}
	comment := func(sha string, r remark) string {
		t.Helper()
		r.Repository, r.Environment, r.SHA = "tminus/app", "production", sha
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a work may be done more than once
			if err := s.commentWork(t.Context(), ledger.Work{}, raw, func(string) {}); err != nil {
				t.Fatal(err)
			}
		}
		on := 0
		if sha == pulled && s.config.Comment == "pull-request" {
			on = number
		}
		all := hub.Comments(on)
		if len(all) == 0 {
			t.Fatal("there is no comment")
		}
		return all[len(all)-1].Body
	}
	taken := remark{Release: "r2", Kind: rolledBack, To: "r1", Why: "Smoke failed: <b>500</b>", By: itself, Text: "9 Workers"}
	for _, sha := range []string{pulled, alone} {
		if got := comment(sha, taken); !strings.Contains(got, "**`production` was taken back** from release `r2` by the webhook server. Release `r1` serves again.") || strings.Contains(got, "<b>") {
			t.Errorf("%s", got)
		}
	}
	if n := len(hub.Comments(number)); n != 1 {
		t.Errorf("%d comments on the pull request", n)
	}
	s.config.Comment = "commit"
	for kind, says := range map[ending]string{isHeld: "is held** on release `r3`", isLifted: "was lifted", left: "somebody has to decide"} {
		if got := comment(pulled, remark{Release: "r3", Kind: kind}); !strings.Contains(got, says) {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

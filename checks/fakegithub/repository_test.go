package fakegithub_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	fake "github.com/tminus/deploy-action/checks/fakegithub"
)

func TestFilesAtACommit(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{})
	first := h.Commit("main", "One", map[string]string{"a/b.toml": "x = 1\n", "a/c/d.txt": strings.Repeat("long ", 30)})
	h.Commit("main", "Two", map[string]string{"a/b.toml": "x = 2\n"})
	h.Tag("v1", first)
	r := h.must(200, "GET R/contents/a/b.toml?ref=v1", "")
	if got, _ := base64.StdEncoding.DecodeString(r.text("content")); string(got) != "x = 1\n" || r.text("type") != "file" {
		t.Errorf("content %q of %s", got, r.Raw)
	}
	if r := h.must(200, "GET R/contents/a/b.toml", "", "Accept", "application/vnd.github.raw+json"); r.Raw != "x = 2\n" {
		t.Errorf("raw %q", r.Raw)
	}
	long := strings.ReplaceAll(h.must(200, "GET R/contents/a/c/d.txt", "").text("content"), "\n", "")
	if got, _ := base64.StdEncoding.DecodeString(long); string(got) != strings.Repeat("long ", 30) {
		t.Errorf("a long file is %q", got)
	}
	h.must(404, "GET R/contents/nothing", "")
	h.must(404, "GET R/contents/a/b.toml?ref=nowhere", "")
	h.Commit("main", "Three", map[string]string{"a/b.toml": ""})
	h.must(404, "GET R/contents/a/b.toml", "")
}

func TestRefsBranchesAndPulls(t *testing.T) {
	t.Parallel()
	h := open(t, fake.Options{Owner: "tminus", Repo: "mono", Private: true})
	sha := h.Commit("feature/x", "Work", map[string]string{"a": "1"})
	number := h.Pull("Add a", "feature/x", "main")
	h.must(200, "GET R", "")
	for _, ref := range []string{sha, sha[:8], "feature%2Fx", "heads%2Ffeature%2Fx"} {
		if got := h.must(200, "GET R/commits/"+ref, "").text("sha"); got != sha {
			t.Errorf("%s is %s, want %s", ref, got, sha)
		}
	}
	if r := h.must(200, "GET R/commits/feature%2Fx", "", "Accept", "application/vnd.github.sha"); r.Raw != sha {
		t.Errorf("the bare SHA is %q", r.Raw)
	}
	h.must(422, "GET R/commits/nowhere", "")
	if got := h.must(200, "GET R/git/ref/heads%2Ffeature%2Fx", "").text("object.sha"); got != sha {
		t.Errorf("the ref is %s", got)
	}
	h.must(404, "GET R/git/ref/heads%2Fnowhere", "")
	if got := h.must(200, "GET R/branches/feature%2Fx", "").text("commit.sha"); got != sha {
		t.Errorf("the branch is %s", got)
	}
	if got := h.must(200, "GET R/branches?per_page=1", ""); len(got.List) != 1 || got.List[0]["name"] != "feature/x" || !strings.Contains(got.Header.Get("Link"), `rel="next"`) {
		t.Errorf("branches %s, %s", got.Raw, got.Header.Get("Link"))
	}
	if got := h.must(200, fmt.Sprintf("GET R/pulls/%d", number), ""); got.text("head.sha") != sha || got.text("head.ref") != "feature/x" {
		t.Errorf("the pull request is %s", got.Raw)
	}
	h.must(404, "GET R/pulls/9", "")
	if got := h.must(200, "GET R/commits/"+sha+"/pulls", "").List; len(got) != 1 {
		t.Errorf("the commit has %d pull requests", len(got))
	}
	if got := h.must(200, "GET R/commits/"+h.Head("main")+"/pulls", "").List; len(got) != 0 {
		t.Errorf("main has %d pull requests", len(got))
	}
	if got := h.must(200, "GET R/pulls?head=tminus:feature/x", "").List; len(got) != 1 {
		t.Errorf("the branch has %d pull requests", len(got))
	}
	if r := h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"n","head_sha":%q}`, sha)); !strings.Contains(r.text("pull_requests"), `"number":1`) {
		t.Errorf("the check run does not show on the pull request: %s", r.Raw)
	}
	if r := h.must(201, "POST R/check-runs", fmt.Sprintf(`{"name":"n","head_sha":%q}`, h.Head("main"))); r.text("pull_requests") != "[]" {
		t.Errorf("a run of main shows on %s", r.text("pull_requests"))
	}
}

func TestComments(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	h := open(t, fake.Options{Clock: func() time.Time { return now }})
	h.Commit("topic", "Work", map[string]string{"a": "1"})
	number := h.Pull("Add a", "topic", "main")
	on := fmt.Sprintf("R/issues/%d/comments", number)
	r := h.must(201, "POST "+on, `{"body":"first"}`)
	if r.text("user.login") != "github-actions[bot]" || r.text("created_at") != "2026-01-02T03:04:05Z" {
		t.Errorf("made %s", r.Raw)
	}
	now = now.Add(time.Hour)
	one := "R/issues/comments/" + r.text("id")
	if r := h.must(200, "PATCH "+one, `{"body":"second"}`); r.text("updated_at") != "2026-01-02T04:04:05Z" {
		t.Errorf("changed %s", r.Raw)
	}
	h.must(200, "GET "+one, "")
	h.must(201, "POST "+on, `{"body":"`+strings.Repeat("é", 65536)+`"}`)
	if got := h.must(200, "GET "+on+"?per_page=1", "").List; len(got) != 1 || got[0]["body"] != "second" {
		t.Errorf("listed %v", got)
	}
	for body, want := range map[string]string{
		`{}`: "wasn't supplied", `{"body":""}`: "blank", `{"body":"` + strings.Repeat("é", 65537) + `"}`: "maximum is 65536", `{"text":"x"}`: "permitted key",
	} {
		if r := h.must(422, "POST "+on, body); !strings.Contains(r.Raw, want) {
			t.Errorf("said %s, want %s", r.Raw, want)
		}
	}
	h.must(404, "POST R/issues/9/comments", `{"body":"x"}`)
	h.as(h.User("bob", "read")).must(403, "PATCH "+one, `{"body":"mine"}`)
	h.as(h.User("ann", "write")).must(204, "DELETE "+one, "")
	h.must(404, "GET "+one, "")
	sha := h.Head("main")
	writer := h.as(h.WorkflowToken("contents:write", "issues:write"))
	onCommit := "R/comments/" + writer.must(201, "POST R/commits/"+sha+"/comments", `{"body":"first note","path":"README.md","position":1}`).text("id")
	writer.must(200, "PATCH "+onCommit, `{"body":"note"}`)
	writer.must(422, "PATCH "+onCommit, `{"body":""}`)
	writer.must(404, "PATCH R/issues/comments/"+onCommit[len("R/comments/"):], `{"body":"x"}`)
	writer.must(404, "PATCH R/comments/"+one[len("R/issues/comments/"):], `{"body":"x"}`)
	if r := h.must(200, "GET "+onCommit, ""); r.text("body") != "note" {
		t.Errorf("under the commit %s", r.Raw)
	}
	if got := h.must(200, "GET R/commits/"+sha+"/comments", "").List; len(got) != 1 || got[0]["body"] != "note" {
		t.Errorf("under the commit %v", got)
	}
	if got := h.Comments(number); len(got) != 1 || len(h.Comments(0)) != 1 {
		t.Errorf("snapshot %+v", got)
	}
}

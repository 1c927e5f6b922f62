package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
	"github.com/tminus/deploy-action/checks/fakegithub/wire"
)

// onGitHub has the program run as a step of a workflow for a pull request, with a
// token of these permissions.
func (g *ground) onGitHub(permissions ...string) {
	g.t.Helper()
	g.hub = fakegithub.New(fakegithub.Options{Owner: "tminus", Repo: "app"})
	server := httptest.NewServer(g.hub)
	g.t.Cleanup(func() { server.Close(); g.hub.Close() })
	g.hub.Reached(server.URL)
	head := g.hub.Commit("topic", "A change", map[string]string{"x": "y"})
	pull := g.hub.Pull("A change", "topic", "main")
	files := g.t.TempDir()
	event := filepath.Join(files, "event.json")
	payload := fmt.Sprintf(`{"pull_request":{"number":%d,"head":{"sha":%q,"repo":{"full_name":"tminus/app"}}}}`, pull, head)
	if err := os.WriteFile(event, []byte(payload), 0o600); err != nil {
		g.t.Fatal(err)
	}
	for name, v := range map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "tminus/app", "GITHUB_SHA": head, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": event,
		"GITHUB_JOB": "plan", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SERVER_URL": server.URL, "GITHUB_API_URL": server.URL, "GITHUB_WORKSPACE": g.dir,
		"GITHUB_OUTPUT": filepath.Join(files, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(files, "summary"),
		"INPUT_GITHUB-TOKEN": g.hub.WorkflowToken(permissions...),
	} {
		g.env[name] = v
	}
	g.clear()
}

// clear empties the files of the step.
func (g *ground) clear() {
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		if err := os.WriteFile(g.env[name], nil, 0o600); err != nil {
			g.t.Fatal(err)
		}
	}
}

func (g *ground) file(name string) string {
	raw, err := os.ReadFile(g.env[name])
	if err != nil {
		g.t.Fatal(err)
	}
	return string(raw)
}

// output is what the step gave to later steps under a name.
func (g *ground) output(name string) string {
	_, rest, _ := strings.Cut(g.file("GITHUB_OUTPUT"), name+"<<")
	_, rest, _ = strings.Cut(rest, "\n")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

func TestAPlanOnAPullRequest(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.onGitHub("contents:read", "checks:write", "actions:read", "pull-requests:write")
	g.write("workers/mcp/wrangler.toml", strings.Replace(planned["workers/mcp/wrangler.toml"], "workers_dev = false\n", "", 1))
	if code, text := g.run("plan"); code != 0 {
		t.Fatalf("exit %d\n%s", code, text)
	}
	runs := g.hub.Runs("")
	if len(runs) != 1 || runs[0].Name != "Plan" || runs[0].Conclusion != "success" || runs[0].Title != "2 of 2 Workers change, 1 migration, 2 routes" {
		t.Fatalf("check runs %+v", runs)
	}
	first := g.output("plan-digest")
	for _, part := range []string{"### staging", "### production", "| 🟢 | `api` | new, sha256:", "Database `registry-staging`: `0001_first.sql` would be applied, proven on an empty schema.", first} {
		if !strings.Contains(runs[0].Summary, part) {
			t.Errorf("%q is not in the check run's summary\n%s", part, runs[0].Summary)
		}
	}
	if !strings.Contains(runs[0].Text, "<details><summary>0001_first.sql on registry-staging</summary>\n\n```sql\nCREATE TABLE first (id INTEGER);\n```") {
		t.Errorf("the SQL is not folded in\n%s", runs[0].Text)
	}
	if n := runs[0].Annotations; len(n) == 0 || n[0].Path != "workers/api/wrangler.toml" {
		t.Errorf("annotations %+v", n)
	}
	comments := g.hub.Comments(1)
	if len(comments) != 1 || !strings.HasPrefix(comments[0].Body, "<!-- tminus/deploy-action plan -->\n## ✅ Plan\n") || !strings.Contains(comments[0].Body, runs[0].Summary) {
		t.Fatalf("comments %+v", comments)
	}
	if page := g.file("GITHUB_STEP_SUMMARY"); !strings.Contains(page, runs[0].Summary) || !strings.Contains(page, "CREATE TABLE first") {
		t.Errorf("the step's summary is\n%s", page)
	}
	var changes counted
	if err := json.Unmarshal([]byte(g.output("changes")), &changes); err != nil || changes.Changes.Changed != 2 || changes.Environments["staging"].Migrations != 1 || changes.Digest != first {
		t.Errorf("changes %s: %v", g.output("changes"), err)
	}

	g.clear()
	g.write("workers/mcp/index.js", "export default { fetch() { return new Response('@octocat') } }\n")
	g.run("plan")
	if again := g.hub.Comments(1); len(again) != 1 || again[0].ID != comments[0].ID || again[0].Body == comments[0].Body {
		t.Errorf("the comment was not kept in place: %+v", again)
	}
	if second := g.output("plan-digest"); second == "" || second == first {
		t.Errorf("digests %s and %s", first, second)
	}
	g.run("plan", "--check-name", "Site --> plan")
	if all := g.hub.Comments(1); len(all) != 2 || !strings.HasPrefix(all[1].Body, "<!-- tminus/deploy-action plan Site plan -->\n") {
		t.Errorf("a plan of another name has no comment of its own: %d", len(all))
	}
}

func TestAPlanThatFailsIsShownAndFindingsStandAtTheirLines(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.onGitHub("checks:write", "pull-requests:write")
	g.write("workers/mcp/wrangler.toml", strings.Replace(planned["workers/mcp/wrangler.toml"], "[env.production]", "vars = { URL = \"REPLACE_ME\" }\n[env.production]\nvars = { URL = \"x\" }", 1))
	if code, _ := g.run("plan"); code != 1 {
		t.Errorf("exit %d", code)
	}
	r := g.hub.Runs("")
	if len(r) != 1 || r[0].Conclusion != "failure" || !strings.HasPrefix(r[0].Title, "1 error; 2 of 2 Workers change") || len(r[0].Annotations) == 0 || r[0].Annotations[0].Level != "failure" || r[0].Annotations[0].StartLine != 7 {
		t.Fatalf("%+v", r)
	}
	g.env["CLOUDFLARE_API_TOKEN"] = "wrong-token-of-the-test"
	g.clear()
	if code, _ := g.run("plan"); code != 2 {
		t.Errorf("exit %d", code)
	}
	if r := g.hub.Runs(""); r[1].Conclusion != "failure" || !strings.HasPrefix(r[1].Title, "No plan: Cloudflare does not know the API token") || g.output("plan-digest") != "" {
		t.Errorf("%+v", r[1])
	}
}

func TestWhatGitHubRefusesIsSaidOnceAndChangesNoExitCode(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.onGitHub("contents:read")
	code, text := g.run("plan")
	if code != 0 || strings.Count(text, "::warning title=no-check-runs::") != 1 || strings.Count(text, "::warning title=no-comment::") != 1 {
		t.Errorf("exit %d\n%s", code, text)
	}
	for _, permission := range []string{"checks: write", "pull-requests: write"} {
		if !strings.Contains(text, "give the job the permission "+permission) {
			t.Errorf("%s is not named", permission)
		}
	}
	g.hub.Break(traffic.Fault{Times: -1, Refusal: wire.Fail(422, "no")})
	if code, text := g.run("plan"); code != 0 || strings.Count(text, "could not be reported") != 2 {
		t.Errorf("with a GitHub that answers nothing of use: exit %d\n%s", code, text)
	}
}

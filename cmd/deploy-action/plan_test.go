package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/runner/fakecloudflare"
	"github.com/tminus/deploy-action/runner/fakecloudflare/dns"
	"github.com/tminus/deploy-action/runner/preview"
)

const (
	stagingDB, productionDB = "81db6c20-2bc6-44b7-bcda-a60aa7b39742", "13849784-c533-467a-9f02-d1ee3f95594f"
	jwtSecret               = "a-secret-of-the-test-0123456789"
	apiToken                = "cf-token-of-the-test-9876543210"
)

func environmentOf(name, db string) string {
	return fmt.Sprintf(`[env.%[1]s]
routes = [{ pattern = "api-%[1]s.tminus.ink/v1/*", zone_name = "tminus.ink" }]
vars = { MODE = "%[1]s" }
d1_databases = [{ binding = "DB", database_name = "registry-%[1]s", database_id = "%[2]s", migrations_dir = "../../migrations" }]
`, name, db)
}

var planned = map[string]string{
	"workers/api/wrangler.toml": "name = \"tminus-api\"\nmain = \"index.js\"\ncompatibility_date = \"2026-03-17\"\nworkers_dev = false\n" + environmentOf("staging", stagingDB) + environmentOf("production", productionDB),
	"workers/api/index.js":      "export default { fetch() { return new Response('api 1') } }\n",
	"workers/mcp/wrangler.toml": "name = \"tminus-mcp\"\nmain = \"index.js\"\ncompatibility_date = \"2026-03-17\"\nworkers_dev = false\n[env.staging]\nservices = [{ binding = \"API\", service = \"tminus-api-staging\" }]\n[env.production]\nservices = [{ binding = \"API\", service = \"tminus-api-production\" }]\n",
	"workers/mcp/index.js":      "export default { fetch() { return new Response('mcp 1') } }\n",
	"migrations/0001_first.sql": "CREATE TABLE first (id INTEGER);\n",
}

// ground is an account, a repository and a project, on which the program is run
// in this process.
type ground struct {
	t       *testing.T
	account *fakecloudflare.Server
	hub     *fakegithub.Server
	dir     string
	env     map[string]string
	said    string // everything that ever left the program
}

func newGround(t *testing.T) *ground {
	t.Helper()
	account := fakecloudflare.New(fakecloudflare.Options{Token: apiToken, Subdomain: "test", Zones: []fakecloudflare.Zone{{Name: "tminus.ink"}}})
	server := httptest.NewServer(account)
	t.Cleanup(func() {
		server.Close()
		if err := account.Close(); err != nil {
			t.Error(err)
		}
	})
	for env, id := range map[string]string{"staging": stagingDB, "production": productionDB} {
		if _, err := account.D1.Create("registry-"+env, id); err != nil {
			t.Fatal(err)
		}
		if _, err := account.Zones.AddRecord("tminus.ink", dns.Content{Type: "CNAME", Name: "api-" + env + ".tminus.ink", Content: "tminus.ink", Proxied: true}); err != nil {
			t.Fatal(err)
		}
	}
	g := &ground{t: t, account: account, dir: t.TempDir(), env: map[string]string{
		"CLOUDFLARE_API_BASE_URL": server.URL + "/client/v4", "CLOUDFLARE_API_TOKEN": apiToken, "CLOUDFLARE_ACCOUNT_ID": account.ID(),
		"JWT_SECRET": jwtSecret, "PATH": os.Getenv("PATH"), "GITHUB_SHA": strings.Repeat("a", 40),
	}}
	for file, text := range planned {
		g.write(file, text)
	}
	return g
}

func (g *ground) write(file, text string) {
	g.t.Helper()
	path := filepath.Join(g.dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// run runs the program and gives its exit code and output.
func (g *ground) run(args ...string) (int, string) {
	g.t.Helper()
	return g.runIn(context.Background(), args...)
}

func (g *ground) runIn(ctx context.Context, args ...string) (int, string) {
	g.t.Helper()
	var out bytes.Buffer
	var environ []string
	for name, v := range g.env {
		environ = append(environ, name+"="+v)
	}
	p := program{args: append(args, "--project", g.dir), lookup: lookupIn(g.env), environ: environ, out: &out, err: &out, size: func() (int, int) { return 100, 30 }}
	g.account.Forget()
	code := p.main(ctx)
	text := out.String()
	g.said += text
	for _, file := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		if raw, err := os.ReadFile(g.env[file]); err == nil {
			g.said += string(raw)
		}
	}
	if g.hub != nil {
		g.said += fmt.Sprintf("\n%+v %+v %+v\n", g.hub.Runs(""), g.hub.Comments(1), g.hub.Deployments(""))
	}
	return code, text
}

// plan runs plan with JSON lines, and sees that nothing was changed.
func (g *ground) plan(args ...string) (counted, []preview.Worker, []preview.Database, int) {
	g.t.Helper()
	code, text := g.run(append([]string{"plan", "--format", "json"}, args...)...)
	for _, c := range g.account.Calls().Writes() {
		if !strings.HasSuffix(c.Path, "/query") || !bytes.HasPrefix(c.Body, []byte(`{"sql":"SELECT `)) || bytes.Count(c.Body, []byte(";")) > 1 {
			g.t.Errorf("plan made a write: %s %s", c.Method, c.Path)
		}
	}
	var last counted
	var workers []preview.Worker
	var databases []preview.Database
	for line := range strings.Lines(text) {
		var kind struct{ Event string }
		_ = json.Unmarshal([]byte(line), &kind)
		var err error
		switch kind.Event {
		case "worker":
			workers = append(workers, preview.Worker{})
			err = json.Unmarshal([]byte(line), &workers[len(workers)-1])
		case "database":
			databases = append(databases, preview.Database{})
			err = json.Unmarshal([]byte(line), &databases[len(databases)-1])
		case "plan":
			err = json.Unmarshal([]byte(line), &last)
		}
		if err != nil {
			g.t.Fatalf("%s: %v", line, err)
		}
	}
	if last.Digest == "" && code == 0 {
		g.t.Fatalf("exit %d, no plan in\n%s", code, text)
	}
	return last, workers, databases, code
}

func (g *ground) promote(want int, args ...string) string {
	g.t.Helper()
	code, text := g.run(append([]string{"promote"}, args...)...)
	if code != want {
		g.t.Fatalf("promote %v: exit %d, want %d\n%s", args, code, want, text)
	}
	return text
}

// silent sees that no secret was said anywhere.
func (g *ground) silent() {
	g.t.Helper()
	for line := range strings.Lines(g.said) {
		if strings.HasPrefix(line, "::add-mask::") {
			continue // it tells the runner what to hide
		}
		for _, value := range []string{jwtSecret, apiToken} {
			if strings.Contains(line, value) {
				g.t.Errorf("a secret was said: %s", line)
			}
		}
	}
}

// edit changes a Worker's code, one route and the migrations.
func (g *ground) edit() {
	g.write("workers/mcp/index.js", strings.Replace(planned["workers/mcp/index.js"], "mcp 1", "mcp 2", 1))
	g.write("workers/api/wrangler.toml", strings.Replace(planned["workers/api/wrangler.toml"], "api-staging.tminus.ink/v1/*", "api-staging.tminus.ink/v2/*", 1))
	g.write("migrations/0002_second.sql", "CREATE TABLE second (id INTEGER);\n")
}

func TestAPlanShowsWhatAPromotionThenDoes(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	first, workers, _, code := g.plan()
	if code != 0 || first.Changes.Changed != 2 || len(workers) != 4 || workers[0].Way != preview.New {
		t.Fatalf("exit %d, %+v, %+v", code, first, workers)
	}
	g.promote(0, "--plan", first.Digest)
	if again, _, _, code := g.plan(); code != 0 || !again.Changes.Nothing() || again.Digest == first.Digest {
		t.Fatalf("after the promotion: exit %d, %+v", code, again)
	}

	g.edit()
	second, workers, databases, _ := g.plan()
	var got []string
	for _, w := range workers {
		for _, d := range w.Details() {
			got = append(got, fmt.Sprintf("%s %s %s %s", w.Script, d.Op, d.What, d.Name))
		}
		if w.Way != preview.Unchanged {
			got = append(got, w.Script+" "+string(w.Way))
		}
	}
	for _, d := range databases {
		for _, m := range d.Pending {
			got = append(got, d.Name+" "+m.Name+" "+m.SQL)
		}
	}
	want := []string{
		"tminus-api-staging add route api-staging.tminus.ink/v2/*", "tminus-api-staging remove route api-staging.tminus.ink/v1/*",
		"tminus-mcp-staging changed", "tminus-mcp-production changed",
		"registry-staging 0002_second.sql CREATE TABLE second (id INTEGER);\n", "registry-production 0002_second.sql CREATE TABLE second (id INTEGER);\n",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the plan says\n%q\nwant\n%q", got, want)
	}
	if c := second.Changes; c.String() != "2 of 2 Workers change, 1 migration, 2 routes" {
		t.Errorf("%s", c)
	}

	text := g.promote(1, "--plan", first.Digest)
	if !strings.Contains(text, "[plan-moved]") || !strings.Contains(text, "the world has moved since the plan for staging: ") {
		t.Errorf("an old plan was not refused:\n%s", text)
	}
	for _, c := range g.account.Calls().Writes() {
		if !strings.HasSuffix(c.Path, "/query") || !bytes.HasPrefix(c.Body, []byte(`{"sql":"SELECT `)) || bytes.Count(c.Body, []byte(";")) > 1 {
			t.Errorf("a refused promotion made a write: %s %s", c.Method, c.Path)
		}
	}
	g.promote(0, "--plan", second.Digest)
	if last, _, _, _ := g.plan(); !last.Changes.Nothing() {
		t.Errorf("%+v", last)
	}
}

func TestProductionIsComparedRightBeforeItIsChanged(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	p, _, _, _ := g.plan()
	g.promote(0, "--plan", p.Digest, "--stage-only") // which does not make production's part stale
	g.promote(0, "--plan", p.Digest, "--prod-only")
	text := g.promote(1, "--plan", p.Digest, "--prod-only")
	if !strings.Contains(text, "since the plan for production: ") || !strings.Contains(text, "tminus-api-production was deployed") {
		t.Errorf("%s", text)
	}
	only, _, _, _ := g.plan("--env", "staging")
	for _, bad := range [][]string{{"--plan", "nonsense"}, {"--plan", only.Digest}} {
		if text := g.promote(2, bad...); !strings.Contains(text, "[bad-flag]") {
			t.Errorf("%s", text)
		}
	}
	g.promote(0, "--plan", only.Digest, "--env", "staging")
}

func TestAPlanOnATerminal(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.promote(0)
	g.edit()
	code, text := g.run("plan", "--env", "staging")
	for _, part := range []string{"\nstaging  2 of 2 Workers change", "  ~ mcp                    changed, sha256:", "      + route api-staging.tminus.ink/v2/*\n", "      - route api-staging.tminus.ink/v1/*\n", "      │ CREATE TABLE second (id INTEGER);", "--plan staging=sha256:"} {
		if !strings.Contains(text, part) {
			t.Errorf("exit %d, %q is not in\n%s", code, part, text)
		}
	}
	if code, text := g.run("plan", "--worker", "mcp"); code != 0 || strings.Contains(text, "api-staging.tminus.ink/v2") || !strings.Contains(text, "1 of 1 Worker changes") {
		t.Errorf("exit %d\n%s", code, text)
	}
}

func TestWhatCheckFindsFailsThePlanWhichIsShownAllTheSame(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.write("workers/mcp/wrangler.toml", strings.Replace(planned["workers/mcp/wrangler.toml"], "[env.production]", "vars = { URL = \"REPLACE_ME\" }\n[env.production]\nvars = { URL = \"x\" }", 1))
	code, text := g.run("plan")
	if code != 1 || !strings.Contains(text, "[placeholder]") || !strings.Contains(text, "2 of 2 Workers change") {
		t.Errorf("exit %d\n%s", code, text)
	}
	g.env["CLOUDFLARE_API_TOKEN"] = "wrong-token-of-the-test"
	if code, text := g.run("plan"); code != 2 || !strings.Contains(text, "[wrong-token]") {
		t.Errorf("exit %d\n%s", code, text)
	}
}

func TestNoSecretIsSaidEvenIfItStandsInTheFiles(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	defer g.silent()
	g.onGitHub("checks:write", "pull-requests:write")
	g.promote(0)
	g.write("migrations/0002_leak.sql", "INSERT INTO first VALUES ('"+jwtSecret+"'), ('"+apiToken+"');\n")
	g.write("workers/api/wrangler.toml", strings.ReplaceAll(planned["workers/api/wrangler.toml"], `MODE = "`, `PLAIN = "`+jwtSecret+`", OTHER = { x = "`+jwtSecret+`" }, MODE = "`))
	for _, format := range []string{"text", "json"} {
		if code, text := g.run("plan", "--format", format); code != 0 || !strings.Contains(text, "0002_leak.sql") || !strings.Contains(text, "PLAIN") {
			t.Errorf("exit %d\n%s", code, text)
		}
	}
	if text := g.hub.Comments(1)[0].Body; !strings.Contains(text, "INSERT INTO first VALUES ('***'), ('***');") {
		t.Errorf("%s", text)
	}
}

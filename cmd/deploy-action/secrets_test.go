package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
)

// sixSecrets are those of the runbook, with values that can be looked for.
var sixSecrets = map[string]string{
	"JWT_SECRET": jwtSecret, "MASTER_KEY": "the-master-key-of-the-test-1111", "GOOGLE_CLIENT_ID": "a-google-id-of-the-test-2222",
	"GOOGLE_CLIENT_SECRET": "a-google-secret-of-the-test-3333", "MS_CLIENT_ID": "an-ms-id-of-the-test-44444", "MS_CLIENT_SECRET": "an-ms-secret-of-the-test-5555",
}

// newSecretGround is a ground with the two Workers that share the runbook's secrets.
func newSecretGround(t *testing.T) *ground {
	g := newGround(t)
	g.write("workers/oauth/wrangler.toml", "name = \"tminus-oauth\"\nmain = \"index.js\"\ncompatibility_date = \"2026-03-17\"\nworkers_dev = false\n[env.staging]\nvars = { MODE = \"staging\" }\n[env.production]\nvars = { MODE = \"production\" }\n")
	g.write("workers/oauth/index.js", "export default { fetch() { return new Response('oauth 1') } }\n")
	for name, v := range sixSecrets {
		g.env[name] = v
	}
	return g
}

// promoteOnly brings both environments up without asking the Workers.
func (g *ground) deployed(args ...string) {
	g.t.Helper()
	g.promote(0, append([]string{"--stages", "build,deploy-staging,deploy-production"}, args...)...)
}

// quiet sees that none of the secrets was said, nor stands in any file that the
// program wrote.
func (g *ground) quiet(more ...string) {
	g.t.Helper()
	g.silent()
	said := g.said
	_ = filepath.WalkDir(filepath.Join(g.dir, ".deploy-action"), func(path string, _ os.DirEntry, _ error) error {
		raw, _ := os.ReadFile(path)
		said += string(raw)
		return nil
	})
	for _, v := range sixSecrets {
		more = append(more, v)
	}
	for line := range strings.Lines(said) {
		for _, v := range more {
			if strings.Contains(line, v) && !strings.HasPrefix(line, "::add-mask::") {
				g.t.Errorf("a secret was said: %s", line)
			}
		}
	}
}

// writes are the calls that changed something.
func (g *ground) writes() []string {
	var all []string
	for _, c := range g.account.Calls().Writes() {
		all = append(all, c.Method+" "+c.Path)
	}
	return all
}

// deploy has a version serve everything, behind the program's back.
func (g *ground) deploy(name, version string) {
	g.t.Helper()
	if _, err := g.account.Scripts.Deploy(script.Switch{Script: name, Shares: []script.Share{{Version: version, Percentage: 100}}, Force: true}); err != nil {
		g.t.Fatal(err)
	}
}

func (g *ground) wantCode(want, code int, text string) {
	g.t.Helper()
	if code != want {
		g.t.Fatalf("exit %d, want %d\n%s", code, want, text)
	}
}

func TestTwentyFourSecretsAreFourWritesAndThenNone(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet("another-value-of-the-test-6666")
	for name := range sixSecrets {
		delete(g.env, name)
	}
	g.deployed()
	for name, v := range sixSecrets {
		g.env[name] = v
	}
	code, text := g.run("secrets", "--env", "all", "--dry-run")
	if g.wantCode(0, code, text); len(g.writes()) != 0 || strings.Count(text, "would be set") != 2 {
		t.Errorf("a dry run made %v\n%s", g.writes(), text)
	}
	began := time.Now()
	code, text = g.run("secrets", "--env", "all")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	if g.wantCode(0, code, text); len(g.writes()) != 4 {
		t.Errorf("writes: %v\n%s", g.writes(), text)
	}
	for _, script := range []string{"tminus-api-staging", "tminus-oauth-production"} {
		s, _ := g.account.Scripts.Get(script)
		if v := s.Newest(); s.Live().Shares[0].Version != v.ID || len(v.Bindings) < 7 {
			t.Errorf("%s has %v", script, v.Bindings)
		}
		for name, want := range sixSecrets {
			if b, ok := s.Newest().Binding(name); !ok || string(b.Fields["text"]) != fmt.Sprintf("%q", want) {
				t.Errorf("%s has %s = %v", script, name, b)
			}
		}
		if _, ok := s.Newest().Binding("MODE"); !ok {
			t.Errorf("%s lost a binding", script)
		}
	}
	if code, text = g.run("secrets", "--env", "all"); code != 0 || len(g.writes()) != 0 || !strings.Contains(text, "nothing differs") {
		t.Errorf("the second time: exit %d, %v\n%s", code, g.writes(), text)
	}
	// A promotion with the same secrets sees no change.
	if g.deployed(); len(g.writes()) != 0 {
		t.Errorf("a promotion made %v", g.writes())
	}
	// Without the workspace's records the labels tell as much.
	if err := os.RemoveAll(filepath.Join(g.dir, ".deploy-action")); err != nil {
		t.Fatal(err)
	}
	if code, text = g.run("secrets", "--env", "all"); code != 0 || len(g.writes()) != 0 {
		t.Errorf("without records: exit %d, %v\n%s", code, g.writes(), text)
	}
	g.env["JWT_SECRET"] = "another-value-of-the-test-6666"
	if code, text = g.run("secrets", "--env", "staging", "--list"); code != 0 || len(g.writes()) != 0 || strings.Count(text, "unknown") < 12 {
		t.Errorf("without records: exit %d, %v\n%s", code, g.writes(), text)
	}
}

func TestTheTableSaysHowEachSecretStands(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet("another-value-of-the-test-6666")
	delete(g.env, "MS_CLIENT_ID")
	g.deployed()
	g.env["JWT_SECRET"] = "another-value-of-the-test-6666"
	delete(g.env, "MASTER_KEY")
	code, text := g.run("secrets", "--list", "--env", "staging")
	g.wantCode(0, code, text)
	for _, want := range []string{
		"tminus-api-staging    GOOGLE_CLIENT_ID      set      yes", "tminus-api-staging    JWT_SECRET            stale    yes", "tminus-oauth-staging  MASTER_KEY            kept     no",
		"tminus-oauth-staging  MS_CLIENT_ID          missing  no",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table has no line %q\n%s", want, text)
		}
	}
	// One Worker only would leave the two apart.
	code, text = g.run("secrets", "--env", "staging", "--worker", "api")
	if code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "JWT_SECRET is not the same on tminus-api-staging and tminus-oauth-staging") {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	code, text = g.run("secrets", "--env", "staging")
	if code != 0 || len(g.writes()) != 2 {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	if code, text = g.run("secrets", "--env", "staging"); code != 0 || len(g.writes()) != 0 {
		t.Errorf("again: exit %d, %v\n%s", code, g.writes(), text)
	}
	if code, text = g.run("secrets", "--list", "--env", "staging", "--format", "json"); code != 0 || !strings.Contains(text, `"secret":"JWT_SECRET","state":"set","value_here":true`) {
		t.Errorf("exit %d\n%s", code, text)
	}
}

func TestSecretsMakeNoWorkerAndDeployNoOtherVersion(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet()
	code, text := g.run("secrets", "--env", "all")
	if code != 0 || len(g.writes()) != 0 || strings.Count(text, "its secrets go up with the first promote") != 4 {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	g.deployed()
	// The newest version is another than serves.
	s, err := g.account.Scripts.Get("tminus-api-staging")
	if err != nil {
		t.Fatal(err)
	}
	first := s.Newest().ID
	g.write("workers/api/index.js", "export default { fetch() { return new Response('api 2') } }\n")
	g.deployed()
	g.deploy("tminus-api-staging", first)
	g.env["JWT_SECRET"] = "another-value-of-the-test-6666"
	code, text = g.run("secrets", "--env", "staging")
	if code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "is not the one that serves alone") {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	g.env["JWT_SECRET"] = jwtSecret
	code, text = g.run("secrets", "--env", "staging", "--worker", "oauth")
	if code != 0 || len(g.writes()) != 0 {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
}

func TestAFileOfVariables(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet("from-the-file-of-the-test-7777", "a line of the file 8888")
	g.deployed()
	file := filepath.Join(g.dir, ".env")
	for name := range sixSecrets {
		delete(g.env, name)
	}
	g.write(".env", "# of the test\nexport JWT_SECRET='from-the-file-of-the-test-7777'\nMASTER_KEY=\"a line of the file 8888\nand another\"\nGOOGLE_CLIENT_IDD=x\n")
	code, text := g.run("secrets", "--env", "staging", "--env-file", file)
	if code != 0 || len(g.writes()) != 2 || !strings.Contains(text, `.env:5`) || !strings.Contains(text, `did you mean "GOOGLE_CLIENT_ID"?`) {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	if code, text = g.run("secrets", "--env", "staging", "--env-file", file); code != 0 || len(g.writes()) != 0 {
		t.Errorf("again: exit %d, %v\n%s", code, g.writes(), text)
	}
	if g.promote(0, "--stages", "build,deploy-staging", "--env-file", file); len(g.writes()) != 0 {
		t.Errorf("a promotion made %v", g.writes())
	}
	g.env["JWT_SECRET"] = jwtSecret
	if _, text = g.run("secrets", "--env", "staging", "--env-file", file, "--dry-run"); !strings.Contains(text, "JWT_SECRET has another value in the environment, which wins over the file") {
		t.Errorf("%s", text)
	}
	delete(g.env, "JWT_SECRET")
	for what, one := range map[string][2]string{
		"a placeholder":      {"JWT_SECRET=your-secret-here\n", "JWT_SECRET holds a text in the file that was to be replaced"},
		"the example's text": {"JWT_SECRET=made-up-by-hand\n", "JWT_SECRET holds a text in the file that was to be replaced"},
		"nothing":            {"A=1\nJWT_SECRET=\n", ".env:2"},
		"a malformed line":   {"A=1\nfrom-the-file-of-the-test-7777\n", ".env:2"},
		"twice":              {"JWT_SECRET=from-the-file-of-the-test-7777\nJWT_SECRET=a\n", "JWT_SECRET stands twice"},
	} {
		g.write(".env", one[0])
		g.write(".env.example", "JWT_SECRET=made-up-by-hand\n")
		if code, text = g.run("secrets", "--env", "staging", "--env-file", file); code != 2 || len(g.writes()) != 0 || !strings.Contains(text, one[1]) {
			t.Errorf("%s: exit %d, %v\n%s", what, code, g.writes(), text)
		}
	}
	g.env["MASTER_KEY"] = ""
	if code, text = g.run("secrets", "--env", "staging"); code != 2 || !strings.Contains(text, "MASTER_KEY is empty in the environment") {
		t.Errorf("empty: exit %d\n%s", code, text)
	}
}

func TestBadInputOfSecrets(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet()
	g.deployed()
	g.env["JWT_SECRET"] = "another-value-of-the-test-6666"
	for what, one := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no environment":      {[]string{"secrets"}, 2, "does not guess the environment"},
		"unknown environment": {[]string{"secrets", "--env", "prod"}, 2, "the project's environments are staging, production"},
		"a typo":              {[]string{"secrets", "--env", "staging", "--worker", "oath"}, 2, `did you mean "oauth"?`},
		"no such file":        {[]string{"secrets", "--env", "staging", "--env-file", "nowhere/.env"}, 2, "--env-file: nowhere/.env"},
	} {
		if code, text := g.run(one.args...); code != one.code || !strings.Contains(text, one.want) || len(g.writes()) != 0 {
			t.Errorf("%s: exit %d, %v\n%s", what, code, g.writes(), text)
		}
	}
	g.account.Break(traffic.Fault{Method: "PATCH", Path: "/accounts/*/workers/scripts/*/settings", Times: -1, Refusal: envelope.Fail(403, 10000, "Authentication error")})
	code, text := g.run("secrets", "--env", "staging")
	if code != 1 || !strings.Contains(text, "Workers Scripts:Edit") {
		t.Errorf("denied: exit %d\n%s", code, text)
	}
	g.env["CLOUDFLARE_API_TOKEN"] = "a-wrong-token-of-the-test"
	if code, text := g.run("secrets", "--env", "staging"); code != 2 {
		t.Errorf("wrong token: exit %d\n%s", code, text)
	}
}

func TestSecretsOnGitHub(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet("from-the-file-of-the-test-7777")
	g.onGitHub("checks:write", "contents:read", "deployments:write", "actions:read")
	g.deployed()
	delete(g.env, "JWT_SECRET")
	g.write(".env", "JWT_SECRET=from-the-file-of-the-test-7777\n")
	if err := os.RemoveAll(filepath.Join(g.dir, ".deploy-action")); err != nil {
		t.Fatal(err)
	}
	code, text := g.run("secrets", "--env", "all", "--env-file", filepath.Join(g.dir, ".env"))
	if code != 0 || len(g.writes()) != 4 || !strings.Contains(text, "1 stale") || !strings.Contains(text, "::add-mask::from-the-file-of-the-test-7777") {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	var names []string
	for _, r := range g.hub.Runs("") {
		if strings.HasPrefix(r.Name, "Secrets") && r.Conclusion == "success" {
			names = append(names, r.Name)
		}
	}
	if len(names) != 2 {
		t.Errorf("check runs %v", names)
	}
}

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/fakecloudflare/envelope"
	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/release"
)

const newSecret = "a-rotated-value-of-the-test-9999"

// secret is the value that a script serves with.
func (g *ground) secret(name, secret string) string {
	g.t.Helper()
	s, err := g.account.Scripts.Get(name)
	if err != nil {
		g.t.Fatal(err)
	}
	b, _ := s.Serving().Binding(secret)
	var text string
	_ = json.Unmarshal(b.Fields["text"], &text)
	return text
}

func (g *ground) wantSecret(secret, want string, scripts ...string) {
	g.t.Helper()
	for _, s := range scripts {
		if g.secret(s, secret) != want {
			g.t.Errorf("%s has another %s than it should", s, secret)
		}
	}
}

func (g *ground) manifest(env string) release.Manifest {
	g.t.Helper()
	m, err := release.Folder{Dir: filepath.Join(g.dir, ".deploy-action", "releases")}.Read(env)
	if err != nil {
		g.t.Fatal(err)
	}
	return m
}

var staging = []string{"tminus-api-staging", "tminus-oauth-staging"}

func TestASecretIsRotatedOnEveryWorkerThatSharesItAndNowhereElse(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	g.deployed()
	file := filepath.Join(t.TempDir(), "new.env")
	code, text := g.run("rotate", "JWT_SECRET", "--env", "staging", "--write-to", file, "--dry-run")
	if g.wantCode(0, code, text); len(g.writes()) != 0 || !strings.Contains(text, "Switch tminus-oauth-staging") {
		t.Errorf("a dry run made %v\n%s", g.writes(), text)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a dry run wrote a value")
	}
	before, _ := g.account.Scripts.Get(staging[0])
	code, text = g.run("rotate", "JWT_SECRET", "--env", "staging", "--write-to", file)
	g.wantCode(0, code, text)
	if len(g.writes()) != 4 || !strings.Contains(text, "every session ends") {
		t.Errorf("writes: %v\n%s", g.writes(), text)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	made := strings.TrimSuffix(strings.TrimPrefix(string(raw), "JWT_SECRET='"), "'\n")
	if info, _ := os.Stat(file); len(made) != 44 || info.Mode().Perm() != 0o600 {
		t.Errorf("%d characters, mode %s", len(made), info.Mode())
	}
	g.wantSecret("JWT_SECRET", made, staging...)
	g.wantSecret("MASTER_KEY", sixSecrets["MASTER_KEY"], staging...)
	g.wantSecret("JWT_SECRET", jwtSecret, "tminus-api-production")
	after, _ := g.account.Scripts.Get(staging[0])
	if after.Serving().ETag != before.Serving().ETag || len(after.Serving().Bindings) != len(before.Serving().Bindings) {
		t.Error("the code or the bindings are others")
	}
	m := g.manifest("staging")
	if len(m.Workers) != 3 || !slices.Equal(m.Rotated, []string{"JWT_SECRET"}) || len(m.Compromised) != 0 || len(m.Replaced) != 1 || len(m.Workers[1].Secrets.Values)+len(m.Workers[0].Secrets.Values) < 6 {
		t.Errorf("recorded %+v", m)
	}
	// The old value in the environment would bring it back.
	code, text = g.run("promote", "--stages", "build,deploy-staging")
	if code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "the value of JWT_SECRET that is known here was replaced by release "+m.Release) {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	code, text = g.run("secrets", "--env", "staging")
	if code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "replaced-secret") {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	// With the new value nothing is to be done.
	g.env["JWT_SECRET"] = made
	if g.promote(0, "--stages", "build,deploy-staging"); len(g.writes()) != 0 {
		t.Errorf("a promotion made %v", g.writes())
	}
	if code, text = g.run("rotate", "JWT_SECRET", "--env", "staging", "--given"); code != 0 || len(g.writes()) != 0 || !strings.Contains(text, "every Worker has these values already") {
		t.Errorf("the same once more: exit %d, %v\n%s", code, g.writes(), text)
	}
	// What was replaced is remembered by later releases.
	g.write("workers/api/index.js", "export default { fetch() { return new Response('api 2') } }\n")
	g.promote(0, "--stages", "build,deploy-staging")
	if m := g.manifest("staging"); len(m.Replaced) != 1 || len(m.Rotated) != 0 {
		t.Errorf("a later release recorded %+v", m)
	}
	g.quiet(made)
}

func TestNoRollbackBringsACompromisedValueBack(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet(newSecret)
	g.deployed()
	first := g.manifest("staging").Release
	g.env["JWT_SECRET"], g.env["GITHUB_SHA"] = newSecret, strings.Repeat("b", 40)
	code, text := g.run("rotate", "JWT_SECRET", "--env", "staging", "--given", "--compromised")
	g.wantCode(0, code, text)
	for _, args := range [][]string{{}, {"--force-secrets"}, {"--release", first, "--force-secrets"}} {
		code, text = g.run(append([]string{"rollback", "--env", "staging", "--reason", "x"}, args...)...)
		if code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "compromised-secret") {
			t.Errorf("%v: exit %d, %v\n%s", args, code, g.writes(), text)
		}
	}
	g.env["JWT_SECRET"] = jwtSecret
	code, text = g.run("rotate", "JWT_SECRET", "--env", "staging", "--given")
	if code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "because somebody else may know it") {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	g.wantSecret("JWT_SECRET", newSecret, staging...)
}

// A rotation that is not compromised can be taken back on purpose.
func TestARotationIsTakenBackOnPurposeOnly(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet(newSecret)
	g.deployed()
	g.env["JWT_SECRET"] = newSecret
	code, text := g.run("rotate", "JWT_SECRET", "--env", "staging", "--given", "--format", "json")
	if g.wantCode(0, code, text); !strings.Contains(text, `"event":"ended"`) {
		t.Errorf("no JSON: %s", text)
	}
	if code, text = g.run("rollback", "--env", "staging", "--reason", "x"); code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "secrets-changed") {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	code, text = g.run("rollback", "--env", "staging", "--reason", "x", "--force-secrets")
	g.wantCode(0, code, text)
	g.wantSecret("JWT_SECRET", jwtSecret, staging...)
}

// face gives the staging API a host name of its own that nobody answers for.
func (g *ground) face() []string {
	g.write("workers/api/wrangler.toml", strings.Replace(planned["workers/api/wrangler.toml"], "api-staging.tminus.ink/v1/*", "api-staging.tminus.ink/*", 1))
	return []string{"--resolve", "api-staging.tminus.ink:443:127.0.0.1:1", "--health-timeout", "1s"}
}

func TestARotationThatIsNotWellIsTakenBack(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet(newSecret)
	dead := g.face()
	g.deployed()
	g.env["JWT_SECRET"], g.env["GITHUB_SHA"] = newSecret, strings.Repeat("b", 40)
	code, text := g.run(append([]string{"rotate", "JWT_SECRET", "--env", "staging", "--given"}, dead...)...)
	if code != 1 || !strings.Contains(text, "Rollback staging passed") || !strings.Contains(text, "left-over-versions") {
		t.Errorf("exit %d\n%s", code, text)
	}
	g.wantSecret("JWT_SECRET", jwtSecret, staging...)
	// It is held now, as any release is that was taken back.
	if code, text = g.run(append([]string{"rotate", "JWT_SECRET", "--env", "staging", "--given"}, dead...)...); code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "[held]") || strings.Contains(text, "unproven") {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	if code, text = g.run("release-hold", "--env", "staging", "--reason", "the network was down"); code != 0 {
		t.Errorf("exit %d\n%s", code, text)
	}
	// It can be tried again: what was left behind is of the same code and secrets.
	code, text = g.run("rotate", "MASTER_KEY", "--env", "staging", "--i-have-a-key-migration")
	if code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "not-newest") {
		t.Errorf("another secret: exit %d, %v\n%s", code, g.writes(), text)
	}
	// A compromised value does not come back, even when health fails.
	code, text = g.run(append([]string{"rotate", "JWT_SECRET", "--env", "staging", "--given", "--compromised"}, dead...)...)
	if code != 1 || !strings.Contains(text, "not-rolled-back") {
		t.Errorf("exit %d\n%s", code, text)
	}
	g.wantSecret("JWT_SECRET", newSecret, staging...)
}

func TestASwitchThatFailsHalfWayIsPutBack(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet(newSecret)
	g.deployed()
	g.env["JWT_SECRET"] = newSecret
	g.account.Break(traffic.Fault{Method: "POST", Path: "/accounts/*/workers/scripts/tminus-oauth-staging/deployments", Refusal: envelope.Fail(400, 10021, "no")})
	code, text := g.run("rotate", "JWT_SECRET", "--env", "staging", "--given", "--compromised")
	if code != 1 || !strings.Contains(text, "Put back tminus-api-staging") {
		t.Errorf("exit %d\n%s", code, text)
	}
	g.wantSecret("JWT_SECRET", jwtSecret, staging...)
	code, text = g.run("rotate", "JWT_SECRET", "--env", "staging", "--given", "--compromised")
	g.wantCode(0, code, text)
	g.wantSecret("JWT_SECRET", newSecret, staging...)
}

func TestTheOldKeyMayStayBesideTheNewOne(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet(newSecret)
	g.deployed()
	if code, text := g.run("rotate", "MASTER_KEY", "--env", "staging"); code != 2 || !strings.Contains(text, "decrypt with the old key and encrypt again") {
		t.Errorf("exit %d\n%s", code, text)
	}
	args := []string{"rotate", "MASTER_KEY", "--env", "staging", "--i-have-a-key-migration", "--overlap"}
	if code, text := g.run(args...); code != 2 || !strings.Contains(text, "Cloudflare gives no value back") {
		t.Errorf("exit %d\n%s", code, text)
	}
	g.env["MASTER_KEY_PREVIOUS"] = newSecret
	if code, text := g.run(args...); code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "MASTER_KEY_PREVIOUS is not the value that tminus-api-staging has as MASTER_KEY") {
		t.Errorf("exit %d\n%s", code, text)
	}
	g.env["MASTER_KEY_PREVIOUS"] = sixSecrets["MASTER_KEY"]
	code, text := g.run(args...)
	g.wantCode(0, code, text)
	g.wantSecret("MASTER_KEY_PREVIOUS", sixSecrets["MASTER_KEY"], staging...)
	if now := g.secret(staging[0], "MASTER_KEY"); now == sixSecrets["MASTER_KEY"] || now != g.secret(staging[1], "MASTER_KEY") {
		t.Error("MASTER_KEY was not rotated")
	}
}

func TestBadInputOfRotate(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet(newSecret)
	if code, text := g.run("rotate", "JWT_SECRET", "--env", "staging"); code != 1 || len(g.writes()) != 0 || !strings.Contains(text, "is not deployed, so there is nothing to rotate on it") {
		t.Errorf("exit %d, %v\n%s", code, g.writes(), text)
	}
	g.deployed()
	if err := os.MkdirAll(filepath.Join(g.dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	taken := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, one := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no environment":        {[]string{"JWT_SECRET"}, 2, "does not guess the environment"},
		"no name":               {[]string{"--env", "staging"}, 2, "does not guess which secrets"},
		"a typo":                {[]string{"JWT_SECERT", "--env", "staging"}, 2, `did you mean "JWT_SECRET"?`},
		"a value":               {[]string{newSecret, "--env", "staging"}, 2, "a value never stands on the command line"},
		"a provider's":          {[]string{"GOOGLE_CLIENT_SECRET", "--env", "staging"}, 2, "https://console.cloud.google.com/apis/credentials"},
		"in the repository":     {[]string{"JWT_SECRET", "--env", "staging", "--write-to", filepath.Join(g.dir, "new.env")}, 2, "is not ignored"},
		"a file that exists":    {[]string{"JWT_SECRET", "--env", "staging", "--write-to", taken}, 2, "exists already"},
		"no folder":             {[]string{"JWT_SECRET", "--env", "staging", "--write-to", taken + "/x/y"}, 2, "there is no folder"},
		"two ways":              {[]string{"JWT_SECRET", "--env", "staging", "--given", "--write-to", taken + "2"}, 2, "--write-to is for values that are made here"},
		"the same, compromised": {[]string{"JWT_SECRET", "--env", "staging", "--given", "--compromised"}, 1, "same-value"},
	} {
		if code, text := g.run(append([]string{"rotate"}, one.args...)...); code != one.code || !strings.Contains(text, one.want) || len(g.writes()) != 0 {
			t.Errorf("%s: exit %d, %v\n%s", what, code, g.writes(), text)
		}
	}
	g.env["JWT_SECRET"] = ""
	if code, text := g.run("rotate", "JWT_SECRET", "--env", "staging", "--given"); code != 2 || !strings.Contains(text, "JWT_SECRET is empty in the environment") {
		t.Errorf("exit %d\n%s", code, text)
	}
	g.env["JWT_SECRET"] = newSecret
	g.account.Break(traffic.Fault{Method: "PATCH", Path: "/accounts/*/workers/workers/*/versions/latest", Times: -1, Refusal: envelope.Fail(403, 10000, "Authentication error")})
	if code, text := g.run("rotate", "JWT_SECRET", "--env", "staging", "--given"); code != 1 || !strings.Contains(text, "Workers Scripts:Edit") {
		t.Errorf("denied: exit %d\n%s", code, text)
	}
	g.wantSecret("JWT_SECRET", jwtSecret, staging...)
}

func TestARotationOnGitHub(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	g.onGitHub("checks:write", "contents:read", "deployments:write", "actions:read")
	g.deployed()
	file := filepath.Join(t.TempDir(), "new.env")
	code, text := g.run("rotate", "JWT_SECRET", "--env", "staging", "--compromised", "--write-to", file)
	g.wantCode(0, code, text)
	made := g.secret(staging[0], "JWT_SECRET")
	if !strings.Contains(text, "::add-mask::"+made) || g.output("release") == "" {
		t.Errorf("the made value is not masked, or there is no output\n%s", text)
	}
	// Another job, with the old value: GitHub's record tells.
	if err := os.RemoveAll(filepath.Join(g.dir, ".deploy-action")); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"promote", "plan"} {
		args := []string{command, "--env", "staging"}
		if command == "promote" {
			args = append(args, "--stages", "build,deploy-staging")
		}
		code, text = g.run(args...)
		writes := slices.DeleteFunc(g.writes(), func(c string) bool { return strings.HasSuffix(c, "/query") })
		if code != 1 || len(writes) != 0 || !strings.Contains(text, "replaced-secret") {
			t.Errorf("%s: exit %d, %v\n%s", command, code, g.writes(), text)
		}
	}
	if code, text = g.run("rollback", "--env", "staging", "--reason", "x", "--force-secrets"); code != 1 || !strings.Contains(text, "compromised-secret") {
		t.Errorf("rollback: exit %d\n%s", code, text)
	}
	g.quiet(made)
}

func TestAnInterruptBetweenUploadAndSwitchLeavesNothingThatServes(t *testing.T) {
	t.Parallel()
	g := newSecretGround(t)
	defer g.quiet(newSecret)
	g.deployed()
	g.env["JWT_SECRET"] = newSecret
	g.account.Break(traffic.Fault{Method: "PATCH", Path: "/accounts/*/workers/workers/tminus-oauth-staging/versions/latest", Delay: 2 * time.Second})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer time.AfterFunc(500*time.Millisecond, func() { cancel(errInterrupted) }).Stop()
	code, text := g.runIn(ctx, "rotate", "JWT_SECRET", "--env", "staging", "--given")
	if code != exitInterrupted || !strings.Contains(text, "were made and do not serve: tminus-api-staging") {
		t.Errorf("exit %d\n%s", code, text)
	}
	g.wantSecret("JWT_SECRET", jwtSecret, staging...)
	code, text = g.run("rotate", "JWT_SECRET", "--env", "staging", "--given")
	g.wantCode(0, code, text)
	g.wantSecret("JWT_SECRET", newSecret, staging...)
}

// Every command that is started is git here; it writes down what it is called with.
func TestNoValueIsAnArgument(t *testing.T) {
	g := newSecretGround(t)
	delete(g.env, "GITHUB_SHA")
	folder, seen := t.TempDir(), filepath.Join(t.TempDir(), "seen")
	if err := os.WriteFile(filepath.Join(folder, "git"), []byte("#!/bin/sh\necho \"$@\" >>"+seen+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := os.MkdirAll(filepath.Join(g.dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.deployed()
	code, text := g.run("rotate", "JWT_SECRET", "--env", "staging", "--write-to", filepath.Join(g.dir, "new.env"))
	g.wantCode(0, code, text)
	made := g.secret(staging[0], "JWT_SECRET")
	_, text = g.run("secrets", "--env", "staging", "--env-file", filepath.Join(g.dir, "new.env"), "--list")
	if raw, err := os.ReadFile(seen); err != nil || !strings.Contains(string(raw), "check-ignore") {
		t.Errorf("git was called with %s, %v", raw, err)
	} else {
		g.said += string(raw) + text
	}
	g.quiet(made)
}

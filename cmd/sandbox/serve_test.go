package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tminus/deploy-action/runner/bundle"
)

// From another terminal, with nothing but what serve prints, the program and
// unmodified wrangler work against the account.
func TestServeIsEnoughForAnotherTerminal(t *testing.T) {
	t.Parallel()
	binary, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	sandbox, err := buildBinary(t.Context(), t.TempDir(), "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	slots <- struct{}{}
	defer func() { <-slots }()
	dir := copyOf(t, bundled())
	served := exec.Command(sandbox, "serve", "--project", dir)
	served.Stderr = os.Stderr
	pipe, err := served.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := served.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(pipe).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var r reach
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if r.ZoneID == "" || len(r.Resolve) == 0 || r.CAFile == "" || r.API == "" || r.onGitHub.Token == "" || r.Repository == "" || len(r.SHA) != 40 {
		t.Errorf("printed %s", line)
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CLOUDFLARE_API_BASE_URL=" + r.BaseURL, "CLOUDFLARE_API_TOKEN=" + r.Token,
		"CLOUDFLARE_ACCOUNT_ID=" + r.AccountID, "JWT_SECRET=" + randomSecret(), "MASTER_KEY=" + randomSecret()}
	terminal := func(in string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir, cmd.Env = in, append(env, "CI=1", "WRANGLER_SEND_METRICS=false", "WRANGLER_HIDE_BANNER=true")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	probing := []string{"--cacert", r.CAFile}
	for _, value := range r.Resolve {
		probing = append(probing, "--resolve", value)
	}
	if out, err := terminal(dir, append([]string{binary, "promote", "--stage-only", "--skip-build"}, probing...)...); err != nil {
		t.Fatalf("deploy-action: %v\n%s", err, out)
	}
	wrangler := []string{"node", filepath.Join(bundle.WranglerDir(bundled()), "bin", "wrangler.js")}
	if out, err := terminal(filepath.Join(dir, "workers", "mcp"), append(wrangler, "deploy", "--env", "staging")...); err != nil {
		t.Errorf("wrangler: %v\n%s", err, out)
	}
	if out, err := terminal(dir, append([]string{binary, "validate", "--env", "staging"}, probing...)...); err != nil {
		t.Errorf("validate: %v\n%s", err, out)
	}
	out, err := terminal(dir, binary, "status", "--env", "staging")
	if err != nil || strings.Count(out, "not of this tool") != 1 || !strings.Contains(out, "tminus-api-staging") {
		t.Errorf("status: %v\n%s", err, out)
	}
	// What wrangler did behind its back, and secrets that nobody gave, are all that a
	// doctor has to say of nine real Workers.
	out, _ = terminal(dir, append([]string{binary, "doctor", "--env", "staging"}, probing...)...)
	for _, part := range []string{"✓ Is it well: api-staging.tminus.ink", "with wrangler, of no release of this tool", "tminus-oauth-staging does not have GOOGLE_CLIENT_ID",
		" 67 well, 1 to look at, 2 broken, 0 not known"} {
		if !strings.Contains(out, part) {
			t.Errorf("the doctor does not say %q:\n%s", part, out)
		}
	}
	if err := served.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- served.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("serve ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		served.Process.Kill()
		t.Error("serve did not end")
	}
	if _, err := os.Stat(r.CAFile); err == nil {
		t.Error("serve left its files behind")
	}
}

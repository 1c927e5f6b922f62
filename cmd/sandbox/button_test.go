package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
)

// app installs an App on the repository, as which a server can be run: its flags, and
// what it is.
func (s *step) app() (fakegithub.Installed, []string) {
	s.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		s.t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		s.t.Fatal(err)
	}
	installed, err := s.hub.App(77, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), "actions:read", "checks:write", "contents:write", "deployments:write", "metadata:read")
	if err != nil {
		s.t.Fatal(err)
	}
	file := filepath.Join(s.t.TempDir(), "app.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return installed, []string{"--app-id", fmt.Sprint(installed.ID), "--installation", fmt.Sprint(installed.Installation), "--app-key", file}
}

// card waits until the card of the newest release says something, and gives it.
func (s *step) card(g *guard, says string) fakegithub.Run {
	s.t.Helper()
	var last fakegithub.Run
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, r := range s.hub.Runs(s.hub.sha) {
			if r.Name == "Release · production" {
				last = r
			}
		}
		if strings.Contains(last.Title+"\n"+last.Summary, says) {
			return last
		}
	}
	s.t.Fatalf("the card does not say %q but %q %s\n%s", says, last.Title, last.Summary, read(s.t, g.log))
	return last
}

func TestAReleaseIsTakenBackByAButton(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	if err := os.WriteFile(filepath.Join(s.dir, "tminus.yaml"), []byte("rollback:\n  policy:\n    - {stage: smoke, do: notify}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.commitConfiguration()
	installed, flags := s.app()
	binary, err := buildBinary(t.Context(), t.TempDir(), "rollback-webhook")
	if err != nil {
		t.Fatal(err)
	}
	g := s.guarded(binary, filepath.Join(t.TempDir(), "server.db"), append(flags, "--comment", "commit")...)
	s.hub.AppHook(installed, "http://"+g.address+"/webhook", hookSecret, "deployment_status", "check_run")
	s.hub.User("ann", "write")
	s.hub.User("eve", "read")
	press := func(identifier, login string) {
		t.Helper()
		r := s.card(g, "")
		if err := s.hub.Press(r.ID, identifier, login); err != nil {
			t.Fatal(err)
		}
	}
	if e := s.promote("--prod-only"); e.code != 0 {
		t.Fatalf("the good release: exit code %d\n%s", e.code, e.log)
	}
	good := s.servingIn("production")
	s.card(g, "Passed, and serves")
	if err := s.spoil("smoke-production"); err != nil {
		t.Fatal(err)
	}
	if e := s.promote("--prod-only"); e.code != 1 {
		t.Fatalf("the bad release: exit code %d\n%s", e.code, e.log)
	}
	bad := s.servingIn("production")
	s.card(g, "Failed, and serves")
	press("verify", "ann")
	s.card(g, "the verification of release")
	press("roll-back", "eve")
	g.until(t, "eve may not write")
	press("hold", "ann")
	s.card(g, "Held by ann")
	if d := differing(bad, s.servingIn("production")); len(d) != 0 {
		t.Errorf("a hold or a reader changed %v", d)
	}
	press("roll-back", "ann")
	s.card(g, "Taken back by ann")
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && !strings.Contains(fmt.Sprint(s.hub.Comments(0)), "was taken back"); time.Sleep(50 * time.Millisecond) {
	}
	if said := fmt.Sprint(s.hub.Comments(0)); !strings.Contains(said, "was taken back** from release") || !strings.Contains(said, "by ann") {
		t.Errorf("comments %s", said)
	}
	if d := differing(good, s.servingIn("production")); len(d) != 0 {
		t.Errorf("production serves other versions of %v", d)
	}
}

// until waits until the server has logged something.
func (g *guard) until(t *testing.T, says string) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(read(t, g.log), says) {
			return
		}
	}
	t.Fatalf("the server does not say %q\n%s", says, read(t, g.log))
}

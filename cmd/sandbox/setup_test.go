package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/traffic"
	"github.com/tminus/deploy-action/runner/finding"
)

// The runbook's section 2 on an empty account, with the program's commands alone: from
// files full of placeholders to nine Workers behind ten host names. Every command,
// done again, writes nothing.
func TestTheFirstTimeSetupNeedsFiveCommands(t *testing.T) {
	t.Parallel()
	binary, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	slots <- struct{}{}
	t.Cleanup(func() { <-slots })
	w, err := served(t.Context(), serveFlags{commonFlags: commonFlags{Project: bundled()}, Empty: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	s := &stand{world: w, t: t, binary: binary}

	checked := s.run("check")
	rules := map[string]int{}
	for _, f := range checked.errors() {
		rules[f.Rule]++
	}
	if checked.code != 1 || rules["placeholder"] != 8*3+6+1 || rules["shared-store"]+rules["name-id-mismatch"] != 0 {
		t.Errorf("check ended with %d and found %v", checked.code, rules)
	}
	setup := [][]string{{"provision", "--env", "all"}, {"dns", "--env", "all"}, {"migrate", "--env", "all"}, {"promote", "--skip-build"}}
	for _, args := range setup {
		s.Forget()
		dry := slices.Concat(args, []string{"--dry-run"})
		if got := s.run(dry...); got.code != 0 || len(s.Calls().Writes()) != 0 {
			t.Fatalf("%v ended with %d after %d writes\n%s", dry, got.code, len(s.Calls().Writes()), got.text)
		}
		if got := s.run(args...); got.code != 0 || len(s.Calls().Writes()) == 0 {
			t.Fatalf("%v ended with %d after %d writes\n%s", args, got.code, len(s.Calls().Writes()), got.text)
		} else if args[0] == "promote" && !slices.Equal(got.finished(), passedAll()) {
			t.Errorf("promote: %v", got.finished())
		}
	}
	s.wantSetUp()
	if got := s.run("check"); got.code != 0 || finding.Closes(got.errors()) {
		t.Errorf("check ended with %d\n%s", got.code, got.text)
	}
	for _, args := range setup {
		s.Forget()
		got := s.run(args...)
		writes := slices.DeleteFunc(s.Calls().Writes(), func(c traffic.Call) bool { return strings.HasSuffix(c.Path, "/query") })
		if got.code != 0 || len(writes) != 0 {
			t.Errorf("%v, done again, ended with %d after %d writes\n%s", args, got.code, len(writes), got.text)
		}
	}
}

// wantSetUp sees that the files have ids, that nothing else in them differs, and that
// every host name leads to Cloudflare.
func (s *stand) wantSetUp() {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(bundled(), "workers", "*", "wrangler.toml"))
	if err != nil || len(files) != 9 {
		s.t.Fatal(files, err)
	}
	for _, file := range append(files, filepath.Join(bundled(), "wrangler-d1.toml")) {
		rel, err := filepath.Rel(bundled(), file)
		if err != nil {
			s.t.Fatal(err)
		}
		was, now := lines(s.t, file), lines(s.t, filepath.Join(s.dir, rel))
		if len(was) != len(now) {
			s.t.Fatalf("%s has %d lines, and had %d", rel, len(now), len(was))
		}
		for i := range was {
			if strings.Contains(now[i], placeholderText) || was[i] != now[i] && !strings.Contains(was[i], "id = ") {
				s.t.Errorf("%s:%d is %q, and was %q", rel, i+1, now[i], was[i])
			}
		}
	}
	for _, value := range s.resolve() {
		host, _, _ := strings.Cut(value, ":")
		if !s.Zones.Answers(host, "/").Proxied {
			s.t.Errorf("%s does not lead to Cloudflare", host)
		}
	}
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(raw), "\n")
}

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The first job builds and promotes to staging, the second to production, with
// nothing but the folder between them.
func TestTwoJobsWithAnApprovalBetweenThem(t *testing.T) {
	t.Parallel()
	s := newStep(t, "")
	first := s.promote("--stages", "build..smoke-staging", "--release-dir", "release")
	want := concluded("success", "success", "success", "success", "success", "neutral")
	if first.code != 0 || !slices.Equal(s.conclusions(), want) || s.states("production") != "" {
		t.Fatalf("exit code %d, %q\n%s", first.code, s.conclusions(), first.log)
	}
	// The second job has a fresh checkout: nothing is installed, nothing was built.
	for _, name := range []string{"node_modules", "packages/shared/dist", ".deploy-action"} {
		if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"--stages", "migrate-production..smoke-production"},
		{"--stages", "deploy-production..", "--release-dir", "release"}, // leaves a gate out
		{"--stages", "migrate-production..smoke-production", "--release-dir", "elsewhere"},
		{"--stages", "smoke-production..build", "--release-dir", "release"},
	} {
		if e := s.promote(args...); e.code != 2 || s.states("production") != "" {
			t.Errorf("%v: exit code %d\n%s", args, e.code, e.log)
		}
	}
	second := s.promote("--stages", "migrate-production..smoke-production", "--release-dir", "release")
	if second.code != 0 || !slices.Equal(s.conclusions(), append(concluded("success"), "Check success")) || s.states("production") != "success" {
		t.Fatalf("exit code %d, %q\n%s", second.code, s.conclusions(), second.log)
	}
	a, _ := first.outputs()
	b, _ := second.outputs()
	if a["release"] == "" || a["release"] != b["release"] {
		t.Errorf("release %q, then %q", a["release"], b["release"])
	}
	s.tampered()
}

// tampered changes one byte of what staging has passed.
func (s *step) tampered() {
	s.t.Helper()
	all, err := filepath.Glob(filepath.Join(s.dir, "release", "modules", "*"))
	if err != nil || len(all) == 0 {
		s.t.Fatalf("%v, %v", all, err)
	}
	if err := os.WriteFile(all[0], []byte(read(s.t, all[0])+" "), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.Forget()
	if e := s.promote("--stages", "migrate-production..smoke-production", "--release-dir", "release"); e.code != 2 || !strings.Contains(e.log, "was changed") || len(s.Calls().Writes()) != 0 {
		s.t.Errorf("exit code %d\n%s", e.code, e.log)
	}
}

package project

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tminus/deploy-action/runner/finding"
)

func settings(t *testing.T, yaml string) (Settings, error) {
	t.Helper()
	return loadSettings(fstest.MapFS{SettingsFile: {Data: []byte(yaml)}})
}

func TestTheRunbooksTableIsTheDefault(t *testing.T) {
	t.Parallel()
	s, err := settings(t, "build: make\n")
	if err != nil {
		t.Fatal(err)
	}
	broke := func(rule string) []finding.Finding {
		return []finding.Finding{finding.Errorf(rule, finding.Position{}, "x")}
	}
	tests := []struct {
		name, stage, env string
		found            []finding.Finding
		want             Action
	}{
		{"health checks fail after a deploy", "health", "production", broke("health"), RollBack},
		{"smoke tests fail", "smoke", "production", broke("smoke"), RollBack},
		{"an error rate spikes", "monitor", "production", broke("error-rate"), RollBack},
		{"a minor bug is found", "monitor", "production", broke("minor-bug"), FixForward},
		{"data may be corrupted", "monitor", "production", broke("data-corruption"), RollBack},
		{"a switch fails", "deploy", "production", broke("deploy"), RollBack},
		{"a migration fails", "migrate", "production", broke("migrate"), Tell},
		{"staging is left for somebody to look at", "smoke", "staging", broke("smoke"), Tell},
		{"a warning decides nothing", "monitor", "production", []finding.Finding{finding.Warnf("error-rate", finding.Position{}, "x")}, Tell},
	}
	for _, tt := range tests {
		if got := s.Rollback.Decide(tt.stage, tt.env, tt.found); got.Do != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got.Do, tt.want)
		}
	}
	if got := s.Rollback.Decide("monitor", "production", broke("error-rate")); got.Then != "investigate" {
		t.Errorf("then %q", got.Then)
	}
}

func TestAWrittenPolicyReplacesTheDefault(t *testing.T) {
	t.Parallel()
	s, err := settings(t, "rollback:\n  hold: strict\n  policy:\n    - {stage: smoke, rule: smoke, do: fix-forward}\n    - {environment: staging, do: roll-back}\n")
	if err != nil {
		t.Fatal(err)
	}
	if !s.Rollback.Strict || len(s.Rollback.Policy) != 2 || s.Rollback.Policy[0].At.Line != 4 {
		t.Errorf("%+v", s.Rollback)
	}
	found := []finding.Finding{finding.Errorf("smoke", finding.Position{}, "x")}
	if s.Rollback.Decide("smoke", "production", found).Do != FixForward || s.Rollback.Decide("health", "staging", nil).Do != RollBack || s.Rollback.Decide("health", "production", nil).Do != Tell {
		t.Error("the written policy does not decide")
	}
}

func TestAWrongPolicyIsSaidAtItsLine(t *testing.T) {
	t.Parallel()
	for yaml, says := range map[string]string{
		"rollback:\n  hold: sometimes\n":                   "normal or strict",
		"rollback:\n  policy:\n    - {stage: smoke}\n":     "fix-forward",
		"rollback:\n  policy:\n    - {do: panic}\n":        "panic",
		"rollback:\n  policy: [{do: notify, do-not: x}]\n": "do-not",
	} {
		s, err := settings(t, yaml)
		text := ""
		if err != nil {
			text = err.Error()
		}
		for _, w := range s.Warnings {
			text += w.Error()
		}
		if !strings.Contains(text, says) || !strings.Contains(text, "tminus.yaml:") {
			t.Errorf("%q: %s", yaml, text)
		}
	}
}

package preview

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/finding"
)

func seen(env string, live, wanted string) Seen {
	return Seen{Environment: env, Parts: []Part{
		{Name: "b", Kind: Script, Live: "x", Wanted: map[string]any{"z": 1, "a": 2}},
		{Name: "a", Kind: Script, Live: live, Wanted: wanted, Now: "now v2 serves"},
		{Name: "db", Kind: Ledger, Live: []string{"1.sql"}, Wanted: []string{"sha256:1"}},
	}}
}

func TestADigestIsOfEverythingThatWasSeen(t *testing.T) {
	t.Parallel()
	one := seen("staging", "1", "1")
	d := one.Digest()
	if !regexp.MustCompile(`^staging=sha256:[0-9a-f]{64}\.[0-9a-f]{24}$`).MatchString(d) || !Valid(d) {
		t.Errorf("digest %s", d)
	}
	turned := one
	turned.Parts = slices.Clone(one.Parts)
	slices.Reverse(turned.Parts)
	if turned.Digest() != d || !turned.Same(d) || len(turned.Moved(d)) != 0 {
		t.Errorf("the order of parts matters: %s, %s", d, turned.Digest())
	}
	for name, other := range map[string]Seen{"live": seen("staging", "2", "1"), "wanted": seen("staging", "1", "2"), "less": {Environment: "staging", Parts: one.Parts[:2]}} {
		if other.Same(d) || len(other.Moved(d)) == 0 {
			t.Errorf("%s: another thing was seen, and the digest is the same", name)
		}
	}
	if got, want := seen("staging", "2", "2").Moved(d), []string{"a was deployed or its triggers were changed on the account (now v2 serves)", "the code, configuration or secrets of a are others than planned"}; !slices.Equal(got, want) {
		t.Errorf("moved %q", got)
	}
	if !one.Same(d[:strings.IndexByte(d, '.')]) {
		t.Error("the marks decide")
	}
}

func TestADigestOfSeveralEnvironmentsHasAPartForEach(t *testing.T) {
	t.Parallel()
	staging, production := seen("staging", "1", "1"), seen("production", "1", "1")
	all := Join([]string{staging.Digest(), production.Digest()})
	if !Valid(all) {
		t.Errorf("%s is no digest", all)
	}
	for _, s := range []Seen{staging, production} {
		if of, ok := Of(all, s.Environment); !ok || !s.Same(of) {
			t.Errorf("%s: %s, %v", s.Environment, of, ok)
		}
	}
	if of, ok := Of(all, "prod"); ok {
		t.Errorf("there is a part for prod: %s", of)
	}
	for _, bad := range []string{"", "sha256:12", "staging=sha256:12", staging.Digest() + ",", "staging", "=sha256:" + strings.Repeat("0", 64)} {
		if Valid(bad) {
			t.Errorf("%q is taken for a digest", bad)
		}
	}
}

func TestWordsForHowMuchChanges(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Plan{
		"Nothing changes, 0 Workers": {},
		"1 of 2 Workers changes, 1 migration, 2 routes": {Environments: []Environment{
			{Workers: []Worker{{Worker: "api", Way: Unchanged, Triggers: []Trigger{{Kind: "route"}}}, {Worker: "mcp", Way: Unchanged}}, Databases: []Database{{Pending: []Migration{{File: "m/1.sql"}}}}},
			{Workers: []Worker{{Worker: "api", Way: Changed, Triggers: []Trigger{{Kind: "custom domain"}}}}, Databases: []Database{{Pending: []Migration{{File: "m/1.sql"}}}}},
		}},
	} {
		if got := p.Count().String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestARedactedPlanIsRedactedEverywhere(t *testing.T) {
	t.Parallel()
	const value = "hunter2"
	p := Plan{Digest: "d", Environments: []Environment{{
		Workers: []Worker{{Why: value, Bindings: []Difference{{From: value, To: value}}, Vars: []Difference{{From: value, To: value}}, Runtime: []Difference{{To: value}},
			Triggers: []Trigger{{Subject: value, From: value, To: value}}}},
		Databases: []Database{{Pending: []Migration{{SQL: value}}}},
		Findings:  []finding.Finding{{Message: value, Hint: value}},
	}}}
	raw, err := json.Marshal(p.Redacted(func(text string) string { return strings.ReplaceAll(text, value, "***") }))
	if err != nil || strings.Contains(string(raw), value) {
		t.Errorf("%s %v", raw, err)
	}
	if p.Environments[0].Databases[0].Pending[0].SQL != value {
		t.Error("the plan itself was changed")
	}
}

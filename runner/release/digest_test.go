package release

import (
	"slices"
	"strings"
	"testing"
)

func TestADigestTellsCodeAndSecretsApart(t *testing.T) {
	t.Parallel()
	code, other := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	one := Fingerprints{Key: "k", Values: map[string]string{"A": "1", "B": "2"}}
	two := one.With(Fingerprints{Key: "k", Values: map[string]string{"A": "3"}})
	d := Mix(code, one.Digest())
	if len(d) != len("sha256:")+64 || !one.Fits(d) || !one.Fits(Short(d)) || two.Fits(d) {
		t.Errorf("%s does not tell its secrets", d)
	}
	if got := Remix(Short(d), two); got != Short(Mix(code, two.Digest())) || CodeOf(got) != CodeOf(d) || CodeOf(d) == CodeOf(Mix(other, one.Digest())) {
		t.Errorf("with other secrets it is %s", got)
	}
	if got := one.With(Fingerprints{Key: "another", Values: map[string]string{"A": "1"}}); len(got.Values) != 1 {
		t.Errorf("keys were mixed: %v", got)
	}
	if CodeOf("") != "" || CodeOf("sha256:12") != "12" {
		t.Error("a short digest")
	}
}

func TestReplacedValuesAreRemembered(t *testing.T) {
	t.Parallel()
	old := Replaced{Secret: "A", Key: "k", Fingerprint: "1", Release: "r1"}
	all := Merge([]Replaced{old}, []Replaced{{Secret: "A", Key: "k", Fingerprint: "2", Release: "r2", Compromised: true}, old})
	if len(all) != 2 || all[0].Release != "r2" {
		t.Fatalf("%+v", all)
	}
	now := Fingerprints{Key: "k", Values: map[string]string{"A": "2", "B": "1"}}
	if r, ok := now.Brings("A", all); !ok || !r.Compromised {
		t.Errorf("a replaced value was not seen: %+v", r)
	}
	if _, ok := now.Brings("B", all); ok {
		t.Error("another secret's value was taken for it")
	}
	if _, ok := (Fingerprints{Key: "l", Values: now.Values}).Brings("A", all); ok {
		t.Error("another key's fingerprint was compared")
	}
	var many []Replaced
	for i := range 100 {
		many = append(many, Replaced{Secret: "A", Release: string(rune('a' + i))})
	}
	if got := Merge(many); len(got) != remembered || got[0].Release != slices.MaxFunc(many, func(a, b Replaced) int { return strings.Compare(a.Release, b.Release) }).Release {
		t.Errorf("%d are carried, the first of %s", len(got), got[0].Release)
	}
}

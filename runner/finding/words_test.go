package finding

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestThingsAreCounted(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0 Workers": Many(0, "Worker"), "1 Worker": Many(1, "Worker"), "24 secrets": Many(24, "secret"), "1 class": Many(1, "class"), "2 classes": Many(2, "class"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTimesAreToldInOneZone(t *testing.T) {
	t.Parallel()
	when := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 2*60*60))
	if got, want := When(when), "2026-01-02 01:04:05Z"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAnErrorIsQuotedOnOneLine(t *testing.T) {
	t.Parallel()
	placed := Errorf("x", Position{File: "w.toml"}, "no such queue").Hintf("create it")
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"nothing", nil, ""},
		{"lines", errors.Join(errors.New("refused"), errors.New("\ttwice")), "refused twice"},
		{"a finding without place and hint", placed, "no such queue"},
		{"a finding in an error", fmt.Errorf("read: %w", placed), "no such queue"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Quote(tt.err); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

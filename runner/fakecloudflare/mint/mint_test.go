package mint_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tminus/deploy-action/runner/fakecloudflare/mint"
)

func TestMomentsOfAStoppedClockStillGoForward(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	m := mint.New(func() time.Time { return at }, 1)
	first, second := m.Stamp(), m.Stamp()
	if first >= second {
		t.Errorf("second stamp %q is not later than %q", second, first)
	}
	if first != "2026-11-21T12:00:00.000000Z" {
		t.Errorf("first stamp is %q", first)
	}
}

func TestTheSameSeedMakesTheSameNames(t *testing.T) {
	t.Parallel()
	one, two, other := mint.New(nil, 7), mint.New(nil, 7), mint.New(nil, 8)
	id := one.UUID()
	if again := two.UUID(); again != id {
		t.Errorf("same seed made %q and %q", id, again)
	}
	if different := other.UUID(); different == id {
		t.Errorf("another seed made %q too", id)
	}
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.Version() != 4 || parsed.String() != id {
		t.Errorf("%q is not a lower-case version 4 UUID: %v", id, err)
	}
	if got := mint.Hyphens(mint.Bare(id)); got != id {
		t.Errorf("without and with hyphens again: %q, want %q", got, id)
	}
	if len(one.Hex()) != 32 {
		t.Error("Hex is not 32 digits")
	}
}

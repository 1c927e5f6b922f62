// Package mint makes what an account stamps on its things: moments and identifiers.
//
// One Mint belongs to one fake account. Its identifiers come from a seed, so
// the same calls in the same order make the same account, and its moments come
// from a clock the test can hold. It knows nothing of HTTP or of Workers; every
// other room below fakecloudflare asks it and nothing else for time and names.
package mint

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Stamp is how Cloudflare writes a moment: UTC, microseconds, a Z.
const Stamp = "2006-01-02T15:04:05.000000Z"

// Mint makes moments and identifiers. It is safe for concurrent use.
type Mint struct {
	mu    sync.Mutex
	clock func() time.Time
	last  time.Time
	rand  *rand.ChaCha8
}

// New returns a Mint with its own clock (nil means the machine's) and a seed
// for its identifiers.
func New(clock func() time.Time, seed uint64) *Mint {
	if clock == nil {
		clock = time.Now
	}
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return &Mint{clock: clock, rand: rand.NewChaCha8(key)}
}

// Now returns the clock's moment, always at least one microsecond later than
// the one before, so that things made in order can be sorted by it.
func (m *Mint) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock().UTC().Truncate(time.Microsecond)
	if !now.After(m.last) {
		now = m.last.Add(time.Microsecond)
	}
	m.last = now
	return now
}

// Clock returns the clock's moment as it stands, for asking how much time has passed.
func (m *Mint) Clock() time.Time { return m.clock().UTC() }

// Stamp returns Now as Cloudflare writes it.
func (m *Mint) Stamp() string { return m.Now().Format(Stamp) }

// UUID returns a lower-case version 4 UUID with hyphens, as versions, deployments and databases have.
func (m *Mint) UUID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, _ := uuid.NewRandomFromReader(m.rand) // its reader never fails, by its documentation
	return id.String()
}

// Hex returns 32 hexadecimal digits, as queues, namespaces, zones and tags have.
func (m *Mint) Hex() string { return Bare(m.UUID()) }

// Bare returns a UUID without its hyphens, which is how an upload answers with its version.
func Bare(id string) string { return strings.ReplaceAll(id, "-", "") }

// Hyphens returns the UUID form of 32 hexadecimal digits and everything else unchanged.
func Hyphens(id string) string {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return id
	}
	return parsed.String()
}

package signin

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// After so many wrong tries from one place, nothing more is tried from there for a
// while.
const (
	wrongs = 5
	rest   = time.Minute
	// places bounds how many are remembered. Beyond them everybody waits: who comes
	// from so many places at once is no person.
	places = 1024
)

// tries counts tries that were not right.
type tries struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string]try
}

type try struct {
	count int
	last  time.Time
}

// begin counts a try before it is made, so that many at once are not one. It gives
// how long a place has to wait when it has had its tries.
func (t *tries) begin(from string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, known := t.all[from]
	if t.now().Sub(one.last) >= rest {
		one.count = 0
	}
	if one.count >= wrongs {
		return rest - t.now().Sub(one.last)
	}
	if !known && len(t.all) >= places {
		if t.forget(); len(t.all) >= places {
			return rest
		}
	}
	if t.all == nil {
		t.all = map[string]try{}
	}
	t.all[from] = try{one.count + 1, t.now()}
	return 0
}

// right forgets the wrong tries of a place.
func (t *tries) right(from string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, from)
}

// forget drops what is old enough. It is called under the lock.
func (t *tries) forget() {
	for from, one := range t.all {
		if t.now().Sub(one.last) >= rest {
			delete(t.all, from)
		}
	}
}

// source is the place that a request comes from: an address, or of IPv6 the network
// that one person has.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

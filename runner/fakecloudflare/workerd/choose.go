package workerd

import (
	"hash/fnv"
	"math"
	"net/http"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
)

// turns counts the requests to each split script, so that shares come out
// exactly and the same every time.
type turns struct {
	mu    sync.Mutex
	taken map[string]int
}

// next returns the number of a script's request, from 0.
func (t *turns) next(script string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken == nil {
		t.taken = map[string]int{}
	}
	n := t.taken[script]
	t.taken[script]++
	return n
}

// choose says which version of a script takes a request, by its name in the
// fleet: the one an override names if it is deployed, the one a version key
// falls to, or by turns as the shares say.
func choose(s script.Script, header http.Header, t *turns) string {
	shares := s.Live().Shares
	if len(shares) == 1 {
		return s.Name
	}
	if id := override(header.Get("Cloudflare-Workers-Version-Overrides"), s.Name); id != "" {
		for _, share := range shares {
			if share.Version == id {
				return name(s, s.Version(id))
			}
		}
	}
	percent := shares[0].Percentage
	first := false
	if key := header.Get("Cloudflare-Workers-Version-Key"); key != "" {
		sum := fnv.New32a()
		_, _ = sum.Write([]byte(key)) // a hash takes everything
		first = float64(sum.Sum32()%100) < percent
	} else {
		n := float64(t.next(s.Name))
		first = math.Floor((n+1)*percent/100) > math.Floor(n*percent/100)
	}
	if first {
		return name(s, s.Version(shares[0].Version))
	}
	return name(s, s.Version(shares[1].Version))
}

// override finds a script's version in the header's dictionary: one="id", other="id".
func override(header, script string) string {
	for part := range strings.SplitSeq(header, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if ok && key == script {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

package workerd

import (
	"net/http"
	"testing"

	"github.com/tminus/deploy-action/runner/fakecloudflare/script"
)

// split is a script whose versions a and b share the traffic; the larger share goes by the script's own name.
func split(a, b float64) script.Script {
	va, vb := &script.Version{Stamp: script.Stamp{ID: "a"}}, &script.Version{Stamp: script.Stamp{ID: "b"}}
	return script.Script{Name: "w", Versions: []*script.Version{va, vb}, Deployments: []*script.Deployment{{Shares: []script.Share{{Version: "a", Percentage: a}, {Version: "b", Percentage: b}}}}}
}

func TestSharesComeOutExactly(t *testing.T) {
	t.Parallel()
	for _, a := range []float64{0, 1, 10, 33, 50, 90, 100} {
		s, turns := split(a, 100-a), &turns{}
		counts := map[string]int{}
		for range 1000 {
			counts[choose(s, http.Header{}, turns)]++
		}
		first := counts["w@a"]
		if a >= 50 {
			first = counts["w"]
		}
		if first != int(a*10) {
			t.Errorf("%v%% of 1000 requests are %d: %v", a, first, counts)
		}
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		`w="b"`: "w@b", `w="a"`: "w", `other="b", w="b"`: "w@b", `other="b"`: "w", `w="c"`: "w", `w`: "w",
	} {
		s := split(100, 0)
		if got := choose(s, http.Header{"Cloudflare-Workers-Version-Overrides": {header}}, &turns{}); got != want {
			t.Errorf("%s: %s, want %s", header, got, want)
		}
	}
}

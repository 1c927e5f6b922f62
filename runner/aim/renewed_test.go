package aim_test

import (
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/release"
)

func TestTheNewestSecretsOfAReleaseComeBackWithIt(t *testing.T) {
	t.Parallel()
	code, other := strings.Repeat("a", 64), strings.Repeat("b", 64)
	first, second := release.Mix(code, strings.Repeat("1", 64)), release.Mix(code, strings.Repeat("2", 64))
	deployed := func(version, name, digest string) cloudflare.Deployment {
		return cloudflare.Deployment{Versions: []cloudflare.Traffic{{Version: version, Percent: 100}}, Annotations: map[string]string{"workers/message": release.Label{Release: name, Digest: digest}.String()}}
	}
	for what, one := range map[string]struct {
		history []cloudflare.Deployment
		want    string
	}{
		"secrets were changed":     {[]cloudflare.Deployment{deployed("v3", "r2", release.Mix(other, other)), deployed("v2", "r1", second), deployed("v1", "r1", first)}, "v2"},
		"nothing was changed":      {[]cloudflare.Deployment{deployed("v3", "r2", second), deployed("v1", "r1", first)}, "v1"},
		"another version, as said": {[]cloudflare.Deployment{deployed("v3", "r2", second), deployed("v9", "r1", first)}, "v1"},
		"other code":               {[]cloudflare.Deployment{deployed("v9", "r1", release.Mix(other, other)), deployed("v1", "r1", first)}, "v1"},
		"nothing is known":         {nil, "v1"},
	} {
		r := aim.Return{To: "r1", Aims: []aim.Aim{{Script: "s", Digest: first, Serves: []release.Share{{Version: "v1", Percent: 100}}}}}
		got := r.Renewed([]live.Script{{Name: "s", History: one.history}})
		if got.Aims[0].Serves[0].Version != one.want || r.Aims[0].Serves[0].Version != "v1" {
			t.Errorf("%s: back to %s, want %s", what, got.Aims[0].Serves[0].Version, one.want)
		}
	}
}

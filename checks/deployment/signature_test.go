package deployment

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/release"
)

func TestAPayloadIsSigned(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := s.job(s.begin())
	const key = "a key that the server has too"
	m := release.Manifest{Schema: release.Schema, Release: "r1", Environment: "production", Workers: []release.Placed{
		{Script: "api", Version: "v2", Previous: []release.Share{{Version: "v1", Percent: 33.3}, {Version: "v0", Percent: 66.7}}, Digest: "sha256:<&>"},
	}}
	if _, err := Write(t.Context(), k.Client, k.SHA, Payload{Run: k.Run, Manifest: m}, key); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{"an object": s.hub.Deployments("")[0].Payload, "a text": fmt.Sprintf("%q", s.hub.Deployments("")[0].Payload)} {
		if !Signed([]byte(raw), s.hub.FullName(), key) {
			t.Errorf("%s is not signed: %s", name, raw)
		}
		if Signed([]byte(raw), s.hub.FullName(), "another key of the same length") || Signed([]byte(raw), "other/app", key) || Signed([]byte(raw), s.hub.FullName(), "") {
			t.Errorf("%s is signed by everybody", name)
		}
		if strings.Contains(raw, key) {
			t.Errorf("the key is in %s", name)
		}
	}
}

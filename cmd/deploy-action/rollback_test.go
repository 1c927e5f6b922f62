package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/checks/fakegithub/traffic"
)

// A release goes on when GitHub is in trouble and cannot record it. It is taken back
// all the same, and not the one before it that GitHub knows.
func TestAReleaseThatGitHubDoesNotKnowIsTakenBack(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]bool{"by the record in the workspace": false, "by the labels on Cloudflare": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			y.promoted(0)
			y.promoted(1)
			y.hub.Break(traffic.Fault{Path: "/repos/*/*/deployments", Method: "POST", Times: -1, Refusal: traffic.Unavailable()})
			y.promoted(2)
			y.hub.Mend()
			if y.recorded(2) {
				t.Fatal("GitHub has a record")
			}
			if forget { // another machine
				if err := os.RemoveAll(filepath.Join(y.dir, ".deploy-action")); err != nil {
					t.Fatal(err)
				}
			}
			code, text := y.run(y.job(2), append([]string{"rollback", "--env", "production"}, y.common...)...)
			if code != 0 || !strings.Contains(text, map[bool]string{false: "the record in the workspace", true: "the labels of the versions"}[forget]) {
				t.Errorf("exit %d\n%s", code, text)
			}
			if forget {
				if got := y.releases(); !slices.Equal(got, []int{1, 1, 1}) || !strings.Contains(text, "triggers-unknown") {
					t.Errorf("releases %v serve\n%s", got, text)
				}
				return
			}
			y.whole(1)
		})
	}
}

// A release of one Worker is a state of all of them: what comes later goes back to it
// as a whole, to the new version of the one and to what the others served then.
func TestAReleaseOfOneWorkerIsComeBackTo(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.promoted(0)
	y.promoted(1)
	y.project(2)
	if code, text := y.run(y.job(2), append([]string{"promote", "--worker", "mcp"}, y.common...)...); code != 0 || !strings.Contains(text, "partial-release") {
		t.Fatalf("exit %d\n%s", code, text)
	}
	if got := y.releases(); !slices.Equal(got, []int{1, 1, 2}) {
		t.Fatalf("releases %v serve", got)
	}
	y.promoted(3)
	code, text := y.run(y.job(3), append([]string{"rollback", "--env", "production"}, y.common...)...)
	if got := y.releases(); code != 0 || !slices.Equal(got, []int{1, 1, 2}) {
		t.Errorf("exit %d, releases %v serve\n%s", code, got, text)
	}
}

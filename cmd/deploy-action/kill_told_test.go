package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/release"
)

// serving is the version of a Worker that serves, and the number of its release;
// -1 if it serves none, or several.
func (y *yard) serving(name string) (version string, n int) {
	s, err := y.account.Scripts.Get("tminus-" + name + "-production")
	if err != nil || s.Live() == nil || len(s.Live().Shares) != 1 {
		return "", -1
	}
	n = -1
	l, _ := release.ParseLabel(s.Serving().Annotations["workers/message"])
	for i, sha := range y.shas {
		if strings.HasSuffix(l.Release, sha[:7]) {
			n = i
		}
	}
	return s.Serving().ID, n
}

// releases are those that the Workers serve.
func (y *yard) releases() []int {
	var all []int
	for _, name := range chained {
		_, n := y.serving(name)
		all = append(all, n)
	}
	return all
}

// whole sees that all Workers serve one release, with the routes of that release.
func (y *yard) whole(want int) {
	y.t.Helper()
	a, err := live.Read(context.Background(), y.client(), live.Scope{Scripts: y.scripts(), Hosts: []string{"tminus.ink"}})
	if err != nil {
		y.t.Fatal(err)
	}
	for _, name := range chained {
		routes := a.Scripts["tminus-"+name+"-production"].Triggers.Routes
		if len(routes) != 2 || !slices.ContainsFunc(routes, func(r release.Route) bool { return r.Pattern == fmt.Sprintf("%s.tminus.ink/r%d/*", name, want) }) {
			y.t.Errorf("%s has the routes %v, want those of release %d", name, routes, want)
		}
	}
	if got := y.releases(); !slices.Equal(got, []int{want, want, want}) {
		y.t.Errorf("releases %v serve, want %d", got, want)
	}
}

func (y *yard) client() *cloudflare.Client {
	return cloudflare.New(cloudflare.Options{BaseURL: y.api, Account: y.account.ID(), Token: apiToken, UserAgent: "test"})
}

func (y *yard) scripts() []string {
	var all []string
	for _, name := range chained {
		all = append(all, "tminus-"+name+"-production")
	}
	return all
}

// recorded tells whether GitHub has a deployment of a release.
func (y *yard) recorded(n int) bool {
	return slices.ContainsFunc(y.hub.Deployments("production"), func(d fakegithub.Deployment) bool {
		p, _ := deployment.ParsePayload([]byte(d.Payload))
		return d.Task == deployment.TaskDeploy && strings.HasSuffix(p.Release, y.shas[n][:7])
	})
}

// told sees that GitHub says what is so: nothing is left open, and what is active is
// what serves.
func (y *yard) told() {
	y.t.Helper()
	for _, r := range y.hub.Runs("") {
		if r.Status != "completed" {
			y.t.Errorf("check run %s of %s is %s", r.Name, r.SHA[:7], r.Status)
		}
	}
	for _, d := range y.hub.Deployments("production") {
		p, _ := deployment.ParsePayload([]byte(d.Payload))
		switch d.State {
		case "inactive", "failure", "error":
		case "success":
			for _, w := range p.Workers {
				version, _ := y.serving(w.Worker)
				if w.Version != "" && w.Version != version {
					y.t.Errorf("deployment %s is said to be active, and %s does not serve its version", p.Release, w.Worker)
				}
			}
		default:
			y.t.Errorf("deployment %s is %q", p.Release, d.State)
		}
	}
}

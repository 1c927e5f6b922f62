package deployment

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/tminus/deploy-action/checks/fakegithub"
	"github.com/tminus/deploy-action/checks/fakegithub/contract"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/runner/release"
)

var described = sync.OnceValues(func() (*contract.Description, error) { return contract.Open(context.Background()) })

// stand is a repository in which releases are recorded.
type stand struct {
	t     *testing.T
	hub   *fakegithub.Server
	url   string
	token string
}

// job is what records releases there.
type job struct {
	Client *github.Client
	SHA    string
	Run    Run
}

func open(t *testing.T, permissions ...string) *stand {
	t.Helper()
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	if len(permissions) == 0 {
		permissions = []string{"deployments:write", "actions:read"}
	}
	s := &stand{t: t, hub: fakegithub.New(fakegithub.Options{})}
	server := httptest.NewServer(d.Wrap(s.hub, func(diff contract.Difference) { t.Error(diff) }))
	t.Cleanup(func() { server.Close(); s.hub.Close() })
	s.hub.Reached(server.URL)
	s.hub.Commit("main", "workflow", map[string]string{".github/workflows/promote.yml": "on: push\njobs: {}\n"})
	s.url, s.token = server.URL, s.hub.WorkflowToken(permissions...)
	return s
}

// begin begins a run of the workflow and gives its id.
func (s *stand) begin() int64 {
	run, err := s.hub.StartRun("promote.yml", "push", "main")
	if err == nil {
		err = s.hub.SetRun(run.ID, "in_progress", "")
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return run.ID
}

func (s *stand) job(run int64) *job {
	c, err := github.New(github.Options{BaseURL: s.url, Token: s.token, Repository: s.hub.FullName(), Timeout: 20 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	return &job{Client: c, SHA: s.hub.Head("main"), Run: Run{ID: run, Attempt: 1, Job: "promote", URL: "https://example.com/log"}}
}

func manifest(name, env string) release.Manifest {
	return release.Manifest{Schema: release.Schema, Release: name, Environment: env, Workers: []release.Placed{{Worker: "api", Script: "api-" + env, Version: "v"}}}
}

// make makes a deployment of ours with the given states.
func (s *stand) make(k *job, m release.Manifest, states ...string) int64 {
	s.t.Helper()
	id, err := Write(s.t.Context(), k.Client, k.SHA, Payload{Run: k.Run, Manifest: m}, "")
	for _, state := range states {
		if err == nil {
			err = k.Client.SetStatus(s.t.Context(), id, github.Status{State: state})
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

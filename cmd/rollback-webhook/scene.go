package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/tminus/deploy-action/checks/alarm"
	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
	"github.com/tminus/deploy-action/checks/journal"
	"github.com/tminus/deploy-action/runner/aim"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/project"
)

// scene is an environment with its newest release, and what is needed to change it.
type scene struct {
	repository, env string
	client          *github.Client
	records         []deployment.Record // the newest first, as GitHub itself has them
	newest          int                 // of those, the newest release
	settings        project.Settings
	target          project.Target
	account         *cloudflare.Client
	// keeper may have looked already who else changes the environment, and ahead may be
	// the project of the newest release.
	keeper *journal.Keeper
	ahead  reading
}

// look asks GitHub for the records of an environment. What others wrote than those who
// are believed is left out; of rollbacks it is enough that they were made.
func (a *actor) look(ctx context.Context, repository, env string) (*scene, error) {
	c, err := a.github(repository)
	if err != nil {
		return nil, err
	}
	all, err := deployment.Records(ctx, c, env)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(r deployment.Record) bool {
		return r.Manifest.Back == nil && (a.rules.Doubt(repository, r) != "" || a.rules.Outside(repository, env, r.Payload) != "")
	})
	s := &scene{repository: repository, env: env, client: c, records: all, keeper: &journal.Keeper{Client: c, Run: deployment.Run{Job: ownJob}, Settles: true}}
	if s.newest = deployment.Latest(all); s.newest < 0 {
		return nil, settled(fmt.Sprintf("GitHub has no record of a release of %s that this server may touch", env))
	}
	return s, nil
}

// release is the newest release.
func (s *scene) release() deployment.Record { return s.records[s.newest] }

// taken is the rollback that took the newest release back already, nil if none did.
func (s *scene) taken() *deployment.Record { return deployment.Taker(s.records, s.newest) }

// back is the way back from the newest release.
func (s *scene) back() (*aim.Return, error) {
	from, good, err := deployment.Back(s.records, "")
	if err != nil {
		return nil, err
	}
	back, to := aim.Undo(*from), ""
	if good != nil {
		back, to = aim.To(*from, *good), good.Release
	}
	back.Compromised = deployment.Compromised(s.records, to)
	return &back, nil
}

// reading is the project as it was in a commit.
type reading struct {
	sha, folder string
	loaded      project.Project
	err         error
}

// readFiles reads the project as it was in a release's commit: the files that the
// record names.
func readFiles(ctx context.Context, c *github.Client, sha string, p deployment.Payload) reading {
	r := reading{sha: sha, folder: p.Folder}
	var workers []string
	for _, w := range p.Workers {
		if w.At.File != "" && !slices.Contains(workers, w.At.File) {
			workers = append(workers, w.At.File)
		}
	}
	files, err := c.Files(ctx, p.Folder, sha, append([]string{project.SettingsFile}, workers...)...)
	if err == nil {
		r.loaded, err = project.Load(files, workers...)
	}
	r.err = err
	return r
}

// read gives the scene its project, unless it was read ahead.
func (a *actor) read(ctx context.Context, s *scene) error {
	r := s.release()
	if s.ahead.err != nil || s.ahead.sha != r.Deployment.SHA || s.ahead.folder != r.Folder {
		s.ahead = a.project(ctx, s.client, r.Deployment.SHA, r.Payload)
	}
	if s.ahead.err != nil {
		return s.ahead.err
	}
	s.settings = s.ahead.loaded.Settings
	var err error
	s.target, err = s.ahead.loaded.In(s.env)
	return err
}

// hosts refuses to ask a host that is not allowed.
func (a *actor) hosts(s *scene) error {
	for _, e := range s.target.Endpoints {
		if !a.rules.Host(e.Host) {
			return settled(fmt.Sprintf("host %q is not allowed, so nobody could ask whether %s is well", e.Host, s.env))
		}
	}
	return nil
}

// reach finds the account. Scripts of the project that the server may not touch are
// left out of all that is done there.
func (a *actor) reach(s *scene) error {
	if a.dispatch != nil {
		return settled("this server does not reach Cloudflare itself; run deploy-action for that")
	}
	if err := a.hosts(s); err != nil {
		return err
	}
	s.target.Scripts = slices.DeleteFunc(slices.Clone(s.target.Scripts), func(script project.Script) bool { return !a.rules.Script(script.Name) })
	id := ""
	for _, script := range s.target.Scripts {
		if script.Section.Account.Written() {
			id = script.Section.Account.V
			break
		}
	}
	var err error
	s.account, err = a.account(id)
	return err
}

// alarm is the newest release as an alarm.
func (s *scene) alarm(words string) alarm.Alarm {
	r := s.release()
	return alarm.Alarm{Repository: s.repository, Environment: s.env, Deployment: r.Deployment.ID, SHA: r.Deployment.SHA, Payload: r.Payload, Words: words}
}

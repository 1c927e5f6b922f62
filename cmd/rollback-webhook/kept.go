package main

import (
	"context"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/checks/deployment"
	"github.com/tminus/deploy-action/checks/github"
)

// kept is what is made once and used again: the client of a repository, which holds the
// token that an App has got, and the project of a commit, which never changes.
type kept struct {
	client func(repository string) (*github.Client, error)

	mu       sync.Mutex
	clients  map[string]*github.Client
	projects map[string]reading
}

// mostProjects bounds how many projects are kept. One is some kilobytes.
const mostProjects = 64

// repository is the client of a repository.
func (k *kept) repository(name string) (*github.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name = strings.ToLower(name)
	if c := k.clients[name]; c != nil {
		return c, nil
	}
	c, err := k.client(name)
	if err != nil {
		return nil, err
	}
	if k.clients == nil {
		k.clients = map[string]*github.Client{}
	}
	k.clients[name] = c
	return c, nil
}

// project is the project as it was in a release's commit.
func (k *kept) project(ctx context.Context, c *github.Client, sha string, p deployment.Payload) reading {
	parts := []string{strings.ToLower(c.Repository()), sha, p.Folder}
	for _, w := range p.Workers {
		parts = append(parts, w.At.File)
	}
	key := strings.Join(parts, "\n")
	k.mu.Lock()
	r, known := k.projects[key]
	k.mu.Unlock()
	if known {
		return r
	}
	if r = readFiles(ctx, c, sha, p); r.err != nil {
		return r
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.projects == nil || len(k.projects) >= mostProjects {
		k.projects = map[string]reading{}
	}
	k.projects[key] = r
	return r
}

package main

import (
	"context"
	"strings"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/stage"
	"github.com/tminus/deploy-action/runner/tail"
)

// witnesses hear what the Workers of some environments throw while gates ask them. A
// gate that passes does not know of them. No witness is a good one too: then nothing is
// heard.
type witnesses struct {
	sources *sources
	all     map[string]*tail.Witness // by environment
	asked   map[string]string        // the script of the smoke test, by environment
}

// witness makes the witnesses of some environments; none without a client.
func (p *program) witness(client *cloudflare.Client, loaded project.Project, dir string, all []project.Target) *witnesses {
	w := &witnesses{all: map[string]*tail.Witness{}, asked: map[string]string{}}
	if client == nil {
		return w
	}
	w.sources = p.sources(client, loaded, dir)
	for _, t := range all {
		w.all[t.Env] = &tail.Witness{
			Client: client, UserAgent: userAgent, Redact: p.redact, Explain: w.sources.explain(t),
			Filters: tail.Filter{Header: "User-Agent", Value: userAgent}.Wire(), // what others ask is not what failed
		}
	}
	return w
}

// early has the Worker of the smoke test be listened to since the health stage begins:
// some of its questions are asked only once.
func (w *witnesses) early(smoke project.Smoke, all []project.Target) {
	for _, t := range all {
		for _, e := range t.Endpoints {
			if e.Worker == smoke.Worker || e.Title == smoke.Worker {
				w.asked[t.Env] = e.Script
			}
		}
	}
}

// of is the witness of an environment, as a stage wants it.
func (w *witnesses) of(env string) stage.Witness {
	if w == nil || w.all[env] == nil {
		return nil
	}
	return w.all[env]
}

// Observe implements pipeline.Observer. The Worker of the smoke test is listened to
// early; the others when they fail the first time.
func (w *witnesses) Observe(ctx context.Context, e pipeline.Event) error {
	switch e := e.(type) {
	case pipeline.Started:
		if env, ok := strings.CutPrefix(e.Step, "health-"); ok && e.Task == "" && w.asked[env] != "" {
			w.all[env].Listen(ctx, w.asked[env], false)
		}
	case pipeline.Finished:
		if env, ok := strings.CutPrefix(e.Step, "smoke-"); ok {
			w.all[env].Hush()
		}
	}
	return nil
}

// close ends all listening.
func (w *witnesses) close() {
	for _, one := range w.all {
		one.Close()
	}
}

// overheard makes the witnesses of a command that asks Workers and needs no account:
// where there is a token, and it is known whose.
func (p *program) overheard(loaded project.Project, dir string, all []project.Target) *witnesses {
	client, _, err := p.client(accountFlags{}, all)
	if err != nil {
		client = nil
	}
	return p.witness(client, loaded, dir, all)
}

// listen makes the witnesses of a promotion, which knows what it has built.
func (p *promotion) listen() {
	p.heard = p.witness(p.tools.client, p.road.project, p.road.dir, p.road.all)
	if p.heard.sources != nil {
		p.heard.sources.built = p.built
	}
	if !p.flags.SkipSmoke {
		p.heard.early(p.road.project.Settings.Smoke, p.road.all)
	}
}

// built is the bundle that the release has serve as a version, nil if it has none. An
// unchanged script has the digest of its live version, and so its bytes.
func (p *promotion) built(t project.Target, s project.Script, version string) *bundle.Bundle {
	if version == "" || p.version(t.Env)(s.Name) != version {
		return nil
	}
	return p.shelf.Get(s.Worker, t.Env)
}

// listen makes the witness of a rollback.
func (b *bring) listen() *witnesses {
	heard := b.witness(b.client, b.project, b.dir, []project.Target{b.whole})
	if !b.flags.SkipSmoke && !b.flags.DryRun {
		heard.early(b.settings.Smoke, []project.Target{b.whole})
	}
	return heard
}

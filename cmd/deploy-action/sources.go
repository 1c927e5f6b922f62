package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/tminus/deploy-action/runner/build"
	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/origin"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/tail"
)

// sources leads stacks of Workers back to the files of a checkout. A source map is
// believed only when its code is byte for byte the code of the version that threw.
type sources struct {
	*program
	project project.Project
	dir     string
	client  *cloudflare.Client
	env     []string // of what the project's bundler runs
	// built gives what this run built and uploaded as a version, nil if it did not.
	built func(t project.Target, s project.Script, version string) *bundle.Bundle

	mu    sync.Mutex
	known map[string]located // by script and version
	shelf bundle.Shelf       // what the checkout builds to
	tried map[string]string  // by script: why it does not build, empty if it does
}

// sources leads stacks back to a checkout.
func (p *program) sources(client *cloudflare.Client, loaded project.Project, dir string) *sources {
	return &sources{program: p, project: loaded, dir: dir, client: client, env: p.childEnv(p.secrets(loaded))}
}

// located is a Worker whose stacks are led back, or why they cannot be.
type located struct {
	worker origin.Worker
	why    string
}

// locating bounds what it may take to find out where a stack came from.
const locating = 15 * time.Second

// of finds the source map of a version.
func (s *sources) of(ctx context.Context, t project.Target, script project.Script, version string) (origin.Worker, string) {
	ctx, cancel := context.WithTimeout(ctx, locating)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	key := script.Name + " " + version
	if one, ok := s.known[key]; ok {
		return one.worker, one.why
	}
	if s.known == nil {
		s.known, s.tried = map[string]located{}, map[string]string{}
	}
	one := located{worker: origin.Worker{FS: os.DirFS(s.dir), Root: s.dir, Dir: path.Dir(script.File)}}
	b, why := s.bundle(ctx, t, script, version)
	if one.why = why; why == "" {
		mapped, err := one.worker.Mapped(b.Main, b.SourceMap)
		if one.worker = mapped; err != nil {
			one.why = err.Error()
		}
	}
	if ctx.Err() == nil {
		s.known[key] = one
	}
	return one.worker, one.why
}

// bundle gives the bundle whose bytes a version has, or says why there is none.
func (s *sources) bundle(ctx context.Context, t project.Target, script project.Script, version string) (*bundle.Bundle, string) {
	if s.built != nil {
		if b := s.built(t, script, version); b != nil && b.SourceMap != nil {
			return b, ""
		}
	}
	if version == "" || s.client == nil {
		return nil, "Cloudflare does not say which version it was"
	}
	why, tried := s.tried[script.Name]
	if !tried {
		why = s.build(ctx, t, script)
		s.tried[script.Name] = why
	}
	b := s.shelf.Get(script.Worker, t.Env)
	if why != "" || b == nil || b.SourceMap == nil {
		return nil, first(why, "this checkout builds no source map of it")
	}
	live, err := s.client.Modules(ctx, script.Name, version)
	if err != nil {
		return nil, fmt.Sprintf("the code of version %s cannot be compared with this checkout: %s", release.Brief(version), err)
	}
	for _, m := range b.Modules {
		if m.Name == b.Main && bytes.Equal(m.Content, live[m.Name]) {
			return b, ""
		}
	}
	return nil, fmt.Sprintf("version %s was built from other code than this checkout%s", release.Brief(version), s.commitOf(ctx, script.Name, version))
}

// build bundles a Worker of the checkout, without a word. It runs no command of the
// project.
func (s *sources) build(ctx context.Context, t project.Target, script project.Script) string {
	only, err := t.Only(script.Name)
	if err != nil {
		return err.Error()
	}
	var found []finding.Finding
	bundling := build.Stage{Dir: s.dir, Project: s.project, Targets: []project.Target{only}, Env: s.env, Skip: true, Bundler: "auto", Redact: s.redact, Into: &s.shelf}
	verdict, err := pipeline.Plan{Steps: []pipeline.Step{{Stage: bundling}}}.Run(ctx, seen{&found})
	if verdict == pipeline.Passed {
		return ""
	}
	why := "this checkout does not bundle"
	for _, f := range found {
		if f.Severity == finding.Error {
			return why + ": " + f.Message
		}
	}
	if err != nil {
		return why + ": " + err.Error()
	}
	return why
}

// commitOf says which commit a version was built from, as far as its label tells.
func (s *sources) commitOf(ctx context.Context, script, version string) string {
	v, err := s.client.Version(ctx, script, version)
	if err != nil {
		return ""
	}
	label, ok := release.ParseLabel(v.Annotations["workers/message"])
	if !ok {
		return ", and not by this tool"
	}
	_, commit, ok := strings.Cut(label.Release, "-")
	if !ok {
		return "; it is of release " + label.Release
	}
	return "; check out commit " + commit + " to see the sources"
}

// trace leads a stack back. It says why, when a part of it is left in built code.
func (s *sources) trace(ctx context.Context, t project.Target, one tail.Thrown) (origin.Trace, string) {
	script, ok := t.Script(one.Event.Script)
	if !ok || len(one.Frames) == 0 {
		return origin.Worker{}.Trace(one.Frames), ""
	}
	decoded := origin.Worker{FS: os.DirFS(s.dir), Root: s.dir, Dir: path.Dir(script.File)}.Trace(one.Frames)
	if !decoded.Built() {
		return decoded, "" // Cloudflare had the map
	}
	worker, why := s.of(ctx, t, script, one.Event.Version)
	trace := worker.Trace(one.Frames)
	if !trace.Built() {
		why = ""
	}
	return trace, why
}

// explain makes a finding of what a Worker of an environment threw: at its line, as far
// as that is known, and closing no gate.
func (s *sources) explain(t project.Target) func(context.Context, tail.Thrown) finding.Finding {
	return func(ctx context.Context, one tail.Thrown) finding.Finding {
		trace, why := s.trace(ctx, t, one)
		verb := "threw"
		switch {
		case one.Handled:
			verb = "logged"
		case len(one.Event.Exceptions) == 0:
			verb = "failed and"
		}
		version := ""
		if one.Event.Version != "" {
			version = " (version " + release.Brief(one.Event.Version) + ")"
		}
		f := finding.Warnf("exception", trace.At(), "%s %s %s, asked %s%s", one.Event.Script, verb, brief(one.Text), one.Event.Trigger, version)
		follow := fmt.Sprintf("deploy-action logs --env %s follows it", t.Env)
		switch {
		case len(trace) == 0:
			return f.Hintf("%s", follow)
		case f.At.IsZero():
			return f.Hintf("it was thrown at %s; %s", trace[0], first(why, follow))
		}
		return f.Hintf("the stack: %s", stackText(trace))
	}
}

// longest is how much of an exception's text stands in a finding, frames how many of
// its stack.
const longest, frames = 300, 4

func brief(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return text
}

func stackText(trace origin.Trace) string {
	var words []string
	for _, p := range trace[:min(len(trace), frames)] {
		words = append(words, p.String())
	}
	return strings.Join(words, ", from ")
}

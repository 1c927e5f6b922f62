package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/child"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
)

// bundle makes the bundles of one Worker. Environments whose options are the same
// share one, and bytes that would differ between environments are an error: then
// staging would test something else than production gets.
func (s Stage) bundle(ctx context.Context, out *pipeline.Out, units []unit, polyfills polyfills) error {
	var first *bundle.Bundle
	for i, u := range units {
		o := Options(s.Dir, u.script)
		if i > 0 && reflect.DeepEqual(o, Options(s.Dir, units[i-1].script)) {
			s.Into.Put(u.script.Worker, u.env, first)
			continue
		}
		made, err := s.make(ctx, out, u, o, polyfills)
		if err != nil {
			return err
		}
		if first != nil && first.Digest() != made.Digest() {
			out.Note(s.Project.Settings.Waived(finding.Errorf("different-bytes", u.script.At(), "%s gets other code in %s than %s tests", u.script.Title, u.env, units[0].env).
				Hintf("make define, alias, rules, main and the compatibility settings of both environments the same").See(units[0].script.At())))
		}
		first = made
		s.Into.Put(u.script.Worker, u.env, made)
	}
	out.Endf("%s", describe(first.Size(), first.Digest(), first.By))
	return nil
}

// make bundles one script, by esbuild or by the project's wrangler.
func (s Stage) make(ctx context.Context, out *pipeline.Out, u unit, o bundle.Options, polyfills polyfills) (*bundle.Bundle, error) {
	if err := s.custom(ctx, out, u); err != nil {
		return nil, err
	}
	if o.Target.Mode() == bundle.NodeV2 && s.Bundler != "wrangler" {
		unenv, err := polyfills(ctx, o.Target)
		if err != nil && !errors.Is(err, bundle.ErrNoWrangler) {
			return nil, err
		}
		o.Target.Unenv = unenv
	}
	made, err := s.by(ctx, out, u, o)
	if bundle.NeedsUnenv(err) {
		made, err = s.shimmed(ctx, o)
	}
	if err != nil {
		return nil, s.complaint(u, err)
	}
	for _, w := range made.Warnings {
		out.Note(Problem(w, finding.Warning))
	}
	for _, f := range check.Code(s.Project.FS(), u.script, o.Target.Mode(), made) {
		out.Note(s.Project.Settings.Waived(f))
	}
	return made, nil
}

// shimmed bundles once more with wrangler's shims for npm packages, which few
// Workers need and which are therefore not asked for beforehand.
func (s Stage) shimmed(ctx context.Context, o bundle.Options) (*bundle.Bundle, error) {
	all, err := bundle.ReadUnenv(ctx, s.Env, []bundle.Target{o.Target}, s.Dir, o.Dir)
	if err != nil {
		return nil, err
	}
	o.Target.Unenv = all[0]
	return bundle.Build(o)
}

// by decides who bundles, and has it done.
func (s Stage) by(ctx context.Context, out *pipeline.Out, u unit, o bundle.Options) (*bundle.Bundle, error) {
	why := o.Foreign()
	if s.Bundler == "wrangler" {
		why = "bundler: wrangler"
	}
	if why == "" || s.Bundler == "esbuild" && why != "" {
		if why != "" {
			return nil, finding.Errorf("bundler", u.script.Section.Module.Main.At, "esbuild cannot bundle %s faithfully: %s", u.script.Title, why).
				Hintf("use bundler auto, which has the project's wrangler do it")
		}
		return bundle.Build(o)
	}
	out.Sayf("bundled by the project's wrangler: %s", why)
	return bundle.ByWrangler(ctx, o, filepath.Base(u.script.File), u.env, s.Env)
}

// custom runs the Worker's own build command, which wrangler would run too.
func (s Stage) custom(ctx context.Context, out *pipeline.Out, u unit) error {
	own := u.script.Section.Module.Build
	if !own.Command.Written() || s.Skip {
		return nil
	}
	dir := filepath.Join(s.Dir, filepath.Dir(u.script.File), own.Cwd.V)
	return s.command(ctx, out, child.Shell(own.Command.V, dir, append(s.Env, "WRANGLER_COMMAND=deploy")))
}

// complaint turns a failed bundle into findings.
func (s Stage) complaint(u unit, err error) error {
	at := u.script.Section.Module.Main.At
	if errors.Is(err, bundle.ErrNoWrangler) {
		return finding.Errorf("bundler", at, "%s needs the project's own wrangler to be bundled, and it is not installed", u.script.Title).
			Hintf("add wrangler to devDependencies, or raise compatibility_date to 2026-03-17 or later")
	}
	failed, ok := errors.AsType[*bundle.Error](err)
	if !ok {
		return err
	}
	var all []finding.Finding
	for _, p := range failed.Problems {
		all = append(all, s.locate(Problem(p, finding.Error), p))
	}
	return finding.Join(all)
}

// Problem is a complaint of a bundler as a finding.
func Problem(p bundle.Problem, severity finding.Severity) finding.Finding {
	f := finding.Finding{Rule: "bundle", Severity: severity, Message: p.Text, Hint: p.Note}
	if p.File != "" {
		f.At = finding.Position{File: p.File, Line: p.Line, Column: p.Column}
	}
	if f.Hint == "" {
		f.Hint = "correct the code"
	}
	return f
}

// locate counts the columns of a place in characters, if its file can be read.
func (s Stage) locate(f finding.Finding, p bundle.Problem) finding.Finding {
	src, err := os.ReadFile(filepath.Join(s.Dir, filepath.FromSlash(p.File)))
	if err == nil && p.Line > 0 {
		f.At = finding.ByteColumn(p.File, src, p.Line, p.Column)
	}
	if strings.Contains(f.Message, "built into node") || strings.Contains(f.Hint, "built into node") {
		f.Hint = `add compatibility_flags = ["nodejs_compat"] to the environment's section`
	}
	return f
}

// polyfills gives what wrangler would polyfill for a target, asking it once.
type polyfills func(context.Context, bundle.Target) (*bundle.Unenv, error)

// polyfills asks the project's wrangler for all targets at once, when the first
// bundle needs it.
func (s Stage) polyfills() polyfills {
	var once sync.Once
	answers := map[string]*bundle.Unenv{}
	var failed error
	name := func(t bundle.Target) string { return fmt.Sprint(t.Date, t.Flags) }
	return func(ctx context.Context, target bundle.Target) (*bundle.Unenv, error) {
		if !target.Polyfilled() {
			return nil, nil
		}
		once.Do(func() {
			var targets []bundle.Target
			dirs := []string{s.Dir}
			for _, units := range s.units() {
				for _, u := range units {
					o := Options(s.Dir, u.script)
					dirs = append(dirs, o.Dir)
					if o.Target.Mode() == bundle.NodeV2 && o.Target.Polyfilled() {
						targets = append(targets, o.Target)
					}
				}
			}
			all, err := bundle.ReadUnenv(ctx, s.Env, targets, dirs...)
			failed = err
			for i, a := range all {
				answers[name(targets[i])] = a
			}
		})
		return answers[name(target)], failed
	}
}

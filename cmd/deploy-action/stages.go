package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/parcel"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/release"
)

// elsewhere is why a stage that was not selected is not run here.
const elsewhere = "another job runs it"

// selectStages marks the steps that another job runs. The text is a list of stages
// and of ranges such as migrate-production..smoke-production, in which an end may
// be left out.
func selectStages(text string, steps []pipeline.Step) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	var ids []string
	for _, s := range steps {
		ids = append(ids, s.ID())
	}
	chosen := map[string]bool{}
	for _, item := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == ' ' }) {
		from, to, err := ends(item, ids)
		if err != nil {
			return err
		}
		for _, id := range ids[from : to+1] {
			chosen[id] = true
		}
	}
	for i := range steps {
		if !chosen[ids[i]] {
			steps[i].Skip, steps[i].Elsewhere = elsewhere, true
		}
	}
	return nil
}

// ends are the first and the last stage of a range, or of a stage alone.
func ends(item string, ids []string) (from, to int, err error) {
	first, last, isRange := strings.Cut(item, "..")
	if !isRange {
		last = first
	}
	from, to = 0, len(ids)-1
	unknown := func(name string) error {
		return finding.Errorf("bad-flag", finding.Position{}, "--stages: there is no stage %q", name).
			Hintf("the stages are %s; a range is written build..smoke-staging", strings.Join(ids, ", "))
	}
	if first != "" || !isRange {
		if from = slices.Index(ids, first); from < 0 {
			return 0, 0, unknown(first)
		}
	}
	if last != "" || !isRange {
		if to = slices.Index(ids, last); to < 0 {
			return 0, 0, unknown(last)
		}
	}
	if from > to {
		return 0, 0, finding.Errorf("bad-flag", finding.Position{}, "--stages: %s comes after %s", first, last).Hintf("turn the range round")
	}
	return from, to, nil
}

// here tells whether a stage is run by this job.
func (p *promotion) here(id string) bool {
	i := slices.IndexFunc(p.steps, func(s pipeline.Step) bool { return s.ID() == id })
	return i >= 0 && !p.steps[i].Elsewhere
}

// parcelFolder is the folder in which a release travels between jobs.
func (p *promotion) parcelFolder() parcel.Folder {
	dir := p.flags.ReleaseDir
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(p.road.dir, dir)
	}
	return parcel.Folder{Dir: dir}
}

// receive takes the release that an earlier job built, if this job builds none.
func (p *promotion) receive() error {
	deploys := slices.ContainsFunc(p.steps, func(s pipeline.Step) bool { return !s.Elsewhere && s.Skip == "" && s.Stage.Name() == "deploy" })
	if p.here("build") || !deploys && p.flags.ReleaseDir == "" {
		return nil
	}
	if p.flags.ReleaseDir == "" {
		return finding.Errorf("bad-flag", finding.Position{}, "--stages leaves out build, so there is nothing to deploy").
			Hintf("give --release-dir with the folder that the job with the build wrote")
	}
	folder := p.parcelFolder()
	got, err := folder.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return finding.Errorf("no-release", finding.Position{}, "there is no release in %s", p.flags.ReleaseDir).
			Hintf("download the artifact of the job that built it to this folder; upload-artifact leaves out names that begin with a dot unless include-hidden-files is true")
	}
	if err != nil {
		return err
	}
	if err := p.admit(got); err != nil {
		return err
	}
	p.received, p.release = &got, got.Release
	p.shelf = &bundle.Shelf{}
	return folder.Unpack(got, p.shelf)
}

// admit refuses a release that did not come through the gates before this job's.
func (p *promotion) admit(got parcel.Parcel) error {
	var before []string
	for _, s := range p.steps {
		if !s.Elsewhere && s.Skip == "" {
			break
		}
		if s.Elsewhere {
			before = append(before, s.ID())
		}
	}
	if err := got.Admit(p.commit, before); err != nil {
		return err
	}
	for i, t := range p.road.all {
		if i > 0 && p.here("deploy-"+t.Env) {
			if err := got.Same(t.Env, p.road.all[i-1].Env); err != nil {
				return err
			}
		}
	}
	return nil
}

// projectFS is the project, with the static files that another job built.
func (p *promotion) projectFS() fs.FS {
	if p.received == nil {
		return p.road.project.FS()
	}
	return p.parcelFolder().FS(p.road.project.FS(), *p.received)
}

// before is what an earlier job deployed to an environment, if one did.
func (p *promotion) before(env string) (release.Manifest, bool) {
	if p.received == nil {
		return release.Manifest{}, false
	}
	return p.received.Manifest(env)
}

// send packs the release for the job after this one: what was built, what was
// deployed, and the gates that let it through.
func (p *promotion) send(ended map[string]pipeline.Finished) error {
	if p.flags.ReleaseDir == "" {
		return nil
	}
	folder, out := p.parcelFolder(), parcel.Parcel{Release: p.release, Commit: p.commit}
	if p.received != nil {
		out = *p.received
	} else if err := p.pack(folder, &out); err != nil {
		return err
	}
	for _, s := range p.steps {
		f := ended[s.ID()]
		switch {
		case s.Elsewhere:
		case f.Verdict == pipeline.Passed:
			out.Passed = append(out.Passed, parcel.Gate{Step: s.ID()})
		case f.Verdict == pipeline.Skipped:
			out.Passed = append(out.Passed, parcel.Gate{Step: s.ID(), Skipped: f.Reason})
		}
	}
	for _, t := range p.road.all {
		if m, ok := p.recorded[t.Env]; ok {
			out.Manifests = append(out.Manifests, m)
		}
	}
	if p.face != nil && p.face.deployments != nil {
		out.Records = p.face.deployments.IDs()
	}
	return folder.Close(out)
}

// pack packs what was built.
func (p *promotion) pack(folder parcel.Folder, out *parcel.Parcel) error {
	for _, t := range p.road.deploying {
		for _, s := range t.Scripts {
			if b := p.shelf.Get(s.Worker, t.Env); b != nil {
				if err := folder.Pack(out, t.Env, b); err != nil {
					return fmt.Errorf("pack %s: %w", s.Worker, err)
				}
			}
			assets := s.Section.Settings.Assets.Directory
			dir := filepath.ToSlash(filepath.Join(filepath.Dir(s.File), assets.V))
			if !assets.Written() || slices.ContainsFunc(out.Files, func(f parcel.File) bool { return strings.HasPrefix(f.Path, dir+"/") }) {
				continue
			}
			if err := folder.PackFiles(out, p.road.project.FS(), dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("pack the static files of %s: %w", s.Worker, err)
			}
		}
	}
	return nil
}

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tminus/deploy-action/runner/build"
	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/project"
)

// anatomy is what a bundle is made of, without the bytes of its code: the two
// esbuilds are of different versions.
func anatomy(b *bundle.Bundle) []string {
	all := []string{"main " + b.Main}
	for _, m := range b.Modules {
		line := fmt.Sprintf("module %s %s", m.Name, m.Kind)
		if m.Kind != bundle.ESModule && m.Kind != bundle.SourceMap {
			line += fmt.Sprintf(" %x", m.Content)
		}
		all = append(all, line)
	}
	for _, e := range b.Exports {
		all = append(all, fmt.Sprintf("export %s %s", e.Name, e.Is))
	}
	slices.Sort(all)
	return all
}

func TestOurBundlesAreMadeOfWhatWranglersAreMadeOf(t *testing.T) {
	t.Parallel()
	if _, err := tools(); err != nil {
		t.Fatal(err)
	}
	dir := copyOf(t, bundled())
	loaded, err := project.Load(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	target, err := loaded.In("staging")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for _, s := range target.Scripts {
		t.Run(s.Worker, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			o := build.Options(dir, s)
			if o.Target.Polyfilled() {
				unenv, err := bundle.ReadUnenv(t.Context(), env, []bundle.Target{o.Target}, dir)
				if err != nil {
					t.Fatal(err)
				}
				o.Target.Unenv = unenv[0]
			}
			ours, err := bundle.Build(o)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := bundle.ByWrangler(t.Context(), o, "wrangler.toml", "staging", env)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := anatomy(ours), anatomy(theirs); !slices.Equal(got, want) {
				t.Errorf("ours\n  %s\nwrangler's\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
		})
	}
}

func TestWhatEsbuildCannotDoGoesToWranglerAndIsSaid(t *testing.T) {
	t.Parallel()
	s := newStand(t, "", "")
	if err := change(s.dir, "workers/push/wrangler.toml", func(old string) (string, bool) {
		return strings.Replace(old, "main = ", "find_additional_modules = true\nmain = ", 1), true
	}); err != nil {
		t.Fatal(err)
	}
	r := s.run("promote", "--skip-build", "--stage-only")
	if r.code != 0 {
		t.Fatalf("exit %d\n%s", r.code, r.text)
	}
	if !strings.Contains(r.text, "find_additional_modules is on") {
		t.Errorf("it is not said why wrangler bundles:\n%s", r.text)
	}
}

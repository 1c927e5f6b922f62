package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/build"
	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/check"
	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/diagnosis"
	"github.com/tminus/deploy-action/runner/drift"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/sight"
)

// judged is what is wrong with the code of each script.
type judged struct{ once[verdict] }

// verdict is what one look at code found.
type verdict struct {
	found []finding.Finding
	words string
}

// code asks for what makes a Worker answer error 1101: node builtins without the flag,
// exports that the runtime refuses, bindings that nobody declares.
func (d *Doctor) code() []pipeline.Task {
	var tasks []pipeline.Task
	for _, s := range sight.Patients(d.Targets) {
		if !s.Section.Module.Main.Written() {
			continue
		}
		tasks = append(tasks, pipeline.Task{Title: "Can the runtime run the code of " + s.Name, At: s.At(), Do: func(_ context.Context, out *pipeline.Out) error {
			v := d.judge(s)
			for _, f := range v.found {
				out.Note(d.Project.Settings.Waived(f))
			}
			out.Endf("%s", v.words)
			return nil
		}})
	}
	return tasks
}

// judge looks at the sources of a script, once.
func (d *Doctor) judge(s sight.Patient) verdict {
	return d.judged.get(s.Name, func() verdict {
		o := build.Options(d.Dir, s.Script)
		if o.Files.NoBundle {
			return verdict{words: "it is uploaded as it is, and not looked at"}
		}
		b, err := bundle.Survey(o)
		if failed, ok := errors.AsType[*bundle.Error](err); ok {
			v := verdict{words: "it does not parse"}
			for _, p := range failed.Problems {
				v.found = append(v.found, build.Problem(p, finding.Error))
			}
			return v
		}
		if err != nil {
			return verdict{finding.From(err, "bundle", s.Section.Module.Main.At), "it cannot be read"}
		}
		now, _ := d.seen.Version(s.Name) // without one, its secrets and flags are not known
		v := verdict{found: check.Code(d.Project.FS(), s.Script, o.Target.Mode(), b)}
		v.found = append(v.found, check.Undeclared(s.Script, b, drift.Secrets(now)...)...)
		v.found = append(v.found, d.flags(s, now, o, b)...)
		v.words = fmt.Sprintf("%s, %s, %s, %s of env", flagWords(o.Target.Flags), finding.Many(len(b.Exports), "export"), finding.Many(len(b.Builtins), "builtin"), finding.Many(len(b.Reads), "name"))
		return v
	})
}

func flagWords(flags []string) string {
	if len(flags) == 0 {
		return "no compatibility flags"
	}
	return strings.Join(flags, ", ")
}

// flags finds a live version without the flags that the code needs, although the
// configuration has them.
func (d *Doctor) flags(s sight.Patient, now cloudflare.Version, o bundle.Options, b *bundle.Bundle) []finding.Finding {
	live := now.Resources.Runtime
	if live.Date == "" || slices.Equal(slices.Sorted(slices.Values(live.Flags)), slices.Sorted(slices.Values(o.Target.Flags))) {
		return nil
	}
	o.Target.Flags, o.Target.Date = live.Flags, live.Date
	var all []finding.Finding
	for _, f := range check.Code(d.Project.FS(), s.Script, o.Target.Mode(), b) {
		if f.Rule == "nodejs-compat" {
			f.Message = "the live version of " + s.Name + " has " + flagWords(live.Flags) + ": " + f.Message
			all = append(all, f.Hintf("%s brings the flags of the configuration; %s", s.Promote(), d.seen.Served(s.Name)))
		}
	}
	return all
}

// causes are the reasons that are known why a Worker throws, each as one sentence,
// with their places.
func (d *Doctor) causes(s sight.Patient) (words []string, places []finding.Position) {
	found := slices.Clone(d.judge(s).found)
	for _, f := range append(found, diagnosis.Lost(&d.seen, s)...) {
		if f.Severity == finding.Error {
			words, places = append(words, f.Message), append(places, f.At)
		}
	}
	return words, places
}

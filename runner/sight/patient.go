package sight

import (
	"fmt"
	"slices"

	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/wrangler"
)

// Patient is one script in its environment.
type Patient struct {
	Env string
	project.Script
}

// Patients are all scripts of some environments, in deploy order.
func Patients(targets []project.Target) []Patient {
	var all []Patient
	for _, t := range targets {
		for _, s := range t.Scripts {
			all = append(all, Patient{t.Env, s})
		}
	}
	return all
}

// HasObjects tells whether a script binds Durable Objects or has classes of them.
func (p Patient) HasObjects() bool {
	return len(p.Section.Objects) > 0 || slices.ContainsFunc(p.Section.Bindings, func(b wrangler.Binding) bool { return b.Type == "durable_object_namespace" })
}

// Promote is the command that brings one Worker of an environment to what the
// configuration says.
func (p Patient) Promote() string {
	return "deploy-action promote --env " + p.Env + " --worker " + p.Worker
}

// Logs is the command that shows what a Worker says.
func (p Patient) Logs() string { return "deploy-action logs --env " + p.Env + " --worker " + p.Worker }

// NotKnown is the rule of a question without an answer.
const NotKnown = "not-known"

// Unknown says that a question has no answer. It is neither well nor broken.
func Unknown(out *pipeline.Out, at finding.Position, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	out.Note(finding.Notef(NotKnown, at, "not known: %s", text))
	out.Endf("not known: %s", text)
}

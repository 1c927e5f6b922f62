package check

import (
	"regexp"
	"slices"

	"github.com/tminus/deploy-action/runner/bundle"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
)

// bindingName is how bindings are written; other names of an object called env are
// rather not a Worker's.
var bindingName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// Undeclared finds bindings that the code cannot do without and that neither the
// environment's section declares nor the live version has: error 1101. It is not part
// of Code, because secrets that somebody set by hand are known to the account only.
func Undeclared(s project.Script, b *bundle.Bundle, live ...string) []finding.Finding {
	known := slices.Concat(live, s.Secrets)
	for _, b := range s.Section.Bindings {
		known = append(known, b.Name.V)
	}
	for _, name := range s.Section.Settings.Secrets {
		known = append(known, name.V)
	}
	var all []finding.Finding
	for _, r := range b.Reads {
		if r.Needed && bindingName.MatchString(r.Name) && !slices.Contains(known, r.Name) {
			all = append(all, finding.Errorf("undeclared-binding", s.At(), "the code of %s uses env.%s, which environment %s does not declare (error 1101)", s.Title, r.Name, s.Section.Env).
				Hintf("declare %s in the environment's section, which inherits no binding from the top level; if it is a secret, name it under secrets: in %s", r.Name, project.SettingsFile))
		}
	}
	return all
}

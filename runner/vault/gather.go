package vault

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tminus/deploy-action/runner/document"
	"github.com/tminus/deploy-action/runner/dotenv"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/secret"
)

// Sources are where values come from.
type Sources struct {
	// Map says which secrets there are; nothing else is taken.
	Map []project.Secret
	// Environment gives a variable, as os.LookupEnv does. It wins over the file.
	Environment func(string) (string, bool)
	// File are the variables of a file; Example those of the file that it was copied
	// from, whose values are no secrets.
	File, Example []dotenv.Entry
}

// Gather takes the values of the secrets. What is wrong with one is a finding that
// names it and never shows it; such a value is left out.
func Gather(s Sources) (secret.Store, []finding.Finding) {
	good := map[string]string{}
	var found []finding.Finding
	var names, unset []string
	for _, one := range s.Map {
		names = append(names, one.Name)
		value, notes, given := s.value(one.Name)
		found = append(found, notes...)
		if given && !finding.Closes(notes) {
			good[one.Name] = value
		} else if !given {
			unset = append(unset, one.Name)
		}
	}
	for _, e := range s.File {
		if like, ok := document.Near(e.Name, unset); ok && !slices.Contains(names, e.Name) {
			found = append(found, finding.Warnf("unknown-secret", e.At, "the file has no %s, and a variable whose name is nearly that", like).
				Hintf("did you mean %q?", like))
		}
	}
	return secret.Load(names, func(name string) (string, bool) { v, ok := good[name]; return v, ok }), found
}

// value is that of one secret, with what is to be said of it.
func (s Sources) value(name string) (string, []finding.Finding, bool) {
	var notes []finding.Finding
	value, inEnvironment := s.Environment(name)
	entry, inFile := find(s.File, name)
	where, at := "the environment", finding.Position{}
	switch {
	case inFile && (!inEnvironment || value == ""):
		value, where, at = entry.Value, "the file", entry.At
		if entry.Expands {
			notes = append(notes, finding.Warnf("not-expanded", at, "%s has a $ or a backtick for which a shell would put something else; it is taken as it stands", name).
				Hintf("put it in single quotes if it is meant so"))
		}
	case inFile && value != entry.Value:
		notes = append(notes, finding.Warnf("two-values", entry.At, "%s has another value in the environment, which wins over the file", name).
			Hintf("unset the variable if the file is right"))
	case !inEnvironment:
		return "", nil, false
	}
	example, known := find(s.Example, name)
	switch {
	case value == "":
		notes = append(notes, finding.Errorf("empty-secret", at, "%s is empty in %s", name, where).
			Hintf("give it a value, or leave it out to keep what the account has; in a workflow, a secret that the repository does not have is empty"))
	case Placeholder(value) || known && example.Value == value:
		notes = append(notes, finding.Errorf("placeholder-secret", at, "%s holds a text in %s that was to be replaced", name, where).
			Hintf("put the real value there"))
	case strings.TrimSpace(value) != value:
		notes = append(notes, finding.Warnf("blank-secret", at, "%s begins or ends with white space in %s, which becomes part of it", name, where).
			Hintf("take it away unless it is meant"))
	}
	return value, notes, true
}

func find(all []dotenv.Entry, name string) (dotenv.Entry, bool) {
	i := slices.IndexFunc(all, func(e dotenv.Entry) bool { return e.Name == name })
	if i < 0 {
		return dotenv.Entry{}, false
	}
	return all[i], true
}

// placeholder matches what stands in example files, in the whole of a value.
var placeholder = regexp.MustCompile(`(?i)^(` + strings.Join([]string{
	`<.*>`, `\$\{\{.*\}\}`, `\.{3,}`, `…`, `\*+`, `x[x-]+`, `todo|tbd|fixme|none|null|undefined|dummy|example|secret|password`,
	`your[-_ ].*`, `.*[-_ ]here`, `.*place[-_ ]?holder.*`, `.*change[-_ ]?(me|this).*`, `.*replace[-_ ]?(me|this|with).*`, `insert[-_ ].*`,
}, "|") + `)$`)

// Placeholder tells whether a value is a text that somebody was to replace.
func Placeholder(value string) bool { return placeholder.MatchString(strings.TrimSpace(value)) }

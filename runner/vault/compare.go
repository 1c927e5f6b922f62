package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tminus/deploy-action/runner/cloudflare"
	"github.com/tminus/deploy-action/runner/finding"
	"github.com/tminus/deploy-action/runner/live"
	"github.com/tminus/deploy-action/runner/pipeline"
	"github.com/tminus/deploy-action/runner/project"
	"github.com/tminus/deploy-action/runner/release"
	"github.com/tminus/deploy-action/runner/remedy"
	"github.com/tminus/deploy-action/runner/upload"
)

// State says how a secret of a Worker stands.
type State string

// The states of a secret.
const (
	Same     State = "set"      // the account has the value that is known here
	Kept     State = "kept"     // the account has a value, and none is known here
	Stale    State = "stale"    // the value here is another than went up last
	Unknown  State = "unknown"  // nothing tells whether the value here is the one that went up
	Missing  State = "missing"  // the account has none
	Unmapped State = "unmapped" // the account has it, and the map gives it to nobody
	Absent   State = "absent"   // the Worker does not exist yet
)

// Row is a line of the table.
type Row struct {
	Environment string `json:"environment"`
	Worker      string `json:"worker"`
	Script      string `json:"script"`
	Secret      string `json:"secret"`
	State       State  `json:"state"`
	// Here: a value is known here.
	Here bool `json:"value_here"`
}

// Table is what the stages find out, for several of them at once. The zero Table is
// ready.
type Table struct {
	mu      sync.Mutex
	scripts map[string]*shelf
}

// shelf is one Worker with its secrets.
type shelf struct {
	script  project.Script
	exists  bool
	serving cloudflare.Deployment
	newest  string // version
	label   release.Label
	ours    bool // the label is one of ours
	prints  release.Fingerprints
	known   release.Fingerprints // of what went up last
	states  map[string]State
	put     bool
}

func (t *Table) keep(s *shelf) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.scripts == nil {
		t.scripts = map[string]*shelf{}
	}
	t.scripts[s.script.Name] = s
}

func (t *Table) of(script string) *shelf {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.scripts[script]
}

// Rows are those of an environment: the Workers in deploy order, the secrets by name.
func (t *Table) Rows(target project.Target) []Row {
	var rows []Row
	for _, s := range target.Scripts {
		have := t.of(s.Name)
		if have == nil {
			continue
		}
		for _, name := range sorted(have.states) {
			_, here := have.prints.Values[name]
			rows = append(rows, Row{target.Env, s.Worker, s.Name, name, have.states[name], here})
		}
	}
	return rows
}

func sorted(states map[string]State) []string {
	var names []string
	for name := range states {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// in are the names of the secrets in one of some states, sorted.
func (s *shelf) in(states ...State) []string {
	return slices.DeleteFunc(sorted(s.states), func(name string) bool { return !slices.Contains(states, s.states[name]) })
}

// todo are the secrets that would be put up: those with a value here that is, or may
// be, another one.
func (s *shelf) todo() []string {
	return slices.DeleteFunc(s.in(Stale, Unknown, Missing), func(name string) bool { _, here := s.prints.Values[name]; return !here })
}

// safe tells whether the newest version is the one that serves everything, so that a
// version made of it brings no other code with it.
func (s *shelf) safe() bool {
	return len(s.serving.Versions) == 1 && s.serving.Versions[0].Version == s.newest
}

// after are the fingerprints of what the Worker has once the stage has ended.
func (s *shelf) after(putting bool) release.Fingerprints {
	if !putting {
		return s.known
	}
	return s.known.With(s.prints)
}

// compare reads one Worker and says of each of its secrets how it stands.
func (s Secrets) compare(ctx context.Context, out *pipeline.Out, script project.Script) error {
	have, names, err := s.read(ctx, script)
	if err != nil {
		return remedy.For(err, "Workers Scripts:Read")
	}
	have.judge(names)
	s.Into.keep(have)
	if !have.exists && len(script.Secrets) == 0 {
		out.Endf("does not exist yet")
		return nil
	}
	if !have.exists {
		out.Note(finding.Warnf("no-worker", script.At(), "%s does not exist yet, and no secret makes a Worker", script.Name).
			Hintf("its secrets go up with the first promote, from the same environment or --env-file"))
		out.Endf("does not exist yet")
		return nil
	}
	for _, name := range have.in(Unmapped) {
		out.Note(finding.Notef("unmapped-secret", script.At(), "%s has the secret %s, which the map gives to nobody; it is left alone", script.Name, name))
	}
	for _, name := range have.in(Missing) {
		if _, here := have.prints.Values[name]; !here {
			out.Note(finding.Warnf("missing-secret", script.At(), "%s has no %s, and no value is known here", script.Name, name).
				Hintf("set %s in the environment or in the file, and run again", name))
		}
	}
	out.Endf("%s", have.summary())
	if s.writes(script.Name) {
		s.brought(out, have)
	}
	if todo := have.todo(); len(todo) > 0 && s.writes(script.Name) && s.Mode != List && !have.safe() {
		return s.unsafe(have)
	}
	return nil
}

// brought refuses values that a rotation replaced.
func (s Secrets) brought(out *pipeline.Out, have *shelf) {
	var replaced []release.Replaced
	for _, m := range s.Records {
		replaced = release.Merge(replaced, m.Replaced)
	}
	for _, name := range have.todo() {
		if r, ok := have.prints.Brings(name, replaced); ok {
			out.Note(r.Finding(have.script.At()))
		}
	}
}

// unsafe says why the secrets of a Worker are not changed.
func (s Secrets) unsafe(have *shelf) error {
	return finding.Errorf("not-newest", have.script.At(), "the newest version of %s (%s) is not the one that serves alone; a change of its secrets would deploy it (Cloudflare's 10215)", have.script.Name, release.Brief(have.newest)).
		Hintf("run promote, whose versions take the secrets with them, or deploy the newest version on purpose, and then set the secrets")
}

// read asks for everything about one Worker at once.
func (s Secrets) read(ctx context.Context, script project.Script) (*shelf, []string, error) {
	have := &shelf{script: script, prints: upload.Script{Script: script, Secrets: s.Values, Key: s.Key}.Fingerprints(), states: map[string]State{}}
	var names []string
	group, asking := errgroup.WithContext(ctx)
	group.Go(func() error {
		all, err := s.Client.Deployments(asking, script.Name)
		if len(all) > 0 {
			have.exists, have.serving = true, all[0]
		}
		return present(err)
	})
	group.Go(func() error {
		all, err := s.Client.Versions(asking, script.Name)
		if len(all) > 0 {
			have.newest = all[0].ID
		}
		return present(err)
	})
	group.Go(func() (err error) {
		names, err = s.Client.Secrets(asking, script.Name)
		return present(err)
	})
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	have.label, have.ours = live.Script{Serving: have.serving}.Label()
	if len(have.serving.Versions) == 1 {
		have.known = Recorded(s.Records, have.serving, script.Name)
	}
	return have, names, nil
}

// present takes a Worker that is not there for no error.
func present(err error) error {
	if cloudflare.IsMissing(err) {
		return nil
	}
	return err
}

// Recorded are the fingerprints of the secrets that went up with what serves, as far as
// a record tells: of the same version, or of the digest that stands in its label.
func Recorded(all []release.Manifest, serving cloudflare.Deployment, script string) release.Fingerprints {
	label, ours := live.Script{Serving: serving}.Label()
	for _, m := range all {
		p, ok := m.Placed(script)
		if !ok || len(p.Secrets.Values) == 0 || len(serving.Versions) != 1 {
			continue
		}
		if p.Version == serving.Versions[0].Version || ours && release.Short(p.Digest) == label.Digest {
			return p.Secrets
		}
		if was := m.Before(p); ours && was.Fits(label.Digest) {
			return was // a rotation was taken back
		}
	}
	return release.Fingerprints{}
}

// judge says of each secret how it stands.
func (s *shelf) judge(names []string) {
	fits := s.ours && len(s.prints.Values) > 0 && s.prints.Fits(s.label.Digest)
	if fits {
		s.known = s.known.With(s.prints)
	}
	for _, name := range s.script.Secrets {
		print, here := s.prints.Values[name]
		was, told := s.known.Values[name]
		switch {
		case !s.exists:
			s.states[name] = Absent
		case !slices.Contains(names, name):
			s.states[name] = Missing
		case !here:
			s.states[name] = Kept
		case fits || told && s.known.Key == s.prints.Key && was == print:
			s.states[name] = Same
		case told && s.known.Key == s.prints.Key:
			s.states[name] = Stale
		default:
			s.states[name] = Unknown
		}
	}
	for _, name := range names {
		if !slices.Contains(s.script.Secrets, name) {
			s.states[name] = Unmapped
		}
	}
}

// summary counts the secrets by their states.
func (s *shelf) summary() string {
	var parts []string
	for _, state := range []State{Same, Kept, Stale, Unknown, Missing, Unmapped} {
		if n := len(s.in(state)); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(parts) == 0 {
		return "no secrets"
	}
	return strings.Join(parts, ", ")
}
